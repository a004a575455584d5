// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// The pool of several queues: as a stack by one thread, and with many that take and give at random.
#include "lib/umem/shared_frame_pool.h"

#include <gtest/gtest.h>

#include <random>
#include <set>
#include <thread>
#include <vector>

namespace zcnbrh::testing {
namespace {

constexpr uint32_t kFrames = 512;
constexpr uint64_t kStride = 3008;  // not a multiple of what a ledger byte covers

class SharedPool : public ::testing::Test {
 protected:
  SharedPool() : nodes_((kFrames * kStride >> kLedgerShift) + 1) {
    pool_.assign(nodes_);
    for (uint32_t i = 0; i < kFrames; ++i) pool_.add(ChunkOffset{i * kStride});
  }

  // Empties it.
  void expect_all_once() {
    EXPECT_EQ(pool_.available(), kFrames);
    std::set<uint64_t> seen;
    ChunkOffset chunks[100];
    for (uint32_t n = 0; (n = pool_.take(chunks, 100)) != 0;)
      for (uint32_t i = 0; i < n; ++i) EXPECT_TRUE(seen.insert(raw(chunks[i])).second);
    EXPECT_EQ(seen.size(), kFrames);
    EXPECT_EQ(*seen.rbegin(), (kFrames - 1) * kStride);
    EXPECT_EQ(pool_.available(), 0U);
  }

  std::vector<SharedFramePool::Node> nodes_;
  SharedFramePool pool_;
};

TEST_F(SharedPool, HasEachFrameOnce) { expect_all_once(); }

TEST_F(SharedPool, TheBatchGivenLastComesOutFirst) {
  ChunkOffset first[3], second[2], out[5];
  ASSERT_EQ(pool_.take(first, 3), 3U);
  ASSERT_EQ(pool_.take(second, 2), 2U);
  pool_.give(first, 3);
  pool_.give(second, 2);
  pool_.give(second, 0);
  ASSERT_EQ(pool_.take(out, 5), 5U);
  EXPECT_EQ(raw(out[0]), raw(second[0]));
  EXPECT_EQ(raw(out[1]), raw(second[1]));
  EXPECT_EQ(raw(out[2]), raw(first[0]));
  EXPECT_EQ(raw(out[4]), raw(first[2]));
}

// Each frame's owner is written and read without any synchronization but the pool's own.
TEST_F(SharedPool, ManyThreadsNeverHaveOneFrameTwice) {
  constexpr uint32_t kThreads = 4, kRounds = 20'000, kMost = 48;
  std::vector<uint32_t> owner(nodes_.size(), 0);
  std::vector<uint32_t> wrong(kThreads + 1, 0);
  const auto work = [&](uint32_t self) {
    std::mt19937 random(self);
    std::vector<ChunkOffset> held;
    for (uint32_t round = 0; round < kRounds; ++round) {
      ChunkOffset chunks[kMost];
      const uint32_t n = pool_.take(chunks, 1 + random() % kMost);
      for (uint32_t i = 0; i < n; ++i) {
        uint32_t& who = owner[raw(chunks[i]) >> kLedgerShift];
        wrong[self] += who != 0;
        who = self;
        held.push_back(chunks[i]);
      }
      const auto back = static_cast<uint32_t>(random() % (held.size() + 1));
      for (uint32_t i = 0; i < back; ++i) {
        uint32_t& who = owner[raw(held[held.size() - 1 - i]) >> kLedgerShift];
        wrong[self] += who != self;
        who = 0;
      }
      pool_.give(held.data() + held.size() - back, back);
      held.resize(held.size() - back);
    }
    for (const ChunkOffset chunk : held) owner[raw(chunk) >> kLedgerShift] = 0;
    pool_.give(held.data(), static_cast<uint32_t>(held.size()));
  };
  std::vector<std::thread> threads;
  for (uint32_t i = 1; i <= kThreads; ++i) threads.emplace_back(work, i);
  for (std::thread& thread : threads) thread.join();
  for (uint32_t i = 1; i <= kThreads; ++i) EXPECT_EQ(wrong[i], 0U) << i;
  expect_all_once();
}

}  // namespace
}  // namespace zcnbrh::testing
