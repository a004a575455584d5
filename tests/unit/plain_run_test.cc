// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// The wide variants of the bursts' steps against the plain C++ beside them, on made-up descriptors: mostly
// plain, some not, of every count. What the whole bursts do with them is in the datapath and segments tests,
// which run once with each.
#include "lib/xsk/plain_run.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace zcnbrh::testing {
namespace {

constexpr uint32_t kMaxLength = 1500;

struct NoPrefetch {
  void prefetch(ChunkOffset /*chunk*/) const {}
};

class PlainRun : public ::testing::Test {
 protected:
  void SetUp() override {
    if (widest_simd() != Simd::kAvx2) GTEST_SKIP() << "this machine has no AVX2";
  }
  // `odd`: one in so many is not plain.
  std::vector<xdp_desc> descriptors(uint64_t odd) {
    std::vector<xdp_desc> out(random() % (kRun + 1));
    for (xdp_desc& desc : out) {
      desc = {random(), static_cast<uint32_t>(random() % (kMaxLength + 1)), 0};
      if (random() % odd != 0) continue;
      switch (random() % 4) {
        case 0:
          desc.len = kMaxLength + 1;
          break;
        case 1:
          desc.len = UINT32_MAX - static_cast<uint32_t>(random() % 9);
          break;
        case 2:
          desc.options = uapi::kXdpPktContd;
          break;
        default:
          desc.options = 1U << random() % 32;
      }
    }
    return out;
  }

  std::mt19937_64 random{42};
  NoPrefetch policy;
};

TEST_F(PlainRun, ChunksOfDescriptors) {
  for (int round = 0; round < 20000; ++round) {
    const auto format = round % 2 == 0 ? AddressFormat::unaligned() : AddressFormat::aligned(2048);
    const auto descs = descriptors(round % 3 == 0 ? 1000 : 12);
    ChunkOffset plain[kRun], wide[kRun];
    const uint32_t count = plain_chunks<Simd::kNone>(policy, format, descs, kMaxLength, plain);
    ASSERT_EQ(plain_chunks<Simd::kAvx2>(policy, format, descs, kMaxLength, wide), count);
    for (uint32_t i = 0; i < count; ++i) ASSERT_EQ(plain[i], wide[i]);
  }
}

TEST_F(PlainRun, ALengthOnTheEdgeIsPlainAndOneMoreIsNot) {
  for (uint32_t at = 0; at < kRun; ++at) {
    std::vector<xdp_desc> descs(kRun, xdp_desc{0, kMaxLength, 0});
    ChunkOffset chunks[kRun];
    ASSERT_EQ(plain_chunks<Simd::kAvx2>(policy, AddressFormat::unaligned(), descs, kMaxLength, chunks), kRun);
    descs[at].len = kMaxLength + 1;
    ASSERT_EQ(plain_chunks<Simd::kAvx2>(policy, AddressFormat::unaligned(), descs, kMaxLength, chunks), at);
    descs[at] = {0, 60, uapi::kXdpPktContd};
    ASSERT_EQ(plain_chunks<Simd::kAvx2>(policy, AddressFormat::unaligned(), descs, kMaxLength, chunks), at);
  }
}

// Owners moved in runs: both variants against single moves. As in ledger_run_test.cc, with the wide one.
TEST_F(PlainRun, OwnersOfFrames) {
  constexpr uint32_t kFrames = 96;
  for (int round = 0; round < 20000; ++round) {
    std::vector<uint8_t> plain(kFrames), wide, single;
    for (uint8_t& owner : plain) owner = random() % 24 == 0 ? static_cast<uint8_t>(rx_posted(2)) : 0;
    wide = single = plain;
    const uint64_t first = round % 3 * 64;
    std::vector<ChunkOffset> chunks(random() % (2 * kRun + 1));
    for (ChunkOffset& chunk : chunks) {
      chunk = ChunkOffset{first + (random() % kFrames << kLedgerShift)};
      if (random() % 100 == 0) chunk = ChunkOffset{random() % 2 == 0 ? random() : first - 1 - random() % 4096};
    }
    const auto count = static_cast<uint32_t>(chunks.size());
    const Ledger of_single(single.data(), nullptr, first, kFrames);
    uint32_t expected = 0;
    while (expected < count && of_single.move(chunks[expected], Owner::kOurs, tx_in_flight(1))) ++expected;
    const Ledger of_plain(plain.data(), nullptr, first, kFrames), of_wide(wide.data(), nullptr, first, kFrames);
    ASSERT_EQ(of_plain.move_run(chunks.data(), count, Owner::kOurs, tx_in_flight(1)), expected);
    ASSERT_EQ(of_wide.move_run<Simd::kAvx2>(chunks.data(), count, Owner::kOurs, tx_in_flight(1)), expected);
    ASSERT_EQ(plain, single);
    ASSERT_EQ(wide, single);
  }
}

TEST_F(PlainRun, NothingMovesInALedgerWithoutFrames) {
  const ChunkOffset chunks[8] = {};
  EXPECT_EQ(Ledger().move_run<Simd::kAvx2>(chunks, 8, Owner::kOurs, rx_posted(1)), 0U);
  EXPECT_EQ(LedgerSet().move_run<Simd::kAvx2>(chunks, 8, Owner::kOurs, rx_posted(1)), 0U);
}

TEST_F(PlainRun, ChunksOfCompletions) {
  for (uint32_t count = 0; count <= 2 * kRun; ++count) {
    uint64_t addresses[2 * kRun];
    for (uint64_t& address : addresses) address = random();
    for (const auto format : {AddressFormat::unaligned(), AddressFormat::aligned(4096)}) {
      ChunkOffset chunks[2 * kRun];
      const uint32_t done = avx2::chunks_of(format, addresses, count, chunks);
      ASSERT_EQ(done, count & ~3U);
      for (uint32_t i = 0; i < done; ++i) ASSERT_EQ(chunks[i], format.chunk(addresses[i]));
    }
  }
}

}  // namespace
}  // namespace zcnbrh::testing
