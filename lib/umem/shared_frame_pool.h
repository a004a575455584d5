// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// A pool of frames that several threads take from and give to at once: a stack of links kept beside the frames
// (R. K. Treiber, 1986), moved a batch at a time. Lock-free: where a compare-and-swap fails another thread's
// has succeeded, so somebody always gets on.
//
// A thread that was stopped in the middle of take() may walk links that have changed under it. They are always
// numbers of nodes, the walk is as long as asked for, and the tag in the head, counted up by every change,
// makes its compare-and-swap fail.
#pragma once

#include <atomic>
#include <cstdint>
#include <span>

#include "lib/base/cacheline.h"
#include "lib/base/umem_addr.h"
#include "lib/umem/ledger.h"

namespace zcnbrh {

class SharedFramePool {
 public:
  // One for each ledger byte; those of no frame's first byte are never in the pool.
  struct Node {
    ChunkOffset chunk{};  // constant after add()
    uint32_t next = 0;    // number of the node below, counted from 1; 0: none
  };

  // `nodes` belong to the caller, zeroed; the pool is empty. Not while it is in use.
  void assign(std::span<Node> nodes) {
    nodes_ = nodes;
    head_.store(0, std::memory_order_relaxed);
    available_.store(0, std::memory_order_relaxed);
  }
  // A frame that was never in the pool before. Not while it is in use.
  void add(ChunkOffset chunk) {
    nodes_[number(chunk) - 1].chunk = chunk;
    give(&chunk, 1);
  }

  // Up to `count` free frames; returns how many.
  uint32_t take(ChunkOffset* chunks, uint32_t count) {
    uint64_t head = head_.load(std::memory_order_acquire);  // pairs with give(): the links below are seen
    for (;;) {
      uint32_t top = static_cast<uint32_t>(head);
      uint32_t n = 0;
      for (; n < count && top != 0; ++n) {
        chunks[n] = nodes_[top - 1].chunk;
        top = link(top).load(std::memory_order_relaxed);
      }
      if (n == 0) return 0;
      if (!head_.compare_exchange_weak(head, changed(head, top), std::memory_order_acquire)) continue;
      available_.fetch_sub(n, std::memory_order_relaxed);
      return n;
    }
  }

  // Gives frames back. Each has been added, and is nobody else's.
  void give(const ChunkOffset* chunks, uint32_t count) {
    if (count == 0) return;
    const uint32_t last = number(chunks[count - 1]);
    for (uint32_t i = 0; i + 1 < count; ++i)
      link(number(chunks[i])).store(number(chunks[i + 1]), std::memory_order_relaxed);
    available_.fetch_add(count, std::memory_order_relaxed);  // first: it is never less than what is there
    uint64_t head = head_.load(std::memory_order_relaxed);
    do {
      link(last).store(static_cast<uint32_t>(head), std::memory_order_relaxed);
      // Release: who takes the frames sees the links, and what their last holder wrote about them.
    } while (!head_.compare_exchange_weak(head, changed(head, number(chunks[0])), std::memory_order_release,
                                          std::memory_order_relaxed));
  }

  // Exact while nobody takes or gives; else perhaps a few too many.
  uint32_t available() const { return available_.load(std::memory_order_relaxed); }

 private:
  static uint32_t number(ChunkOffset chunk) { return static_cast<uint32_t>(raw(chunk) >> kLedgerShift) + 1; }
  static uint64_t changed(uint64_t head, uint32_t top) { return ((head >> 32) + 1) << 32 | top; }
  std::atomic_ref<uint32_t> link(uint32_t n) const { return std::atomic_ref<uint32_t>(nodes_[n - 1].next); }

  std::span<Node> nodes_;
  alignas(kCacheLine) std::atomic<uint64_t> head_{0};  // tag << 32 | number of the top node
  alignas(kCacheLine) std::atomic<uint32_t> available_{0};
};

}  // namespace zcnbrh
