// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// A loop queue under a long random load: bursts of any size, pools that run dry for a while, kicks that fail,
// packets that are invalid. Fixed seeds, printed with a failure.
#include <cerrno>
#include <deque>
#include <random>

#include "tests/support/queue_test.h"

namespace zcnbrh::testing {
namespace {

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
constexpr uint32_t kSteps = 3000;  // a checked step takes much longer
#else
constexpr uint32_t kSteps = 20000;
#endif

struct Load {
  const char* name;
  UmemShape umem;
  QueueShape queue;
  uint32_t kick_budget;
};
void PrintTo(const Load& load, std::ostream* out) { *out << load.name; }

class Stress : public QueueTest, public ::testing::WithParamInterface<Load> {
 protected:
  void send_some(TestQueue& q);
  void receive_some(TestQueue& q);
  void check(TestQueue& q);

  std::mt19937 random_{20261124};
  uint64_t next_sent_ = 0;
  uint64_t next_expected_ = 0;
  uint64_t received_ = 0;
  uint64_t invalid_ = 0;
  std::vector<Frame> held_;  // by the application
  std::vector<uint8_t> outside_;
};

void Stress::send_some(TestQueue& q) {
  std::vector<Frame> burst;
  std::vector<std::vector<uint8_t>> contents(random_() % 48);
  uint64_t number = next_sent_;
  for (auto& content : contents) {
    const uint32_t kind = static_cast<uint32_t>(random_() % 32);
    content = numbered(number, 8 + static_cast<uint32_t>(random_() % 1700));
    if (kind == 0) {
      burst.push_back({.length = static_cast<uint32_t>(content.size()), .outside = content.data()});
      ++number;
      continue;
    }
    auto frame = q.make_packet(content, static_cast<uint32_t>(random_() % 64));
    if (!frame) break;
    if (kind == 1) frame->length = 0;
    if (kind == 2) frame->length = 5000;
    if (kind > 2) ++number;
    burst.push_back(*frame);
  }
  const uint32_t taken = q.send(burst);
  for (uint32_t i = 0; i < burst.size(); ++i) {
    const bool invalid = burst[i].length == 0 || burst[i].length == 5000;
    if (i < taken)
      ++(invalid ? invalid_ : next_sent_);
    else if (burst[i].outside == nullptr)
      q.give_back({burst[i]});
  }
}

void Stress::receive_some(TestQueue& q) {
  for (const Frame& frame : q.receive(static_cast<uint32_t>(random_() % 64))) {
    const int64_t number = number_in({q.umem().data(frame), frame.length});
    ASSERT_GE(number, static_cast<int64_t>(next_expected_)) << "damaged, or out of order";
    ASSERT_LT(number, static_cast<int64_t>(next_sent_));
    next_expected_ = static_cast<uint64_t>(number) + 1;
    ++received_;
    held_.push_back(frame);
  }
  while (!held_.empty() && random_() % 64 != 0) {
    q.give_back({held_.back()});
    held_.pop_back();
  }
}

void Stress::check(TestQueue& q) {
  const uint32_t posted = q.rx_posted_now();
  const uint32_t in_flight = q.tx_in_flight_now();
  ASSERT_LE(posted, q.shape().nb_rx);
  ASSERT_LE(in_flight, q.shape().nb_tx);
  const uint32_t bounced = q.umem().bounce().count(tx_in_flight(1));
  ASSERT_EQ(q.umem().pool.size() + held_.size() + posted + in_flight - bounced, q.umem().shape().frames)
      << "pool + application + rx_posted + tx_inflight == frames";
  ASSERT_EQ(q.rx_shared().count.violations.get() + q.tx_shared().count.violations.get(), 0U);
}

TEST_P(Stress, LosesNoFrameAndDeliversInOrder) {
  SCOPED_TRACE("seed 20261124");
  TestQueue& q = open_queue(GetParam().queue, GetParam().umem);
  q.peer().socket().kick_budget = GetParam().kick_budget;
  for (uint32_t step = 0; step < kSteps && !HasFatalFailure(); ++step) {
    SCOPED_TRACE(step);
    if (step % 500 == 100) q.umem().pool.set_dry(true);
    if (step % 500 == 160) q.umem().pool.set_dry(false);
    if (random_() % 50 == 0) kernel_.kicks_answer(random_() % 2 == 0 ? EBUSY : EAGAIN, 1 + random_() % 3);
    if (random_() % 2 == 0)
      send_some(q);
    else
      receive_some(q);
    check(q);
  }
  if (HasFatalFailure()) return;

  // Everything that was sent is received or was lost for want of a buffer, and the deficit is made good.
  kernel_.kicks_answer(0, 0);
  q.umem().pool.set_dry(false);
  for (uint32_t i = 0; i < 4000; ++i) {
    receive_some(q);
    if (i % 8 == 0) q.send({});
  }
  q.give_back(held_);
  held_.clear();
  for (uint32_t i = 0; i < 8; ++i) receive_some(q);
  check(q);
  const auto statistics = q.pair->socket().statistics();
  ASSERT_TRUE(statistics);
  EXPECT_EQ(received_ + statistics->rx_dropped + statistics->rx_ring_full, next_sent_);
  EXPECT_EQ(q.rx_posted_now(), q.shape().nb_rx);
  EXPECT_EQ(q.tx_shared().count.invalid.get(), invalid_);
  EXPECT_GT(received_, kSteps) << "the load was no load";
  EXPECT_GT(invalid_, kSteps / 20);
  EXPECT_GT(q.tx_shared().count.bounce_copies.get(), kSteps / 200);
}

INSTANTIATE_TEST_SUITE_P(
    Shapes, Stress,
    ::testing::Values(
        Load{"aligned", {.frames = 256}, {}, UINT32_MAX},
        Load{"large_chunks", {.frames = 200, .chunk = 4096}, {.nb_rx = 50, .nb_tx = 30}, UINT32_MAX},
        Load{"unaligned", {.frames = 256, .unaligned = true, .stride = 2432}, {}, 7},
        Load{"short_of_frames", {.frames = 96, .bounce = 2}, {.bounce = 2}, 3},
        Load{"large_rings", {.frames = 2048}, {.nb_rx = 1000, .nb_tx = 600, .ring = 1024}, 32}),
    [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace zcnbrh::testing
