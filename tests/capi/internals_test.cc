// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// What cannot be reached through the exported symbols: a kernel that breaks its word, a queue that is not
// given back, and the pieces below.
#include <cerrno>
#include <set>

#include "lib/base/log.h"
#include "lib/capi/frame_queue.h"
#include "lib/ring/credits.h"
#include "lib/umem/frame_pool.h"
#include "lib/xsk/credit_window.h"
#include "lib/xsk/loop_kernel.h"
#include "tests/capi/queue.h"

namespace zcnbrh::testing {
namespace {

using capi::FrameQueue;

TEST(FramePool, IsAStackOfRunsThatNeverOverflows) {
  ChunkOffset stack[3];
  FramePool pool(stack);
  const ChunkOffset in[] = {ChunkOffset{0}, ChunkOffset{2048}, ChunkOffset{4096}, ChunkOffset{6144}};
  ChunkOffset out[4];
  EXPECT_EQ(pool.take(out, 1), 0U);
  EXPECT_EQ(pool.give(in, 4), 3U);
  EXPECT_EQ(pool.give(in, 1), 0U);
  EXPECT_EQ(pool.available(), 3U);
  EXPECT_EQ(pool.take(out, 2), 2U);
  EXPECT_EQ(raw(out[0]), 2048U);
  EXPECT_EQ(raw(out[1]), 4096U);
  EXPECT_EQ(pool.take(out, 4), 1U);
  EXPECT_EQ(raw(out[0]), 0U);
  EXPECT_EQ(pool.available(), 0U);
}

TEST(FrameGrid, FramesDoNotOverlapAndEachHasItsLedgerByte) {
  for (const uint32_t size : {2048U, 2112U, 3008U, 4032U, 4096U}) {
    const auto grid = FrameGrid::lay_out(size, 100, true, false);
    ASSERT_TRUE(grid.ok());
    EXPECT_EQ(grid->stride, size);
    std::set<uint64_t> bytes;
    for (uint32_t i = 0; i < grid->frames; ++i) bytes.insert(raw(grid->at(i)) >> kLedgerShift);
    EXPECT_EQ(bytes.size(), 100U);
    EXPECT_LT(*bytes.rbegin(), Ledger::frames_for(grid->bytes()));
  }
}

TEST(FrameGrid, BehindAnIommuNoFrameCrossesAPage) {
  for (const uint32_t size : {2048U, 2112U, 3008U, 4032U, 4096U}) {
    const auto grid = FrameGrid::lay_out(size, 100, true, true);
    ASSERT_TRUE(grid.ok());
    for (uint32_t i = 0; i < grid->frames; ++i)
      EXPECT_EQ(raw(grid->at(i)) / 4096, (raw(grid->at(i)) + size - 1) / 4096) << size;
  }
}

TEST(CreditsOnRelease, HeldPacketsKeepTheWindowShut) {
  uint32_t delivered = 0, limit = 0;
  const CreditGate gate{&delivered, &limit};
  CreditState state;
  state.window = 10;
  publish_credits(gate, state);
  delivered = 10;  // the gate is shut now
  grant_credits(gate, state, 6, 6);
  EXPECT_EQ(limit, 10U);
  grant_credits(gate, state, 4, 3);  // one was dropped on the way to the application
  EXPECT_EQ(limit, 11U);
  EXPECT_EQ(state.held, 9U);
  for (uint32_t i = 0; i < 3 * kStillPolls; ++i) rebase_credits(gate, state);
  EXPECT_EQ(limit, 11U) << "held credits are not lost ones";
  return_credits(gate, state, 9);
  EXPECT_EQ(limit, 20U);
  delivered = 15;  // five that never came
  for (uint32_t i = 0; i < 3 * kStillPolls; ++i) rebase_credits(gate, state);
  EXPECT_EQ(limit, 25U);
  EXPECT_EQ(state.rebased, 5U);
}

TEST(CreditWindow, LeavesTheNicItsRing) {
  EXPECT_EQ(widest_window(XskMode::kCopy, 2048, 512), 2048U);
  EXPECT_EQ(widest_window(XskMode::kZeroCopy, 2048, 512), 1536U);
  EXPECT_EQ(widest_window(XskMode::kZeroCopy, 2048, 0), 2048U - kUsualNicRing);
  EXPECT_EQ(widest_window(XskMode::kZeroCopy, 512, 4096), 128U);
  EXPECT_EQ(widest_window(XskMode::kCopy, 2048, 0, 5), 409U) << "packets of up to five frames";
  EXPECT_EQ(widest_window(XskMode::kZeroCopy, 2048, 512, 5), 307U);
  EXPECT_EQ(widest_window(XskMode::kCopy, 4, 0, 5), 1U);
}

// A queue whose kernel side the test plays.
class Broken : public ::testing::Test {
 protected:
  void open(int ledger) {
    const std::string name = fresh_port_name();
    struct zcnbrh_options options = small_options("loop");
    options.loop_name = name.c_str();
    options.ledger = ledger;
    ASSERT_EQ(zcnbrh_open(&options, &queue_), 0) << zcnbrh_last_error();
    kernel_ = LoopKernel::instance().kernel_side(socket_fd());
    ASSERT_NE(kernel_, nullptr);
  }
  void TearDown() override {
    if (queue_ != nullptr) zcnbrh_close(queue_);
  }

