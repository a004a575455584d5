// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#include "drivers/net/zcnbrh/queue_pools.h"

#include <rte_malloc.h>

#include <algorithm>
#include <cerrno>

#include "drivers/net/zcnbrh/log.h"
#include "lib/base/cacheline.h"
#include "lib/xsk/segments.h"

namespace zcnbrh::pmd {
namespace {

// The stretches of a pool in a UMEM. A UMEM's order is not the application's.
void add_regions(std::vector<LedgerRegion>& out, const PortUmem& umem, const PoolMemory& pool, uint32_t index) {
  const uint64_t first = umem.offset_of(pool);
  for (const auto& stretch : pool.stretches())
    out.push_back({first + static_cast<uint64_t>(stretch.base - pool.first()), stretch.length,
                   pool.ledger(first), index});
}

// In order, and neighbours of one pool joined: what is between them is nobody's that we know.
void put_in_order(std::vector<LedgerRegion>& regions) {
  std::sort(regions.begin(), regions.end(), [](const auto& a, const auto& b) { return a.begin < b.begin; });
  size_t kept = 0;
  for (const LedgerRegion& next : regions) {
    if (kept != 0 && regions[kept - 1].pool == next.pool)
      regions[kept - 1].bytes = next.begin + next.bytes - regions[kept - 1].begin;
    else
      regions[kept++] = next;
  }
  regions.resize(kept);
}

size_t free_in(const PoolList& pools, uint32_t slot) {
  return static_cast<size_t>(
      std::count_if(pools.begin(), pools.end(), [slot](const auto& pool) { return !pool->slot_taken(slot); }));
}

}  // namespace

PoolView view_of(const PortUmem& umem, const PoolMemory& pool) {
  PoolView view;
  view.pool = pool.pool();
  view.mbufs = pool.first() - umem.offset_of(pool) + pool.header_bytes();
  view.header = pool.header_bytes();
  // An aligned chunk may be longer than the element in it.
  view.chunk_size = view.element = std::min(umem.layout().chunk_size, pool.element_bytes());
  // The ledger tells the descriptors into one element apart by its 2048-byte places; only unaligned chunks name
  // the element in all of them.
  if (umem.layout().unaligned && pool.element_bytes() > umem.layout().chunk_size) {
    view.element = pool.element_bytes();
    view.slots = std::min(pool.ledger_places(), kMaxTxSegments);
  }
  return view;
}

QueuePools::~QueuePools() { rte_free(tx_); }

uint32_t QueuePools::join(const std::shared_ptr<PortUmem>& umem, const PoolMemory* must) {
  size_t most = 0;
  for (uint32_t slot = 1; slot <= kMaxLedgerSlots; ++slot) {
    if (umem->slots().test(slot) || (must != nullptr && must->slot_taken(slot))) continue;
    const size_t pools = free_in(umem->pools(), slot);
    if (slot_ == 0 || pools > most) {
      slot_ = slot;
      most = pools;
    }
    if (most == umem->pools().size()) break;
  }
  if (slot_ == 0) return 0;
  umem_ = umem;
  umem_->slots().set(slot_);
  for (const auto& pool : umem->pools()) {
    if (pool->slot_taken(slot_)) continue;
    pool->take_slot(slot_);
    pools_.push_back(pool);
  }
  return slot_;
}

Status QueuePools::make_tx_table(bool page_safe_only) {
  std::vector<PoolView> views;
  std::vector<LedgerRegion> regions;
  for (const auto& pool : pools_) {
    if (!umem_->can_send(*pool, page_safe_only)) continue;
    add_regions(regions, *umem_, *pool, static_cast<uint32_t>(views.size()));
    views.push_back(view_of(*umem_, *pool));
  }
  put_in_order(regions);
  const size_t views_at = align_up(sizeof(TxPools), kCacheLine);
  const size_t regions_at = align_up(views_at + views.size() * sizeof(PoolView), kCacheLine);
  auto* block = static_cast<uint8_t*>(rte_zmalloc_socket(
      "zcnbrh_pools", regions_at + std::max<size_t>(1, regions.size()) * sizeof(LedgerRegion),
      RTE_CACHE_LINE_SIZE, umem_->key().node));
  if (block == nullptr) return Error{ENOMEM, "rte_zmalloc_socket", "no EAL memory for a queue"};
  rte_free(tx_);
  tx_ = new (block) TxPools;
  tx_->pools = static_cast<uint32_t>(views.size());
  tx_->regions = static_cast<uint32_t>(regions.size());
  tx_->by_page = page_safe_only;
  tx_->split = std::any_of(views.begin(), views.end(), [](const PoolView& view) { return view.slots > 1; });
  tx_->view = reinterpret_cast<PoolView*>(block + views_at);
  tx_->region = reinterpret_cast<LedgerRegion*>(block + regions_at);
  std::copy(views.begin(), views.end(), tx_->view);
  std::copy(regions.begin(), regions.end(), tx_->region);
  return {};
}

bool QueuePools::has(const PoolMemory& pool) const {
  return std::any_of(pools_.begin(), pools_.end(), [&pool](const auto& known) { return known.get() == &pool; });
}

uint32_t QueuePools::in_flight(const PoolMemory& pool) const {
  return has(pool) ? pool.ledger(0).count(tx_in_flight(slot_)) : 0;
}

void QueuePools::forget(const PoolMemory& pool) {
  for (uint32_t i = 0; tx_ != nullptr && i < tx_->pools; ++i)
    if (tx_->view[i].pool == pool.pool()) {
      const uint32_t slots = tx_->view[i].slots;  // completions are still to be told apart
      tx_->view[i] = {};
      tx_->view[i].slots = slots;
    }
}

void QueuePools::leave(bool proven, const std::string& queue_name) {
  for (const auto& pool : pools_) {
    const auto frames = pool->reclaim(slot_, proven);
    if (frames.kept != 0)
      ZLOG(
          ERR,
          "%s: the kernel has not let the queue go; %u buffers of mempool %s are kept back, since it may still "
          "write to them",
          queue_name.c_str(), frames.kept, pool->name());
    if (proven) pool->put_slot(slot_);
  }
  if (umem_ && proven) umem_->slots().reset(slot_);
  pools_.clear();
  umem_.reset();
  slot_ = 0;
  rte_free(tx_);
  tx_ = nullptr;
}

}  // namespace zcnbrh::pmd
