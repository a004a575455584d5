// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// Which frames the application holds. The ledger tells ours from the kernel's; the book tells, among ours,
// the pool's from the application's, and knows a frame again by its cookie:
//
//   cookie = generation << 32 | ledger index
//
// The generation changes each time a frame is lent, so a frame that is given back twice is found also when
// it was lent anew in between; a frame of another queue is found because its data lies elsewhere.
// One thread at a time; application() from any.
#pragma once

#include <atomic>
#include <cstdint>
#include <span>

#include "include/zcnbrh/zcnbrh.h"
#include "lib/base/umem_addr.h"
#include "lib/umem/frame_pool.h"
#include "lib/umem/ledger.h"

namespace zcnbrh::capi {

// One for each ledger byte; those that belong to no frame's first bytes are never lent.
struct FrameTag {
  static constexpr uint8_t kLent = 1;     // the application holds it
  static constexpr uint8_t kCredit = 2;   // and its credit at the gate: it was received
  static constexpr uint8_t kSending = 4;  // inside a send: no second one in the same batch

  uint64_t chunk = 0;
  uint32_t generation = 0;
  uint8_t state = 0;
};

class FrameBook {
 public:
  FrameBook() = default;
  FrameBook(const FrameBook&) = delete;
  FrameBook& operator=(const FrameBook&) = delete;

  // `base`: of the UMEM. The spans belong to the caller, zeroed; `stack` holds one entry a frame.
  void open(uint8_t* base, const FrameGrid& grid, std::span<FrameTag> tags, std::span<ChunkOffset> stack) {
    base_ = base;
    frame_size_ = grid.frame_size;
    tags_ = tags;
    pool_.assign(stack);
    for (uint32_t i = grid.frames; i-- > 0;) {  // the lowest frame is the first one out
      const ChunkOffset chunk = grid.at(i);
      tags_[index(chunk)].chunk = raw(chunk);
      pool_.give(&chunk, 1);
    }
  }

  FramePool& pool() { return pool_; }
  const FramePool& pool() const { return pool_; }
  uint32_t application() const { return application_.load(std::memory_order_relaxed); }

  // `data`: bytes from the UMEM's first byte. The caller adds up with lent().
  void lend(struct zcnbrh_frame& out, ChunkOffset chunk, uint64_t data, uint32_t length, uint8_t state) {
    FrameTag& tag = tags_[index(chunk)];
    tag.state = state;
    ++tag.generation;
    out.data = base_ + data;
    out.length = length;
    out.room = static_cast<uint32_t>(raw(chunk) + frame_size_ - data);
    out.cookie = uint64_t{tag.generation} << 32 | index(chunk);
  }
  void lent(uint32_t count) { set_application(application() + count); }

  // The tag of a frame that the application holds, or nullptr.
  FrameTag* find(const struct zcnbrh_frame& frame) {
    const auto i = static_cast<uint32_t>(frame.cookie);
    if (i >= tags_.size()) return nullptr;
    FrameTag& tag = tags_[i];
    const bool lent = (tag.state & (FrameTag::kLent | FrameTag::kSending)) == FrameTag::kLent;
    const bool held = lent && tag.generation == frame.cookie >> 32;
    return held && offset(frame, tag) < frame_size_ ? &tag : nullptr;
  }
  // Of the data from the frame's first byte; beyond frame_size when data is not in the frame.
  uint64_t offset(const struct zcnbrh_frame& frame, const FrameTag& tag) const {
    return reinterpret_cast<uintptr_t>(frame.data) - reinterpret_cast<uintptr_t>(base_ + tag.chunk);
  }
  FrameTag& tag_of(const struct zcnbrh_frame& frame) const {
    return tags_[static_cast<uint32_t>(frame.cookie)];
  }

  // The application holds these no more.
  void returned(uint32_t count) { set_application(application() - count); }

  const FrameTag& tag(uint32_t i) const { return tags_[i]; }
  uint32_t frame_size() const { return frame_size_; }

 private:
  static uint32_t index(ChunkOffset chunk) { return static_cast<uint32_t>(raw(chunk) >> kLedgerShift); }
  void set_application(uint32_t n) { application_.store(n, std::memory_order_relaxed); }

  uint8_t* base_ = nullptr;
  uint32_t frame_size_ = 0;
  std::span<FrameTag> tags_;
  FramePool pool_;
  std::atomic<uint32_t> application_{0};
};

}  // namespace zcnbrh::capi
