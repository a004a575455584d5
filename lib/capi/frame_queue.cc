// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// The calls of the data path. One thread at a time has both halves of the queue, so a pool that runs empty
// may take finished frames out of the completion ring at once. With a shared memory the halves may be two
// threads': poll() touches the RX half alone, alloc(), send() and flush() the TX half.
#include "lib/capi/frame_queue.h"

#include <cerrno>
#include <cstring>

#include "lib/capi/frame_policy.h"

namespace zcnbrh::capi {
namespace {

constexpr uint32_t kAllocChunk = 64;

}  // namespace

template <bool kShared>
uint32_t FrameQueue::poll_as(struct zcnbrh_frame* frames, uint32_t count) {
  FrameRxPolicy<kShared> policy{*book_, pair_.tx(), timestamps_};
  return wide_ == Simd::kAvx2 ? rx_burst<false, Simd::kAvx2>(pair_.rx(), policy, frames, count)
                              : rx_burst(pair_.rx(), policy, frames, count);
}

int FrameQueue::poll(struct zcnbrh_frame* frames, uint32_t count) {
  const uint32_t got = book_->shared() ? poll_as<true>(frames, count) : poll_as<false>(frames, count);
  if (got == 0) return stopped(pair_.rx().door) ? -ENOTRECOVERABLE : 0;
  book_->lent(got);
  return static_cast<int>(got);
}

int FrameQueue::alloc(struct zcnbrh_frame* frames, uint32_t count) {
  if (book_->available() < count) {
    FrameTxPolicy policy{*book_};
    drain(pair_.tx(), policy);
  }
  uint32_t got = 0;
  while (got < count) {
    ChunkOffset chunks[kAllocChunk];
    const uint32_t n = book_->take(chunks, count - got < kAllocChunk ? count - got : kAllocChunk);
    if (n == 0) break;
    const FrameBook::View view = book_->view();
    for (uint32_t i = 0; i < n; ++i) {
      struct zcnbrh_frame& frame = frames[got + i];
      view.lend(frame, chunks[i], raw(chunks[i]) + ZCNBRH_HEADROOM, 0, FrameTag::kLent);
      frame.timestamp_ns = 0;
    }
    got += n;
  }
  book_->lent(got);
  return static_cast<int>(got);
}

int FrameQueue::release(const struct zcnbrh_frame* frames, uint32_t count) {
  uint32_t done = 0;
  uint32_t credits = 0;
  for (bool more = true; more;) {
    ChunkOffset chunks[kAllocChunk];
    uint32_t n = 0;
    for (; n < kAllocChunk && done + n < count; ++n) {
      FrameTag* tag = book_->find(frames[done + n]);
      if (tag == nullptr) break;
      credits += (tag->state & FrameTag::kCredit) != 0;
      tag->state = 0;
      chunks[n] = ChunkOffset{tag->chunk};
    }
    book_->give(chunks, n);
    done += n;
    more = n == kAllocChunk;
  }
  book_->returned(done);
  if (credits != 0) return_credits(pair_.rx().gate, rx_->credit, credits);
  return done != 0 || count == 0 ? static_cast<int>(done) : -EINVAL;
}

int FrameQueue::send(const struct zcnbrh_frame* frames, uint32_t count) {
  uint32_t valid = 0;
  int error = 0;
  for (; valid < count; ++valid) {
    FrameTag* tag = book_->find(frames[valid]);
    const uint64_t length = frames[valid].length;
    if (tag == nullptr) {
      error = -EINVAL;
      break;
    }
    if (length == 0 || book_->offset(frames[valid], *tag) + length > book_->frame_size()) {
      error = -EMSGSIZE;
      break;
    }
    tag->state |= FrameTag::kSending;
  }
  if (valid == 0) return error;
  FrameTxPolicy policy{*book_};
  const uint32_t taken = wide_ == Simd::kAvx2 ? tx_burst<false, Simd::kAvx2>(pair_.tx(), policy, frames, valid)
                                              : tx_burst(pair_.tx(), policy, frames, valid);
  uint32_t credits = 0;
  for (uint32_t i = 0; i < valid; ++i) {
    FrameTag& tag = book_->tag_of(frames[i]);
    if (i < taken) {
      credits += (tag.state & FrameTag::kCredit) != 0;
      tag.state = 0;
    } else {
      tag.state &= static_cast<uint8_t>(~FrameTag::kSending);
    }
  }
  book_->returned(taken);
  if (credits != 0) return_credits(pair_.rx().gate, rx_->credit, credits);
  return taken == 0 && stopped(pair_.tx().door) ? -ENOTRECOVERABLE : static_cast<int>(taken);
}

int FrameQueue::send_copy(const void* data, size_t length) {
  if (length == 0 || length > memory_->grid().frame_size - ZCNBRH_HEADROOM) return -EMSGSIZE;
  struct zcnbrh_frame frame;
  if (alloc(&frame, 1) == 0) return 0;
  std::memcpy(frame.data, data, length);
  frame.length = static_cast<uint32_t>(length);
  const int sent = send(&frame, 1);
  if (sent != 1) release(&frame, 1);
  return sent;
}

int FrameQueue::flush() {
  TxLocal& tx = pair_.tx();
  if (stopped(tx.door)) return -ENOTRECOVERABLE;
  FrameTxPolicy policy{*book_};
  const uint64_t down_before = tx_->count.kick_down.get();
  kick(tx);
  drain(tx, policy);
  if (stopped(tx.door)) return -ENOTRECOVERABLE;
  const uint32_t left = tx_->in_flight.get();
  return left != 0 && tx_->count.kick_down.get() != down_before ? -ENETDOWN : static_cast<int>(left);
}

}  // namespace zcnbrh::capi
