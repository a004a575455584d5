// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#include "lib/umem/ledger.h"

#include <gtest/gtest.h>

#include <set>
#include <thread>
#include <vector>

namespace zcnbrh {
namespace {

constexpr ChunkOffset frame(uint64_t i) { return ChunkOffset{i * 2048}; }

struct LedgerFixture : ::testing::Test {
  std::vector<uint8_t> owners = std::vector<uint8_t>(16);
  std::vector<FrameHistory> history = std::vector<FrameHistory>(16);
  Ledger ledger{owners.data(), nullptr, 0, 16};
};
using LedgerTest = LedgerFixture;

TEST_F(LedgerTest, AFrameGoesOutAndComesBack) {
  EXPECT_TRUE(ledger.move(frame(3), Owner::kOurs, rx_posted(1)));
  EXPECT_EQ(ledger.owner(frame(3)), rx_posted(1));
  EXPECT_EQ(ledger.count(rx_posted(1)), 1U);
  EXPECT_TRUE(ledger.move(frame(3), rx_posted(1), Owner::kOurs));
  EXPECT_EQ(ledger.count(Owner::kOurs), 16U);
}

TEST_F(LedgerTest, IsNotPostedTwice) {
  ASSERT_TRUE(ledger.move(frame(3), Owner::kOurs, rx_posted(1)));
  EXPECT_FALSE(ledger.move(frame(3), Owner::kOurs, rx_posted(1)));
  EXPECT_FALSE(ledger.move(frame(3), Owner::kOurs, tx_in_flight(1)));
  EXPECT_EQ(ledger.owner(frame(3)), rx_posted(1)) << "a refused move changes nothing";
}

TEST_F(LedgerTest, DoesNotComeBackFromAnotherQueueOrDirection) {
  ASSERT_TRUE(ledger.move(frame(3), Owner::kOurs, rx_posted(1)));
  EXPECT_FALSE(ledger.move(frame(3), rx_posted(2), Owner::kOurs));
  EXPECT_FALSE(ledger.move(frame(3), tx_in_flight(1), Owner::kOurs));
  EXPECT_FALSE(ledger.move(frame(4), rx_posted(1), Owner::kOurs));
}

TEST_F(LedgerTest, OutsideTheMemoryThereIsNoFrame) {
  EXPECT_FALSE(ledger.covers(frame(16)));
  EXPECT_FALSE(ledger.covers(ChunkOffset{~uint64_t{0}}));
  EXPECT_FALSE(ledger.move(frame(16), Owner::kOurs, rx_posted(1)));
  EXPECT_EQ(ledger.owner(frame(16)), Owner::kQuarantined);
}

TEST_F(LedgerTest, ALedgerThatBeginsFurtherOnCoversNothingBefore) {
  const Ledger tail(owners.data() + 8, nullptr, 8 * 2048, 8);
  EXPECT_FALSE(tail.covers(frame(7)));
  EXPECT_TRUE(tail.covers(frame(8)));
  EXPECT_FALSE(tail.covers(frame(16)));
  EXPECT_FALSE(tail.move(frame(0), Owner::kOurs, rx_posted(1)));
  ASSERT_TRUE(tail.move(frame(8), Owner::kOurs, rx_posted(1)));
  EXPECT_EQ(owners[8], static_cast<uint8_t>(rx_posted(1)));
}

TEST_F(LedgerTest, AnEmptyLedgerCoversNothing) {
  const Ledger none;
  EXPECT_FALSE(none.covers(frame(0)));
  EXPECT_FALSE(none.move(frame(0), Owner::kOurs, rx_posted(1)));
}

TEST(LedgerOwners, EveryQueueAndDirectionHasAByteOfItsOwn) {
  std::set<Owner> all = {Owner::kOurs, Owner::kQuarantined};
  for (uint32_t slot = 1; slot <= kMaxLedgerSlots; ++slot) {
    EXPECT_TRUE(all.insert(rx_posted(slot)).second) << slot;
    EXPECT_TRUE(all.insert(tx_in_flight(slot)).second) << slot;
  }
}

TEST(LedgerIndex, FramesOfAnyStrideFromTwoKilobytesUpHaveDistinctBytes) {
  for (uint32_t stride = 2048; stride <= 4096; stride += 64) {
    std::vector<uint8_t> owners(Ledger::frames_for(uint64_t{stride} * 100));
    const Ledger ledger(owners.data(), nullptr, 0, static_cast<uint32_t>(owners.size()));
    for (uint32_t i = 0; i < 100; ++i)
      ASSERT_TRUE(ledger.move(ChunkOffset{uint64_t{i} * stride}, Owner::kOurs, rx_posted(1)))
          << stride << ' ' << i;
  }
}

TEST_F(LedgerTest, HistoryKeepsTheLastMoves) {
  const Ledger keeping(owners.data(), history.data(), 0, 16);
  for (uint32_t i = 0; i < FrameHistory::kDepth; ++i) {
    ASSERT_TRUE(keeping.move(frame(2), Owner::kOurs, rx_posted(i + 1)));
    ASSERT_TRUE(keeping.move(frame(2), rx_posted(i + 1), Owner::kOurs));
  }
  const FrameHistory& h = *keeping.history(2);
  EXPECT_EQ(h.count, 2 * FrameHistory::kDepth);
  const uint32_t newest = (h.count - 1) % FrameHistory::kDepth;
  EXPECT_EQ(h.from[newest], static_cast<uint8_t>(rx_posted(FrameHistory::kDepth)));
  EXPECT_EQ(h.to[newest], static_cast<uint8_t>(Owner::kOurs));
}

TEST_F(LedgerTest, ARefusedMoveIsNotHistory) {
  const Ledger keeping(owners.data(), history.data(), 0, 16);
  EXPECT_FALSE(keeping.move(frame(2), rx_posted(1), Owner::kOurs));
  EXPECT_EQ(keeping.history(2)->count, 0U);
}

// Neighbouring frames belong to different threads; TSan watches.
TEST(LedgerThreads, MoveNeighbouringFramesAtOnce) {
  std::vector<uint8_t> owners(8);
  const Ledger ledger(owners.data(), nullptr, 0, 8);
  std::vector<std::thread> threads;
  std::vector<uint32_t> refused(2);
  for (uint32_t t = 0; t < 2; ++t)
    threads.emplace_back([&ledger, &refused, t] {
      for (int round = 0; round < 20000; ++round)
        for (uint64_t i = t; i < 8; i += 2) {
          refused[t] += !ledger.move(frame(i), Owner::kOurs, rx_posted(t + 1));
          refused[t] += !ledger.move(frame(i), rx_posted(t + 1), Owner::kOurs);
        }
    });
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(refused, (std::vector<uint32_t>{0, 0}));
}

}  // namespace
}  // namespace zcnbrh
