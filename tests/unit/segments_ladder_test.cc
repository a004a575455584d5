// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// XDP_USE_SG on the bind ladder: where it is asked for, what it excludes, what a refusal leads to.
#include <cerrno>

#include "lib/base/uapi_xdp.h"
#include "lib/xsk/bind_ladder.h"
#include "tests/support/queue_test.h"

namespace zcnbrh::testing {
namespace {

constexpr int kSg = uapi::kXdpUseSg;
constexpr int kZeroCopyBind = XDP_ZEROCOPY | XDP_USE_NEED_WAKEUP;
constexpr int kCopyBind = XDP_COPY | XDP_USE_NEED_WAKEUP;

class SegmentsLadder : public QueueTest {
 protected:
  using Edit = std::function<void(BindRequest&)>;
  TestQueue& ready(TestUmem& umem, const QueueShape& shape = {}) {
    TestQueue& q = make_queue(umem, shape);
    EXPECT_TRUE(q.create());
    return q;
  }
  TestQueue& ready() { return ready(make_umem()); }
  static Edit wants(SegmentsPolicy segments, uint32_t zc_max_segs = 1) {
    return [=](BindRequest& r) {
      r.segments = segments;
      r.zc_max_segs = zc_max_segs;
      r.copy_segments = 18;
      r.mtu = 9000;
    };
  }
  static Edit with(const Edit& first, const Edit& second) {
    return [=](BindRequest& r) {
      first(r);
      second(r);
    };
  }
};

TEST_F(SegmentsLadder, NotAskedForNotBound) {
  TestQueue& q = ready();
  ASSERT_TRUE(q.bind(port(), 0));
  EXPECT_FALSE(q.pair->outcome().segments());
  EXPECT_EQ(q.pair->outcome().no_segments, "");
  EXPECT_EQ(kernel_.bind_flags(), (std::vector<int>{kZeroCopyBind, kCopyBind}));
}

TEST_F(SegmentsLadder, NeededInCopyMode) {
  TestQueue& q = ready();
  ASSERT_TRUE(q.bind(port(), 0, wants(SegmentsPolicy::kNeeded)));
  EXPECT_EQ(q.pair->outcome().max_segments, 18U);
  EXPECT_EQ(kernel_.bind_flags(), (std::vector<int>{kCopyBind | kSg}))
      << "zero-copy has none, so it is not tried";
  EXPECT_NE(q.pair->outcome().reason.find("zc_max_segs"), std::string::npos) << q.pair->outcome().reason;
  EXPECT_EQ(q.pair->tx().max_segments, 18U);
}

TEST_F(SegmentsLadder, NeededWithZeroCopyWhereTheDriverHasBoth) {
  kernel_.allow_zero_copy(true, 8);
  TestQueue& q = ready();
  ASSERT_TRUE(q.bind(port(), 0, wants(SegmentsPolicy::kNeeded, 8)));
  EXPECT_EQ(q.pair->outcome().mode, XskMode::kZeroCopy);
  EXPECT_EQ(q.pair->outcome().max_segments, 8U);
  EXPECT_EQ(kernel_.bind_flags(), (std::vector<int>{kZeroCopyBind | kSg}));
}

TEST_F(SegmentsLadder, NeededUnderRequireWithoutThemInZeroCopyIsAnErrorBeforeAnythingIsBound) {
  kernel_.allow_zero_copy(true);
  TestQueue& q = ready();
  const Status s = q.bind(port(), 0, with(wants(SegmentsPolicy::kNeeded), [](BindRequest& r) {
                            r.zero_copy = ZeroCopyPolicy::kRequire;
                          }));
  ASSERT_FALSE(s);
  EXPECT_EQ(s.error().code, EOPNOTSUPP);
  EXPECT_NE(s.error().why.find("9000"), std::string::npos) << s.error().why;
  EXPECT_TRUE(kernel_.bind_flags().empty());
}

TEST_F(SegmentsLadder, UsefulOnesDoNotCostZeroCopy) {
  kernel_.allow_zero_copy(true);
  TestQueue& q = ready();
  ASSERT_TRUE(q.bind(port(), 0, wants(SegmentsPolicy::kUseful)));
  EXPECT_EQ(q.pair->outcome().mode, XskMode::kZeroCopy);
  EXPECT_FALSE(q.pair->outcome().segments());
  EXPECT_NE(q.pair->outcome().no_segments, "");
  EXPECT_EQ(kernel_.bind_flags(), (std::vector<int>{kZeroCopyBind}));
}

TEST_F(SegmentsLadder, AReasonKnownBeforehandSparesTheTryAndIsKept) {
  TestQueue& q = ready();
  ASSERT_TRUE(q.bind(port(), 0, with(wants(SegmentsPolicy::kNeeded), [](BindRequest& r) {
                       r.no_segments_because = "kernel 6.1";
                     })));
  EXPECT_FALSE(q.pair->outcome().segments());
  EXPECT_EQ(q.pair->outcome().no_segments, "kernel 6.1");
  EXPECT_EQ(kernel_.bind_flags(), (std::vector<int>{kZeroCopyBind, kCopyBind}));
}

// A refused bind has marked the UMEM: the next try needs a registration of its own.
TEST_F(SegmentsLadder, ARefusalIsNamedSoThatTheCallerTriesOnAFreshSocket) {
  kernel_.refuse_binds_with(kSg, EINVAL);
  TestUmem& umem = make_umem();
  TestQueue& first = ready(umem);
  const Status s = first.bind(port(), 0, wants(SegmentsPolicy::kNeeded));
  ASSERT_FALSE(s);
  EXPECT_STREQ(s.error().call, kSegmentsRefused);
  first.close();
  TestQueue& second = ready(umem);
  ASSERT_TRUE(second.bind(port(), 0));
  EXPECT_EQ(kernel_.registrations(), 2U);
  EXPECT_FALSE(second.peer().socket().segments);
  EXPECT_FALSE(umem.umem.segments());
}

TEST_F(SegmentsLadder, AZeroCopyRefusalOfUsefulSegmentsKeepsTheWayToZeroCopyWithoutThem) {
  kernel_.allow_zero_copy(true, 8);
  kernel_.refuse_binds_with(kSg, EOPNOTSUPP);
  TestQueue& q = ready();
  const Status s = q.bind(port(), 0, wants(SegmentsPolicy::kUseful, 8));
  ASSERT_FALSE(s);
  EXPECT_STREQ(s.error().call, kSegmentsRefused);
}

TEST_F(SegmentsLadder, SharersInheritThem) {
  TestUmem& umem = make_umem();
  TestQueue& first = ready(umem, {.bounce = 4});
  ASSERT_TRUE(first.bind(port(), 0, wants(SegmentsPolicy::kNeeded)));
  TestQueue& second = ready(umem, {.slot = 2, .first_bounce = 4, .bounce = 4});
  ASSERT_TRUE(second.bind(port(), 1, wants(SegmentsPolicy::kNeeded)));
  EXPECT_EQ(kernel_.bind_flags().back(), XDP_SHARED_UMEM);
  EXPECT_EQ(second.pair->outcome().max_segments, 18U);
  EXPECT_TRUE(second.peer().socket().segments);
}

TEST_F(SegmentsLadder, ASharerOfAUmemWithoutThemHasNoneAndSaysSo) {
  TestUmem& umem = make_umem();
  TestQueue& first = ready(umem, {.bounce = 4});
  ASSERT_TRUE(first.bind(port(), 0));
  TestQueue& second = ready(umem, {.slot = 2, .first_bounce = 4, .bounce = 4});
  ASSERT_TRUE(second.bind(port(), 1, wants(SegmentsPolicy::kNeeded)));
  EXPECT_FALSE(second.pair->outcome().segments());
  EXPECT_NE(second.pair->outcome().no_segments, "");
}

// --- the MTU rule of zero-copy ---

TEST(ZeroCopyMtu, RoundsABufferDownTo128BytesAndWantsMtuAnd26) {
  EXPECT_EQ(zero_copy_mtu(1792, 1), 1766U);  // chunk 2048, no headroom of ours
  EXPECT_EQ(zero_copy_mtu(2048, 1), 2022U);
  EXPECT_EQ(zero_copy_mtu(2112, 1), 2022U);
  EXPECT_EQ(zero_copy_mtu(3776, 1), 3686U);
  EXPECT_EQ(zero_copy_mtu(127, 1), 0U);
  EXPECT_EQ(zero_copy_mtu(0, 1), 0U);
}

TEST(ZeroCopyMtu, WithSegmentsEachBufferKeeps320Bytes) {
  EXPECT_EQ(zero_copy_mtu(2048, 8), 1664U * 8 - 26);
  EXPECT_EQ(zero_copy_mtu(320, 8), 0U);
}

TEST_F(SegmentsLadder, ARefusalForTheMtuNamesTheLargestOne) {
  kernel_.refuse_binds_with(XDP_ZEROCOPY, EINVAL);
  TestQueue& q = ready();
  ASSERT_TRUE(q.bind(port(), 0, [](BindRequest& r) { r.mtu = 3000; }));
  EXPECT_NE(q.pair->outcome().reason.find("at most 1766"), std::string::npos) << q.pair->outcome().reason;
  EXPECT_NE(q.pair->outcome().reason.find("has 3000"), std::string::npos);
}

TEST_F(SegmentsLadder, ARefusalWithAnMtuThatFitsIsTheDrivers) {
  kernel_.refuse_binds_with(XDP_ZEROCOPY, EINVAL);
  TestQueue& q = ready();
  ASSERT_TRUE(q.bind(port(), 0, [](BindRequest& r) { r.mtu = 1500; }));
  EXPECT_NE(q.pair->outcome().reason.find("DMA limit"), std::string::npos) << q.pair->outcome().reason;
}

}  // namespace
}  // namespace zcnbrh::testing
