// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#include "drivers/net/zcnbrh/rx_copy.h"

#include <algorithm>

namespace zcnbrh::pmd {
namespace {

constexpr uint32_t kAtOnce = 64;

// All of `count`, or what a pool that runs low still has.
uint32_t take_mbufs(struct rte_mempool* pool, struct rte_mbuf** out, uint32_t count) {
  while (count != 0 && rte_pktmbuf_alloc_bulk(pool, out, count) != 0) count /= 2;
  return count;
}

}  // namespace

void RxCopy::start(const PortUmem& umem, TailRange taken, uint16_t port) {
  on = true;
  range = taken;
  stack.assign(range.count, ChunkOffset{});
  frames.assign(stack);
  for (uint32_t i = 0; i < range.count; ++i) {
    const ChunkOffset chunk = umem.tail_chunk(range.first + i);
    frames.give(&chunk, 1);
  }
  policy = {&frames, umem.layout().base, nullptr, port};
}

uint16_t receive_by_copy(RxLocal& rx, RxCopy& copy, struct rte_mempool* pool, struct rte_mbuf** packets,
                         uint16_t count) noexcept {
  uint32_t done = 0;
  for (;;) {
    struct rte_mbuf* mbufs[kAtOnce];
    const uint32_t wanted = std::min<uint32_t>(count - done, kAtOnce);
    const uint32_t waiting = RxRing(rx.rx, rx.s->rx).peek(wanted).count();
    const uint32_t have = take_mbufs(pool, mbufs, waiting);
    if (have < waiting) rx.s->count.alloc_failed.add(1);
    if (have == 0 && waiting != 0) return static_cast<uint16_t>(done);  // not an empty ring
    copy.policy.ready = mbufs;
    // With none waiting this is an empty poll, which refills and wakes.
    const uint32_t got = rx_burst_inside(rx, copy.policy, packets + done, have);
    const auto used = static_cast<uint32_t>(copy.policy.ready - mbufs);
    if (used < have) rte_pktmbuf_free_bulk(mbufs + used, have - used);
    copy.policy.ready = nullptr;
    rx.s->count.copied.add(got);
    done += got;
    if (got < kAtOnce || done == count) return static_cast<uint16_t>(done);
  }
}

}  // namespace zcnbrh::pmd
