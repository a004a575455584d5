// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#include "drivers/net/zcnbrh/port_umem.h"

#include <rte_malloc.h>
#include <rte_mbuf.h>

#include <algorithm>
#include <cerrno>

#include "drivers/net/zcnbrh/own_memory.h"
#include "lib/base/cacheline.h"
#include "lib/base/uapi_xdp.h"

namespace zcnbrh::pmd {
namespace {

// The kernel's data begins its own 256 bytes and `headroom` into the chunk. With our own programs, which
// never move a packet's head, those 256 bytes may lie over the mempool header, the mbuf and its headroom.
uint32_t headroom_for(const PoolMemory& pool, bool full) {
  const uint32_t wanted = pool.data_offset() + RTE_PKTMBUF_HEADROOM;
  if (full) return wanted;
  return wanted > uapi::kXdpPacketHeadroom ? wanted - uapi::kXdpPacketHeadroom : 0;
}

// The pools' memory as regions of a window. Pools that lie in each other's way, or share a page, are one
// region. `region_of[i]`: the region of pools[i].
std::vector<WindowRegion> lay_out(const PoolList& pools, std::vector<size_t>& region_of) {
  struct Span {
    uint8_t* base;
    uint8_t* end;
    size_t pool;
  };
  std::vector<Span> spans;
  for (size_t i = 0; i < pools.size(); ++i) {
    const auto runs = pools[i]->runs();
    spans.push_back({runs.front().base, runs.back().base + runs.back().length, i});
  }
  std::sort(spans.begin(), spans.end(), [](const Span& a, const Span& b) { return a.base < b.base; });
  std::vector<Span> merged;
  region_of.assign(pools.size(), 0);
  for (const Span& span : spans) {
    if (merged.empty() || span.base >= merged.back().end)
      merged.push_back(span);
    else
      merged.back().end = std::max(merged.back().end, span.end);
    region_of[span.pool] = merged.size() - 1;
  }
  std::vector<WindowRegion> regions;
  regions.reserve(merged.size());
  for (const Span& span : merged) regions.push_back(memory_between(span.base, span.end));
  return regions;
}

Result<OwnWindow> window_for(const PoolList& pools, std::vector<size_t>& region_of, size_t tail_bytes,
                             int node) {
  if (!pools.empty() && pools.front()->at_own_addresses()) {
    region_of.assign(pools.size(), 0);
    return window_over(pools, tail_bytes, node);
  }
  auto window = UmemWindow::map(lay_out(pools, region_of), tail_bytes, node);
  if (!window) return window.error();
  return OwnWindow{std::move(*window), nullptr};
}

}  // namespace

Result<UmemLayout> layout_for(const PoolMemory& pool, const PortConfig& config) {
  const char* name = pool.pool()->name;
  UmemLayout layout;
  if (!pool.in_place()) {  // received into frames of ours
    layout.chunk_size = kTailStride;
    return layout;
  }
  layout.unaligned =
      config.chunks == Chunks::kUnaligned || (config.chunks == Chunks::kAuto && pool.alignment() == 0);
  if (!layout.unaligned && pool.alignment() == 0)
    return Error{EINVAL, "chunks=aligned",
                 std::string("mempool ") + name +
                     ": elements do not start at multiples of 4096 bytes; a data room of " +
                     std::to_string(kMaxChunk - pool.data_offset()) + " bytes makes them, or use chunks=auto"};
  // Unaligned chunks end with the buffer: an element may be some bytes longer, which a packet that goes on in
  // another buffer would fill.
  layout.chunk_size = layout.unaligned
                          ? std::max(kMinChunk, std::min(pool.data_offset() + pool.buffer_bytes(), kMaxChunk))
                          : pool.alignment();
  layout.headroom = headroom_for(pool, !config.own_program());
  if (layout.headroom + uapi::kXdpPacketHeadroom >= layout.chunk_size)
    return Error{EINVAL, "mempool",
                 std::string(name) + ": private area and headroom leave no room for a packet in " +
                     std::to_string(layout.chunk_size) + " bytes"};
  return layout;
}

uint32_t rx_max_length(const UmemLayout& layout, const PoolMemory& pool) {
  return std::min(layout.rx_room(), pool.buffer_bytes() - RTE_PKTMBUF_HEADROOM);
}

Result<std::shared_ptr<PortUmem>> PortUmem::create(const UmemKey& key, const PoolList& pools,
                                                   uint32_t tail_frames) {
  std::vector<size_t> region_of;
  auto made = window_for(pools, region_of, size_t{tail_frames} * kTailStride, key.node);
  if (!made) return made.error();
  UmemLayout layout = key.layout;
  layout.base = made->window.base();
  layout.size = made->window.size();
  std::shared_ptr<PortUmem> out(new PortUmem(key, std::move(made->window), layout));
  out->heap_tail_ = made->heap_tail;
  if (Status s = check_layout(layout); !s) return s.error();
  out->pools_ = pools;
  out->region_ = std::move(region_of);
  out->tail_used_.assign(tail_frames, false);
  out->tail_owners_ = static_cast<uint8_t*>(
      rte_zmalloc_socket("zcnbrh_tail", Ledger::frames_for(uint64_t{tail_frames + 1} * kTailStride),
                         RTE_CACHE_LINE_SIZE, key.node));
  if (out->tail_owners_ == nullptr) return Error{ENOMEM, "rte_zmalloc_socket", "no EAL memory for a ledger"};
  return out;
}

// Frames that the kernel has not let go of stay allocated.
PortUmem::~PortUmem() {
  if (tail_free() == tail_used_.size()) rte_free(heap_tail_);
  rte_free(tail_owners_);
}

bool PortUmem::covers(const PoolMemory* pool) const {
  return std::any_of(pools_.begin(), pools_.end(), [pool](const auto& known) { return known.get() == pool; });
}

bool PortUmem::covers_all(const PoolList& pools) const {
  return std::all_of(pools.begin(), pools.end(), [this](const auto& pool) { return covers(pool.get()); });
}

bool PortUmem::has_gone() const {
  return std::any_of(pools_.begin(), pools_.end(), [](const auto& pool) { return pool->gone(); });
}

uint64_t PortUmem::offset_of(const PoolMemory& pool) const {
  for (size_t i = 0; i < pools_.size(); ++i)
    if (pools_[i].get() == &pool) return window_.offset_of(region_[i], pool.first());
  return 0;
}

bool PortUmem::can_send(const PoolMemory& pool, bool page_safe_only) const {
  if (!layout().unaligned && pool.alignment() != layout().chunk_size) return false;
  return !page_safe_only || pool.page_safe();
}

Ledger PortUmem::tail_ledger() const {
  return Ledger(tail_owners_, nullptr, window_.tail_offset(),
                static_cast<uint32_t>(Ledger::frames_for(tail_used_.size() * kTailStride)));
}

TailRange PortUmem::take_tail(uint32_t count) {
  const auto frames = static_cast<uint32_t>(tail_used_.size());
  TailRange best;
  for (uint32_t at = 0; at < frames && best.count < count;) {
    uint32_t end = at;
    while (end < frames && !tail_used_[end] && end - at < count) ++end;
    if (end - at > best.count) best = {at, end - at};
    at = end + 1;
  }
  for (uint32_t i = 0; i < best.count; ++i) tail_used_[best.first + i] = true;
  return best;
}

void PortUmem::put_tail(TailRange range, bool proven) {
  const Ledger ledger = tail_ledger();
  for (uint32_t i = range.first; i < range.first + range.count; ++i) {
    const uint32_t at = ledger.index_of(tail_chunk(i));
    const bool ours = ledger.at(at) == Owner::kOurs;
    if (!ours) ledger.set(at, proven ? Owner::kOurs : Owner::kQuarantined);
    tail_used_[i] = !(ours || proven);
  }
}

uint32_t PortUmem::tail_free() const {
  return static_cast<uint32_t>(std::count(tail_used_.begin(), tail_used_.end(), false));
}

SharedUmems& SharedUmems::instance() {
  static SharedUmems umems;
  return umems;
}

std::vector<std::shared_ptr<PortUmem>> SharedUmems::live() {
  std::vector<std::shared_ptr<PortUmem>> out;
  std::erase_if(umems_, [&out](const auto& known) {
    auto umem = known.lock();
    if (umem) out.push_back(std::move(umem));
    return known.expired();
  });
  return out;
}

}  // namespace zcnbrh::pmd
