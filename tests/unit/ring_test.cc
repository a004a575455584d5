// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// KernelRing and its reservations in plain memory, most of it with indices about to wrap at 2^32.
#include <gtest/gtest.h>

#include <deque>
#include <numeric>
#include <random>
#include <thread>
#include <vector>

#include "lib/ring/kernel_ring.h"

namespace zcnbrh {
namespace {

// A ring whose two sides both start at index `first`.
struct PlainRing {
  explicit PlainRing(uint32_t size, uint32_t first = 0) : descs(size) {
    producer = consumer = first;
    ours = theirs = {first, first};
  }
  RingMap<uint64_t> map() {
    return {&producer, &consumer, &flags, descs.data(), static_cast<uint32_t>(descs.size()) - 1};
  }

  alignas(64) uint32_t producer;
  alignas(64) uint32_t consumer;
  alignas(64) uint32_t flags = 0;
  std::vector<uint64_t> descs;
  RingCursor ours, theirs;
};
using Producer = KernelRing<RingSide::kProducer, uint64_t>;
using Consumer = KernelRing<RingSide::kConsumer, uint64_t>;

// Writes `count` numbers from `next` on; as many as fit.
uint32_t produce(Producer ring, uint64_t next, uint32_t count) {
  const auto slots = ring.reserve(count);
  for (uint32_t i = 0; i < slots.count(); ++i) slots[i] = next + i;
  ring.commit(slots.count());
  return slots.count();
}

class RingFromIndex : public ::testing::TestWithParam<uint32_t> {};
INSTANTIATE_TEST_SUITE_P(Start, RingFromIndex,
                         ::testing::Values(0U, 5U, 0xFFFFFFF0U, 0xFFFFFFFFU, 0x7FFFFFFFU));

TEST_P(RingFromIndex, ReservesNoMoreThanItsSize) {
  PlainRing r(8, GetParam());
  const auto map = r.map();
  Producer ring(map, r.ours);
  EXPECT_EQ(ring.reserve(100).count(), 8U);
  ring.commit(8);
  EXPECT_EQ(ring.reserve(1).count(), 0U);
}

TEST_P(RingFromIndex, ReservingShowsNothingUntilCommit) {
  PlainRing r(8, GetParam());
  const auto map = r.map();
  Producer producer(map, r.ours);
  Consumer consumer(map, r.theirs);
  producer.reserve(4)[0] = 7;
  EXPECT_EQ(consumer.peek(4).count(), 0U);
  producer.commit(1);
  ASSERT_EQ(consumer.peek(4).count(), 1U);
  EXPECT_EQ(consumer.peek(4)[0], 7U);
}

TEST_P(RingFromIndex, CommitPublishesTheCountWrittenNotTheCountReserved) {
  PlainRing r(8, GetParam());
  const auto map = r.map();
  Producer producer(map, r.ours);
  ASSERT_EQ(producer.reserve(6).count(), 6U);
  producer.commit(2);
  EXPECT_EQ(r.producer, GetParam() + 2);
  EXPECT_EQ(producer.reserve(8).count(), 6U);  // the rest stayed ours
}

TEST_P(RingFromIndex, PeekedSlotsAreNotFreeUntilRelease) {
  PlainRing r(4, GetParam());
  const auto map = r.map();
  Producer producer(map, r.ours);
  Consumer consumer(map, r.theirs);
  produce(producer, 0, 4);
  ASSERT_EQ(consumer.peek(4).count(), 4U);
  EXPECT_EQ(producer.reserve(1).count(), 0U);
  consumer.release(1);
  EXPECT_EQ(producer.reserve(4).count(), 1U);
  EXPECT_EQ(producer.unconsumed(), 3U);
}

TEST_P(RingFromIndex, PeekAgainWithoutReleaseSeesTheSameSlots) {
  PlainRing r(4, GetParam());
  const auto map = r.map();
  Consumer consumer(map, r.theirs);
  produce(Producer(map, r.ours), 10, 3);
  EXPECT_EQ(consumer.peek(2)[0], 10U);
  const auto again = consumer.peek(4);
  ASSERT_EQ(again.count(), 3U);
  EXPECT_EQ(again[0], 10U);
  EXPECT_EQ(again[2], 12U);
}

TEST(Ring, AWrappedRunIsTwoSpansOfTheSameSlots) {
  std::vector<uint64_t> descs(8);
  std::iota(descs.begin(), descs.end(), 0);
  const SlotRun<uint64_t> run(descs.data(), 7, 0xFFFFFFFEU, 5);  // slots 6, 7, 0, 1, 2
  const auto [head, tail] = run.spans();
  EXPECT_EQ(std::vector<uint64_t>(head.begin(), head.end()), (std::vector<uint64_t>{6, 7}));
  EXPECT_EQ(std::vector<uint64_t>(tail.begin(), tail.end()), (std::vector<uint64_t>{0, 1, 2}));
  for (uint32_t i = 0; i < run.count(); ++i)
    EXPECT_EQ(&run[i], i < head.size() ? &head[i] : &tail[i - head.size()]);
}

TEST(Ring, ARunThatDoesNotWrapHasNoTail) {
  std::vector<uint64_t> descs(8);
  const auto [head, tail] = SlotRun<uint64_t>(descs.data(), 7, 4, 4).spans();
  EXPECT_EQ(head.size(), 4U);
  EXPECT_TRUE(tail.empty());
}

TEST(Ring, LooksAtTheFarIndexOnlyWhenTheCachedOneIsNotEnough) {
  PlainRing r(8);
  const auto map = r.map();
  Consumer consumer(map, r.theirs);
  produce(Producer(map, r.ours), 0, 4);
  ASSERT_EQ(consumer.peek(2).count(), 2U);  // has seen 4
  r.producer = 1234;                        // would be nonsense; must not be read
  EXPECT_EQ(consumer.peek(4).count(), 4U);
}

TEST(Ring, AnIndexThatIsTooFarAheadNeverShowsASlotTwiceInOneRun) {
  PlainRing r(8);
  const auto map = r.map();
  Consumer consumer(map, r.theirs);
  r.producer = 20;
  EXPECT_EQ(consumer.peek(64).count(), 8U);
  EXPECT_EQ(consumer.peek(64).count(), 8U);
  consumer.release(2);
  EXPECT_LE(consumer.peek(64).count(), 8U);
}

TEST(Ring, WakeupFlagIsTheKernels) {
  PlainRing r(8);
  const auto map = r.map();
  Producer ring(map, r.ours);
  EXPECT_FALSE(ring.needs_wakeup());
  r.flags = XDP_RING_NEED_WAKEUP;
  EXPECT_TRUE(ring.needs_wakeup());
}

// Random reservations, partial commits, peeks and partial releases against a deque, across the wrap.
class RingModel : public ::testing::TestWithParam<std::pair<uint32_t, uint32_t>> {};
INSTANTIATE_TEST_SUITE_P(SizeAndStart, RingModel,
                         ::testing::Values(std::pair{1U, 0xFFFFFFFEU}, std::pair{2U, 0xFFFFFF00U},
                                           std::pair{64U, 0U}, std::pair{64U, 0xFFFFF000U},
                                           std::pair{2048U, 0xFFFF0000U}));

TEST_P(RingModel, BehavesLikeABoundedQueue) {
  const auto [size, first] = GetParam();
  PlainRing r(size, first);
  const auto map = r.map();
  Producer producer(map, r.ours);
  Consumer consumer(map, r.theirs);
  std::deque<uint64_t> model;
  const uint32_t seed = 20261124;
  std::mt19937 random(seed);
  uint64_t next = 0;
  for (int step = 0; step < 20000; ++step) {
    SCOPED_TRACE(::testing::Message() << "seed " << seed << ", step " << step);
    const uint32_t want = static_cast<uint32_t>(random()) % (size + 4);
    if (random() % 2 == 0) {
      const auto slots = producer.reserve(want);
      ASSERT_EQ(slots.count(), std::min<size_t>(want, size - model.size()));
      const uint32_t written = slots.count() == 0 ? 0 : static_cast<uint32_t>(random()) % (slots.count() + 1);
      for (uint32_t i = 0; i < slots.count(); ++i) slots[i] = i < written ? next + i : ~uint64_t{0};
      producer.commit(written);
      for (uint32_t i = 0; i < written; ++i) model.push_back(next++);
    } else {
      const auto slots = consumer.peek(want);
      ASSERT_EQ(slots.count(), std::min<size_t>(want, model.size()));
      for (uint32_t i = 0; i < slots.count(); ++i) ASSERT_EQ(slots[i], model[i]);
      const uint32_t read = slots.count() == 0 ? 0 : static_cast<uint32_t>(random()) % (slots.count() + 1);
      consumer.release(read);
      model.erase(model.begin(), model.begin() + read);
    }
    ASSERT_EQ(producer.unconsumed(), model.size());
  }
  EXPECT_GT(next, uint64_t{size} * 4) << "the indices did not get far";
}

// The orderings: what is written before commit() is seen after peek(). TSan watches the slots.
TEST(Ring, HandsEveryValueFromOneThreadToAnother) {
  constexpr uint64_t kValues = 200000;
  PlainRing r(64, 0xFFFFFF00U);
  const auto map = r.map();
  std::thread writer([&] {
    Producer ring(map, r.ours);
    for (uint64_t next = 0; next < kValues;) {
      const uint32_t done = produce(ring, next, static_cast<uint32_t>(std::min<uint64_t>(17, kValues - next)));
      next += done;
      if (done == 0) std::this_thread::yield();
    }
  });
  Consumer ring(map, r.theirs);
  uint64_t wrong = 0;
  for (uint64_t next = 0; next < kValues;) {
    const auto slots = ring.peek(23);
    for (uint32_t i = 0; i < slots.count(); ++i) wrong += slots[i] != next++;
    ring.release(slots.count());
    if (slots.count() == 0) std::this_thread::yield();
  }
  writer.join();
  EXPECT_EQ(wrong, 0U);
}

}  // namespace
}  // namespace zcnbrh
