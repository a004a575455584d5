// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// A pool of frames and the two policies of lib/xsk/datapath.h on top of it, for tests: they count and check
// where a real policy would trust.
#pragma once

#include <cstdint>
#include <cstring>
#include <mutex>
#include <set>
#include <span>
#include <vector>

#include "lib/xsk/datapath.h"

namespace zcnbrh::testing {

// A packet in a frame; or, with `outside`, in memory that is no part of the UMEM.
struct Frame {
  ChunkOffset chunk{};
  uint32_t offset = 0;  // of the data from the chunk's first byte
  uint32_t length = 0;
  const uint8_t* outside = nullptr;
  bool borrowed = false;  // the caller keeps the frame when the packet is done: a buffer sent twice
};

// Any thread.
class TestPool {
 public:
  TestPool(uint32_t frames, uint32_t stride) {
    for (uint32_t i = frames; i-- > 0;) free_.push_back(ChunkOffset{uint64_t{i} * stride});
    for (const ChunkOffset chunk : free_) inside_.insert(raw(chunk));
  }

  uint32_t take(ChunkOffset* out, uint32_t count) {
    const std::lock_guard guard(lock_);
    uint32_t taken = 0;
    while (!dry_ && taken < count && !free_.empty()) {
      out[taken++] = free_.back();
      inside_.erase(raw(free_.back()));
      free_.pop_back();
    }
    return taken;
  }
  void put(ChunkOffset chunk) {
    const std::lock_guard guard(lock_);
    if (!inside_.insert(raw(chunk)).second) ++put_twice_;
    free_.push_back(chunk);
  }

  // While dry the pool gives nothing, whatever it has.
  void set_dry(bool on) {
    const std::lock_guard guard(lock_);
    dry_ = on;
  }
  size_t size() const {
    const std::lock_guard guard(lock_);
    return free_.size();
  }
  uint32_t put_twice() const { return put_twice_; }

 private:
  mutable std::mutex lock_;
  std::vector<ChunkOffset> free_;
  std::set<uint64_t> inside_;
  bool dry_ = false;
  uint32_t put_twice_ = 0;
};

struct RxPolicy {
  using Packet = Frame;
  TestPool& pool;

  void prefetch(ChunkOffset /*chunk*/) const {}  // deliver() writes nothing near the frame
  void deliver(Frame& out, ChunkOffset chunk, uint64_t data, uint32_t length) {
    out = {chunk, static_cast<uint32_t>(data - raw(chunk)), length};
  }
  void give_back(ChunkOffset chunk) { pool.put(chunk); }
  uint32_t allocate(ChunkOffset* chunks, uint32_t count) { return pool.take(chunks, count); }
};

struct TxPolicy {
  using Packet = Frame;
  TestPool& pool;
  uint8_t* base;         // of the UMEM
  uint32_t longest = 0;  // bytes, of a packet that may be sent in a run
  uint32_t done_outside = 0;
  uint32_t in_runs = 0;  // packets

  template <Simd kSimd>
  PlannedRun plan_run(SimdTag<kSimd> /*wide*/, const Frame* packets, uint32_t count,
                      const AddressFormat& format, struct xdp_desc* slots, ChunkOffset* chunks) {
    PlannedRun run{};
    for (; run.count < count; ++run.count) {
      const Frame& frame = packets[run.count];
      if (frame.outside != nullptr || frame.length == 0 || frame.length > longest) break;
      chunks[run.count] = frame.chunk;
      slots[run.count] = {format.encode(frame.chunk, frame.offset), frame.length, 0};
      run.bytes += frame.length;
    }
    in_runs += run.count;
    return run;
  }
  TxPlan plan(const Frame& frame, uint32_t max_length) {
    if (frame.length == 0 || frame.length > max_length) return {TxVerdict::kInvalid, 0, {}, 0};
    if (frame.outside != nullptr) return {TxVerdict::kBounce, frame.length, {}, 0};
    return {TxVerdict::kByAddress, frame.length, frame.chunk, frame.offset};
  }
  void copy_out(const Frame& frame, uint8_t* to) {
    const uint8_t* from = frame.outside != nullptr ? frame.outside : base + raw(frame.chunk) + frame.offset;
    std::memcpy(to, from, frame.length);
  }
  void done(Frame& frame) {
    if (frame.outside != nullptr)
      ++done_outside;
    else if (!frame.borrowed)
      pool.put(frame.chunk);
  }
  void completed(const ChunkOffset* chunks, uint32_t count) {
    for (uint32_t i = 0; i < count; ++i) pool.put(chunks[i]);
  }
};

}  // namespace zcnbrh::testing
