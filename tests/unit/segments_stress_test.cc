// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// Random packets of one to many descriptors, by address and gathered, through a queue that sends to itself,
// with kicks that fail and pools that run dry: every packet taken arrives once, whole and in order, or is
// counted where it was dropped; the fixture counts the frames.
#include <cerrno>
#include <deque>
#include <random>

#include "tests/support/segment_test.h"

namespace zcnbrh::testing {
namespace {

struct StressShape {
  UmemShape umem;
  QueueShape queue;
  uint32_t largest;  // bytes of a segment
  uint32_t seed;
};

class SegmentsStress : public SegmentTest, public ::testing::WithParamInterface<StressShape> {
 protected:
  // numbered(number) in random segments, or none if the pool has too few frames.
  Chain random_chain(TestQueue& q, uint64_t number) {
    std::vector<uint32_t> lengths(1 + random_() % 20);
    for (uint32_t& length : lengths) length = 8 + random_() % GetParam().largest;
    if (q.umem().pool.size() < lengths.size() + 8) return {};
    return make_chain(q, number, lengths);
  }
  void take_in(TestQueue& q) {
    for (const Chain& packet : receive(q, 1 + random_() % 8)) {
      const int64_t number = number_in(content(q, packet));
      ASSERT_GE(number, 0) << "a packet is not as it was sent";
      while (!on_the_way_.empty() && on_the_way_.front() != static_cast<uint64_t>(number)) {
        on_the_way_.pop_front();
        ++missing_;
      }
      ASSERT_FALSE(on_the_way_.empty()) << "packet " << number << " came twice, or out of order";
      on_the_way_.pop_front();
      ++arrived_;
      q.give_back(packet);
    }
  }

  std::mt19937 random_{GetParam().seed};
  std::deque<uint64_t> on_the_way_;
  uint64_t arrived_ = 0;
  uint64_t missing_ = 0;
};

TEST_P(SegmentsStress, WhatIsTakenArrivesWholeOrIsCounted) {
  TestQueue& q = open_sg(GetParam().queue, GetParam().umem);
  const LoopSocket& kernel = q.peer().socket();
  for (uint64_t number = 0; number < 20000; ++number) {
    if (random_() % 50 == 0) kernel_.kicks_answer(EBUSY, random_() % 4);
    const Chain packet = random_chain(q, number);
    if (!packet.empty()) {
      const uint64_t invalid = q.tx_shared().count.invalid.get();
      if (send(q, {packet}) == 0)
        q.give_back(packet);
      else if (q.tx_shared().count.invalid.get() == invalid)
        on_the_way_.push_back(number);
    }
    q.umem().pool.set_dry(random_() % 8 == 0);  // nothing to post now
    take_in(q);
    q.umem().pool.set_dry(false);
    ASSERT_FALSE(HasFatalFailure());
  }
  kernel_.kicks_answer(0, 0);
  for (int i = 0; i < 2000; ++i) {
    send(q, {});
    take_in(q);
  }
  EXPECT_GT(arrived_, 1000U);
  EXPECT_EQ(missing_ + on_the_way_.size(), kernel.rx_dropped.get() + kernel.rx_ring_full.get())
      << "lost where nobody counted";
  EXPECT_EQ(q.tx_in_flight_now(), 0U);
  EXPECT_GT(q.tx_shared().count.chained.get(), 1000U);
  EXPECT_GT(q.rx_shared().count.chained.get(), 1000U);
}

INSTANTIATE_TEST_SUITE_P(
    Shapes, SegmentsStress,
    ::testing::Values(
        StressShape{{.frames = 400, .bounce = 40}, {.nb_rx = 64, .nb_tx = 48, .bounce = 40}, 1500, 1},
        StressShape{{.frames = 600, .bounce = 8}, {.nb_rx = 128, .nb_tx = 128, .ring = 128}, 400, 2},
        StressShape{{.frames = 300, .bounce = 40, .unaligned = true, .stride = 2432},
                    {.nb_rx = 64, .nb_tx = 64, .bounce = 40},
                    1400,
                    3},
        StressShape{{.frames = 200, .bounce = 40, .unaligned = true, .stride = 10496},
                    {.nb_rx = 64, .nb_tx = 64, .bounce = 40, .split_frames = true},
                    4000,
                    4}));

}  // namespace
}  // namespace zcnbrh::testing
