// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// The delivery gate in plain memory; the XDP program's side is two lines of arithmetic.
#include "lib/ring/credits.h"

#include <gtest/gtest.h>

namespace zcnbrh {
namespace {

constexpr uint32_t kWindow = 16;

class Credits : public ::testing::TestWithParam<uint32_t> {
 protected:
  void SetUp() override {
    delivered_ = GetParam();
    state_.consumed = state_.last_delivered = GetParam();
    state_.window = kWindow;
    publish_credits(gate_, state_);
  }
  // The XDP program: lets a packet in if there is credit.
  bool arrives() {
    if (static_cast<int32_t>(limit_ - delivered_) <= 0) return false;
    ++delivered_;
    return true;
  }
  uint32_t arrive_all() {
    uint32_t n = 0;
    while (n < 10 * kWindow && arrives()) ++n;
    return n;
  }
  uint32_t room() const { return limit_ - delivered_; }
  void idle(uint32_t polls) {
    while (polls-- != 0) rebase_credits(gate_, state_);
  }

  uint32_t delivered_ = 0;
  uint32_t limit_ = 0;
  CreditState state_;
  CreditGate gate_{&delivered_, &limit_};
};
INSTANTIATE_TEST_SUITE_P(Start, Credits, ::testing::Values(0U, 0xFFFFFFF8U, 0x7FFFFFF8U));

TEST_P(Credits, LetsExactlyAWindowIn) { EXPECT_EQ(arrive_all(), kWindow); }

TEST_P(Credits, EachPacketTakenLetsAnotherIn) {
  arrive_all();
  grant_credits(gate_, state_, 5);
  EXPECT_EQ(arrive_all(), 5U);
}

TEST_P(Credits, NeverMoreThanAWindowAheadOfTheApplication) {
  uint32_t taken = 0;
  uint32_t in = 0;
  for (uint32_t round = 1; round < 200; ++round) {
    in += arrive_all();
    ASSERT_LE(in - taken, kWindow);
    const uint32_t take = std::min(in - taken, round % 7);
    taken += take;
    grant_credits(gate_, state_, take);
  }
}

TEST_P(Credits, PacketsTheKernelDropsShrinkTheWindowOnlyUntilTheRebase) {
  arrive_all();
  grant_credits(gate_, state_, kWindow - 6);  // six were dropped behind the gate
  EXPECT_EQ(room(), kWindow - 6);
  idle(kStillPolls + 1);
  EXPECT_EQ(room(), kWindow);
  EXPECT_EQ(state_.rebased, 6U);
}

TEST_P(Credits, AWindowLostWholeComesBack) {
  arrive_all();  // all dropped: the gate is shut and nothing will ever be consumed
  EXPECT_FALSE(arrives());
  idle(kStillPolls + 1);
  EXPECT_EQ(arrive_all(), kWindow);
}

TEST_P(Credits, NoRebaseWhilePacketsStillArrive) {
  for (uint32_t i = 0; i < 8; ++i) {
    arrives();
    idle(kStillPolls - 1);
  }
  EXPECT_EQ(state_.rebased, 0U);
}

TEST_P(Credits, ABurstStartsTheStillnessAnew) {
  arrive_all();
  idle(kStillPolls - 1);
  grant_credits(gate_, state_, 1);
  idle(kStillPolls - 1);
  EXPECT_EQ(state_.rebased, 0U);
}

// A packet that was on its way at the rebase arrives after it: the window is too wide by it, never too narrow.
TEST_P(Credits, AnEarlyRebaseWidensTheWindowByWhatWasOnItsWayAndNoMore) {
  for (int i = 0; i < 4; ++i) arrives();
  idle(kStillPolls + 1);  // nothing reached the ring for that long
  EXPECT_EQ(room(), kWindow);
  grant_credits(gate_, state_, 4);  // and then they came
  EXPECT_EQ(room(), kWindow + 4);
  idle(kStillPolls + 1);
  EXPECT_EQ(room(), kWindow) << "the next quiet moment puts it right";
  EXPECT_EQ(state_.rebased, 0U) << "in the end nothing was lost";
}

TEST_P(Credits, TheWindowIsNeverNarrowerThanAskedAfterARebase) {
  for (uint32_t lost = 0; lost <= kWindow; ++lost) {
    const uint32_t in = arrive_all();
    grant_credits(gate_, state_, in - std::min(in, lost));
    idle(kStillPolls + 1);
    ASSERT_EQ(room(), kWindow) << lost << " lost";
  }
}

TEST_P(Credits, APacketWhoseCreditIsHeldLetsNoOtherInUntilItIsGivenBack) {
  arrive_all();
  grant_credits(gate_, state_, 5, 5);
  EXPECT_FALSE(arrives());
  return_credits(gate_, state_, 2);
  EXPECT_EQ(arrive_all(), 2U);
}

TEST_P(Credits, TheRebaseLeavesHeldCreditsHeld) {
  arrive_all();
  grant_credits(gate_, state_, kWindow - 6, 4);  // six dropped by the kernel, four held by the application
  idle(kStillPolls + 1);
  EXPECT_EQ(room(), kWindow - 4);
  EXPECT_EQ(state_.rebased, 6U);
  return_credits(gate_, state_, 4);
  EXPECT_EQ(room(), kWindow);
}

TEST(CreditsOff, WithoutAGateNothingIsTouched) {
  CreditState state;
  grant_credits({}, state, 3, 1);
  return_credits({}, state, 1);
  rebase_credits({}, state);
  EXPECT_EQ(state.consumed, 0U);
  EXPECT_EQ(state.still_polls, 0U);
}

}  // namespace
}  // namespace zcnbrh
