// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// Frames of memory we own: where they lie in a UMEM, and which of them are free. The pool is a stack, so
// the frames given back last, whose lines are in the cache, are the next ones out; several come out in the
// order in which they went in, which makes each way one copy.
#pragma once

#include <atomic>
#include <cstdint>
#include <cstring>
#include <span>

#include "lib/base/result.h"
#include "lib/base/umem_addr.h"

namespace zcnbrh {

// How frames of one size lie back to back.
struct FrameGrid {
  uint32_t frame_size = 0;  // bytes, what the kernel is told as chunk size
  uint32_t stride = 0;      // bytes from one frame to the next
  uint32_t frames = 0;

  // `page_bound`: no frame crosses a 4 KiB page; a device behind an IOMMU that maps page by page would lose
  // such frames. Aligned chunks never do. Errors: EINVAL for a size that no kernel takes, with the range.
  static Result<FrameGrid> lay_out(uint32_t frame_size, uint32_t frames, bool unaligned, bool page_bound);

  ChunkOffset at(uint32_t i) const { return ChunkOffset{uint64_t{i} * stride}; }
  uint64_t bytes() const { return uint64_t{frames} * stride; }
};

// A pool over a stack that its owner supplies; empty at first. One thread at a time, but available() from any.
class FramePool {
 public:
  FramePool() = default;
  explicit FramePool(std::span<ChunkOffset> stack) : stack_(stack) {}

  void assign(std::span<ChunkOffset> stack) {
    stack_ = stack;
    set(0);
  }

  // Up to `count` free frames; returns how many.
  uint32_t take(ChunkOffset* chunks, uint32_t count) {
    const uint32_t have = available();
    const uint32_t n = count < have ? count : have;
    if (n != 0) std::memcpy(chunks, &stack_[have - n], n * sizeof *chunks);
    set(have - n);
    return n;
  }

  // Gives frames back; returns how many fitted. Fewer than `count` would mean frames that are not the pool's.
  uint32_t give(const ChunkOffset* chunks, uint32_t count) {
    const uint32_t have = available();
    const uint32_t room = capacity() - have;
    const uint32_t n = count < room ? count : room;
    if (n != 0) std::memcpy(&stack_[have], chunks, n * sizeof *chunks);
    set(have + n);
    return n;
  }

  uint32_t available() const { return available_.load(std::memory_order_relaxed); }
  uint32_t capacity() const { return static_cast<uint32_t>(stack_.size()); }

 private:
  // One writer: no read-modify-write.
  void set(uint32_t n) { available_.store(n, std::memory_order_relaxed); }

  std::span<ChunkOffset> stack_;
  std::atomic<uint32_t> available_{0};
};

}  // namespace zcnbrh
