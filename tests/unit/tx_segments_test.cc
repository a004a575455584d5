// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// tx_burst<true>(): packets of several descriptors, by address and gathered, against the loop kernel, whose TX
// side takes what Linux takes: at most 18 descriptors a packet, each valid.
#include <cerrno>

#include "lib/base/uapi_xdp.h"
#include "tests/support/segment_test.h"

namespace zcnbrh::testing {
namespace {

constexpr uint32_t kMore = uapi::kXdpPktContd;

class TxSegments : public SegmentTest {
 protected:
  static const TxCounters& count(TestQueue& q) { return q.tx_shared().count; }
  // What came back is packet `number` of `length` bytes.
  static void comes_back(TestQueue& q, uint64_t number, uint32_t length) {
    const auto got = receive(q);
    ASSERT_EQ(got.size(), 1U);
    const auto bytes = content(q, got[0]);
    EXPECT_EQ(bytes.size(), length);
    EXPECT_EQ(number_in(bytes), static_cast<int64_t>(number));
    give_back(q, got);
  }
};

TEST_F(TxSegments, AChainGoesByAddressADescriptorASegment) {
  TestQueue& q = open_sg({.nb_rx = 0});
  kernel_.kicks_answer(EBUSY, 1);  // keep it in the ring
  const Chain packet = make_chain(q, 3, {100, 200, 300});
  ASSERT_EQ(send(q, {packet}), 1U);
  EXPECT_EQ(sent_by_address_, 1U);
  for (uint32_t i = 0; i < 3; ++i) {
    const auto desc = q.peer().take_packet();
    ASSERT_TRUE(desc);
    EXPECT_EQ(desc->addr, raw(packet[i].chunk) + 128);
    EXPECT_EQ(desc->len, packet[i].length);
    EXPECT_EQ(desc->options, i < 2 ? kMore : 0U);
  }
  EXPECT_EQ(count(q).packets.get(), 1U);
  EXPECT_EQ(count(q).bytes.get(), 600U);
  EXPECT_EQ(count(q).chained.get(), 1U);
  EXPECT_EQ(count(q).bounce_copies.get(), 0U);
  EXPECT_EQ(q.tx_in_flight_now(), 3U);
}

TEST_F(TxSegments, FromOneSegmentToTwentyAllArrive) {
  TestQueue& q = open_sg({.nb_rx = 128, .nb_tx = 64, .ring = 128}, {.frames = 512, .bounce = 16});
  for (uint32_t segments = 1; segments <= 20; ++segments) {
    const std::vector<uint32_t> lengths(segments, 450);
    ASSERT_EQ(send(q, {make_chain(q, segments, lengths)}), 1U);
    comes_back(q, segments, segments * 450);
  }
  EXPECT_EQ(count(q).bounce_copies.get(), 2U) << "19 and 20 segments are more than the kernel takes";
  EXPECT_EQ(count(q).chained.get(), 17U + 2);
}

TEST_F(TxSegments, AMixedPacketIsGatheredIntoAsManyFramesAsItTakes) {
  TestQueue& q = open_sg({.nb_rx = 128, .ring = 128}, {.frames = 512});
  Chain packet = make_chain(q, 9, {1500, 1500, 1500});
  const auto bytes = numbered(9, 9000);
  packet.push_back({.length = 4500, .outside = bytes.data() + 4500});
  std::copy_n(bytes.begin(), 1500, q.umem().data(packet[0]));
  std::copy_n(bytes.begin() + 1500, 1500, q.umem().data(packet[1]));
  std::copy_n(bytes.begin() + 3000, 1500, q.umem().data(packet[2]));
  const size_t before = q.umem().pool.size();
  ASSERT_EQ(send(q, {packet}), 1U);
  EXPECT_EQ(q.umem().pool.size(), before + 3) << "done with its frames at once";
  EXPECT_EQ(count(q).bounce_copies.get(), 1U);
  EXPECT_EQ(count(q).chained.get(), 1U);
  comes_back(q, 9, 9000);
}

TEST_F(TxSegments, AShortChainIsGatheredIntoOneFrame) {
  TestQueue& q = open_sg();
  const auto head = numbered(4, 100);
  Chain packet = {{.length = 10, .outside = head.data()}, {.length = 90, .outside = head.data() + 10}};
  ASSERT_EQ(send(q, {packet}), 1U);
  EXPECT_EQ(count(q).bounce_copies.get(), 1U);
  EXPECT_EQ(count(q).chained.get(), 0U);
  comes_back(q, 4, 100);
}

TEST_F(TxSegments, AFirstSegmentWithoutTheEthernetHeaderIsNotLentToTheKernel) {
  TestQueue& q = open_sg();
  ASSERT_EQ(send(q, {make_chain(q, 5, {13, 500})}), 1U);
  EXPECT_EQ(sent_by_address_, 0U);
  comes_back(q, 5, 513);
  ASSERT_EQ(send(q, {make_chain(q, 6, {14, 500})}), 1U);
  EXPECT_EQ(sent_by_address_, 1U);
  comes_back(q, 6, 514);
}

TEST_F(TxSegments, AFrameThatIsInFlightAlreadySendsThePacketByCopyAndLeavesTheOthersAlone) {
  TestQueue& q = open_sg();
  kernel_.kicks_answer(EBUSY, 1);
  const Chain first = make_chain(q, 1, {700});
  ASSERT_EQ(send(q, {first}), 1U);
  Chain second = make_chain(q, 2, {100, 100});
  second.push_back(first[0]);
  second[2].borrowed = true;
  ASSERT_EQ(send(q, {second}), 1U);
  EXPECT_EQ(sent_by_address_, 0U);
  EXPECT_EQ(count(q).bounce_copies.get(), 1U);
  give_back(q, receive(q));
}

TEST_F(TxSegments, NeverHalfAPacketWhenTheRingIsShortOfSlots) {
  TestQueue& q = open_sg({.nb_rx = 0, .nb_tx = 64, .ring = 64}, {.frames = 512});
  kernel_.kicks_answer(EBUSY, UINT32_MAX);
  std::vector<Chain> all;
  for (uint64_t n = 0; n < 5; ++n) all.push_back(make_chain(q, n, std::vector<uint32_t>(15, 20)));
  EXPECT_EQ(send(q, all), 4U);
  EXPECT_EQ(q.tx_in_flight_now(), 60U) << "four slots are free, the fifth packet needs 15";
  EXPECT_EQ(count(q).no_credit.get(), 1U);
  EXPECT_EQ(send(q, {all[4]}), 0U);
  kernel_.kicks_answer(0, 0);
  send(q, {});
  EXPECT_EQ(send(q, {all[4]}), 1U) << "and it goes on";
}

TEST_F(TxSegments, AChainWaitsForCompletionsBelowTheDrainMark) {
  TestQueue& q = open_sg({.nb_rx = 0, .nb_tx = 24, .ring = 64}, {.frames = 512});
  for (uint64_t n = 0; n < 200; ++n) {
    const auto chain = make_chain(q, n, std::vector<uint32_t>(n % 18 + 1, 20));
    uint32_t taken = 0;
    for (int i = 0; i < 3 && taken == 0; ++i) taken = send(q, {chain});
    ASSERT_EQ(taken, 1U) << "packet " << n << " waits for ever";
  }
}

TEST_F(TxSegments, WhatCouldNeverBeSentIsDroppedAndCounted) {
  TestQueue& q = open_sg({.nb_rx = 0, .nb_tx = 8, .ring = 64, .bounce = 4}, {.frames = 512});
  const auto bytes = numbered(1, 40000);
  const Chain too_many_bounces = {{.length = 5 * 2048, .outside = bytes.data()}};
  const Chain too_long = {{.length = 19 * 2048, .outside = bytes.data()}};
  EXPECT_EQ(send(q, {too_many_bounces, too_long, make_chain(q, 1, {60})}), 3U);
  EXPECT_EQ(count(q).invalid.get(), 2U);
  EXPECT_EQ(count(q).packets.get(), 1U);
  // Nine descriptors are more than nb_tx: gathered, they are one.
  EXPECT_EQ(send(q, {make_chain(q, 2, std::vector<uint32_t>(9, 100))}), 1U);
  EXPECT_EQ(count(q).bounce_copies.get(), 1U);
}

TEST_F(TxSegments, GatheringWaitsForBounceFramesAndGoesOn) {
  TestQueue& q = open_sg({.nb_rx = 0, .bounce = 5}, {.bounce = 5});
  kernel_.kicks_answer(EBUSY, 1);
  const auto bytes = numbered(1, 6000);
  const Chain three = {{.length = 6000, .outside = bytes.data()}};
  EXPECT_EQ(send(q, {three, three}), 1U);
  EXPECT_EQ(q.tx_shared().bounce_count, 2U) << "those taken in vain are back";
  EXPECT_EQ(count(q).no_bounce.get(), 1U);
  uint32_t taken = 0;
  for (int i = 0; i < 3 && taken == 0; ++i) taken = send(q, {three});
  EXPECT_EQ(taken, 1U);
}

TEST_F(TxSegments, ChainsGoAcrossTheRingsEnd) {
  TestQueue& q = open_sg({.nb_rx = 64, .nb_tx = 64, .ring = 64}, {.frames = 512});
  for (uint64_t n = 0; n < 100; ++n) {
    ASSERT_EQ(send(q, {make_chain(q, n, {500, 500, 500, 500, 500})}), 1U);
    comes_back(q, n, 2500);
  }
}

TEST_F(TxSegments, CompletionsInAnyOrderBringEachFrameBackOnce) {
  TestQueue& q = open_sg({.nb_rx = 0}, {.frames = 64});
  kernel_.kicks_answer(EBUSY, UINT32_MAX);
  const Chain packet = make_chain(q, 3, {100, 200, 300});
  ASSERT_EQ(send(q, {packet}), 1U);
  for (const uint32_t i : {2U, 0U, 1U}) ASSERT_TRUE(q.peer().complete_raw(raw(packet[i].chunk) + 128));
  send(q, {});
  EXPECT_EQ(q.umem().pool.size(), 64U);
  EXPECT_EQ(q.tx_in_flight_now(), 0U);
}

// --- frames longer than a chunk: several descriptors into one ---

class BigFrames : public TxSegments {
 protected:
  TestQueue& open_big(uint32_t nb_rx = 0) {
    return open_sg({.nb_rx = nb_rx, .bounce = 8, .split_frames = true},
                   {.frames = 128, .bounce = 8, .unaligned = true, .stride = 10496});
  }
};

TEST_F(BigFrames, GoOutAsSeveralDescriptorsAndComeBackOnce) {
  TestQueue& q = open_big(64);
  for (uint64_t n = 0; n < 60; ++n) {
    ASSERT_EQ(send(q, {make_chain(q, n, {9014})}), 1U);
    EXPECT_EQ(sent_by_address_, 1U);
    EXPECT_EQ(q.tx_in_flight_now(), 5U);
    send(q, {});
    EXPECT_EQ(q.tx_in_flight_now(), 0U);
    comes_back(q, n, 9014);
  }
  EXPECT_EQ(count(q).bounce_copies.get(), 0U);
  EXPECT_EQ(count(q).chained.get(), 60U);
}

TEST_F(BigFrames, TheFrameIsBackAtItsLastCompletionAndNotBefore) {
  TestQueue& q = open_big();
  kernel_.kicks_answer(EBUSY, UINT32_MAX);
  const size_t all = q.umem().pool.size();
  const Chain packet = make_chain(q, 1, {9014, 100});
  ASSERT_EQ(send(q, {packet}), 1U);
  EXPECT_EQ(q.umem().frames().count(tx_in_flight(1)), 6U) << "a byte of the ledger for each descriptor";
  std::vector<struct xdp_desc> descs;
  while (const auto desc = q.peer().take_packet()) descs.push_back(*desc);
  ASSERT_EQ(descs.size(), 6U);
  for (const uint32_t i : {3U, 5U, 0U, 4U, 1U}) {
    ASSERT_TRUE(q.peer().complete_raw(descs[i].addr));
    send(q, {});
    EXPECT_LT(q.umem().pool.size(), all);
  }
  EXPECT_EQ(q.umem().pool.size(), all - 1) << "the small frame is back, the big one has a descriptor out";
  ASSERT_TRUE(q.peer().complete_raw(descs[2].addr));
  send(q, {});
  EXPECT_EQ(q.umem().pool.size(), all);
  ASSERT_TRUE(q.peer().complete_raw(descs[2].addr));  // and once more: a violation, nothing else
  send(q, {});
  EXPECT_EQ(q.umem().pool.size(), all);
  q.expected_violations = 1;
}

TEST_F(BigFrames, NeighboursDoNotShareALedgerByte) {
  TestQueue& q = open_big();
  kernel_.kicks_answer(EBUSY, UINT32_MAX);
  std::vector<Chain> all;
  for (uint64_t n = 0; n < 12; ++n) all.push_back(make_chain(q, n, {10240}));  // five bytes of the ledger each
  ASSERT_EQ(send(q, all), 12U);
  EXPECT_EQ(sent_by_address_, 12U);
  EXPECT_EQ(q.umem().frames().count(tx_in_flight(1)), 60U);
}

TEST_F(BigFrames, MoreDescriptorsThanTheFrameHasLedgerBytesAreGathered) {
  TestQueue& q = open_big();
  ASSERT_EQ(send(q, {make_chain(q, 1, {10368})}), 1U);  // six descriptors
  EXPECT_EQ(sent_by_address_, 0U);
  EXPECT_EQ(count(q).bounce_copies.get(), 1U);
}

TEST_F(BigFrames, AreReclaimedWithTheQueue) {
  TestQueue& q = open_big();
  kernel_.kicks_answer(EBUSY, UINT32_MAX);
  ASSERT_EQ(send(q, {make_chain(q, 1, {9014}), make_chain(q, 2, {5000, 60})}), 2U);
}

}  // namespace
}  // namespace zcnbrh::testing
