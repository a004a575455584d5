// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// tx_burst(), completions, bounce copies, back-pressure and kicks.
#include <cerrno>

#include "lib/base/uapi_xdp.h"
#include "tests/support/queue_test.h"

namespace zcnbrh::testing {
namespace {

class TxBurst : public QueueTest {
 protected:
  static const TxCounters& count(TestQueue& q) { return q.tx_shared().count; }
  static std::vector<Frame> packets(TestQueue& q, uint32_t n, uint32_t length = 60) {
    std::vector<Frame> out;
    for (uint32_t i = 0; i < n; ++i) out.push_back(*q.make_packet(numbered(i, length), 128));
    return out;
  }
  // Gives back those that were not taken.
  static uint32_t send(TestQueue& q, const std::vector<Frame>& all) {
    const uint32_t taken = q.send(all);
    q.give_back({all.begin() + taken, all.end()});
    return taken;
  }
};

TEST_F(TxBurst, SendsContentLengthAndOrderByAddress) {
  TestQueue& q = open_queue({.nb_rx = 0});
  kernel_.kicks_answer(EBUSY, 1);  // keep them in the ring
  const auto sent = packets(q, 4, 77);
  ASSERT_EQ(q.send(sent), 4U);
  for (uint32_t i = 0; i < 4; ++i) {
    const auto desc = q.peer().take_packet();
    ASSERT_TRUE(desc);
    EXPECT_EQ(desc->addr, raw(sent[i].chunk) + 128) << "no copy";
    EXPECT_EQ(number_in(q.peer().bytes(*desc)), i);
    EXPECT_EQ(desc->len, 77U);
    EXPECT_EQ(desc->options, 0U);
  }
  EXPECT_EQ(count(q).packets.get(), 4U);
  EXPECT_EQ(count(q).bytes.get(), 4U * 77);
  EXPECT_EQ(q.tx_in_flight_now(), 4U);
}

TEST_F(TxBurst, CompletedFramesGoBackToThePool) {
  TestQueue& q = open_queue({.nb_rx = 0});
  const size_t before = q.umem().pool.size();
  ASSERT_EQ(send(q, packets(q, 32)), 32U);
  EXPECT_EQ(q.umem().pool.size(), before - 32);
  q.send({});  // an empty burst drains
  EXPECT_EQ(q.umem().pool.size(), before);
  EXPECT_EQ(q.tx_in_flight_now(), 0U);
  EXPECT_EQ(count(q).completed.get(), 32U);
}

TEST_F(TxBurst, NeverMoreThanNbTxDescInFlight) {
  TestQueue& q = open_queue({.nb_rx = 0, .nb_tx = 48, .ring = 64});
  kernel_.kicks_answer(EBUSY, UINT32_MAX);
  EXPECT_EQ(send(q, packets(q, 40)), 40U);
  EXPECT_EQ(send(q, packets(q, 40)), 8U);
  EXPECT_EQ(send(q, packets(q, 1)), 0U);
  EXPECT_EQ(q.tx_in_flight_now(), 48U);
  EXPECT_EQ(count(q).no_credit.get(), 2U);
  kernel_.kicks_answer(0, 0);
  q.send({});
  q.send({});
  EXPECT_EQ(send(q, packets(q, 40)), 40U) << "and it goes on";
}

TEST_F(TxBurst, EmptyAndTooLongPacketsAreTakenDroppedAndCountedAndNeverReachTheRing) {
  TestQueue& q = open_queue();
  auto all = packets(q, 5);
  all[0].length = 0;
  all[2].length = 2049;
  all[4].length = 1U << 31;
  const size_t before = q.umem().pool.size();
  EXPECT_EQ(q.send(all), 5U);
  EXPECT_EQ(q.umem().pool.size(), before + 3);
  EXPECT_EQ(count(q).invalid.get(), 3U);
  EXPECT_EQ(count(q).packets.get(), 2U);
  const auto got = q.receive();
  ASSERT_EQ(got.size(), 2U);
  EXPECT_EQ(number_in({q.umem().data(got[0]), got[0].length}), 1);
  EXPECT_EQ(number_in({q.umem().data(got[1]), got[1].length}), 3);
  q.give_back(got);
}

TEST_F(TxBurst, InvalidPacketsAreTakenAlsoWithoutCredit) {
  TestQueue& q = open_queue({.nb_rx = 0, .nb_tx = 8});
  kernel_.kicks_answer(EBUSY, UINT32_MAX);
  ASSERT_EQ(send(q, packets(q, 8)), 8U);
  auto all = packets(q, 2);
  all[0].length = 0;
  EXPECT_EQ(send(q, all), 1U);
}

TEST_F(TxBurst, APacketOfForeignMemoryGoesByCopy) {
  TestQueue& q = open_queue();
  const auto outside = numbered(99, 500);
  const std::vector<Frame> one = {{.length = 500, .outside = outside.data()}};
  ASSERT_EQ(q.send(one), 1U);
  EXPECT_EQ(q.tx_policy.done_outside, 1U) << "done with it at once";
  EXPECT_EQ(count(q).bounce_copies.get(), 1U);
  const auto got = q.receive();
  ASSERT_EQ(got.size(), 1U);
  EXPECT_EQ(number_in({q.umem().data(got[0]), got[0].length}), 99);
  q.give_back(got);
}

// The kernel refuses a descriptor without that room in its chunk, also of a packet that asks for nothing.
TEST_F(TxBurst, ABounceCopyLeavesTheMetadataItsRoom) {
  TestQueue& q = open_queue({}, {.tx_metadata = 24});
  kernel_.kicks_answer(EBUSY, 1);  // keep it in the ring
  const uint32_t longest = 2048 - 24;
  const auto outside = numbered(7, longest + 1);
  const std::vector<Frame> fits = {{.length = longest, .outside = outside.data()}};
  ASSERT_EQ(q.send(fits), 1U);
  const auto desc = q.peer().take_packet();
  ASSERT_TRUE(desc);
  EXPECT_EQ(desc->addr % 2048, 24U);
  EXPECT_EQ(desc->len, longest);
  EXPECT_EQ(number_in(q.peer().bytes(*desc)), 7U);
  ASSERT_TRUE(q.peer().complete_raw(desc->addr));
  const std::vector<Frame> too_long = {{.length = longest + 1, .outside = outside.data()}};
  ASSERT_EQ(q.send(too_long), 1U);
  EXPECT_EQ(count(q).invalid.get(), 1U);
}

TEST_F(TxBurst, ABufferSentTwiceIsCopiedTheSecondTime) {
  TestQueue& q = open_queue({.nb_rx = 0});
  kernel_.kicks_answer(EBUSY, 1);
  auto all = packets(q, 1);
  all.push_back(all[0]);
  all[1].borrowed = true;
  ASSERT_EQ(q.send(all), 2U);
  const auto first = q.peer().take_packet();
  const auto second = q.peer().take_packet();
  ASSERT_TRUE(first && second);
  EXPECT_NE(first->addr, second->addr);
  EXPECT_EQ(number_in(q.peer().bytes(*second)), 0);
  EXPECT_EQ(count(q).bounce_copies.get(), 1U);
}

TEST_F(TxBurst, ALongestBounceCopyStaysInItsFrame) {
  TestQueue& q = open_queue({.nb_rx = 0, .bounce = 8}, {.bounce = 8});
  const auto outside = numbered(1, 2048);  // the last bounce frame ends where ASan's red zone begins
  std::vector<Frame> all(8, Frame{.length = 2048, .outside = outside.data()});
  EXPECT_EQ(q.send(all), 8U);
}

TEST_F(TxBurst, WithoutABounceFrameTheBurstIsCutShortAndGoesOnLater) {
  TestQueue& q = open_queue({.nb_rx = 0, .bounce = 4});
  kernel_.kicks_answer(EBUSY, 2);
  const auto outside = numbered(1, 60);
  const std::vector<Frame> six(6, Frame{.length = 60, .outside = outside.data()});
  EXPECT_EQ(q.send(six), 4U);
  EXPECT_EQ(count(q).no_bounce.get(), 1U);
  EXPECT_EQ(q.send({six[0]}), 0U) << "the kernel still has them all; this burst kicks";
  EXPECT_EQ(q.send({six[0]}), 0U);
  EXPECT_EQ(q.send({six[0]}), 1U) << "far below the drain mark, yet the finished ones are looked for";
}

TEST_F(TxBurst, BounceFramesAreUsedAgainAndAgain) {
  TestQueue& q = open_queue({.nb_rx = 0, .bounce = 2});
  const auto outside = numbered(1, 60);
  for (int i = 0; i < 500; ++i) ASSERT_EQ(q.send({{.length = 60, .outside = outside.data()}}), 1U) << i;
  EXPECT_EQ(count(q).bounce_copies.get(), 500U);
}

TEST_F(TxBurst, WithoutBounceFramesOnlyThePacketsThatNeedOneWait) {
  TestQueue& q = open_queue({.nb_rx = 0, .bounce = 0});
  const auto outside = numbered(1, 60);
  auto all = packets(q, 2);
  all.insert(all.begin() + 1, Frame{.length = 60, .outside = outside.data()});
  EXPECT_EQ(q.send(all), 1U);
  q.give_back({all[2]});
}

TEST_F(TxBurst, UnalignedFramesGoOutWithTheOffsetInTheHighBits) {
  TestQueue& q = open_queue({}, {.frames = 200, .unaligned = true, .stride = 2432});
  for (uint64_t n = 0; n < 200; ++n) {
    ASSERT_EQ(q.send({*q.make_packet(numbered(n, 1400), 300)}), 1U);
    const auto got = q.receive();
    ASSERT_EQ(got.size(), 1U);
    ASSERT_EQ(number_in({q.umem().data(got[0]), got[0].length}), static_cast<int64_t>(n));
    q.give_back(got);
  }
}

// --- a completion ring that lies ---

TEST_F(TxBurst, ACompletionOfAFrameTheKernelDidNotHaveIsAViolation) {
  TestQueue& q = open_queue();
  const Frame ours = *q.make_packet(bytes("mine"));
  ASSERT_TRUE(q.peer().complete_raw(raw(ours.chunk)));
  ASSERT_TRUE(q.peer().complete_raw(~uint64_t{0} >> 16));
  ASSERT_TRUE(q.peer().complete_raw(raw(q.umem().bounce_chunks(3, 1)[0])));
  ASSERT_TRUE(q.peer().complete_raw(q.pair->rx().fill.descs[0]));  // posted for RX
  const size_t before = q.umem().pool.size();
  q.send({});
  EXPECT_EQ(q.umem().pool.size(), before);
  EXPECT_EQ(q.tx_in_flight_now(), 0U);
  EXPECT_EQ(q.tx_shared().bounce_count, 8U);
  q.expected_violations = 4;
  q.give_back({ours});
}

TEST_F(TxBurst, ACompletionThatComesTwiceCountsOnce) {
  TestQueue& q = open_queue({.nb_rx = 0});
  ASSERT_EQ(send(q, packets(q, 2)), 2U);
  ASSERT_TRUE(q.peer().complete_raw(q.pair->tx().completion.descs[0]));
  q.send({});
  EXPECT_EQ(q.tx_in_flight_now(), 0U);
  q.expected_violations = 1;
}

// --- kicks ---

TEST_F(TxBurst, OneKickABurst) {
  TestQueue& q = open_queue({.nb_rx = 0});
  for (int i = 0; i < 10; ++i) ASSERT_EQ(send(q, packets(q, 5)), 5U);
  EXPECT_EQ(kernel_.calls(Call::kKick), 10U);
  EXPECT_EQ(count(q).kicks.get(), 10U);
}

TEST_F(TxBurst, NoKickWithoutAPacketInTheRing) {
  TestQueue& q = open_queue();
  auto empty = packets(q, 1);
  empty[0].length = 0;
  q.send(empty);
  q.send({});
  EXPECT_EQ(kernel_.calls(Call::kKick), 0U);
}

TEST_F(TxBurst, NoKickWhereTheDriverDoesNotAskForOne) {
  TestQueue& q = open_queue({.nb_rx = 0});
  q.peer().want_tx_wakeup(false);
  ASSERT_EQ(send(q, packets(q, 5)), 5U);
  EXPECT_EQ(kernel_.calls(Call::kKick), 0U);
  q.peer().want_tx_wakeup(true);
  q.send({});
  EXPECT_EQ(kernel_.calls(Call::kKick), 1U);
}

TEST_F(TxBurst, KicksAgainWhileTheKernelSendsInBatches) {
  kernel_.no_send_budget_option(true);
  TestQueue& q = open_queue({.nb_rx = 0, .nb_tx = 128, .ring = 128, .slot = 1, .bounce = 0}, {.frames = 256});
  q.peer().socket().kick_budget = 32;
  ASSERT_EQ(send(q, packets(q, 128)), 128U);
  EXPECT_EQ(kernel_.calls(Call::kKick), 4U);
  EXPECT_EQ(count(q).kick_again.get(), 3U);
  EXPECT_EQ(*q.pair->tx().tx.consumer, 128U);
}

TEST_F(TxBurst, KicksStayBoundedWhenTheKernelSendsLessThanABatch) {
  kernel_.no_send_budget_option(true);
  TestQueue& q = open_queue({.nb_rx = 0, .nb_tx = 128, .ring = 128, .bounce = 0}, {.frames = 256});
  q.peer().socket().kick_budget = 1;
  ASSERT_EQ(send(q, packets(q, 128)), 128U);
  EXPECT_LE(kernel_.calls(Call::kKick), 4U);
  for (int i = 0; i < 128; ++i) q.send({});
  EXPECT_EQ(*q.pair->tx().tx.consumer, 128U) << "nothing stays unkicked";
}

TEST_F(TxBurst, AKickThatSentNothingIsNotRepeatedThoughMoreBatchesWait) {
  kernel_.no_send_budget_option(true);
  TestQueue& q = open_queue({.nb_rx = 0, .nb_tx = 128, .ring = 128, .bounce = 0}, {.frames = 256});
  kernel_.kicks_answer(EAGAIN, 100);
  ASSERT_EQ(send(q, packets(q, 128)), 128U);
  EXPECT_EQ(kernel_.calls(Call::kKick), 1U);
}

class KickError : public TxBurst, public ::testing::WithParamInterface<int> {};
INSTANTIATE_TEST_SUITE_P(Errno, KickError, ::testing::Values(EAGAIN, EBUSY, ENOBUFS, ENETDOWN, ENXIO, EINVAL));

TEST_P(KickError, IsCountedNotRepeatedAndThePacketsGoOutLater) {
  TestQueue& q = open_queue();
  kernel_.kicks_answer(GetParam(), 1);
  ASSERT_EQ(send(q, packets(q, 3)), 3U);
  EXPECT_EQ(kernel_.calls(Call::kKick), 1U) << "a kick that got nowhere is not spun on";
  const TxCounters& c = count(q);
  EXPECT_EQ(c.kick_again.get(), GetParam() == EAGAIN);
  EXPECT_EQ(c.kick_busy.get(), GetParam() == EBUSY || GetParam() == ENOBUFS);
  EXPECT_EQ(c.kick_down.get(), GetParam() == ENETDOWN || GetParam() == ENXIO);
  EXPECT_EQ(c.kick_errors.get(), GetParam() == EINVAL);
  ASSERT_EQ(send(q, packets(q, 1)), 1U);
  const auto got = q.receive();
  EXPECT_EQ(got.size(), 4U);
  q.give_back(got);
}

}  // namespace
}  // namespace zcnbrh::testing
