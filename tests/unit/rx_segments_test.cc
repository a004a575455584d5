// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// rx_burst<true>(): packets of several descriptors against a kernel played by hand.
#include "lib/base/uapi_xdp.h"
#include "tests/support/segment_test.h"

namespace zcnbrh::testing {
namespace {

constexpr uint32_t kMore = uapi::kXdpPktContd;

class RxSegments : public SegmentTest {
 protected:
  static const RxCounters& count(TestQueue& q) { return q.rx_shared().count; }
  // numbered(number, length) in descriptors of `each` bytes; `last`: with its last one.
  static void arrive(TestQueue& q, uint64_t number, uint32_t length, uint32_t each) {
    const auto bytes = numbered(number, length);
    for (uint32_t at = 0; at < length; at += each) part(q, bytes, at, each);
  }
  static void part(TestQueue& q, const std::vector<uint8_t>& bytes, uint32_t at, uint32_t each) {
    const auto length = std::min<uint32_t>(each, static_cast<uint32_t>(bytes.size()) - at);
    ASSERT_TRUE(q.peer().receive({bytes.data() + at, length}, at + length < bytes.size() ? kMore : 0));
  }
};

TEST_F(RxSegments, ChainsComeWholeAndInOrderBetweenOthers) {
  TestQueue& q = open_sg();
  arrive(q, 1, 60, 1000);
  arrive(q, 2, 4500, 1000);
  arrive(q, 3, 60, 1000);
  arrive(q, 4, 2000, 1000);
  const auto got = receive(q);
  ASSERT_EQ(got.size(), 4U);
  const size_t frames[] = {1, 5, 1, 2};
  for (uint32_t i = 0; i < 4; ++i) {
    EXPECT_EQ(got[i].size(), frames[i]);
    EXPECT_EQ(number_in(content(q, got[i])), i + 1);
  }
  EXPECT_EQ(count(q).packets.get(), 4U);
  EXPECT_EQ(count(q).bytes.get(), 60U + 4500 + 60 + 2000);
  EXPECT_EQ(count(q).chained.get(), 2U);
  EXPECT_EQ(count(q).partial.get(), 0U);
  give_back(q, got);
}

TEST_F(RxSegments, CountsPacketsAndNotDescriptorsAgainstTheBurst) {
  TestQueue& q = open_sg();
  for (uint64_t n = 0; n < 4; ++n) arrive(q, n, 3000, 1000);
  for (uint64_t n = 0; n < 4; ++n) {
    const auto got = receive(q, 1);
    ASSERT_EQ(got.size(), 1U);
    EXPECT_EQ(got[0].size(), 3U);
    EXPECT_EQ(number_in(content(q, got[0])), static_cast<int64_t>(n));
    give_back(q, got);
  }
  EXPECT_TRUE(receive(q, 1).empty());
  EXPECT_EQ(count(q).partial.get(), 0U);
}

TEST_F(RxSegments, APacketWhoseEndIsNotThereYetIsResumed) {
  TestQueue& q = open_sg();
  const auto bytes = numbered(7, 4000);
  arrive(q, 6, 60, 1000);
  part(q, bytes, 0, 1000);
  part(q, bytes, 1000, 1000);
  auto got = receive(q);
  ASSERT_EQ(got.size(), 1U);
  EXPECT_EQ(number_in(content(q, got[0])), 6);
  give_back(q, got);
  EXPECT_TRUE(receive(q).empty());
  EXPECT_EQ(q.rx_posted_now(), q.umem().frames().count(rx_posted(1))) << "its frames are still the kernel's";
  part(q, bytes, 2000, 1000);
  EXPECT_TRUE(receive(q).empty());
  part(q, bytes, 3000, 1000);
  got = receive(q);
  ASSERT_EQ(got.size(), 1U);
  EXPECT_EQ(content(q, got[0]), bytes);
  EXPECT_EQ(count(q).partial.get(), 3U);
  give_back(q, got);
}

TEST_F(RxSegments, APacketThatNeverEndsGoesBackWithTheQueue) {
  TestQueue& q = open_sg();
  const auto bytes = numbered(7, 4000);
  part(q, bytes, 0, 1000);
  part(q, bytes, 1000, 1000);
  EXPECT_TRUE(receive(q).empty());
}  // TearDown() counts every frame

TEST_F(RxSegments, ChainsGoAcrossTheRingsEnd) {
  TestQueue& q = open_sg();
  for (uint64_t n = 0; n < 100; ++n) {  // 5 descriptors in a ring of 64: each place in turn
    arrive(q, n, 4600, 1000);
    const auto got = receive(q);
    ASSERT_EQ(got.size(), 1U) << n;
    ASSERT_EQ(number_in(content(q, got[0])), static_cast<int64_t>(n));
    give_back(q, got);
  }
}

TEST_F(RxSegments, TheMostSegmentsComeOneMoreAreDroppedWhole) {
  TestQueue& q = open_sg({.nb_rx = 128, .ring = 128}, {.frames = 512});
  arrive(q, 1, kMaxRxSegments * 10, 10);
  auto got = receive(q);
  ASSERT_EQ(got.size(), 1U);
  EXPECT_EQ(got[0].size(), kMaxRxSegments);
  EXPECT_EQ(number_in(content(q, got[0])), 1);
  give_back(q, got);
  arrive(q, 2, (kMaxRxSegments + 1) * 10, 10);
  arrive(q, 3, 60, 1000);
  got = receive(q);
  ASSERT_EQ(got.size(), 1U);
  EXPECT_EQ(number_in(content(q, got[0])), 3);
  EXPECT_EQ(count(q).dropped_segments.get(), kMaxRxSegments + 1);
  give_back(q, got);
}

TEST_F(RxSegments, APacketLongerThanTheRingCannotStopTheQueue) {
  TestQueue& q = open_sg({.nb_rx = 64, .ring = 64});
  const auto bytes = numbered(5, 20000);
  for (uint32_t at = 0; at < 20000; at += 100) {  // 200 descriptors
    part(q, bytes, at, 100);
    EXPECT_TRUE(receive(q).empty());
  }
  EXPECT_EQ(count(q).dropped_segments.get(), 200U);
  arrive(q, 6, 3000, 1000);
  const auto got = receive(q);
  ASSERT_EQ(got.size(), 1U);
  EXPECT_EQ(number_in(content(q, got[0])), 6);
  give_back(q, got);
}

TEST_F(RxSegments, ASegmentLongerThanABufferDropsThePacketWhole) {
  TestQueue& q = open_sg({.max_length = 1000});
  arrive(q, 1, 2500, 1001);
  arrive(q, 2, 2500, 1000);
  const auto got = receive(q);
  ASSERT_EQ(got.size(), 1U);
  EXPECT_EQ(number_in(content(q, got[0])), 2);
  EXPECT_EQ(count(q).dropped_segments.get(), 3U);
  give_back(q, got);
}

TEST_F(RxSegments, AFrameTheKernelDidNotHaveDropsItsPacketAndIsLeftAlone) {
  TestQueue& q = open_sg();
  const Frame ours = *q.make_packet(bytes("mine"));
  const auto packet = numbered(1, 2000);
  part(q, packet, 0, 1000);
  ASSERT_TRUE(q.peer().receive_raw(raw(ours.chunk) + 256, 100, kMore));
  part(q, packet, 1000, 1000);
  arrive(q, 2, 2000, 1000);
  const auto got = receive(q);
  ASSERT_EQ(got.size(), 1U);
  EXPECT_EQ(number_in(content(q, got[0])), 2);
  EXPECT_EQ(count(q).dropped_segments.get(), 2U);
  q.expected_violations = 1;
  give_back(q, got);
  q.give_back({ours});
}

TEST_F(RxSegments, UnalignedChunksToo) {
  TestQueue& q = open_sg({}, {.frames = 200, .chunk = 2048, .unaligned = true, .stride = 2432});
  for (uint64_t n = 0; n < 50; ++n) {
    arrive(q, n, 9014, 1792);
    const auto got = receive(q);
    ASSERT_EQ(got.size(), 1U);
    ASSERT_EQ(number_in(content(q, got[0])), static_cast<int64_t>(n));
    give_back(q, got);
  }
}

TEST_F(RxSegments, APacketIsOneCreditHoweverManyFramesItTakes) {
  TestQueue& q = open_sg();
  uint32_t delivered = 100;
  uint32_t limit = 0;
  q.pair->set_gate({&delivered, &limit}, 32);
  arrive(q, 1, 4500, 1000);
  arrive(q, 2, 60, 1000);
  arrive(q, 3, 50 * 10, 10);
  delivered += 3;
  give_back(q, receive(q));
  EXPECT_EQ(limit, 103U + 32);
  const auto endless = numbered(4, 2000);
  part(q, endless, 0, 1000);
  ++delivered;
  EXPECT_TRUE(receive(q).empty());
  EXPECT_EQ(limit, 103U + 32) << "its credit comes with its end";
  part(q, endless, 1000, 1000);
  give_back(q, receive(q));
  EXPECT_EQ(limit, 104U + 32);
}

TEST_F(RxSegments, WithoutThePlainBurstDropsThemWhole) {
  TestQueue& q = open_queue();
  arrive(q, 1, 2500, 1000);
  arrive(q, 2, 60, 1000);
  const auto got = q.receive();
  ASSERT_EQ(got.size(), 1U);
  EXPECT_EQ(count(q).dropped_segments.get(), 3U);
  q.give_back(got);
}

}  // namespace
}  // namespace zcnbrh::testing
