// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#include "drivers/net/zcnbrh/own_memory.h"

#include <rte_malloc.h>
#include <rte_memory.h>

#include <algorithm>

#include "lib/base/cacheline.h"
#include "lib/umem/process_maps.h"

namespace zcnbrh::pmd {
namespace {

// Whole pages, and how much of them is wanted.
struct Span {
  uint8_t* begin = nullptr;
  uint8_t* end = nullptr;
  size_t wanted = 0;

  size_t bytes() const { return static_cast<size_t>(end - begin); }
  // It is all there, and not mostly other people's.
  bool worth(const std::vector<ProcessArea>& areas) const {
    return bytes() <= 2 * wanted && writable_around(areas, begin).end >= end;
  }
  Span with(uint8_t* at, size_t length) const {
    auto* from = reinterpret_cast<uint8_t*>(align_down(reinterpret_cast<uintptr_t>(at), kPageSize));
    auto* to = reinterpret_cast<uint8_t*>(align_up(reinterpret_cast<uintptr_t>(at + length), kPageSize));
    if (begin == nullptr) return {from, to, length};
    return {std::min(begin, from), std::max(end, to), wanted + length};
  }
};

Span span_of(const PoolList& pools) {
  Span span;
  for (const auto& pool : pools) span = span.with(pool->first(), pool->bytes());
  return span;
}

// From the heap that the memory is of, near enough to it; null: there is no such heap, or it has no room.
uint8_t* tail_in_heap(const Span& span, size_t bytes, Span& whole) {
  const struct rte_memseg_list* list = rte_mem_virt2memseg_list(span.begin);
  if (list == nullptr) return nullptr;
  auto* tail = static_cast<uint8_t*>(
      rte_zmalloc_socket("zcnbrh_frames", align_up(bytes, kPageSize), kPageSize, list->socket_id));
  if (tail == nullptr) return nullptr;
  whole = span.with(tail, align_up(bytes, kPageSize));
  if (whole.worth(process_areas())) return tail;
  rte_free(tail);
  return nullptr;
}

// As far as the memory goes on there is no free address. The rest of it may be taken in.
Span widened(const Span& span) {
  const WritableStretch around = writable_around(process_areas(), span.begin);
  Span out = span;
  if (static_cast<size_t>(around.end - span.end) + span.bytes() <= 2 * span.wanted) out.end = around.end;
  if (static_cast<size_t>(span.begin - around.begin) + out.bytes() <= 2 * span.wanted) out.begin = around.begin;
  return out;
}

}  // namespace

PoolList pools_near(const std::shared_ptr<PoolMemory>& pool, bool history) {
  PoolList rest = own_address_pools(history);
  PoolList out = {pool};
  Span span = span_of(out);
  const std::vector<ProcessArea> areas = process_areas();
  for (bool more = true; more;) {
    more = false;
    for (auto& next : rest) {
      if (next == nullptr || next == pool) continue;
      const Span wider = span.with(next->first(), next->bytes());
      if (!wider.worth(areas)) continue;
      span = wider;
      out.push_back(std::move(next));
      more = true;
    }
  }
  return out;
}

Result<OwnWindow> window_over(const PoolList& pools, size_t tail_bytes, int node) {
  const Span span = span_of(pools);
  Span whole;
  if (uint8_t* tail = tail_in_heap(span, tail_bytes, whole); tail != nullptr)
    return OwnWindow{UmemWindow::within(whole.begin, whole.bytes(), tail), tail};
  const Span wide = widened(span);
  auto window = UmemWindow::beside(wide.begin, wide.bytes(), tail_bytes, node);
  if (!window) return window.error();
  return OwnWindow{std::move(*window), nullptr};
}

}  // namespace zcnbrh::pmd
