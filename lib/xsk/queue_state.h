// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// A queue's state, split in two from the first day:
//   RxShared, TxShared  indices, counters, the bounce frames: no pointers, in memory that the caller supplies
//                       (huge-page memory that several processes map);
//   RxLocal, TxLocal    where this process has rings, UMEM and ledger mapped, and its file descriptor.
// A burst needs one of each. So a queue can be handed to another process, which builds its own local half.
//
// Threads: the RX half belongs to one thread at a time, the TX half to one (another) thread at a time.
// Counters are written by that thread and read by any; a line one thread writes is never one another
// thread writes.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "lib/base/cacheline.h"
#include "lib/base/kernel.h"
#include "lib/base/umem_addr.h"
#include "lib/ring/credits.h"
#include "lib/ring/kernel_ring.h"
#include "lib/umem/ledger.h"
#include "lib/umem/ledger_set.h"
#include "lib/xsk/kick_line.h"
#include "lib/xsk/quiesce.h"

namespace zcnbrh {

// One writer, any reader; no atomic read-modify-write on the data path.
class Counter {
 public:
  void add(uint64_t n) { ref().store(ref().load(std::memory_order_relaxed) + n, std::memory_order_relaxed); }
  uint64_t get() const { return ref().load(std::memory_order_relaxed); }

 private:
  std::atomic_ref<uint64_t> ref() const { return std::atomic_ref<uint64_t>(value_); }
  mutable uint64_t value_ = 0;
};

// The same for the exact gauges rx_posted and tx_inflight.
class Gauge {
 public:
  void set(uint32_t n) { std::atomic_ref<uint32_t>(value_).store(n, std::memory_order_relaxed); }
  uint32_t get() const { return std::atomic_ref<uint32_t>(value_).load(std::memory_order_relaxed); }

 private:
  mutable uint32_t value_ = 0;
};

struct RxCounters {
#define RX(name, unit, text) Counter name;
#include "lib/xsk/counters.def"
};

struct TxCounters {
#define TX(name, unit, text) Counter name;
#include "lib/xsk/counters.def"
};

// Of the thread that kicks for the queue, its only writer.
struct KickCounters {
#define KICK(name, unit, text) Counter name;
#include "lib/xsk/counters.def"
};

struct RxShared {
  // Hot: the RX thread, every burst.
  alignas(kCacheLine) RingCursor rx;
  RingCursor fill;
  Gauge posted;              // frames in the kernel's hands: fill ring, driver and RX ring together
  uint32_t target = 0;       // nb_rx_desc: never more than this many are posted
  uint32_t refill_mark = 0;  // refill once this many are missing
  uint32_t slot = 0;         // this queue's number in the ledger
  uint32_t empty_polls = 0;  // free-running
  uint32_t skip_packet = 0;  // 1: inside a multi-buffer packet that is being dropped
  CreditState credit;
  // Written at a burst's end; read by statistics.
  alignas(kCacheLine) RxCounters count;
  // Cold.
  alignas(kCacheLine) LedgerViolation violation;
};

struct TxShared {
  alignas(kCacheLine) RingCursor tx;
  RingCursor completion;
  Gauge in_flight;          // frames in the kernel's hands: TX ring, driver, completion ring; bounce frames too
  uint32_t limit = 0;       // nb_tx_desc: never more than this many are in flight
  uint32_t drain_mark = 0;  // read completions once this many are in flight
  uint32_t slot = 0;
  uint32_t bounce_count = 0;   // free bounce frames, on the stack below
  uint32_t bounce_total = 0;   // all of them
  uint64_t look_after_ns = 0;  // found full: not looked at again before (kick=thread)
  uint64_t split_journal = 0;  // see lib/xsk/segments.h
  alignas(kCacheLine) TxCounters count;
  alignas(kCacheLine) KickCounters helper;
  alignas(kCacheLine) LedgerViolation violation;

  // The stack of free bounce frames (chunk offsets) lies right behind this struct.
  uint64_t* bounce_stack() { return reinterpret_cast<uint64_t*>(this + 1); }
  static size_t bytes(uint32_t bounce_frames) { return sizeof(TxShared) + bounce_frames * sizeof(uint64_t); }
};

// Each on lines of its own: the RX thread writes to its door at every burst, the TX thread to its.
struct alignas(kCacheLine) RxLocal {
  RxShared* s = nullptr;
  AddressFormat format;
  uint32_t max_length = 0;  // longest packet a buffer takes, bytes
  bool need_wakeup = true;  // the ring's flag is to be believed (Linux 5.4)
  bool busy_poll = false;   // one system call for each empty poll
  bool stop_at_violation = false;
  BurstDoor door;  // shut until the queue is set up, while it is stopped, and in a child of fork()
  RingMap<struct xdp_desc> rx;
  RingMap<uint64_t> fill;
  Ledger frames;
  CreditGate gate;
  Wake wake;
  RingMap<struct xdp_desc> tx_watch;  // the same socket's TX ring, to see packets left unkicked; may be null
};

struct alignas(kCacheLine) TxLocal {
  TxShared* s = nullptr;
  uint8_t* bounce_base =
      nullptr;  // first byte of the UMEM as the kernel has it; bounce frames are reached through it
  AddressFormat format;
  uint32_t max_length = 0;     // longest packet that fits a chunk, so also a bounce frame, bytes
  uint32_t bounce_offset = 0;  // of a packet in a bounce frame: the TX metadata's room, bytes
  uint32_t kick_batch = 0;     // descriptors the kernel sends a call (copy mode); 0: all of them
  // For packets of several descriptors, see lib/xsk/segments.h.
  uint32_t max_segments = 1;  // descriptors a packet
  uint32_t max_packet = 0;    // bytes a packet
  bool split_frames = false;  // the policy's frames may be lent by several descriptors
  bool need_wakeup = true;
  bool stop_at_violation = false;
  BurstDoor door;
  RingMap<struct xdp_desc> tx;
  RingMap<uint64_t> completion;
  LedgerSet frames;  // the application's, of one pool or several
  Ledger bounce;     // ours
  Wake wake;
  KickLine* line = nullptr;       // to the thread that kicks, or looks after what is left behind; may be null
  bool kicked_elsewhere = false;  // that thread makes all calls: the bursts only ask it
};

}  // namespace zcnbrh
