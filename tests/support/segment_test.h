// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// Packets of several frames, for tests of the multi-buffer bursts: policies that count and check, and queues
// that are bound with XDP_USE_SG.
#pragma once

#include <algorithm>
#include <vector>

#include "tests/support/queue_test.h"

namespace zcnbrh::testing {

using Chain = std::vector<Frame>;  // a packet's frames in order

struct RxChainPolicy {
  using Packet = Chain;
  TestPool& pool;

  void prefetch(ChunkOffset /*chunk*/) const {}
  void deliver(Chain& out, ChunkOffset chunk, uint64_t data, uint32_t length) {
    out = {{chunk, static_cast<uint32_t>(data - raw(chunk)), length}};
  }
  void append(Chain& out, ChunkOffset last, ChunkOffset chunk, uint64_t data, uint32_t length) {
    EXPECT_EQ(raw(out.back().chunk), raw(last));
    out.push_back({chunk, static_cast<uint32_t>(data - raw(chunk)), length});
  }
  void give_back(ChunkOffset chunk) { pool.put(chunk); }
  uint32_t allocate(ChunkOffset* chunks, uint32_t count) { return pool.take(chunks, count); }
};

struct TxChainPolicy {
  using Packet = Chain;
  TestPool& pool;
  uint8_t* base;    // of the UMEM
  uint32_t stride;  // of the pool's frames
  uint32_t sent_by_address = 0;

  static uint32_t length(const Chain& packet) {
    uint32_t sum = 0;
    for (const Frame& frame : packet) sum += frame.length;
    return sum;
  }
  TxPlan plan(const Chain& packet, uint32_t max_length) {
    const uint32_t bytes = length(packet);
    if (bytes == 0 || bytes > max_length) return {TxVerdict::kInvalid, 0, {}, 0};
    const Frame& first = packet[0];
    if (packet.size() == 1 && first.outside == nullptr && bytes <= kChunk)
      return {TxVerdict::kByAddress, bytes, first.chunk, first.offset};
    return {TxVerdict::kBounce, bytes, {}, 0};
  }
  uint32_t parts(const Chain& packet, TxPart* out, uint32_t most, uint32_t longest) {
    uint32_t count = 0;
    for (const Frame& frame : packet) {
      if (frame.outside != nullptr || frame.length == 0) return 0;
      for (uint32_t at = 0, nth = 0; at < frame.length; at += longest, ++nth) {
        if (count == most || nth >= frame_slots(frame.chunk)) return 0;
        out[count++] = {frame.chunk, frame.offset + at, std::min(longest, frame.length - at), nth};
      }
    }
    return count;
  }
  void sent(Chain& /*packet*/) { ++sent_by_address; }
  void copy_out(const Chain& packet, uint8_t* to) { copy_part(packet, 0, to, length(packet)); }
  void copy_part(const Chain& packet, uint32_t from, uint8_t* to, uint32_t bytes) {
    std::vector<uint8_t> all;
    for (const Frame& frame : packet) {
      const uint8_t* at = frame.outside != nullptr ? frame.outside : base + raw(frame.chunk) + frame.offset;
      all.insert(all.end(), at, at + frame.length);
    }
    std::copy_n(all.begin() + from, bytes, to);
  }
  void done(Chain& packet) {
    for (const Frame& frame : packet)
      if (frame.outside == nullptr && !frame.borrowed) pool.put(frame.chunk);
  }
  void completed(const ChunkOffset* chunks, uint32_t count) {
    for (uint32_t i = 0; i < count; ++i) pool.put(chunks[i]);
  }
  uint32_t frame_slots(ChunkOffset /*frame*/) const { return std::max(1U, stride >> kLedgerShift); }

  static constexpr uint32_t kChunk = 2048;
};

class SegmentTest : public QueueTest {
 protected:
  // A queue of its own UMEM on queue 0 of port "a", whose packets come back to itself.
  TestQueue& open_sg(const QueueShape& shape = {}, const UmemShape& umem = {}) {
    TestQueue& q = make_queue(make_umem(umem), shape);
    const Status s = q.open(port(), 0, [](BindRequest& r) {
      r.segments = SegmentsPolicy::kUseful;
      r.copy_segments = kCopySegments;
    });
    EXPECT_TRUE(s.ok()) << (s.ok() ? "" : s.error().text());
    EXPECT_TRUE(q.pair->outcome().segments());
    return q;
  }
  static std::vector<Chain> receive(TestQueue& q, uint32_t count = 32) {
    RxChainPolicy policy{q.umem().pool};
    std::vector<Chain> out(count);
    out.resize(rx_burst<true>(q.pair->rx(), policy, out.data(), count));
    return out;
  }
  static uint32_t send(TestQueue& q, std::vector<Chain> packets) {
    TxChainPolicy policy{q.umem().pool, q.umem().base(), q.umem().shape().stride};
    const uint32_t taken =
        tx_burst<true>(q.pair->tx(), policy, packets.data(), static_cast<uint32_t>(packets.size()));
    sent_by_address_ = policy.sent_by_address;
    return taken;
  }
  static std::vector<uint8_t> content(TestQueue& q, const Chain& packet) {
    std::vector<uint8_t> out;
    for (const Frame& frame : packet)
      out.insert(out.end(), q.umem().data(frame), q.umem().data(frame) + frame.length);
    return out;
  }
  static void give_back(TestQueue& q, const std::vector<Chain>& packets) {
    for (const Chain& packet : packets) q.give_back(packet);
  }
  // numbered(number) cut into frames of the pool with these lengths, data at `offset`.
  static Chain make_chain(TestQueue& q, uint64_t number, const std::vector<uint32_t>& lengths,
                          uint32_t offset = 128) {
    uint32_t total = 0;
    for (const uint32_t length : lengths) total += length;
    const auto bytes = numbered(number, total);
    Chain out;
    uint32_t at = 0;
    for (const uint32_t length : lengths) {
      out.push_back(*q.make_packet(std::span(bytes).subspan(at, length), offset));
      at += length;
    }
    return out;
  }
  inline static uint32_t sent_by_address_ = 0;  // of the last send()
};

}  // namespace zcnbrh::testing
