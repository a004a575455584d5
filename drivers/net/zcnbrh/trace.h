// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// The last packets of each queue and direction, noted by bursts that stand before the usual ones while a port
// is traced. Not traced, the usual ones are called directly.
//
// A queue's ring has one writer, the thread that polls it, and readers that look without holding it up: they
// read what is there and leave out what has been written over meanwhile.
#pragma once

#include <ethdev_driver.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

namespace zcnbrh::pmd {

struct PmdPort;

struct TraceEvent {
  uint64_t tsc = 0;
  uint64_t mbuf = 0;  // its address, as a number: the packet may be gone
  uint32_t length = 0;
  uint16_t segments = 0;
  uint16_t burst = 0;    // packets that the burst moved
  uint16_t offered = 0;  // and was offered, or had room for
  uint16_t place = 0;    // of the packet in it
  uint32_t bytes_noted = 0;
  std::array<uint8_t, 32> head{};  // the packet's first bytes
};
static_assert(sizeof(TraceEvent) == 64);

class TraceRing {
 public:
  static constexpr uint32_t kEvents = 256;

  // --- The writer ---
  void add(const TraceEvent& event);
  TraceEvent scratch[kEvents];  // packets that are to be sent, until it is known which were

  // --- Anybody ---
  uint64_t count() const { return written_.load(std::memory_order_acquire) - forgotten_; }
  std::vector<TraceEvent> last(uint32_t most) const;                        // oldest first
  void forget() { forgotten_ = written_.load(std::memory_order_relaxed); }  // what is there, for the readers

 private:
  static constexpr size_t kWords = sizeof(TraceEvent) / sizeof(uint64_t);
  std::array<std::array<std::atomic<uint64_t>, kWords>, kEvents> slots_{};
  std::atomic<uint64_t> begun_{0}, written_{0};
  uint64_t forgotten_ = 0;  // the readers', under the control lock
};

// A member of QueueSlot. Made when a trace begins, and there until the port closes: a burst may be about to
// write.
struct QueueTrace {
  std::atomic<TraceRing*> rx{nullptr}, tx{nullptr};

  QueueTrace() = default;
  QueueTrace(const QueueTrace&) = delete;
  QueueTrace& operator=(const QueueTrace&) = delete;
  ~QueueTrace();
};

// A member of PmdPort.
struct PortTrace {
  bool on = false;
  // The bursts that are traced.
  std::atomic<eth_rx_burst_t> receive{nullptr};
  std::atomic<eth_tx_burst_t> send{nullptr};
};

// Puts the noting bursts before those that choose_bursts() has chosen, if the port is traced. Primary only.
void trace_bursts(struct rte_eth_dev* dev);
// From now on, or no longer. Under the control lock.
void set_trace(struct rte_eth_dev* dev, bool on);
std::string trace_report(const PmdPort& port);

}  // namespace zcnbrh::pmd
