// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// What the bursts (lib/xsk/datapath.h) do with the C API's frames. Policies live on a call's stack.
#pragma once

#include <cstring>

#include "lib/base/clock.h"
#include "lib/capi/frame_book.h"
#include "lib/xsk/datapath.h"

namespace zcnbrh::capi {

// A frame that FrameQueue::send() has checked and taken from the application.
struct CheckedFrame {
  struct xdp_desc desc;
  ChunkOffset chunk;
  uint8_t state;  // of its tag, should it go back to the application
};

struct FrameTxPolicy {
  using Packet = const CheckedFrame;
  FrameBook& book;

  TxPlan plan(const CheckedFrame& frame, uint32_t /*max_length*/) const {
    return {TxVerdict::kByAddress, frame.desc.len, frame.chunk,
            static_cast<uint32_t>(AddressFormat::data(frame.desc.addr) - raw(frame.chunk))};
  }
  template <Simd kSimd>
  PlannedRun plan_run(SimdTag<kSimd> /*wide*/, const CheckedFrame* frames, uint32_t count,
                      const AddressFormat& /*format*/, struct xdp_desc* slots, ChunkOffset* chunks) const {
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < count; ++i) {
      slots[i] = frames[i].desc;
      chunks[i] = frames[i].chunk;
      bytes += frames[i].desc.len;
    }
    return {count, bytes};
  }
  // Never called: a queue of the C API has no bounce frames, since each frame can be sent by address.
  void copy_out(const CheckedFrame& frame, uint8_t* to) const {
    const uintptr_t from = book.view().base + AddressFormat::data(frame.desc.addr);
    std::memcpy(to, reinterpret_cast<const void*>(from), frame.desc.len);
  }
  void done(const CheckedFrame& /*frame*/) const {}
  void completed(const ChunkOffset* chunks, uint32_t count) const { book.give(chunks, count); }
};

// kShared: the memory is several queues'. A frame may then come back by another queue and thread, while a gate
// has one writer: so its credit is granted when it is delivered. And the TX half may be another thread's.
template <bool kShared>
struct FrameRxPolicy {
  using Packet = struct zcnbrh_frame;
  static constexpr bool kCreditOnRelease = !kShared;
  FrameBook& book;
  TxLocal& tx;  // of the same thread: where frames may come from when the pool is empty
  bool timestamps = false;
  uint64_t now_ns = 0;  // read with the burst's first packet

  void prefetch(ChunkOffset /*chunk*/) const {}  // deliver() writes nothing near the frame
  void deliver(struct zcnbrh_frame& out, ChunkOffset chunk, uint64_t data, uint32_t length) {
    if (timestamps && now_ns == 0) now_ns = monotonic_ns();
    out.timestamp_ns = now_ns;
    book.lend(out, chunk, data, length, kShared ? FrameTag::kLent : FrameTag::kLent | FrameTag::kCredit);
  }
  template <Simd kSimd>
  uint64_t deliver_run(SimdTag<kSimd> /*wide*/, struct zcnbrh_frame* out, const struct xdp_desc* descs,
                       const ChunkOffset* chunks, uint32_t count) {
    if (timestamps && now_ns == 0 && count != 0) now_ns = monotonic_ns();
    const FrameBook::View view = book.view();
    const uint64_t now = now_ns;
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < count; ++i) {
      out[i].timestamp_ns = now;
      view.lend(out[i], chunks[i], AddressFormat::data(descs[i].addr), descs[i].len,
                kShared ? FrameTag::kLent : FrameTag::kLent | FrameTag::kCredit);
      bytes += descs[i].len;
    }
    return bytes;
  }
  void give_back(ChunkOffset chunk) const { book.give(&chunk, 1); }
  uint32_t allocate(ChunkOffset* chunks, uint32_t count) const {
    if (!kShared && book.available() < count) {
      FrameTxPolicy policy{book};
      drain(tx, policy);
    }
    return book.take(chunks, count);
  }
};

}  // namespace zcnbrh::capi
