// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// SharedRing and DPDK's own functions on one ring, in one process.
#include "lib/share/shared_ring.h"

#include <gtest/gtest.h>
#include <rte_ring.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <thread>
#include <vector>

namespace zcnbrh {
namespace {

constexpr uint32_t kSize = 256;
constexpr uintptr_t kForeign = 1;  // the only element that may not cross

struct MadeRing {
  explicit MadeRing(unsigned flags) {
    memory.reset(std::aligned_alloc(128, (static_cast<size_t>(rte_ring_get_memsize(kSize)) + 127) / 128 * 128));
    EXPECT_EQ(rte_ring_init(get(), "test", kSize, flags), 0);
  }
  struct rte_ring* get() {
    return static_cast<struct rte_ring*>(memory.get());
  }
  SharedRing shared(JournalEntry& entry) {
    return SharedRing(
        static_cast<dpdk::Ring*>(memory.get()), &entry, this,
        [](const void*, const void* object) { return reinterpret_cast<uintptr_t>(object) != kForeign; },
        [](const void* ring) { return static_cast<const MadeRing*>(ring)->alive; });
  }
  struct Free {
    void operator()(void* at) const { std::free(at); }
  };
  std::unique_ptr<void, Free> memory;
  bool alive = true;
};

std::vector<void*> elements(uintptr_t first, size_t count) {
  std::vector<void*> out;
  for (size_t i = 0; i < count; ++i) out.push_back(reinterpret_cast<void*>((first + i) << 4));
  return out;
}

class BothKinds : public testing::TestWithParam<unsigned> {};
INSTANTIATE_TEST_SUITE_P(SharedRing, BothKinds, testing::Values(0u, unsigned{RING_F_SP_ENQ | RING_F_SC_DEQ}),
                         [](const auto& kind) { return kind.param == 0 ? "Many" : "One"; });

TEST_P(BothKinds, WhatOneSidePutsInTheOtherTakesOutInOrder) {
  MadeRing made(GetParam());
  JournalEntry entry{};
  SharedRing ring = made.shared(entry);
  void* out[kJournalBurst];
  for (uintptr_t round = 1; round < 100; ++round) {
    const auto in = elements(round * 100, 40);
    ASSERT_EQ(ring.enqueue(in.data(), 40), 40u);
    ASSERT_EQ(rte_ring_dequeue_burst(made.get(), out, 40, nullptr), 40u);
    EXPECT_TRUE(std::equal(in.begin(), in.end(), out));
    ASSERT_EQ(rte_ring_enqueue_burst(made.get(), in.data(), 40, nullptr), 40u);
    ASSERT_EQ(ring.dequeue(out, 64), 40u);
    EXPECT_TRUE(std::equal(in.begin(), in.end(), out));
  }
  EXPECT_EQ(entry.given, 99u * 40);
  EXPECT_EQ(entry.taken, 99u * 40);
  EXPECT_EQ(entry.phase, Phase::kIdle);
}

TEST_P(BothKinds, FullAndEmpty) {
  MadeRing made(GetParam());
  JournalEntry entry{};
  SharedRing ring = made.shared(entry);
  void* out[kJournalBurst];
  EXPECT_EQ(ring.dequeue(out, 8), 0u);
  const auto in = elements(1000, kSize);
  uint32_t done = 0;
  for (uint32_t now = 1; now != 0; done += now) now = ring.enqueue(in.data() + done, kSize - done);
  EXPECT_EQ(done, kSize - 1);
  EXPECT_EQ(rte_ring_free_count(made.get()), 0u);
  EXPECT_EQ(rte_ring_enqueue_burst(made.get(), in.data(), 1, nullptr), 0u);
}

TEST_P(BothKinds, WhatMayNotCrossStaysAndIsCounted) {
  MadeRing made(GetParam());
  JournalEntry entry{};
  SharedRing ring = made.shared(entry);
  auto in = elements(1000, 10);
  in[4] = reinterpret_cast<void*>(kForeign);
  EXPECT_EQ(ring.enqueue(in.data(), 10), 4u);
  EXPECT_EQ(entry.refused, 1u);
  EXPECT_EQ(ring.enqueue(in.data() + 4, 6), 0u);
  ASSERT_EQ(rte_ring_enqueue_burst(made.get(), in.data() + 4, 6, nullptr), 6u);
  void* out[kJournalBurst];
  EXPECT_EQ(ring.dequeue(out, 10), 4u);
  EXPECT_EQ(ring.dequeue(out, 10), 0u);
  EXPECT_GE(entry.refused, 3u);
  void* foreign = nullptr;
  ASSERT_EQ(rte_ring_dequeue(made.get(), &foreign), 0);  // the program's, to take away
  EXPECT_EQ(foreign, in[4]);
  EXPECT_EQ(ring.dequeue(out, 10), 5u);
}

TEST(SharedRing, AfterItsEndNothingBegins) {
  MadeRing made(0);
  JournalEntry entry{};
  SharedRing ring = made.shared(entry);
  const auto in = elements(1000, 2);
  entry.gone = 1;
  void* out[2];
  EXPECT_EQ(ring.enqueue(in.data(), 2), 0u);
  EXPECT_EQ(ring.dequeue(out, 2), 0u);
  EXPECT_TRUE(ring.is_gone());
  EXPECT_EQ(entry.phase, Phase::kIdle);
}

TEST(SharedRing, DoesNotWaitForADeadProcess) {
  MadeRing made(0);
  made.get()->prod.head = 3;  // it took three places and died
  JournalEntry entry{};
  SharedRing ring = made.shared(entry);
  made.alive = false;
  const auto in = elements(1000, 2);
  EXPECT_EQ(ring.enqueue(in.data(), 2), 0u);
  EXPECT_EQ(made.get()->prod.tail, 0u);
  EXPECT_EQ(entry.given, 0u);
}

// Two threads of each kind put in, two take out: each element comes once, and those of a thread in its order.
TEST(SharedRing, ThreadsOfBothKindsAtBothEnds) {
  constexpr uintptr_t kEach = 20000;
  MadeRing made(0);
  std::vector<JournalEntry> entries(4);
  std::atomic<uintptr_t> taken{0};
  std::vector<std::vector<void*>> seen(4);
  std::vector<std::thread> threads;
  for (unsigned which = 0; which < 4; ++which) {
    threads.emplace_back([&, which] {
      SharedRing ring = made.shared(entries[which]);
      const auto mine = elements((which + 1) * 1000000, kEach);
      for (size_t done = 0; done < kEach;) {
        const auto left = static_cast<unsigned>(std::min<size_t>(kEach - done, 16));
        const unsigned now = which % 2 == 0
                                 ? ring.enqueue(mine.data() + done, left)
                                 : rte_ring_enqueue_burst(made.get(), mine.data() + done, left, nullptr);
        done += now;
        if (now == 0) std::this_thread::yield();
      }
    });
    threads.emplace_back([&, which] {
      JournalEntry own{};
      SharedRing ring = made.shared(own);
      void* out[16];
      while (taken < 4 * kEach) {
        const unsigned now =
            which % 2 == 0 ? ring.dequeue(out, 16) : rte_ring_dequeue_burst(made.get(), out, 16, nullptr);
        seen[which].insert(seen[which].end(), out, out + now);
        taken += now;
        if (now == 0) std::this_thread::yield();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();

  std::vector<void*> all;
  for (const auto& part : seen) {
    std::vector<uintptr_t> last(5, 0);
    for (void* element : part) {
      const uintptr_t value = reinterpret_cast<uintptr_t>(element) >> 4;
      EXPECT_GT(value, last[value / 1000000]);
      last[value / 1000000] = value;
    }
    all.insert(all.end(), part.begin(), part.end());
  }
  std::sort(all.begin(), all.end());
  EXPECT_EQ(all.size(), 4 * kEach);
  EXPECT_EQ(std::unique(all.begin(), all.end()), all.end());
}

}  // namespace
}  // namespace zcnbrh
