// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// System calls of the data path: bounded in number, never blocking, results counted and never spun on.
//
// What the kernel does (net/xdp/xsk.c, read at 6.18): in copy mode a sendto() sends at most 32 packets
// (XDP_MAX_TX_SKB_BUDGET raises that, Linux 6.17) and answers EAGAIN when more are waiting, EBUSY or
// ENOBUFS when the device's queue or memory is full; in zero-copy mode it wakes the driver, which sends by
// itself. So a kick repeats only while the kernel gets on, at most once for each batch that is waiting.
// What a full device queue left behind is kicked again by later bursts, of the TX queue or, where the
// application only receives, of the RX queue of the same socket; and where no burst comes, by a thread that
// looks a millisecond later. With kick=thread that thread makes all calls, and a burst makes none but to wake
// it.
#pragma once

#include <cerrno>
#include <cstdint>

#include "lib/base/clock.h"
#include "lib/xsk/queue_state.h"

namespace zcnbrh {

inline constexpr uint32_t kDefaultKickBatch = 32;  // TX_BATCH_SIZE, net/xdp/xsk.c
inline constexpr uint32_t kMostKickBatch = 256;    // that we ask for: the call's own cost is small beside it
inline constexpr uint64_t kFullLookNs = 4000;      // between two looks at a full TX queue that a thread empties
inline constexpr uint32_t kRecheckEveryPolls = 32;  // empty RX polls between two looks at the TX ring

// Counters: TxCounters or KickCounters.
template <typename Counters>
void count_kick(Counters& count, int result) {
  count.kicks.add(1);
  if (result >= 0) return;
  switch (-result) {
    case EAGAIN:
      count.kick_again.add(1);
      break;
    case EBUSY:
    case ENOBUFS:
      count.kick_busy.add(1);
      break;
    case ENETDOWN:
    case ENXIO:
      count.kick_down.add(1);
      break;
    default:
      count.kick_errors.add(1);
      break;
  }
}

// The queue's thread (lib/xsk/kick_thread.h) is to get the kernel to go as far as we have come.
inline void ask_thread(TxLocal& q) noexcept {
  if (q.line != nullptr && q.line->ask(q.s->tx.near)) q.s->count.kick_wakes.add(1);
}

// Makes the kernel send what the TX ring holds, or has it done.
inline void kick(TxLocal& q) noexcept {
  TxRing ring(q.tx, q.s->tx);
  if (q.need_wakeup && !ring.needs_wakeup()) return;
  if (q.kicked_elsewhere) return ask_thread(q);
  uint32_t waiting = ring.unconsumed();
  // One call for each batch; more only help a kernel that sends less than a batch, which may then wait.
  uint32_t calls = q.kick_batch == 0 ? 1 : (waiting + q.kick_batch - 1) / q.kick_batch;
  for (; waiting != 0 && calls != 0; --calls) {
    const int result = q.wake.kick_tx(q.wake.context);
    count_kick(q.s->count, result);
    const uint32_t left = ring.unconsumed();
    if ((result < 0 && result != -EAGAIN) || left >= waiting) break;  // no progress
    waiting = left;
  }
  if (waiting != 0 && q.kick_batch != 0) ask_thread(q);  // no later burst may come; it looks in a millisecond
}

// A burst that meets a full queue which a thread on another core empties: each look takes the lines away from
// that core that it is just writing to, and an application that tries again and again would slow down what it
// waits for. True: there was a look a moment ago.
inline bool full_a_moment_ago(TxLocal& q, uint32_t count) noexcept {
  const uint32_t enough = count < kDefaultKickBatch ? count : kDefaultKickBatch;
  return q.kicked_elsewhere && q.s->limit - q.s->in_flight.get() < enough &&
         monotonic_ns() < q.s->look_after_ns;
}
inline void found_full(TxLocal& q) noexcept {
  if (q.kicked_elsewhere) q.s->look_after_ns = monotonic_ns() + kFullLookNs;
}

// Wakes the driver for the fill ring; at most one call.
inline void poke(RxLocal& q) noexcept {
  const int result = q.wake.poke_rx(q.wake.context);
  q.s->count.wakes.add(1);
  if (result < 0 && result != -EAGAIN) q.s->count.wake_errors.add(1);
}

// From an RX burst that found nothing: are there packets in the TX ring that nobody is going to kick? Looks
// at the mapped indices only, since the TX half belongs to another thread; a kick from here is harmless.
inline bool tx_left_behind(const RxLocal& q) {
  if (q.tx_watch.producer == nullptr || q.s->empty_polls % kRecheckEveryPolls != 0) return false;
  const uint32_t produced = std::atomic_ref(*q.tx_watch.producer).load(std::memory_order_relaxed);
  const uint32_t consumed = std::atomic_ref(*q.tx_watch.consumer).load(std::memory_order_relaxed);
  const uint32_t flags = std::atomic_ref(*q.tx_watch.flags).load(std::memory_order_relaxed);
  return produced != consumed && (!q.need_wakeup || (flags & XDP_RING_NEED_WAKEUP) != 0);
}

}  // namespace zcnbrh
