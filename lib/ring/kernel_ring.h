// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// The one ring template behind the fill, RX, TX and completion rings: a single-producer single-consumer
// ring whose other end is the kernel (or the loop backend). Indices are free-running 32-bit counters that
// wrap; `producer - consumer` is the number of filled slots also across the wrap, since the size is a power
// of two no larger than 2^31 (Documentation/networking/af_xdp.rst, "Rings").
//
// State is split in two, so that another process can take a queue over:
//   RingMap     per process: where this process has the ring mapped;
//   RingCursor  shared: our own index and the last value we saw of the other side's.
// A ring object is a pair of references made on the stack of a burst; one thread at a time uses one side.
//
// Orderings: we publish our index with a store-release after the slots are written (producer) or read
// (consumer); it pairs with the kernel's load-acquire of that index. We read the kernel's index with a
// load-acquire; it pairs with its store-release, so slots it filled are visible, and slots it freed are no
// longer read by it. Relaxed would break either; sequential consistency would buy nothing, as each index
// has one writer.
#pragma once

#include <linux/if_xdp.h>

#include <atomic>
#include <cstdint>

#include "lib/ring/reservation.h"

namespace zcnbrh {

enum class RingSide { kProducer, kConsumer };

template <typename Desc>
struct RingMap {
  uint32_t* producer = nullptr;
  uint32_t* consumer = nullptr;
  uint32_t* flags = nullptr;
  Desc* descs = nullptr;
  uint32_t mask = 0;

  uint32_t size() const { return mask + 1; }
};

struct RingCursor {
  uint32_t near = 0;  // our index: next slot to write or to read
  uint32_t far = 0;   // the other side's index when we last looked
};

template <RingSide S, typename Desc>
class KernelRing {
 public:
  KernelRing(const RingMap<Desc>& map, RingCursor& cursor) : map_(map), cursor_(cursor) {}

  // Producer: up to `want` free slots to fill; looks at the kernel's index only if the cached one is not
  // enough. Fewer, also none, come back when the ring is that full. Nothing is visible until commit().
  SlotRun<Desc> reserve(uint32_t want) requires(S == RingSide::kProducer) {
    uint32_t free = map_.size() - (cursor_.near - cursor_.far);
    if (free < want) {
      cursor_.far = std::atomic_ref(*map_.consumer).load(std::memory_order_acquire);
      free = map_.size() - (cursor_.near - cursor_.far);
    }
    return slots(free < want ? free : want);
  }

  // Producer: publishes the first `written` slots of the last reservation; the rest stay ours.
  void commit(uint32_t written) requires(S == RingSide::kProducer) {
    cursor_.near += written;
    std::atomic_ref(*map_.producer).store(cursor_.near, std::memory_order_release);
  }

  // Consumer: up to `want` filled slots to read. The view is valid until release().
  SlotRun<Desc> peek(uint32_t want) requires(S == RingSide::kConsumer) {
    uint32_t ready = cursor_.far - cursor_.near;
    if (ready < want) {
      cursor_.far = std::atomic_ref(*map_.producer).load(std::memory_order_acquire);
      ready = cursor_.far - cursor_.near;
      if (ready > map_.size()) [[unlikely]] {  // never a slot twice in one run, whatever the index says
        ready = map_.size();
        cursor_.far = cursor_.near + ready;
      }
    }
    return slots(ready < want ? ready : want);
  }

  // Consumer: hands the first `read` peeked slots back to the producer.
  void release(uint32_t read) requires(S == RingSide::kConsumer) {
    cursor_.near += read;
    std::atomic_ref(*map_.consumer).store(cursor_.near, std::memory_order_release);
  }

  // Producer: published slots that the kernel has not taken yet. Reads the shared index.
  uint32_t unconsumed() requires(S == RingSide::kProducer) {
    cursor_.far = std::atomic_ref(*map_.consumer).load(std::memory_order_acquire);
    return cursor_.near - cursor_.far;
  }

  // The kernel asks for a wake-up call before it goes on with this ring (need_wakeup, Linux 5.4). Relaxed:
  // a flag that is set just after we looked is seen by a later poll, see lib/xsk/wakeup.h.
  bool needs_wakeup() const {
    return (std::atomic_ref(*map_.flags).load(std::memory_order_relaxed) & XDP_RING_NEED_WAKEUP) != 0;
  }

 private:
  SlotRun<Desc> slots(uint32_t count) const { return {map_.descs, map_.mask, cursor_.near, count}; }

  const RingMap<Desc>& map_;
  RingCursor& cursor_;
};

using FillRing = KernelRing<RingSide::kProducer, uint64_t>;
using RxRing = KernelRing<RingSide::kConsumer, struct xdp_desc>;
using TxRing = KernelRing<RingSide::kProducer, struct xdp_desc>;
using CompletionRing = KernelRing<RingSide::kConsumer, uint64_t>;

}  // namespace zcnbrh
