// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// Mempool ops "zcnbrh": a layout of our own, in which no element crosses a 4 KiB page, and from then on DPDK's
// ring handler: once a pool is populated it is handed over to that for good.
//
// Why handed over: a pool in shared memory names its ops by their number in a table that each process fills
// in the order in which its libraries register. Ours, loaded by -d, come last in a primary process and
// first in dpdk-pdump, which would then run other ops on the pool. For the same reason ours are registered
// by the probe of a port and not when the library is loaded, where they would shift everybody's numbers.
//
// Why a page: behind an IOMMU the kernel maps a UMEM page by page and silently loses frames whose chunk
// crosses into a page that is not the next one for the device (xp_desc_crosses_non_contig_pg() in
// include/net/xsk_buff_pool.h); a pool with this layout cannot meet that.
//
// An element of up to 4096 bytes stays inside one page, several to a page where they fit; a longer one
// starts on a page, so that its first 4096 bytes are a chunk. The slack of a page is spent on colouring:
// pages start their elements on different cache lines, else every mbuf would fall into the same few cache
// sets.
#include "drivers/net/zcnbrh/mempool_ops.h"

#include <rte_errno.h>
#include <rte_mbuf_pool_ops.h>
#include <rte_mempool.h>

#include <cerrno>

#include "drivers/net/zcnbrh/log.h"
#include "lib/base/cacheline.h"

namespace zcnbrh::pmd {
namespace {

constexpr char kName[] = "zcnbrh";
constexpr char kUnderneath[] = "ring_mp_mc";

// The number of DPDK's ring handler in this process, or -1.
int ring_ops_index() {
  for (uint32_t i = 0; i < rte_mempool_ops_table.num_ops; ++i)
    if (__builtin_strcmp(rte_mempool_ops_table.ops[i].name, kUnderneath) == 0) return static_cast<int>(i);
  return -1;
}
const struct rte_mempool_ops* ring_ops() { return &rte_mempool_ops_table.ops[ring_ops_index()]; }

int pool_alloc(struct rte_mempool* mp) {
  if (ring_ops_index() < 0) {
    ZLOG(ERR, "mempool %s: DPDK's ring mempool handler is not loaded", mp->name);
    return -ENOTSUP;
  }
  return ring_ops()->alloc(mp);
}
void pool_free(struct rte_mempool* mp) { ring_ops()->free(mp); }
int pool_enqueue(struct rte_mempool* mp, void* const* objects, unsigned n) {
  return ring_ops()->enqueue(mp, objects, n);
}
int pool_dequeue(struct rte_mempool* mp, void** objects, unsigned n) {
  return ring_ops()->dequeue(mp, objects, n);
}
unsigned pool_count(const struct rte_mempool* mp) { return ring_ops()->get_count(mp); }

size_t element_bytes(const struct rte_mempool* mp) { return mp->header_size + mp->elt_size + mp->trailer_size; }

// How elements of one size sit in pages.
struct PageLayout {
  explicit PageLayout(size_t element)
      : per_page(element <= kPageSize ? kPageSize / element : 1),
        pages_each((element + kPageSize - 1) / kPageSize) {
    if (element <= kPageSize) colours = (kPageSize - per_page * element) / kCacheLine + 1;
  }
  size_t pages_for(size_t elements) const { return (elements + per_page - 1) / per_page * pages_each; }
  // Where the first element of a page starts in it: each page one cache line further on than the one before.
  size_t colour(size_t page) const { return page % colours * kCacheLine; }

  size_t per_page;
  size_t pages_each;
  size_t colours = 1;
};

// Alignment is a page, never a huge page: malloc_heap.c of DPDK 22.11 expands a heap by too little for a block
// that is as large as its alignment, so that pools of few mbufs could not be made.
ssize_t pool_mem_size(const struct rte_mempool* mp, uint32_t elements, uint32_t page_shift, size_t* min_chunk,
                      size_t* align) {
  const PageLayout layout(element_bytes(mp));
  const size_t unit = layout.pages_each * kPageSize;
  *align = kPageSize;
  *min_chunk = unit;
  const size_t bytes = layout.pages_for(elements) * kPageSize;
  const size_t memory_page = page_shift == 0 ? 0 : size_t{1} << page_shift;
  if (layout.pages_each == 1 || memory_page == 0) return static_cast<ssize_t>(bytes);
  // An element longer than a page may not fit the end of a memory page, wherever the block starts in one.
  const size_t lost = unit - kPageSize;
  if (memory_page <= lost) return static_cast<ssize_t>(elements * align_up(unit, memory_page));
  return static_cast<ssize_t>(bytes + (bytes / (memory_page - lost) + 2) * lost);
}

int pool_populate(struct rte_mempool* mp, unsigned max_objects, void* memory, rte_iova_t iova, size_t bytes,
                  rte_mempool_populate_obj_cb_t* add, void* add_arg) {
  const size_t element = element_bytes(mp);
  const PageLayout layout(element);
  auto* base = static_cast<uint8_t*>(memory);
  const size_t skip =
      align_up(reinterpret_cast<uintptr_t>(base), kPageSize) - reinterpret_cast<uintptr_t>(base);
  unsigned added = 0;
  for (size_t page = 0, at = skip; added < max_objects && at + layout.pages_each * kPageSize <= bytes;
       ++page, at += layout.pages_each * kPageSize) {
    for (size_t i = 0; i < layout.per_page && added < max_objects; ++i, ++added) {
      const size_t offset = at + layout.colour(page) + i * element + mp->header_size;
      void* object = base + offset;
      add(mp, add_arg, object, iova == RTE_BAD_IOVA ? RTE_BAD_IOVA : iova + offset);
      pool_enqueue(mp, &object, 1);
    }
  }
  return static_cast<int>(added);
}

struct rte_mempool_ops make_ops() {
  struct rte_mempool_ops ops {};
  static_assert(sizeof kName <= sizeof ops.name);
  __builtin_memcpy(ops.name, kName, sizeof kName);
  ops.alloc = pool_alloc;
  ops.free = pool_free;
  ops.enqueue = pool_enqueue;
  ops.dequeue = pool_dequeue;
  ops.get_count = pool_count;
  ops.calc_mem_size = pool_mem_size;
  ops.populate = pool_populate;
  return ops;
}

// A pool has all its elements: its layout is done.
void hand_over(enum rte_mempool_event event, struct rte_mempool* mp, void* /*context*/) {
  if (event == RTE_MEMPOOL_EVENT_READY && rte_mempool_get_ops(mp->ops_index)->populate == pool_populate)
    mp->ops_index = ring_ops_index();
}

bool register_ops() {
  static const bool registered = [] {
    const struct rte_mempool_ops ops = make_ops();
    return rte_mempool_register_ops(&ops) >= 0 && rte_mempool_event_callback_register(hand_over, nullptr) == 0;
  }();
  return registered;
}

}  // namespace

void make_pool_ops_default() {
  if (!register_ops()) {
    ZLOG(WARNING, "cannot register mempool ops %s: DPDK's table of %u is full; pools get no page-safe layout",
         kName, RTE_MEMPOOL_MAX_OPS_IDX);
    return;
  }
  const int result = rte_mbuf_set_platform_mempool_ops(kName);
  if (result == -EEXIST)
    ZLOG(NOTICE, "mempool ops %s are this platform's default already; pools get no page-safe layout",
         rte_mbuf_platform_mempool_ops());
  else if (result != 0)
    ZLOG(WARNING, "cannot make mempool ops %s the default: %s", kName, rte_strerror(-result));
}

}  // namespace zcnbrh::pmd