  // Of the one loop socket that is bound; zcnbrh_fd() does not give it away.
  int socket_fd() const {
    for (int fd = 1023; fd > 2; --fd)
      if (LoopSocket* s = LoopKernel::instance().kernel_side(fd); s != nullptr && s->ifindex != 0) return fd;
    return -1;
  }
  // The kernel says it received into a chunk.
  void receive_into(uint64_t chunk) {
    KernelRing<RingSide::kProducer, struct xdp_desc> rx(kernel_->rx, kernel_->rx_at);
    rx.reserve(1)[0] = {chunk + 256, 60, 0};
    rx.commit(1);
  }
  void complete(uint64_t chunk) {
    KernelRing<RingSide::kProducer, uint64_t> ring(kernel_->completion, kernel_->completion_at);
    ring.reserve(1)[0] = chunk;
    ring.commit(1);
  }
  struct zcnbrh_ledger ledger() const {
    struct zcnbrh_ledger out = {};
    out.size = sizeof out;
    EXPECT_EQ(zcnbrh_ledger(queue_, &out), 0);
    return out;
  }
  void expect_balance() const {
    const struct zcnbrh_ledger l = ledger();
    EXPECT_EQ(l.pool + l.application + l.rx_posted + l.tx_inflight, l.frames);
    EXPECT_EQ(l.discrepancies, 0U);
  }

  struct zcnbrh_queue* queue_ = nullptr;
  LoopSocket* kernel_ = nullptr;
};

constexpr uint64_t kPosted = 0;           // the first 64 frames were posted
constexpr uint64_t kInPool = 200 * 2048;  // still in the pool
constexpr uint64_t kOutside = 256 * 2048;

TEST_F(Broken, FramesTheKernelDidNotHaveAreLeftAlone) {
  open(0);
  struct zcnbrh_frame frames[8];
  for (const uint64_t chunk : {kInPool, kOutside, kPosted, kPosted, kInPool}) receive_into(chunk);
  EXPECT_EQ(zcnbrh_poll_batch(queue_, frames, 8), 1);  // only the posted one, once
  EXPECT_EQ(ledger().violations, 4U);
  expect_balance();
  for (const uint64_t chunk : {kInPool, kOutside, kPosted}) complete(chunk);
  EXPECT_GE(zcnbrh_flush(queue_), 0);
  EXPECT_EQ(ledger().violations, 7U);
  expect_balance();
  EXPECT_EQ(zcnbrh_release(queue_, frames), 0);
  EXPECT_EQ(zcnbrh_poll(queue_, frames), 0) << "without ledger=1 the queue goes on";
}

TEST_F(Broken, LedgerStopsReceivingAndSaysWhy) {
  open(1);
  struct zcnbrh_frame frame;
  receive_into(kInPool);
  EXPECT_EQ(zcnbrh_poll(queue_, &frame), -ENOTRECOVERABLE);
  EXPECT_EQ(zcnbrh_poll(queue_, &frame), -ENOTRECOVERABLE);
  const std::string text = zcnbrh_last_error();
  EXPECT_NE(text.find("frame 200 was to go from posted to receive to ours, but is ours"), std::string::npos)
      << text;
  expect_balance();
}

TEST_F(Broken, LedgerStopsSendingAndTellsTheFramesLastMoves) {
  open(1);
  complete(kPosted);
  EXPECT_EQ(zcnbrh_flush(queue_), -ENOTRECOVERABLE);
  const std::string text = zcnbrh_last_error();
  EXPECT_NE(text.find("frame 0 was to go from being sent to ours, but is posted to receive; its last moves: "
                      "posted to receive"),
            std::string::npos)
      << text;
  EXPECT_EQ(zcnbrh_send_copy(queue_, "x", 1), -ENOTRECOVERABLE);
  expect_balance();
}

}  // namespace
}  // namespace zcnbrh::testing
