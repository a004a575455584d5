// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// rx_burst() and refill() against a kernel played by hand, well and badly.
#include <cerrno>

#include "lib/base/uapi_xdp.h"
#include "tests/support/queue_test.h"

namespace zcnbrh::testing {
namespace {

class RxBurst : public QueueTest {
 protected:
  static const RxCounters& count(TestQueue& q) { return q.rx_shared().count; }
};

TEST_F(RxBurst, DeliversContentLengthAndOrder) {
  TestQueue& q = open_queue();
  for (uint64_t n = 0; n < 5; ++n) ASSERT_TRUE(q.peer().receive(numbered(n, 60 + static_cast<uint32_t>(n))));
  const auto got = q.receive(32);
  ASSERT_EQ(got.size(), 5U);
  for (uint32_t n = 0; n < 5; ++n) {
    EXPECT_EQ(got[n].length, 60 + n);
    EXPECT_EQ(number_in({q.umem().data(got[n]), got[n].length}), n);
    EXPECT_EQ(got[n].offset, 256U) << "behind the kernel's headroom";
  }
  EXPECT_EQ(count(q).packets.get(), 5U);
  EXPECT_EQ(count(q).bytes.get(), 60U + 61 + 62 + 63 + 64);
  q.give_back(got);
}

TEST_F(RxBurst, TakesNoMoreThanAskedFor) {
  TestQueue& q = open_queue();
  for (uint64_t n = 0; n < 5; ++n) ASSERT_TRUE(q.peer().receive(numbered(n, 60)));
  auto got = q.receive(3);
  EXPECT_EQ(got.size(), 3U);
  const auto rest = q.receive(3);
  EXPECT_EQ(rest.size(), 2U);
  q.give_back(got);
  q.give_back(rest);
}

TEST_F(RxBurst, APacketInTheApplicationsHandsIsReplacedSoThatTheKernelKeepsNbRxDesc) {
  TestQueue& q = open_queue({.nb_rx = 64, .ring = 64}, {.frames = 256});
  std::vector<Frame> held;
  for (uint64_t n = 0; n < 150; ++n) {
    ASSERT_TRUE(q.peer().receive(numbered(n, 60))) << n;
    for (const Frame& frame : q.receive()) held.push_back(frame);
    ASSERT_LE(q.rx_posted_now(), 64U);
    ASSERT_GE(q.rx_posted_now(), 64U - q.rx_shared().refill_mark);
  }
  EXPECT_EQ(held.size(), 150U);
  q.give_back(held);
}

TEST_F(RxBurst, DeliversAlthoughThePoolIsEmptyAndMakesTheDeficitGoodLater) {
  TestQueue& q = open_queue();
  q.umem().pool.set_dry(true);
  std::vector<Frame> held;
  for (uint64_t n = 0; n < 64; ++n) {
    ASSERT_TRUE(q.peer().receive(numbered(n, 60)));
    for (const Frame& frame : q.receive()) held.push_back(frame);
  }
  EXPECT_EQ(held.size(), 64U);
  EXPECT_EQ(q.rx_posted_now(), 0U);
  EXPECT_FALSE(q.peer().receive(numbered(64, 60))) << "the kernel has no buffer now";
  EXPECT_GT(count(q).alloc_failed.get(), 0U);
  q.give_back(held);
  q.umem().pool.set_dry(false);
  EXPECT_TRUE(q.receive().empty());  // an empty poll makes it good
  EXPECT_EQ(q.rx_posted_now(), 64U);
  EXPECT_TRUE(q.peer().receive(numbered(65, 60)));
  q.give_back(q.receive());
}

TEST_F(RxBurst, AShortPoolAtTheStartIsADeficitTooAndMadeGood) {
  TestUmem& umem = make_umem();
  TestQueue& q = make_queue(umem);
  std::vector<ChunkOffset> kept(umem.shape().frames - 10);
  ASSERT_EQ(umem.pool.take(kept.data(), static_cast<uint32_t>(kept.size())), kept.size());
  ASSERT_TRUE(q.open(port(), 0));
  EXPECT_EQ(q.rx_posted_now(), 10U);
  for (const ChunkOffset chunk : kept) umem.pool.put(chunk);
  q.receive();
  EXPECT_EQ(q.rx_posted_now(), 64U);
}

TEST_F(RxBurst, PostsABoundedNumberOfFramesABurst) {
  TestUmem& umem = make_umem({.frames = 1024});
  TestQueue& q = make_queue(umem, {.nb_rx = 1024, .ring = 1024});
  umem.pool.set_dry(true);
  ASSERT_TRUE(q.open(port(), 0));
  umem.pool.set_dry(false);
  q.receive();
  EXPECT_EQ(q.rx_posted_now(), kRefillMax);
  while (q.rx_posted_now() < 1024) {
    const uint32_t before = q.rx_posted_now();
    q.receive();
    ASSERT_GT(q.rx_posted_now(), before);
  }
}

TEST_F(RxBurst, UnalignedChunksComeBackByTheAddressTheyWerePostedWith) {
  TestQueue& q = open_queue({}, {.frames = 200, .chunk = 2048, .unaligned = true, .stride = 2432});
  for (uint64_t n = 0; n < 300; ++n) {
    ASSERT_TRUE(q.peer().receive(numbered(n, 1500)));
    const auto got = q.receive();
    ASSERT_EQ(got.size(), 1U);
    ASSERT_EQ(raw(got[0].chunk) % 2432, 0U);
    ASSERT_EQ(number_in({q.umem().data(got[0]), got[0].length}), static_cast<int64_t>(n));
    q.give_back(got);
  }
}

// --- descriptors that no good kernel writes, or that we do not take yet ---

TEST_F(RxBurst, AnAddressOutsideTheUmemIsAViolationAndNothingElse) {
  TestQueue& q = open_queue();
  ASSERT_TRUE(q.peer().receive_raw(q.umem().umem.layout().size + 4096, 60));
  ASSERT_TRUE(q.peer().receive_raw(~uint64_t{0}, 60));
  ASSERT_TRUE(q.peer().receive(bytes("good")));
  const auto got = q.receive();
  ASSERT_EQ(got.size(), 1U);
  EXPECT_EQ(q.text(got[0]), "good");
  q.expected_violations = 2;
  EXPECT_EQ(q.rx_shared().violation.wanted, static_cast<uint8_t>(Owner::kOurs));
  q.give_back(got);
}

TEST_F(RxBurst, AFrameTheKernelDidNotHaveIsLeftAlone) {
  TestQueue& q = open_queue();
  const Frame ours = *q.make_packet(bytes("mine"));
  ASSERT_TRUE(q.peer().receive_raw(raw(ours.chunk) + 256, 60));
  EXPECT_TRUE(q.receive().empty());
  EXPECT_EQ(q.rx_posted_now(), 64U);
  const LedgerViolation& v = q.rx_shared().violation;
  EXPECT_EQ(v.seen, 1U);
  EXPECT_EQ(v.frame, q.umem().frames().index_of(ours.chunk));
  EXPECT_EQ(v.expected, static_cast<uint8_t>(rx_posted(1)));
  EXPECT_EQ(v.found, static_cast<uint8_t>(Owner::kOurs));
  q.expected_violations = 1;
  q.give_back({ours});
}

TEST_F(RxBurst, ABounceFrameDoesNotComeBackFromTheRxRing) {
  TestQueue& q = open_queue();
  ASSERT_TRUE(q.peer().receive_raw(raw(q.umem().bounce_chunks(0, 1)[0]) + 256, 60));
  EXPECT_TRUE(q.receive().empty());
  q.expected_violations = 1;
}

TEST_F(RxBurst, AFrameHandedOverTwiceIsDeliveredOnce) {
  TestQueue& q = open_queue();
  ASSERT_TRUE(q.peer().receive(bytes("once")));
  const uint64_t address = q.pair->rx().rx.descs[0].addr;
  ASSERT_TRUE(q.peer().receive_raw(address, 4));
  const auto got = q.receive();
  EXPECT_EQ(got.size(), 1U);
  q.expected_violations = 1;
  q.give_back(got);
}

TEST_F(RxBurst, WithLedgerOnTheQueueStopsAtTheFirstViolation) {
  TestQueue& q = open_queue({.stop_at_violation = true}, {.history = true});
  ASSERT_TRUE(q.peer().receive_raw(~uint64_t{0}, 60));
  q.receive();
  ASSERT_TRUE(q.peer().receive(bytes("too late")));
  EXPECT_TRUE(q.receive().empty());
  q.expected_violations = 1;
}

TEST_F(RxBurst, APoolThatGivesAPostedFrameDoesNotGetItPostedTwice) {
  TestQueue& q = open_queue();
  const ChunkOffset posted{q.pair->rx().fill.descs[60]};
  std::vector<ChunkOffset> all(q.umem().pool.size());
  const uint32_t taken = q.umem().pool.take(all.data(), static_cast<uint32_t>(all.size()));
  q.umem().pool.put(posted);  // the application frees a frame that is not its own
  for (int n = 0; n < 20; ++n) ASSERT_TRUE(q.peer().receive(numbered(1, 60)));
  const auto got = q.receive();
  EXPECT_EQ(got.size(), 20U);
  EXPECT_EQ(*q.pair->rx().fill.producer, 64U) << "nothing new was posted";
  EXPECT_EQ(q.rx_posted_now(), 44U);
  q.expected_violations = 1;
  for (uint32_t i = 0; i < taken; ++i) q.umem().pool.put(all[i]);
  q.give_back(got);
}

TEST_F(RxBurst, APacketLongerThanTheApplicationsBufferIsDroppedWhole) {
  TestQueue& q = open_queue({.max_length = 100});
  ASSERT_TRUE(q.peer().receive(numbered(1, 101)));
  ASSERT_TRUE(q.peer().receive(numbered(2, 100)));
  const auto got = q.receive();
  ASSERT_EQ(got.size(), 1U);
  EXPECT_EQ(got[0].length, 100U);
  EXPECT_EQ(count(q).dropped_too_long.get(), 1U);
  EXPECT_EQ(count(q).packets.get(), 1U);
  q.give_back(got);
}

TEST_F(RxBurst, AMultiBufferPacketIsDroppedWholeAlsoAcrossBursts) {
  TestQueue& q = open_queue();
  ASSERT_TRUE(q.peer().receive(bytes("part one"), uapi::kXdpPktContd));
  ASSERT_TRUE(q.peer().receive(bytes("part two"), uapi::kXdpPktContd));
  EXPECT_TRUE(q.receive().empty());
  ASSERT_TRUE(q.peer().receive(bytes("part three")));
  ASSERT_TRUE(q.peer().receive(bytes("whole")));
  const auto got = q.receive();
  ASSERT_EQ(got.size(), 1U);
  EXPECT_EQ(q.text(got[0]), "whole");
  EXPECT_EQ(count(q).dropped_segments.get(), 3U);
  q.give_back(got);
}

// --- system calls ---

TEST_F(RxBurst, MakesNoSystemCallWhenTheDriverDoesNotAskForOne) {
  TestQueue& q = open_queue();
  ASSERT_TRUE(q.peer().receive(bytes("x")));
  q.give_back(q.receive());
  for (int i = 0; i < 1000; ++i) q.receive();
  EXPECT_EQ(kernel_.calls(Call::kPoke) + kernel_.calls(Call::kKick), 0U);
}

TEST_F(RxBurst, MakesOneCallABurstWhenTheDriverAsksEmptyOrNot) {
  TestQueue& q = open_queue();
  q.peer().want_fill_wakeup(true);
  for (int i = 0; i < 10; ++i) q.receive();
  EXPECT_EQ(kernel_.calls(Call::kPoke), 10U);
  ASSERT_TRUE(q.peer().receive(bytes("x")));
  q.give_back(q.receive());
  EXPECT_EQ(kernel_.calls(Call::kPoke), 11U);
  EXPECT_EQ(count(q).wakes.get(), 11U);
}

TEST_F(RxBurst, AWakeThatFailsIsCountedAndNotRepeatedInTheBurst) {
  TestQueue& q = open_queue();
  q.peer().want_fill_wakeup(true);
  kernel_.pokes_answer(ENETDOWN, 3);
  for (int i = 0; i < 5; ++i) q.receive();
  EXPECT_EQ(kernel_.calls(Call::kPoke), 5U);
  EXPECT_EQ(count(q).wake_errors.get(), 3U);
}

TEST_F(RxBurst, BusyPollingIsOneCallAnEmptyPoll) {
  TestQueue& q = open_queue();
  ASSERT_TRUE(q.pair->set_busy_poll(64));
  for (int i = 0; i < 10; ++i) q.receive();
  EXPECT_EQ(kernel_.calls(Call::kPoke), 10U);
  ASSERT_TRUE(q.peer().receive(bytes("x")));
  q.give_back(q.receive());
  EXPECT_EQ(kernel_.calls(Call::kPoke), 10U);
  EXPECT_EQ(count(q).busy_polls.get(), 10U);
}

TEST_F(RxBurst, KicksWhatTheTxRingLeftBehindAlsoWhenBusyPolling) {
  for (const bool busy_poll : {false, true}) {
    FakeKernel kernel;
    TestUmem umem({});
    TestQueue q(kernel, umem, {});
    ASSERT_TRUE(q.open(kernel.port("a", "").value(), 0));
    if (busy_poll) {
      ASSERT_TRUE(q.pair->set_busy_poll(64));
    }
    kernel.kicks_answer(EBUSY, 1);
    ASSERT_EQ(q.send({*q.make_packet(bytes("left behind"))}), 1U);
    std::vector<Frame> got;
    for (uint32_t polls = 0; got.empty() && polls < 4 * kRecheckEveryPolls; ++polls) got = q.receive();
    ASSERT_EQ(got.size(), 1U) << "busy poll " << busy_poll;
    q.give_back(got);
    EXPECT_EQ(kernel.calls(Call::kKick), 2U);
  }
}

TEST_F(RxBurst, TheGateMovesWithWhatTheApplicationTakes) {
  TestQueue& q = open_queue();
  uint32_t delivered = 100;
  uint32_t limit = 0;
  q.pair->set_gate({&delivered, &limit}, 32);
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(q.peer().receive(bytes("x")));
    ++delivered;
  }
  q.give_back(q.receive());
  EXPECT_EQ(limit, 103U + 32);
  delivered += 7;  // redirected, but dropped by the kernel
  for (uint32_t polls = 0; polls <= kStillPolls; ++polls) q.receive();
  EXPECT_EQ(limit, delivered + 32);
}

}  // namespace
}  // namespace zcnbrh::testing
