// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// Buffers straight out of an lcore's mempool cache and back into it, as addresses of the UMEM: what
// rte_mempool_get_bulk() and rte_mempool_put_bulk() do, without an array of pointers in between. Where the
// cache has too few or too little room, or DPDK was built to check or count each call, they do it themselves.
#pragma once

#include <rte_lcore.h>
#include <rte_mempool.h>

#include <cstdint>

#include "lib/base/umem_addr.h"

namespace zcnbrh::pmd {

// The calling lcore's cache of a pool; null: it has none, or nobody may reach past the calls.
inline struct rte_mempool_cache* direct_cache(struct rte_mempool* pool) {
#if defined(RTE_LIBRTE_MEMPOOL_DEBUG) || defined(RTE_LIBRTE_MEMPOOL_STATS)
  (void)pool;
  return nullptr;
#else
  return rte_mempool_default_cache(pool, rte_lcore_id());
#endif
}

// `at_zero`: the address that an element at UMEM byte 0 would have. All of `count`, or what a pool that runs
// low still has (a mempool gives all or nothing, so by halves); at most kMost.
template <uint32_t kMost>
inline uint32_t take_elements(struct rte_mempool* pool, const uint8_t* at_zero, ChunkOffset* chunks,
                              uint32_t count) {
  struct rte_mempool_cache* const cache = direct_cache(pool);
  void* objects[kMost];
  void* const* from = objects;
  if (cache != nullptr && cache->len >= count) [[likely]] {
    from = cache->objs + (cache->len -= count);
  } else {
    while (count != 0 && rte_mempool_generic_get(pool, objects, count, cache) != 0) count /= 2;
  }
  for (uint32_t i = 0; i < count; ++i)
    chunks[i] = ChunkOffset{static_cast<uint64_t>(static_cast<const uint8_t*>(from[i]) - at_zero)};
  return count;
}

template <uint32_t kMost>
inline void put_elements(struct rte_mempool* pool, uint8_t* at_zero, const ChunkOffset* chunks,
                         uint32_t count) {
  struct rte_mempool_cache* const cache = direct_cache(pool);
  void* objects[kMost];
  const bool room = cache != nullptr && cache->len + count <= cache->flushthresh;
  void** const to = room ? cache->objs + cache->len : objects;
  for (uint32_t i = 0; i < count; ++i) to[i] = at_zero + raw(chunks[i]);
  if (room) [[likely]]
    cache->len += count;
  else
    rte_mempool_generic_put(pool, objects, count, cache);
}

}  // namespace zcnbrh::pmd
