// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// The kernel's side of one queue, played as fast as memory allows: fill ring -> RX ring, TX ring -> completion
// ring, in batches, in order. Packets are not touched, as with a NIC, whose DMA is not the CPU's work. The same
// code plays for every subject of a bench, over sockets of the loop backend (lib/xsk/loop_kernel.h), so what
// differs between two subjects is what runs on the application's core.
//
// kCheck, for the smoke tests: each packet received carries its number, and each packet sent must carry the
// number after that of the one before, and be of the right length.
#pragma once

#include <cstdint>
#include <cstring>

#include "lib/base/uapi_xdp.h"
#include "lib/xsk/loop_kernel.h"

namespace zcnbrh::bench {

inline constexpr uint32_t kPacketBytes = 60;

// What went through a queue; `wrong`: packets whose length or number is not what it must be.
struct PeerTally {
  uint64_t received = 0;
  uint64_t sent = 0;
  uint64_t wrong = 0;
};

class PeerQueue {
 public:
  // The socket must not be kicked from now on; nothing asks for a wake-up call, as with a driver that polls.
  explicit PeerQueue(LoopSocket& socket)
      : s_(&socket), format_(socket.umem.format()), offset_(socket.umem.headroom + uapi::kXdpPacketHeadroom) {
    quiet(socket.tx.flags);
    quiet(socket.fill.flags);
  }

  // Up to `most` packets from the wire to the RX ring: as many as there are buffers and slots.
  template <bool kCheck>
  uint32_t receive(uint32_t most) {
    KernelRing<RingSide::kProducer, struct xdp_desc> rx(s_->rx, s_->rx_at);
    KernelRing<RingSide::kConsumer, uint64_t> fill(s_->fill, s_->fill_at);
    const auto slots = rx.reserve(most);
    const auto buffers = fill.peek(slots.count());
    const uint32_t n = buffers.count();
    if (n == 0) return 0;
    for (uint32_t i = 0; i < n; ++i) {
      const uint64_t address = format_.encode(format_.chunk(buffers[i]), offset_);
      if constexpr (kCheck) write_number(address, tally_.received + i);
      slots[i] = {address, kPacketBytes, 0};
    }
    rx.commit(n);
    fill.release(n);
    tally_.received += n;
    return n;
  }

  // Up to `most` packets from the TX ring to the wire: as many as there are completion slots for.
  template <bool kCheck>
  uint32_t send(uint32_t most) {
    KernelRing<RingSide::kConsumer, struct xdp_desc> tx(s_->tx, s_->tx_at);
    KernelRing<RingSide::kProducer, uint64_t> completion(s_->completion, s_->completion_at);
    const auto slots = completion.reserve(most);
    const auto packets = tx.peek(slots.count());
    const uint32_t n = packets.count();
    if (n == 0) return 0;
    for (uint32_t i = 0; i < n; ++i) {
      if constexpr (kCheck) check(packets[i]);
      slots[i] = packets[i].addr;
    }
    completion.commit(n);
    tx.release(n);
    tally_.sent += n;
    return n;
  }

  const PeerTally& tally() const { return tally_; }
  void restart() {
    tally_ = {};
    any_sent_ = false;
  }

 private:
  static void quiet(uint32_t* flags) {
    if (flags != nullptr) std::atomic_ref(*flags).store(0, std::memory_order_relaxed);
  }
  void write_number(uint64_t address, uint64_t number) {
    std::memcpy(s_->umem.base + AddressFormat::data(address), &number, sizeof number);
  }
  void check(const struct xdp_desc& packet) {
    uint64_t number;
    std::memcpy(&number, s_->umem.base + AddressFormat::data(packet.addr), sizeof number);
    if (packet.len != kPacketBytes || (any_sent_ && number != last_sent_ + 1)) ++tally_.wrong;
    any_sent_ = true;
    last_sent_ = number;
  }

  LoopSocket* s_;
  AddressFormat format_;
  uint32_t offset_;
  PeerTally tally_;
  bool any_sent_ = false;
  uint64_t last_sent_ = 0;
};

}  // namespace zcnbrh::bench
