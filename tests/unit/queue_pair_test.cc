// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#include "lib/xsk/queue_pair.h"

#include <cerrno>

#include "lib/base/uapi_xdp.h"
#include "tests/support/queue_test.h"

namespace zcnbrh::testing {
namespace {

using QueuePairTest = QueueTest;

TEST_F(QueuePairTest, FillsTheFillRingBeforeBind) {
  TestQueue& q = make_queue(make_umem());
  ASSERT_TRUE(q.create());
  q.fill();
  EXPECT_EQ(q.rx_posted_now(), 64U);
  EXPECT_EQ(*q.pair->rx().fill.producer, 64U);
  EXPECT_FALSE(q.pair->bound());
  EXPECT_EQ(kernel_.calls(Call::kBind), 0U);
}

TEST_F(QueuePairTest, PostsNoMoreThanNbRxDescWhateverTheRingTakes) {
  TestQueue& q = open_queue({.nb_rx = 100, .ring = 256});
  EXPECT_EQ(q.rx_posted_now(), 100U);
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(q.receive().empty());
  EXPECT_EQ(*q.pair->rx().fill.producer, 100U);
}

TEST_F(QueuePairTest, PlansThatCannotWorkAreRefusedBeforeAnySocket) {
  TestUmem& umem = make_umem();
  const auto refused = [&](const QueueShape& shape, int code) {
    TestQueue& q = make_queue(umem, shape);
    const Status s = q.create();
    return !s && s.error().code == code && !s.error().why.empty();
  };
  EXPECT_TRUE(refused({.nb_rx = 65}, EINVAL));
  EXPECT_TRUE(refused({.nb_tx = 65}, EINVAL));
  EXPECT_TRUE(refused({.slot = 0}, ENOSPC));
  EXPECT_TRUE(refused({.slot = kMaxLedgerSlots + 1}, ENOSPC));
  EXPECT_EQ(kernel_.calls(Call::kSocket), 0U);
}

TEST_F(QueuePairTest, QueuesBoundOneAfterTheOtherPinTheMemoryOnce) {
  TestUmem& umem = make_umem();
  for (uint32_t i = 0; i < 3; ++i)
    ASSERT_TRUE(make_queue(umem, {.slot = i + 1, .first_bounce = 2 * i, .bounce = 2}).open(port(), i));
  EXPECT_EQ(kernel_.registrations(), 1U);
}

TEST_F(QueuePairTest, QueuesCreatedTogetherBindAllTheSame) {
  TestUmem& umem = make_umem();
  TestQueue& one = make_queue(umem, {.slot = 1, .bounce = 4});
  TestQueue& two = make_queue(umem, {.slot = 2, .first_bounce = 4, .bounce = 4});
  ASSERT_TRUE(one.create() && two.create());
  EXPECT_TRUE(one.bind(port(), 0));
  EXPECT_TRUE(two.bind(port(), 1));
}

TEST_F(QueuePairTest, BindsThoughTheSharerItWasCreatedForIsGone) {
  TestUmem& umem = make_umem();
  TestQueue& first = make_queue(umem, {.slot = 1, .bounce = 4});
  ASSERT_TRUE(first.open(port(), 0));
  TestQueue& second = make_queue(umem, {.slot = 2, .first_bounce = 4, .bounce = 4});
  ASSERT_TRUE(second.create());
  first.close();
  EXPECT_TRUE(second.bind(port(), 1));
}

TEST_F(QueuePairTest, TheUmemIsSharedThroughAnySocketThatIsLeft) {
  TestUmem& umem = make_umem();
  TestQueue& first = make_queue(umem, {.slot = 1, .bounce = 2});
  TestQueue& second = make_queue(umem, {.slot = 2, .first_bounce = 2, .bounce = 2});
  TestQueue& third = make_queue(umem, {.slot = 3, .first_bounce = 4, .bounce = 2});
  ASSERT_TRUE(first.open(port(), 0) && second.open(port(), 1));
  first.close();
  ASSERT_TRUE(third.open(port(), 0));
  EXPECT_EQ(kernel_.registrations(), 1U + 1U) << "the second is the release's probe";
}

TEST_F(QueuePairTest, ADestroyedQueueIsNotOfferedForSharing) {
  TestUmem& umem = make_umem();
  TestQueue& q = make_queue(umem);
  ASSERT_TRUE(q.create() && q.bind(port(), 0));
  ASSERT_EQ(umem.umem.sharer(), q.pair->socket().fd());
  QueuePair moved = std::move(*q.pair);
  EXPECT_EQ(umem.umem.sharer(), moved.socket().fd());
  moved = QueuePair();
  EXPECT_EQ(umem.umem.sharer(), -1);
  EXPECT_EQ(kernel_.sockets(), 0U);
}

TEST_F(QueuePairTest, EnableAndDisableMayBeRepeated) {
  TestQueue& q = open_queue();
  EXPECT_TRUE(q.pair->enable(q.map()));
  EXPECT_EQ(kernel_.calls(Call::kMapUpdate), 1U);
  EXPECT_EQ(kernel_.map_entries(), 1U);
  q.pair->disable(q.map());
  q.pair->disable(q.map());
  EXPECT_EQ(kernel_.calls(Call::kMapDelete), 1U);
  EXPECT_EQ(kernel_.map_entries(), 0U);
}

TEST_F(QueuePairTest, AQueueThatOnlySendsGetsNoXskmapEntry) {
  TestQueue& q = open_queue({.nb_rx = 0});
  EXPECT_EQ(kernel_.map_entries(), 0U);
  EXPECT_EQ(q.rx_posted_now(), 0U);
  EXPECT_EQ(q.send({*q.make_packet(bytes("x"))}), 1U);
}

TEST_F(QueuePairTest, AQueueThatOnlyReceivesHasNoTxRing) {
  TestQueue& q = open_queue({.nb_tx = 0});
  ASSERT_TRUE(q.peer().receive(bytes("x")));
  const auto got = q.receive();
  EXPECT_EQ(got.size(), 1U);
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(q.receive().empty());
  q.give_back(got);
}

TEST_F(QueuePairTest, BusyPollingIsAllThreeOptionsOrNone) {
  for (const int option : {SO_PREFER_BUSY_POLL, SO_BUSY_POLL, SO_BUSY_POLL_BUDGET}) {
    FakeKernel kernel;
    TestUmem umem({});
    TestQueue q(kernel, umem, {});
    ASSERT_TRUE(q.open(kernel.port("a", "").value(), 0));
    kernel.fail(Call::kSetsockopt, 1, EPERM, option);
    const Status s = q.pair->set_busy_poll(64);
    ASSERT_FALSE(s);
    EXPECT_NE(s.error().why.find("CAP_NET_ADMIN"), std::string::npos);
    EXPECT_FALSE(q.pair->rx().busy_poll);
    EXPECT_TRUE(q.pair->set_busy_poll(64));
    EXPECT_TRUE(q.pair->rx().busy_poll);
  }
}

TEST_F(QueuePairTest, BusyPollingCanBeTakenOffAgain) {
  for (const bool zero_copy : {false, true}) {
    FakeKernel kernel;
    kernel.claim_zero_copy(zero_copy);
    TestUmem umem({});
    TestQueue q(kernel, umem, {});
    ASSERT_TRUE(q.open(kernel.port("a", "").value(), 0));
    const auto kick = q.pair->tx().wake.kick_tx;
    ASSERT_TRUE(q.pair->set_busy_poll(64));
    kernel.fail(Call::kSetsockopt, 1, EPERM, SO_BUSY_POLL);
    EXPECT_FALSE(q.pair->clear_busy_poll());
    EXPECT_TRUE(q.pair->rx().busy_poll);
    ASSERT_TRUE(q.pair->clear_busy_poll());
    EXPECT_FALSE(q.pair->rx().busy_poll);
    EXPECT_EQ(q.pair->tx().wake.kick_tx, kick);
    EXPECT_EQ(q.pair->rx().wake.kick_tx, kick);
    const uint32_t pokes = kernel.calls(Call::kPoke);
    for (int i = 0; i < 10; ++i) q.receive();
    EXPECT_EQ(kernel.calls(Call::kPoke), pokes);
  }
}

TEST_F(QueuePairTest, TheGateStartsOneWindowAheadOfWhatWasDelivered) {
  TestQueue& q = open_queue();
  uint32_t delivered = 0xFFFFFFFA;
  uint32_t limit = 0;
  q.pair->set_gate({&delivered, &limit}, 32);
  EXPECT_EQ(limit - delivered, 32U);
}

TEST_F(QueuePairTest, CopyModeAsksForAKickOfTheWholeRingOrLivesWithThirtyTwo) {
  TestQueue& asked = open_queue({.ring = 256});
  EXPECT_EQ(asked.pair->tx().kick_batch, 256U);
  kernel_.no_send_budget_option(true);
  TestQueue& older = make_queue(make_umem(), {.ring = 256});
  ASSERT_TRUE(older.open(port(), 1));
  EXPECT_EQ(older.pair->tx().kick_batch, 32U);
  kernel_.allow_zero_copy(true);
  TestQueue& zero_copy = make_queue(make_umem(), {.ring = 256});
  ASSERT_TRUE(zero_copy.open(port(), 2));
  EXPECT_EQ(zero_copy.pair->tx().kick_batch, 0U);
}

// --- release ---

TEST_F(QueuePairTest, ReleaseIsProvenByABindOfItsOwn) {
  TestQueue& q = open_queue();
  const uint32_t binds = kernel_.calls(Call::kBind);
  EXPECT_TRUE(q.pair->release(100));
  EXPECT_GT(kernel_.calls(Call::kBind), binds);
  EXPECT_TRUE(q.pair->release(100)) << "idempotent";
}

TEST_F(QueuePairTest, ReleaseWaitsForAPoolThatIsOnItsWayOut) {
  TestQueue& q = open_queue();
  kernel_.busy_binds(3);
  EXPECT_TRUE(q.pair->release(5000));
}

TEST_F(QueuePairTest, ReleaseSaysWhenItCouldNotBeProven) {
  TestQueue& q = open_queue();
  kernel_.busy_binds(UINT32_MAX);
  EXPECT_FALSE(q.pair->release(10));
  EXPECT_EQ(q.umem().frames().count(rx_posted(1)), 64U) << "the frames are not given back by release";
  kernel_.busy_binds(0);
  EXPECT_TRUE(wait_until_released(kernel_, port(), 0, 100));
}

TEST_F(QueuePairTest, ANetdevOrQueueThatIsGoneHoldsNoFrames) {
  for (const int code : {ENODEV, EINVAL}) {
    TestQueue& q = open_queue();
    kernel_.refuse_binds_with(XDP_COPY, code);
    EXPECT_TRUE(q.pair->release(0));
    kernel_.refuse_binds_with(0, 0);
    q.close();
  }
}

TEST_F(QueuePairTest, WithoutAProbeNothingIsProven) {
  TestQueue& q = open_queue();
  kernel_.fail(Call::kSocket, 1, EMFILE);
  EXPECT_FALSE(q.pair->release(0));
}

TEST_F(QueuePairTest, AQueueThatWasNeverBoundNeedsNoProof) {
  TestQueue& q = make_queue(make_umem());
  ASSERT_TRUE(q.create());
  q.fill();
  EXPECT_TRUE(q.pair->release(100));
  EXPECT_EQ(kernel_.calls(Call::kBind), 0U);
}

// The kernel had the frames though the ladder said no.
TEST_F(QueuePairTest, ABindWhoseModeWasRefusedNeedsTheProofAsWell) {
  kernel_.allow_zero_copy(true);
  kernel_.claim_zero_copy(false);
  TestQueue& q = make_queue(make_umem());
  ASSERT_TRUE(q.create());
  q.fill();
  ASSERT_FALSE(q.bind(port(), 0, [](BindRequest& r) { r.zero_copy = ZeroCopyPolicy::kRequire; }));
  const uint32_t binds = kernel_.calls(Call::kBind);
  EXPECT_TRUE(q.pair->release(100));
  EXPECT_GT(kernel_.calls(Call::kBind), binds);
}

// --- every error path of set-up ---

class SetUpFails : public QueueTest, public ::testing::WithParamInterface<int> {
 protected:
  // A queue as the PMD sets it up; false at the first error.
  static bool set_up(TestQueue& q, int ifindex, uint32_t queue) {
    if (!q.create()) return false;
    q.fill();
    return q.bind(ifindex, queue) && q.pair->enable(q.map());
  }
};
INSTANTIATE_TEST_SUITE_P(Errno, SetUpFails, ::testing::Values(ENOMEM, EPERM, EBUSY, EINVAL, EMFILE));

TEST_P(SetUpFails, AtEachCallAndLeavesNothingBehind) {
  uint32_t met = 0;
  for (uint32_t nth = 1;; ++nth) {
    SCOPED_TRACE(::testing::Message() << "control call " << nth << " fails with " << std::strerror(GetParam()));
    FakeKernel kernel;
    const int ifindex = kernel.port("a", "").value();
    const Resources before = Resources::now();
    TestUmem umem({});
    {
      TestQueue q(kernel, umem, {.ring = 256});
      kernel.fail_nth_control_call(nth, GetParam());
      const bool up = set_up(q, ifindex, 0);
      if (!kernel.failed()) {
        EXPECT_TRUE(up);
        break;
      }
      ++met;
    }  // closed: the ledger is checked, every frame goes home
    ASSERT_EQ(umem.pool.size(), umem.shape().frames);
    ASSERT_EQ(umem.umem.sharer(), -1);
    ASSERT_EQ(kernel.sockets(), 0U);
    ASSERT_EQ(kernel.map_entries(), 0U);
    ASSERT_EQ(Resources::now(), before);
    TestQueue again(kernel, umem, {});
    ASSERT_TRUE(set_up(again, ifindex, 0)) << "a second try must work";
  }
  EXPECT_GE(met, 14U) << "set-up makes more calls than that";
}

TEST_P(SetUpFails, OfASecondQueueAndTheFirstOneLives) {
  for (uint32_t nth = 1;; ++nth) {
    SCOPED_TRACE(::testing::Message() << "control call " << nth);
    FakeKernel kernel;
    const int ifindex = kernel.port("a", "").value();
    TestUmem umem({});
    TestQueue first(kernel, umem, {.slot = 1, .bounce = 4});
    ASSERT_TRUE(set_up(first, ifindex, 0));
    {
      TestQueue second(kernel, umem, {.slot = 2, .first_bounce = 4, .bounce = 4});
      kernel.fail_nth_control_call(nth, GetParam());
      set_up(second, ifindex, 1);
      if (!kernel.failed()) break;
    }
    ASSERT_EQ(kernel.sockets(), 1U);
    ASSERT_EQ(kernel.map_entries(), 1U);
    ASSERT_EQ(umem.umem.sharer(), first.pair->socket().fd());
    ASSERT_EQ(first.send({*first.make_packet(bytes("still here"))}), 1U);
    const auto got = first.receive();
    ASSERT_EQ(got.size(), 1U);
    first.give_back(got);
  }
}

}  // namespace
}  // namespace zcnbrh::testing
