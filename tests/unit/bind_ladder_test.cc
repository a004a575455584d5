// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#include "lib/xsk/bind_ladder.h"

#include <cerrno>

#include "lib/base/clock.h"
#include "lib/base/uapi_xdp.h"
#include "tests/support/queue_test.h"

namespace zcnbrh::testing {
namespace {

constexpr int kZeroCopyBind = XDP_ZEROCOPY | XDP_USE_NEED_WAKEUP;
constexpr int kCopyBind = XDP_COPY | XDP_USE_NEED_WAKEUP;

class BindLadder : public QueueTest {
 protected:
  // A queue ready to be bound.
  TestQueue& ready() {
    TestQueue& q = make_queue(make_umem());
    EXPECT_TRUE(q.create());
    return q;
  }
  static std::string error_of(const Status& s) { return s.ok() ? "" : s.error().text(); }
};

TEST_F(BindLadder, TakesZeroCopyWhereTheDriverHasIt) {
  kernel_.allow_zero_copy(true);
  TestQueue& q = ready();
  ASSERT_TRUE(q.bind(port(), 0));
  EXPECT_EQ(q.pair->outcome().mode, XskMode::kZeroCopy);
  EXPECT_EQ(q.pair->outcome().reason, "");
  EXPECT_TRUE(q.pair->outcome().need_wakeup);
  EXPECT_EQ(kernel_.bind_flags(), (std::vector<int>{kZeroCopyBind}));
}

TEST_F(BindLadder, FallsToCopyAndKeepsTheReason) {
  TestQueue& q = ready();
  ASSERT_TRUE(q.bind(port(), 0));
  const BindOutcome& outcome = q.pair->outcome();
  EXPECT_EQ(outcome.mode, XskMode::kCopy);
  ASSERT_EQ(outcome.refusals.size(), 1U);
  EXPECT_NE(outcome.reason.find("Operation not supported"), std::string::npos) << outcome.reason;
  EXPECT_EQ(kernel_.bind_flags(), (std::vector<int>{kZeroCopyBind, kCopyBind}));
}

TEST_F(BindLadder, RequireDoesNotFallToCopy) {
  TestQueue& q = ready();
  const Status s = q.bind(port(), 0, [](BindRequest& r) { r.zero_copy = ZeroCopyPolicy::kRequire; });
  ASSERT_FALSE(s);
  EXPECT_EQ(s.error().code, EOPNOTSUPP);
  EXPECT_EQ(kernel_.bind_flags(), (std::vector<int>{kZeroCopyBind}));
}

TEST_F(BindLadder, OffNeverTriesZeroCopy) {
  kernel_.allow_zero_copy(true);
  TestQueue& q = ready();
  ASSERT_TRUE(q.bind(port(), 0, [](BindRequest& r) { r.zero_copy = ZeroCopyPolicy::kOff; }));
  EXPECT_EQ(q.pair->outcome().mode, XskMode::kCopy);
  EXPECT_EQ(q.pair->outcome().reason, "zero-copy was switched off");
  EXPECT_EQ(kernel_.bind_flags(), (std::vector<int>{kCopyBind}));
}

TEST_F(BindLadder, AReasonKnownBeforehandSparesTheTryAndIsKept) {
  kernel_.allow_zero_copy(true);
  TestQueue& q = ready();
  ASSERT_TRUE(q.bind(port(), 0, [](BindRequest& r) { r.no_zero_copy_because = "the pool crosses pages"; }));
  EXPECT_EQ(q.pair->outcome().mode, XskMode::kCopy);
  EXPECT_EQ(q.pair->outcome().reason, "the pool crosses pages");
}

TEST_F(BindLadder, AReasonKnownBeforehandIsAnErrorUnderRequire) {
  TestQueue& q = ready();
  const Status s = q.bind(port(), 0, [](BindRequest& r) {
    r.zero_copy = ZeroCopyPolicy::kRequire;
    r.no_zero_copy_because = "the pool crosses pages";
  });
  ASSERT_FALSE(s);
  EXPECT_EQ(s.error().why, "the pool crosses pages");
  EXPECT_TRUE(kernel_.bind_flags().empty()) << "checked before anything was changed";
}

TEST_F(BindLadder, BelievesTheKernelAndNotTheFlags) {
  kernel_.allow_zero_copy(true);
  kernel_.claim_zero_copy(false);
  TestQueue& q = ready();
  ASSERT_TRUE(q.bind(port(), 0));
  EXPECT_EQ(q.pair->outcome().mode, XskMode::kCopy);
  EXPECT_EQ(q.pair->outcome().reason, "the kernel reports copy mode");
}

TEST_F(BindLadder, RequireIsAnErrorIfTheKernelReportsCopyAfterAll) {
  kernel_.allow_zero_copy(true);
  kernel_.claim_zero_copy(false);
  TestQueue& q = ready();
  EXPECT_FALSE(q.bind(port(), 0, [](BindRequest& r) { r.zero_copy = ZeroCopyPolicy::kRequire; }));
}

TEST_F(BindLadder, WithoutXdpOptionsItGoesByWhatWasAskedFor) {
  kernel_.allow_zero_copy(true);
  kernel_.no_xdp_options(true);
  TestQueue& q = ready();
  ASSERT_TRUE(q.bind(port(), 0));
  EXPECT_EQ(q.pair->outcome().mode, XskMode::kZeroCopy);
}

TEST_F(BindLadder, WaitsOutAPoolThatIsOnItsWay) {
  kernel_.allow_zero_copy(true);
  kernel_.busy_binds(3);
  TestQueue& q = ready();
  const Status s = q.bind(port(), 0, [](BindRequest& r) { r.busy_timeout_ms = 5000; });
  ASSERT_TRUE(s) << error_of(s);
  EXPECT_EQ(q.pair->outcome().mode, XskMode::kZeroCopy) << "EBUSY is no reason for copy mode";
  EXPECT_EQ(kernel_.bind_flags(), (std::vector<int>(4, kZeroCopyBind)));
}

TEST_F(BindLadder, GivesUpOnABusyQueueWithinItsTime) {
  kernel_.busy_binds(UINT32_MAX);
  TestQueue& q = ready();
  const uint64_t start = monotonic_ms();
  const Status s = q.bind(port(), 3, [](BindRequest& r) { r.busy_timeout_ms = 30; });
  ASSERT_FALSE(s);
  EXPECT_EQ(s.error().code, EBUSY);
  EXPECT_NE(s.error().why.find("queue 3 of loop is in use"), std::string::npos) << s.error().why;
  EXPECT_LT(monotonic_ms() - start, 3000U);
  kernel_.busy_binds(0);
}

TEST_F(BindLadder, AnInterfaceThatIsGoneOrDownIsNotTriedInCopyMode) {
  for (const int code : {ENODEV, ENETDOWN}) {
    FakeKernel kernel;
    kernel.refuse_binds_with(XDP_ZEROCOPY, code);
    TestUmem umem({});
    TestQueue q(kernel, umem, {});
    ASSERT_TRUE(q.create());
    const Status s = q.bind(kernel.port("a", "").value(), 0);
    ASSERT_FALSE(s);
    EXPECT_EQ(s.error().code, code);
    EXPECT_FALSE(s.error().why.empty());
    EXPECT_EQ(kernel.bind_flags().size(), 1U);
  }
}

TEST_F(BindLadder, EveryRungRefusedIsTheLastRungsError) {
  kernel_.refuse_binds_with(XDP_ZEROCOPY | XDP_COPY, EINVAL);
  TestQueue& q = ready();
  const Status s = q.bind(port(), 0);
  ASSERT_FALSE(s);
  EXPECT_STREQ(s.error().call, "bind(XDP_COPY)");
  EXPECT_NE(s.error().why.find("queue 0 of loop"), std::string::npos) << s.error().why;
}

class SharedBind : public BindLadder {
 protected:
  // Two queues of one UMEM, the second ready to be bound.
  TestQueue& second_of_two() {
    TestUmem& umem = make_umem();
    TestQueue& first = make_queue(umem, {.bounce = 4});
    EXPECT_TRUE(first.open(port(), 0));
    TestQueue& second = make_queue(umem, {.slot = 2, .first_bounce = 4, .bounce = 4});
    EXPECT_TRUE(second.create());
    second.fill();
    return second;
  }
};

TEST_F(SharedBind, CarriesNoOtherFlagAndTakesTheFirstOnesMode) {
  kernel_.allow_zero_copy(true);
  TestQueue& q = second_of_two();
  const Status s = q.bind(port(), 1);
  ASSERT_TRUE(s) << error_of(s);
  EXPECT_EQ(kernel_.bind_flags().back(), XDP_SHARED_UMEM);
  EXPECT_EQ(q.pair->outcome().mode, XskMode::kZeroCopy);
  EXPECT_EQ(q.pair->outcome().reason, "");
}

TEST_F(SharedBind, InCopyModeSaysSo) {
  TestQueue& q = second_of_two();
  ASSERT_TRUE(q.bind(port(), 1));
  EXPECT_EQ(q.pair->outcome().mode, XskMode::kCopy);
  EXPECT_EQ(q.pair->outcome().reason, "shares its UMEM with a queue in copy mode");
}

TEST_F(SharedBind, UnderRequireACopyModeSharerIsRefused) {
  TestQueue& q = second_of_two();
  const Status s = q.bind(port(), 1, [](BindRequest& r) { r.zero_copy = ZeroCopyPolicy::kRequire; });
  ASSERT_FALSE(s);
  EXPECT_EQ(s.error().code, EOPNOTSUPP);
}

TEST_F(SharedBind, ABusyQueueIsNamed) {
  TestQueue& q = second_of_two();
  const Status s = q.bind(port(), 0);
  ASSERT_FALSE(s);
  EXPECT_EQ(s.error().code, EBUSY);
  EXPECT_STREQ(s.error().call, "bind(XDP_SHARED_UMEM)");
}

}  // namespace
}  // namespace zcnbrh::testing
