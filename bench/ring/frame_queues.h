// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// Ways to the frames of a queue with the same calls and the same results: the C API, and the bare rings, which
// is the least there is to do. A bare queue gives the application the same struct and keeps the frames going
// round as the library does, for one thread and without a count, a limit or a fork() to mind. With kOwners it
// also does what zcnbrh.h promises of a frame, that it is given back once by who has it: one word a frame,
// changed when it is lent, compared and changed when it comes back. What that reaches is the ceiling.
#pragma once

#include <string>
#include <vector>

#include "include/zcnbrh/zcnbrh.h"
#include "lib/umem/numa_memory.h"
#include "lib/umem/umem.h"
#include "lib/xsk/loop_kernel.h"
#include "lib/xsk/socket.h"

namespace zcnbrh::bench {

struct FramePlan {
  uint32_t descriptors = 2048;        // each way
  uint32_t frames = 2 * 2048 + 1024;  // the library's own choice for that
};

class ApiQueue {
 public:
  ApiQueue(const std::string& name, const FramePlan& plan);
  ApiQueue(const ApiQueue&) = delete;
  ApiQueue& operator=(const ApiQueue&) = delete;
  ~ApiQueue();

  uint32_t poll(struct zcnbrh_frame* frames, uint32_t count) {
    return good(zcnbrh_poll_batch(queue_, frames, count));
  }
  uint32_t alloc(struct zcnbrh_frame* frames, uint32_t count) {
    return good(zcnbrh_alloc_batch(queue_, frames, count));
  }
  void release(const struct zcnbrh_frame* frames, uint32_t count) {
    if (good(zcnbrh_release_batch(queue_, frames, count)) != count) fail();
  }
  uint32_t send(const struct zcnbrh_frame* frames, uint32_t count) {
    return good(zcnbrh_send_batch(queue_, frames, count));
  }
  void drain() { good(zcnbrh_flush(queue_)); }

  LoopSocket* socket() const { return socket_; }
  // Throws unless each frame is where it must be when nothing is going on.
  void expect_at_rest();

 private:
  static uint32_t good(int result) {
    if (result < 0) [[unlikely]]
      fail();
    return static_cast<uint32_t>(result);
  }
  [[noreturn]] static void fail();

  struct zcnbrh_queue* queue_ = nullptr;
  LoopSocket* socket_ = nullptr;
};

template <bool kOwners>
class BareQueue {
 public:
  BareQueue(const std::string& name, const FramePlan& plan);
  BareQueue(const BareQueue&) = delete;
  BareQueue& operator=(const BareQueue&) = delete;
  ~BareQueue() = default;

  uint32_t poll(struct zcnbrh_frame* frames, uint32_t count) {
    RxRing ring(xsk_.rx(), rx_at_);
    const auto ready = ring.peek(count);
    for (uint32_t i = 0; i < ready.count(); ++i) {
      const struct xdp_desc desc = ready[i];
      const uint64_t chunk = raw(format_.chunk(desc.addr)), data = AddressFormat::data(desc.addr);
      frames[i] = {base_ + data, desc.len, static_cast<uint32_t>(chunk + kMinChunk - data), 0, lend(chunk)};
    }
    ring.release(ready.count());
    posted_ -= ready.count();
    return ready.count();
  }
  void release(const struct zcnbrh_frame* frames, uint32_t count) {
    give(count, [this, frames](uint32_t i) { return take_back(frames[i]); });
  }
  uint32_t alloc(struct zcnbrh_frame* frames, uint32_t count) {
    if (free_count_ < count) drain();
    if (count > free_count_) count = free_count_;
    for (uint32_t i = 0; i < count; ++i) {
      const uint64_t chunk = free_[--free_count_];
      frames[i] = {base_ + chunk + ZCNBRH_HEADROOM, 0, kMinChunk - ZCNBRH_HEADROOM, 0, lend(chunk)};
    }
    return count;
  }
  uint32_t send(const struct zcnbrh_frame* frames, uint32_t count) {
    if (in_flight_ >= drain_mark_) drain();
    TxRing ring(xsk_.tx(), tx_at_);
    const auto slots = ring.reserve(count);
    for (uint32_t i = 0; i < slots.count(); ++i) {
      const auto* data = static_cast<const uint8_t*>(frames[i].data);
      const uint64_t chunk = take_back(frames[i]);
      const auto offset = static_cast<uint32_t>(data - (base_ + chunk));
      slots[i] = {format_.encode(ChunkOffset{chunk}, offset), frames[i].length, 0};
    }
    ring.commit(slots.count());
    in_flight_ += slots.count();
    return slots.count();
  }
  void drain() {
    CompletionRing ring(xsk_.completion(), completion_at_);
    const auto done = ring.peek(xsk_.completion().size());
    give(done.count(), [&](uint32_t i) { return raw(format_.chunk(done[i])); });
    ring.release(done.count());
    in_flight_ -= done.count();
  }

  LoopSocket* socket() const { return socket_; }
  void expect_at_rest();

 private:
  // Frames that are free again: to the kernel while it has less than it may, else onto the stack.
  template <typename ChunkAt>
  void give(uint32_t count, ChunkAt&& chunk_at) {
    FillRing ring(xsk_.fill(), fill_at_);
    const uint32_t missing = target_ - posted_;
    const auto slots = ring.reserve(count < missing ? count : missing);
    uint32_t i = 0;
    for (; i < slots.count(); ++i) slots[i] = format_.encode(ChunkOffset{chunk_at(i)}, 0);
    ring.commit(slots.count());
    posted_ += slots.count();
    for (; i < count; ++i) free_[free_count_++] = chunk_at(i);
  }

  // A frame's word is odd while it is lent. Cookie: word << 32 | frame's number.
  uint64_t lend(uint64_t chunk) {
    const uint64_t frame = chunk / kMinChunk;
    return kOwners ? uint64_t{++words_[frame]} << 32 | frame : frame;
  }
  uint64_t take_back(const struct zcnbrh_frame& lent) {
    const auto frame = static_cast<uint32_t>(lent.cookie);
    if (kOwners && words_[frame]++ != lent.cookie >> 32) [[unlikely]]
      not_lent();
    return uint64_t{frame} * kMinChunk;
  }
  [[noreturn]] static void not_lent();

  XskSocket xsk_;
  NumaMemory memory_;
  LoopSocket* socket_ = nullptr;
  uint8_t* base_ = nullptr;
  AddressFormat format_;
  RingCursor rx_at_, fill_at_, tx_at_, completion_at_;
  uint32_t posted_ = 0, target_ = 0, in_flight_ = 0, drain_mark_ = 0;
  uint32_t free_count_ = 0;
  std::vector<uint64_t> free_;
  std::vector<uint32_t> words_;
};

}  // namespace zcnbrh::bench
