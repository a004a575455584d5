// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// IEEE 1588 time stamps (rte_eth_timesync_*): a port's clock, and the times at which packets of the protocol
// came and went. The clock is the device's PTP clock where it has one that may be opened, else one of software:
// CLOCK_TAI and an offset of the port's own, so that setting it touches nothing else.
//
// A stamp is the device's where it takes one: of a received packet by receive metadata, of a sent one by TX
// metadata, into which the kernel writes it when the packet has gone. Else the burst reads the port's clock,
// after it has taken packets from the ring, or has handed them to the kernel: software precision. Only packets
// of the protocol pay for it, and only where it was switched on.
//
// Threads: bursts write stamps, control calls read them under the control lock.
#pragma once

#include <rte_mbuf.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <optional>

#include "lib/netdev/ptp_clock.h"

namespace zcnbrh::pmd {

// As NICs' registers: a received packet's number (rte_mbuf::timesync) says where its time is, until it is read
// or three later ones have come. Several queues of a port write, so a number is taken atomically, once a packet
// of the protocol.
class RxStamps {
 public:
  static constexpr uint32_t kRegisters = 4;  // testpmd asks for two bits of the number

  uint16_t keep(uint64_t ns) {
    const uint32_t number = next_.fetch_add(1, std::memory_order_relaxed) % kRegisters;
    ns_[number].store(ns, std::memory_order_relaxed);
    return static_cast<uint16_t>(number);
  }
  // Once each; nothing if it was read before, or never taken.
  std::optional<uint64_t> take(uint32_t number) {
    const uint64_t ns = ns_[number % kRegisters].exchange(0, std::memory_order_relaxed);
    return ns != 0 ? std::optional(ns) : std::nullopt;
  }
  void clear() {
    for (auto& ns : ns_) ns.store(0, std::memory_order_relaxed);
  }

 private:
  std::atomic<uint32_t> next_{0};
  std::array<std::atomic<uint64_t>, kRegisters> ns_{};
};

// The time at which the last packet of a TX queue that asked for it has gone. One writer, the queue's burst;
// a reader that meets a change tries again later. While the kernel still has to write a stamp into a frame of
// ours that frame is watched: the reader looks there, and the burst takes the stamp out before it uses the
// frame for another packet.
class TxStamp {
 public:
  // The burst. A packet that asks is taken; the kernel writes its stamp to `written_here`, or, if that is null,
  // handed_over() tells it.
  void asked(uint64_t* written_here) {
    begin_change();
    ns_.store(0, std::memory_order_relaxed);
    awaited_.store(written_here, std::memory_order_relaxed);
    number_.store(number_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    end_change();
    to_hand_over_ = written_here == nullptr;
  }
  bool to_hand_over() const { return to_hand_over_; }
  void handed_over(uint64_t now_ns) {
    to_hand_over_ = false;
    begin_change();
    ns_.store(now_ns, std::memory_order_relaxed);
    end_change();
  }
  // A frame of ours, whose packet will start at `data`, is about to be written.
  void reuse(const uint8_t* data) {
    if (awaited_.load(std::memory_order_relaxed) != nullptr) let_go_of(data);
  }

  // The control side; `read` is the number of the packet whose stamp was read last. Nothing: there is no newer
  // one, or it has not gone yet.
  std::optional<uint64_t> take(uint64_t& read) const;
  void forget() { asked(nullptr), to_hand_over_ = false; }  // no burst is inside

 private:
  void let_go_of(const uint8_t* data);
  void begin_change() {
    sequence_.store(sequence_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    std::atomic_thread_fence(std::memory_order_release);  // pairs with the fence in take()
  }
  void end_change() {
    sequence_.store(sequence_.load(std::memory_order_relaxed) + 1, std::memory_order_release);
  }

  std::atomic<uint64_t> sequence_{0};  // odd: being changed
  std::atomic<uint64_t> number_{0};    // of packets that asked
  std::atomic<uint64_t> ns_{0};        // 0: not known yet
  std::atomic<uint64_t*> awaited_{nullptr};
  bool to_hand_over_ = false;
};

struct QueueTimesync {
  TxStamp tx;
  uint64_t tx_read = 0;  // the control side's
};

struct PortTimesync {
  std::optional<PtpClock> phc;         // the device's own clock; none: software
  std::optional<uint32_t> looked_for;  // its number, also where it could not be opened
  std::atomic<int64_t> offset{0};      // of the software clock to CLOCK_TAI, ns
  RxStamps rx;
  bool enabled = false;

  uint64_t now_ns() const;
};

// What a received packet is to the protocol. The flags and the number of its stamp go into the mbuf;
// `stamp`: the device's, 0 if it took none.
void note_ptp(struct rte_mbuf* m, PortTimesync& port, uint64_t stamp);

}  // namespace zcnbrh::pmd
