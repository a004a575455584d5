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
// application only receives, of the RX queue of the same socket.
#pragma once

#include <cerrno>
#include <cstdint>

#include "lib/xsk/queue_state.h"

namespace zcnbrh {

inline constexpr uint32_t kDefaultKickBatch = 32;   // TX_BATCH_SIZE, net/xdp/xsk.c
inline constexpr uint32_t kRecheckEveryPolls = 32;  // empty RX polls between two looks at the TX ring

inline void count_kick(TxCounters& count, int result) {
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

// Makes the kernel send what the TX ring holds.
inline void kick(TxLocal& q) noexcept {
  TxRing ring(q.tx, q.s->tx);
  if (q.need_wakeup && !ring.needs_wakeup()) return;
  uint32_t waiting = ring.unconsumed();
  // One call for each batch; more only help a kernel that sends less than a batch, which may then wait.
  uint32_t calls = q.kick_batch == 0 ? 1 : (waiting + q.kick_batch - 1) / q.kick_batch;
  for (; waiting != 0 && calls != 0; --calls) {
    const int result = q.wake.kick_tx(q.wake.context);
    count_kick(q.s->count, result);
    if (result < 0 && result != -EAGAIN) return;
    const uint32_t left = ring.unconsumed();
    if (left >= waiting) return;  // no progress: a later burst goes on
    waiting = left;
  }
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
