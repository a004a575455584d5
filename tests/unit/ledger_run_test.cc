// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// Frames moved in runs: the same, byte for byte, as move() for one after the other until one is refused.
#include <gtest/gtest.h>

#include <random>
#include <vector>

#include "lib/umem/ledger_set.h"

namespace zcnbrh::testing {
namespace {

constexpr uint32_t kFrames = 64;
constexpr uint64_t kBytes = uint64_t{kFrames} << kLedgerShift;
constexpr Owner kFrom = Owner::kOurs;
constexpr Owner kTo = tx_in_flight(5);

// What a run is to do, by the moves of single frames.
template <typename Frames>
uint32_t one_by_one(Frames& frames, const std::vector<ChunkOffset>& chunks) {
  uint32_t n = 0;
  while (n < chunks.size() && frames.move(chunks[n], kFrom, kTo)) ++n;
  return n;
}

struct LedgerRun : ::testing::Test {
  std::mt19937_64 random{20261124};
  // Mostly frames of [0, bytes); some twice, some outside, some not at a frame's start.
  std::vector<ChunkOffset> some(uint64_t bytes) {
    std::vector<ChunkOffset> out(random() % 40);
    for (size_t i = 0; i < out.size(); ++i) {
      const uint64_t any = random() % (bytes >> kLedgerShift) << kLedgerShift;
      const uint64_t kind = random() % 100;
      out[i] = ChunkOffset{kind < 96 ? any : kind == 96 ? bytes + any : kind == 97 ? ~any : any + 64};
      if (kind == 99 && i != 0) out[i] = out[i - 1];
    }
    return out;
  }
};

TEST_F(LedgerRun, MovesWhatSingleMovesMove) {
  for (const bool recorded : {false, true}) {
    for (int round = 0; round < 3000; ++round) {
      std::vector<uint8_t> owners(kFrames), expected(kFrames);
      for (uint32_t i = 0; i < kFrames; ++i)
        owners[i] = expected[i] = random() % 16 == 0 ? static_cast<uint8_t>(rx_posted(2)) : 0;
      std::vector<FrameHistory> history(kFrames), expected_history(kFrames);
      const uint64_t first = round % 3 * 64;
      const Ledger ledger(owners.data(), recorded ? history.data() : nullptr, first, kFrames);
      const Ledger single(expected.data(), recorded ? expected_history.data() : nullptr, first, kFrames);
      const auto chunks = some(kBytes);
      ASSERT_EQ(ledger.move_run(chunks.data(), static_cast<uint32_t>(chunks.size()), kFrom, kTo),
                one_by_one(single, chunks));
      ASSERT_EQ(owners, expected);
      for (uint32_t i = 0; i < kFrames; ++i) ASSERT_EQ(history[i].count, expected_history[i].count);
    }
  }
}

TEST_F(LedgerRun, AFrameNamedTwiceIsMovedOnce) {
  std::vector<uint8_t> owners(kFrames);
  const Ledger ledger(owners.data(), nullptr, 0, kFrames);
  const ChunkOffset chunks[] = {ChunkOffset{0}, ChunkOffset{2048}, ChunkOffset{0}, ChunkOffset{4096}};
  EXPECT_EQ(ledger.move_run(chunks, 4, kFrom, kTo), 2U);
  EXPECT_EQ(owners[2], 0) << "what comes after the one that is refused is left alone";
}

TEST_F(LedgerRun, OfOneIsWithinOneRegionAndTheWholeRunIsNot) {
  // Pool 0 in two stretches with pool 1 between them, whose place in pool 0's ledger is nobody's.
  for (int round = 0; round < 3000; ++round) {
    std::vector<uint8_t> zero(2 * kFrames), one(kFrames);
    for (auto& owner : zero) owner = random() % 32 == 0 ? static_cast<uint8_t>(rx_posted(2)) : 0;
    auto zero_expected = zero, one_expected = one;
    const auto regions_of = [](std::vector<uint8_t>& z, std::vector<uint8_t>& o) {
      const Ledger pool_zero(z.data(), nullptr, 0, 2 * kFrames);
      return std::vector<LedgerRegion>{{0, kBytes / 2, pool_zero, 0},
                                       {kBytes / 2, kBytes, Ledger(o.data(), nullptr, kBytes / 2, kFrames), 1},
                                       {3 * kBytes / 2, kBytes / 2, pool_zero, 0}};
    };
    const auto regions = regions_of(zero, one);
    const auto expected_regions = regions_of(zero_expected, one_expected);
    LedgerSet set(regions.data(), 3), single(expected_regions.data(), 3);
    const auto chunks = some(2 * kBytes);
    const auto count = static_cast<uint32_t>(chunks.size());
    uint32_t moved = 0;
    if (round % 2 == 0) {
      moved = set.move_run(chunks.data(), count, kFrom, kTo);
    } else {
      while (moved < count) {
        const uint32_t more = set.move_run_of_one(chunks.data() + moved, count - moved, kFrom, kTo);
        for (uint32_t i = moved; i < moved + more; ++i)
          ASSERT_EQ(find_region(regions.data(), 3, chunks[i])->pool, set.region().pool);
        if (more == 0) break;
        moved += more;
      }
    }
    ASSERT_EQ(moved, one_by_one(single, chunks));
    ASSERT_EQ(zero, zero_expected);
    ASSERT_EQ(one, one_expected);
  }
}

}  // namespace
}  // namespace zcnbrh::testing
