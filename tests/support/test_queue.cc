// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#include "tests/support/test_queue.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <new>

#include "lib/base/cacheline.h"

namespace zcnbrh::testing {
namespace {

UmemShape completed(UmemShape shape) {
  if (shape.stride == 0) shape.stride = shape.chunk;
  return shape;
}

uint64_t bytes_of(const UmemShape& shape) {
  return align_up((uint64_t{shape.frames} + shape.bounce) * shape.stride, kPageSize);
}

UmemLayout layout_of(const UmemShape& shape, uint8_t* base) {
  UmemLayout out;
  out.base = base;
  out.size = bytes_of(shape);
  out.chunk_size = shape.chunk;
  out.unaligned = shape.unaligned;
  out.tx_metadata = shape.tx_metadata;
  return out;
}

// The bursts' wide variants, where the machine has them; a second run of the test is told not to use them.
bool wide() {
  static const bool wide = widest_simd() == Simd::kAvx2 && std::getenv("ZCNBRH_TEST_SCALAR") == nullptr;
  return wide;
}

}  // namespace

HeapArray<uint8_t> heap_bytes(size_t alignment, size_t bytes) {
  void* memory = std::aligned_alloc(alignment, align_up(bytes, alignment));
  if (memory == nullptr) throw std::bad_alloc();
  std::memset(memory, 0, align_up(bytes, alignment));
  return HeapArray<uint8_t>(static_cast<uint8_t*>(memory));
}

// `umem` and `pool` are declared first but need the memory, so it is made on the way.
TestUmem::TestUmem(const UmemShape& shape)
    : umem(UmemLayout{}),
      pool(shape.frames, completed(shape).stride),
      shape_(completed(shape)),
      memory_(heap_bytes(kPageSize, bytes_of(shape_))) {
  umem = Umem(layout_of(shape_, memory_.get()));
  owners_.resize(Ledger::frames_for(bytes_of(shape_)));
  if (shape_.history) history_.resize(owners_.size());
}

Ledger TestUmem::frames() const {
  auto* owners = const_cast<uint8_t*>(owners_.data());
  auto* history = shape_.history ? const_cast<FrameHistory*>(history_.data()) : nullptr;
  return Ledger(owners, history, 0, static_cast<uint32_t>(tail() >> kLedgerShift));
}

Ledger TestUmem::bounce() const {
  const auto first = static_cast<uint32_t>(tail() >> kLedgerShift);
  auto* owners = const_cast<uint8_t*>(owners_.data()) + first;
  auto* history = shape_.history ? const_cast<FrameHistory*>(history_.data()) + first : nullptr;
  return Ledger(owners, history, tail(), static_cast<uint32_t>(owners_.size()) - first);
}

std::vector<ChunkOffset> TestUmem::bounce_chunks(uint32_t first, uint32_t count) const {
  std::vector<ChunkOffset> out;
  for (uint32_t i = first; i < first + count; ++i)
    out.push_back(ChunkOffset{tail() + uint64_t{i} * shape_.stride});
  return out;
}

TestQueue::TestQueue(FakeKernel& kernel, TestUmem& umem, const QueueShape& shape)
    : rx_policy{umem.pool},
      tx_policy{umem.pool, umem.base(), umem.umem.layout().chunk_size - umem.umem.layout().tx_metadata},
      kernel_(kernel),
      umem_(umem),
      shape_(shape),
      bounce_chunks_(umem.bounce_chunks(shape.first_bounce, shape.bounce)),
      rx_(heap_bytes(kCacheLine, sizeof(RxShared))),
      tx_(heap_bytes(kCacheLine, TxShared::bytes(shape.bounce))) {
  new (rx_.get()) RxShared();
  new (tx_.get()) TxShared();
}

QueuePlan TestQueue::plan() const {
  QueuePlan plan;
  plan.rings = {shape_.ring, shape_.ring, shape_.nb_rx != 0 ? shape_.ring : 0,
                shape_.nb_tx != 0 ? shape_.ring : 0};
  plan.nb_rx = shape_.nb_rx;
  plan.nb_tx = shape_.nb_tx;
  plan.slot = shape_.slot;
  plan.rx_shared = reinterpret_cast<RxShared*>(rx_.get());
  plan.tx_shared = reinterpret_cast<TxShared*>(tx_.get());
  plan.frames = umem_.frames();
  plan.bounce = umem_.bounce();
  plan.bounce_frames = bounce_chunks_;
  plan.rx_max_length = shape_.max_length != 0 ? shape_.max_length : umem_.umem.layout().rx_room();
  plan.stop_at_violation = shape_.stop_at_violation;
  plan.split_frames = shape_.split_frames;
  return plan;
}

Status TestQueue::create() {
  auto made = QueuePair::create(kernel_, umem_.umem, plan());
  if (!made) return made.error();
  pair.emplace(std::move(*made));
  return {};
}

void TestQueue::fill() {
  while (refill(pair->rx(), rx_policy) != 0) {
  }
}

Status TestQueue::bind(int ifindex, uint32_t queue, const std::function<void(BindRequest&)>& edit) {
  BindRequest request;
  request.ifindex = ifindex_ = ifindex;
  request.ifname = "loop";
  request.queue = queue;
  request.busy_timeout_ms = 20;
  if (edit) edit(request);
  return pair->bind(std::move(request));
}

Status TestQueue::open(int ifindex, uint32_t queue, const std::function<void(BindRequest&)>& edit) {
  if (Status s = create(); !s) return s;
  fill();
  if (Status s = bind(ifindex, queue, edit); !s) return s;
  return pair->enable(map());
}

std::vector<Frame> TestQueue::receive(uint32_t count) {
  std::vector<Frame> out(count);
  out.resize(wide() ? rx_burst<false, Simd::kAvx2>(pair->rx(), rx_policy, out.data(), count)
                    : rx_burst(pair->rx(), rx_policy, out.data(), count));
  return out;
}

uint32_t TestQueue::send(std::vector<Frame> packets) {
  const auto count = static_cast<uint32_t>(packets.size());
  return wide() ? tx_burst<false, Simd::kAvx2>(pair->tx(), tx_policy, packets.data(), count)
                : tx_burst(pair->tx(), tx_policy, packets.data(), count);
}

std::optional<Frame> TestQueue::make_packet(std::span<const uint8_t> content, uint32_t offset) {
  Frame frame;
  if (umem_.pool.take(&frame.chunk, 1) == 0) return std::nullopt;
  frame.offset = offset;
  frame.length = static_cast<uint32_t>(content.size());
  std::copy(content.begin(), content.end(), umem_.data(frame));
  return frame;
}

void TestQueue::give_back(const std::vector<Frame>& packets) {
  for (const Frame& frame : packets) umem_.pool.put(frame.chunk);
}

std::string TestQueue::text(const Frame& frame) const {
  return std::string(reinterpret_cast<const char*>(umem_.data(frame)), frame.length);
}

void TestQueue::check_statistics() {
  if (!pair->bound()) return;
  auto statistics = pair->socket().statistics();
  if (!statistics) return;  // ordered to fail
  EXPECT_EQ(statistics->tx_invalid_descs + statistics->rx_invalid_descs, expected_invalid)
      << "an invalid descriptor was put into a ring";
}

// Frames that the ledger still marks as this queue's, as many as the queue says, go back where they belong.
void TestQueue::reclaim() {
  const Ledger frames = umem_.frames();
  const Ledger bounce = umem_.bounce();
  const Owner rx = rx_posted(shape_.slot);
  const Owner tx = tx_in_flight(shape_.slot);
  EXPECT_EQ(frames.count(rx), rx_posted_now()) << "rx_posted is not what the ledger says";
  EXPECT_EQ(frames.count(tx) + bounce.count(tx), tx_in_flight_now())
      << "tx_inflight is not what the ledger says";
  const uint32_t stride = umem_.shape().stride;
  for (uint32_t i = 0; i < umem_.shape().frames; ++i) {
    const ChunkOffset chunk{uint64_t{i} * stride};
    const Owner owner = frames.owner(chunk);
    if (owner != rx && owner != tx) continue;
    for (uint32_t n = 0; n < std::max(1U, shape_.split_frames ? stride >> kLedgerShift : 1U); ++n)
      frames.set(frames.index_of(chunk) + n, Owner::kOurs);
    umem_.pool.put(chunk);
  }
  for (uint32_t i = 0; i < bounce.frames(); ++i)
    if (bounce.at(i) == tx) bounce.set(i, Owner::kOurs);
  rx_shared().posted.set(0);
  tx_shared().in_flight.set(0);
  EXPECT_EQ(frames.count(rx) + frames.count(tx), 0U) << "a frame that is no frame's start is marked";
}

void TestQueue::close() {
  if (!pair) return;
  check_statistics();
  pair->disable(map());
  EXPECT_TRUE(pair->release(50)) << "not proven that the kernel let go";
  pair.reset();
  reclaim();
  EXPECT_EQ(rx_shared().count.violations.get() + tx_shared().count.violations.get(), expected_violations);
}

}  // namespace zcnbrh::testing
