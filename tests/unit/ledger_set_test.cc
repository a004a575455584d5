// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// Frames of several pools in one UMEM: each moves in its own pool's ledger, and one that is nobody's in none.
#include "lib/umem/ledger_set.h"

#include <gtest/gtest.h>

#include <vector>

namespace zcnbrh::testing {
namespace {

constexpr uint32_t kFrames = 16;
constexpr uint64_t kBytes = uint64_t{kFrames} << kLedgerShift;

// Pool 0 in two stretches with pool 1 between them, then a gap, then pool 2 whose ledger does not start on a
// multiple of 2048.
class LedgerSetTest : public ::testing::Test {
 protected:
  LedgerSetTest() : zero_(2 * kFrames), one_(kFrames), two_(kFrames) {
    const Ledger zero(zero_.data(), nullptr, 0, 2 * kFrames);
    regions_ = {{0, kBytes / 2, zero, 0},
                {kBytes / 2, kBytes, Ledger(one_.data(), nullptr, kBytes / 2, kFrames), 1},
                {3 * kBytes / 2, kBytes / 2, zero, 0},
                {kTwo, kBytes, Ledger(two_.data(), nullptr, kTwo, kFrames), 2}};
    set_ = LedgerSet(regions_.data(), static_cast<uint32_t>(regions_.size()));
  }
  static uint32_t marked(const std::vector<uint8_t>& owners) {
    uint32_t n = 0;
    for (const uint8_t owner : owners) n += owner != 0;
    return n;
  }
  bool take(uint64_t at) { return set_.move(ChunkOffset{at}, Owner::kOurs, tx_in_flight(3)); }

  static constexpr uint64_t kTwo = 4 * kBytes + 64;
  std::vector<uint8_t> zero_, one_, two_;
  std::vector<LedgerRegion> regions_;
  LedgerSet set_;
};

TEST_F(LedgerSetTest, EachFrameMovesInItsOwnPoolsLedger) {
  EXPECT_TRUE(take(0));
  EXPECT_TRUE(take(kBytes / 2));
  EXPECT_TRUE(take(3 * kBytes / 2));
  EXPECT_TRUE(take(kTwo));
  EXPECT_TRUE(take(kTwo + kBytes - 2048));
  EXPECT_EQ(marked(zero_), 2U);
  EXPECT_EQ(zero_[0], static_cast<uint8_t>(tx_in_flight(3)));
  EXPECT_EQ(zero_[3 * kFrames / 2], static_cast<uint8_t>(tx_in_flight(3)))
      << "counted from the pool's first byte";
  EXPECT_EQ(marked(one_), 1U);
  EXPECT_EQ(marked(two_), 2U);
}

TEST_F(LedgerSetTest, APoolBetweenAnothersStretchesIsNotTakenForIt) {
  EXPECT_TRUE(take(kBytes / 2 - 2048));
  EXPECT_TRUE(take(kBytes / 2)) << "the last one found was pool 0, whose ledger reaches over pool 1";
  EXPECT_EQ(marked(zero_), 1U);
  EXPECT_EQ(marked(one_), 1U);
}

TEST_F(LedgerSetTest, WhatIsNobodysMovesNowhere) {
  for (const uint64_t at : {2 * kBytes, kTwo - 1, kTwo + kBytes, UINT64_MAX, uint64_t{1} << 48}) {
    EXPECT_FALSE(take(at)) << at;
    EXPECT_EQ(set_.of(ChunkOffset{at}).owner(ChunkOffset{at}), Owner::kQuarantined) << at;
    EXPECT_EQ(find_region(regions_.data(), 4, ChunkOffset{at}), nullptr) << at;
  }
  EXPECT_EQ(marked(zero_) + marked(one_) + marked(two_), 0U);
  EXPECT_TRUE(take(kTwo)) << "and the next one is found again";
}

TEST_F(LedgerSetTest, AFrameTakenTwiceIsRefused) {
  EXPECT_TRUE(take(kTwo));
  EXPECT_TRUE(take(0));
  EXPECT_FALSE(take(kTwo));
}

TEST_F(LedgerSetTest, ASetOfOneLedgerKnowsOnlyItsFrames) {
  LedgerSet set(Ledger(one_.data(), nullptr, 0, kFrames));
  EXPECT_TRUE(set.move(ChunkOffset{kBytes - 2048}, Owner::kOurs, tx_in_flight(1)));
  EXPECT_FALSE(set.move(ChunkOffset{kBytes}, Owner::kOurs, tx_in_flight(1)));
}

TEST_F(LedgerSetTest, AnEmptySetRefuses) {
  LedgerSet set;
  EXPECT_FALSE(set.move(ChunkOffset{0}, Owner::kOurs, tx_in_flight(1)));
  LedgerSet none(regions_.data(), 0);
  EXPECT_FALSE(none.move(ChunkOffset{0}, Owner::kOurs, tx_in_flight(1)));
}

}  // namespace
}  // namespace zcnbrh::testing
