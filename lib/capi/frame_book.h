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
// One thread at a time, application() from any. Of a memory that queues share (shared() is true) the pool and
// the counts are any thread's; a tag is its frame's holder's, and goes over with the frame.
#pragma once

#include <atomic>
#include <cstdint>
#include <span>

#include "include/zcnbrh/zcnbrh.h"
#include "lib/base/umem_addr.h"
#include "lib/umem/frame_pool.h"
#include "lib/umem/ledger.h"
#include "lib/umem/shared_frame_pool.h"

namespace zcnbrh::capi {

// One for each ledger byte; those that belong to no frame's first bytes are never lent.
struct FrameTag {
  static constexpr uint8_t kLent = 1;    // the application holds it
  static constexpr uint8_t kCredit = 2;  // and its credit at the gate: it was received

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
    begin(base, grid, tags);
    pool_.assign(stack);
    for (uint32_t i = grid.frames; i-- > 0;) {  // the lowest frames are the first ones out
      const ChunkOffset chunk = grid.at(i);
      pool_.give(&chunk, 1);
    }
  }
  // For several queues; `nodes`: one a tag.
  void open_shared(uint8_t* base, const FrameGrid& grid, std::span<FrameTag> tags,
                   std::span<SharedFramePool::Node> nodes) {
    begin(base, grid, tags);
    shared_ = true;
    shared_pool_.assign(nodes);
    for (uint32_t i = grid.frames; i-- > 0;) shared_pool_.add(grid.at(i));
  }

  bool shared() const { return shared_; }
  uint32_t take(ChunkOffset* chunks, uint32_t count) {
    return shared_ ? shared_pool_.take(chunks, count) : pool_.take(chunks, count);
  }
  void give(const ChunkOffset* chunks, uint32_t count) {
    if (shared_)
      shared_pool_.give(chunks, count);
    else
      pool_.give(chunks, count);
  }
  uint32_t available() const { return shared_ ? shared_pool_.available() : pool_.available(); }
  uint32_t application() const { return application_.load(std::memory_order_relaxed); }

  // What a loop over frames needs, in its own registers: a frame that is written to might else be this book.
  struct View {
    uintptr_t base;  // of the UMEM
    uint64_t frame_size;
    FrameTag* tags;
    size_t count;  // of tags

    // The tag of a frame that the application holds, or nullptr. `offset`: of its data from its first byte.
    FrameTag* find(const struct zcnbrh_frame& frame, uint64_t& offset) const {
      const auto i = static_cast<uint32_t>(frame.cookie);
      if (i >= count) return nullptr;
      FrameTag& tag = tags[i];
      offset = reinterpret_cast<uintptr_t>(frame.data) - base - tag.chunk;
      const bool held = (tag.state & FrameTag::kLent) != 0 && tag.generation == frame.cookie >> 32;
      return held && offset < frame_size ? &tag : nullptr;
    }
    FrameTag& tag_of(ChunkOffset chunk) const { return tags[index(chunk)]; }
    void lend(struct zcnbrh_frame& out, ChunkOffset chunk, uint64_t data, uint32_t length,
              uint8_t state) const {
      const uint64_t i = index(chunk);
      FrameTag& tag = tags[i];
      const uint32_t generation = tag.generation + 1;
      tag.state = state;
      tag.generation = generation;
      out.data = reinterpret_cast<void*>(base + data);
      out.length = length;
      out.room = static_cast<uint32_t>(raw(chunk) + frame_size - data);
      out.cookie = uint64_t{generation} << 32 | i;
    }
  };
  View view() { return {reinterpret_cast<uintptr_t>(base_), frame_size_, tags_.data(), tags_.size()}; }

  // `data`: bytes from the UMEM's first byte. The caller adds up with lent().
  void lend(struct zcnbrh_frame& out, ChunkOffset chunk, uint64_t data, uint32_t length, uint8_t state) {
    view().lend(out, chunk, data, length, state);
  }
  void lent(uint32_t count) { change_application(count); }

  // Gives frames back to the pool, up to the first that the application does not hold. Returns how many;
  // `credits`: of these, with a credit.
  uint32_t release(const struct zcnbrh_frame* frames, uint32_t count, uint32_t& credits) {
    const View view = this->view();
    uint32_t done = 0;
    for (bool more = true; more;) {
      ChunkOffset chunks[kReleaseChunk];
      uint32_t n = 0;
      for (; n < kReleaseChunk && done + n < count; ++n) {
        uint64_t offset;
        FrameTag* tag = view.find(frames[done + n], offset);
        if (tag == nullptr) break;
        credits += (tag->state & FrameTag::kCredit) != 0;
        tag->state = 0;
        chunks[n] = ChunkOffset{tag->chunk};
      }
      give(chunks, n);
      done += n;
      more = n == kReleaseChunk;
    }
    returned(done);
    return done;
  }

  // The application holds these no more.
  void returned(uint32_t count) { change_application(0U - count); }

  const FrameTag& tag(uint32_t i) const { return tags_[i]; }
  uint32_t frame_size() const { return frame_size_; }

 private:
  static constexpr uint32_t kReleaseChunk = 64;
  static uint32_t index(ChunkOffset chunk) { return static_cast<uint32_t>(raw(chunk) >> kLedgerShift); }
  void begin(uint8_t* base, const FrameGrid& grid, std::span<FrameTag> tags) {
    base_ = base;
    frame_size_ = grid.frame_size;
    tags_ = tags;
    for (uint32_t i = 0; i < grid.frames; ++i) tags_[index(grid.at(i))].chunk = raw(grid.at(i));
  }
  void change_application(uint32_t by) {
    if (shared_)
      application_.fetch_add(by, std::memory_order_relaxed);
    else  // one writer: no read-modify-write
      application_.store(application() + by, std::memory_order_relaxed);
  }

  uint8_t* base_ = nullptr;
  uint32_t frame_size_ = 0;
  std::span<FrameTag> tags_;
  bool shared_ = false;
  FramePool pool_;  // of one of the two, the other one stays empty
  SharedFramePool shared_pool_;
  std::atomic<uint32_t> application_{0};
};

}  // namespace zcnbrh::capi
