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
constexpr uint32_t kSendChunk = 128;

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
    if (wide_ == Simd::kAvx2)
      drain<Simd::kAvx2>(pair_.tx(), policy);
    else
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
  uint32_t credits = 0;
  const uint32_t done = book_->release(frames, count, credits);
  if (credits != 0) return_credits(pair_.rx().gate, rx_->credit, credits);
  return done != 0 || count == 0 ? static_cast<int>(done) : -EINVAL;
}

// Frames are the application's no more once checked, so that one named twice is found the second time.
FrameQueue::Checked FrameQueue::check(const struct zcnbrh_frame* frames, uint32_t count,
                                      CheckedFrame* out) const {
  const FrameBook::View view = book_->view();
  const AddressFormat format = pair_.tx().format;
  Checked checked;
  for (; checked.count < count; ++checked.count) {
    const struct zcnbrh_frame& frame = frames[checked.count];
    uint64_t offset;
    FrameTag* tag = view.find(frame, offset);
    const uint32_t length = frame.length;
    if (tag == nullptr || length == 0 || offset + length > view.frame_size) [[unlikely]] {
      checked.error = tag == nullptr ? -EINVAL : -EMSGSIZE;
      break;
    }
    const ChunkOffset chunk{tag->chunk};
    const uint8_t state = tag->state;
    tag->state = 0;
    checked.credits += (state & FrameTag::kCredit) != 0;
    out[checked.count] = {{format.encode(chunk, static_cast<uint32_t>(offset)), length, 0}, chunk, state};
  }
  return checked;
}

// Those that the burst did not take are the application's again.
uint32_t FrameQueue::send_checked(const CheckedFrame* frames, Checked& checked) {
  FrameTxPolicy policy{*book_};
  const uint32_t taken = wide_ == Simd::kAvx2
                             ? tx_burst<false, Simd::kAvx2>(pair_.tx(), policy, frames, checked.count)
                             : tx_burst(pair_.tx(), policy, frames, checked.count);
  const FrameBook::View view = book_->view();
  for (uint32_t i = taken; i < checked.count; ++i) {
    view.tag_of(frames[i].chunk).state = frames[i].state;
    checked.credits -= (frames[i].state & FrameTag::kCredit) != 0;
  }
  return taken;
}

int FrameQueue::send(const struct zcnbrh_frame* frames, uint32_t count) {
  uint32_t taken = 0, credits = 0;
  int error = 0;
  for (bool more = count != 0; more;) {
    CheckedFrame part[kSendChunk];
    const uint32_t want = count - taken < kSendChunk ? count - taken : kSendChunk;
    Checked checked = check(frames + taken, want, part);
    if (checked.count == 0) error = checked.error;
    const uint32_t sent = checked.count != 0 ? send_checked(part, checked) : 0;
    taken += sent;
    credits += checked.credits;
    more = sent == want && taken < count;
  }
  book_->returned(taken);
  if (credits != 0) return_credits(pair_.rx().gate, rx_->credit, credits);
  if (taken != 0 || count == 0) return static_cast<int>(taken);
  return error == 0 && stopped(pair_.tx().door) ? -ENOTRECOVERABLE : error;
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
