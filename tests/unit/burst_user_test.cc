// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// Processes that poll one queue though they must not: real ones, in shared memory. Never are two inside, one
// that dies keeps nobody out for good, and what it left is told exactly where it was inside.
#include "drivers/net/zcnbrh/burst_user.h"

#include <gtest/gtest.h>
#include <linux/membarrier.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <vector>

#include "lib/base/clock.h"
#include "lib/base/mapping.h"

namespace zcnbrh::pmd {
namespace {

struct Shared {
  BurstUser user;
  std::atomic<uint32_t> inside = 0;  // by the processes' own account
  std::atomic<uint32_t> met = 0;     // two inside
  std::atomic<uint64_t> bursts[kMaxProcesses] = {};
  std::atomic<uint64_t> refused = 0;
  uint64_t plain = 0;  // changed inside alone, so without a lock
  std::atomic<bool> stop = false;
};

class BurstUserTest : public ::testing::Test {
 protected:
  void SetUp() override {
    memory_ =
        Mapping::create(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0)
            .value();
    s_ = new (memory_.data()) Shared;
    if (!join_barriers()) GTEST_SKIP() << "membarrier(2) is refused here";
  }
  void TearDown() override { g_process_number = 1; }

  static void burst(Shared& s) {
    const OnlyUser alone(s.user);
    if (!alone) {
      s.refused.fetch_add(1, std::memory_order_relaxed);
      return;
    }
    if (s.inside.exchange(g_process_number, std::memory_order_relaxed) != 0) s.met.fetch_add(1);
    s.plain = s.plain + 1;
    s.bursts[g_process_number].fetch_add(1, std::memory_order_relaxed);
    s.inside.store(0, std::memory_order_relaxed);
  }
  // A process that polls until it is told to stop.
  pid_t process(uint32_t number) const {
    const pid_t child = ::fork();
    if (child != 0) return child;
    g_process_number = number;
    if (::syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED, 0, 0) != 0) ::_exit(2);
    while (!s_->stop.load(std::memory_order_relaxed)) burst(*s_);
    ::_exit(0);
  }
  static void ends_well(pid_t child) {
    int status = -1;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
  }
  uint64_t all_bursts() const {
    uint64_t sum = 0;
    for (const auto& count : s_->bursts) sum += count.load();
    return sum;
  }
  bool enters(uint32_t number) {
    g_process_number = number;
    return s_->user.enter();
  }
  void leaves(uint32_t number) {
    g_process_number = number;
    s_->user.leave();
  }

  Mapping memory_;
  Shared* s_ = nullptr;
};

TEST_F(BurstUserTest, TheQueueGoesFromOneToTheOtherBetweenBursts) {
  for (uint32_t number : {1U, 2U, 1U, 3U, 3U, 2U}) {
    ASSERT_TRUE(enters(number)) << number;
    EXPECT_EQ(s_->user.now(), number);
    for (uint32_t other : {1U, 2U, 3U, number}) EXPECT_FALSE(enters(other)) << other << " beside " << number;
    EXPECT_EQ(s_->user.now(), number);
    leaves(number);
    EXPECT_EQ(s_->user.now(), 0U);
  }
}

TEST_F(BurstUserTest, TwoProcessesAreNeverInsideAtOnce) {
  const std::vector<pid_t> children = {process(2), process(3)};
  const uint64_t end = monotonic_ms() + 2000;
  while (monotonic_ms() < end) burst(*s_);
  s_->stop = true;
  for (const pid_t child : children) ends_well(child);
  EXPECT_EQ(s_->met.load(), 0U);
  EXPECT_EQ(s_->plain, all_bursts()) << "a change was lost: two were inside";
  for (uint32_t number : {1U, 2U, 3U}) EXPECT_GT(s_->bursts[number].load(), 100U) << number << " was shut out";
  EXPECT_GT(s_->refused.load(), 0U) << "they never met: this shows nothing";
}

TEST_F(BurstUserTest, OneThatDiesInsideKeepsTheOthersOutUntilItIsBuried) {
  ASSERT_TRUE(enters(2));
  for (int i = 0; i < 3; ++i) EXPECT_FALSE(enters(1));
  EXPECT_TRUE(s_->user.bury(2)) << "something is to be repaired";
  EXPECT_FALSE(enters(1)) << "not yet";
  EXPECT_FALSE(s_->user.bury(2, true));
  EXPECT_TRUE(enters(1));
  leaves(1);
  EXPECT_TRUE(enters(2)) << "the next one of that number";
  leaves(2);
}

TEST_F(BurstUserTest, OneThatDiesOutsideLeavesNothing) {
  ASSERT_TRUE(enters(2));
  leaves(2);
  EXPECT_FALSE(s_->user.bury(2));
  EXPECT_TRUE(enters(1));
  EXPECT_FALSE(s_->user.bury(3)) << "one that never was here";
  leaves(1);
}

// Killed at any time, inside, outside, or in the middle of a claim: after the burial the others go on, and two
// are never inside.
TEST_F(BurstUserTest, KilledAtAnyTime) {
  const pid_t steady = process(2);
  uint32_t repaired = 0;
  for (uint32_t round = 0; round < 40 && !HasFailure(); ++round) {
    const pid_t child = process(3);
    const uint64_t before = s_->bursts[3].load();
    const uint64_t give_up = monotonic_ms() + 5000;
    while (s_->bursts[3].load() < before + 1 + round % 40 && monotonic_ms() < give_up) burst(*s_);
    ::kill(child, SIGKILL);
    ASSERT_EQ(::waitpid(child, nullptr, 0), child);
    if (s_->user.bury(3)) {
      ++repaired;
      uint32_t dead = 3;
      s_->inside.compare_exchange_strong(dead, 0);  // its own account of it
      EXPECT_FALSE(s_->user.bury(3, true));
    }
    const uint64_t mine = s_->bursts[1].load(), its = s_->bursts[2].load();
    while ((s_->bursts[1].load() == mine || s_->bursts[2].load() == its) && monotonic_ms() < give_up)
      burst(*s_);
    EXPECT_GT(s_->bursts[1].load(), mine) << "round " << round;
    EXPECT_GT(s_->bursts[2].load(), its) << "round " << round;
  }
  s_->stop = true;
  ends_well(steady);
  EXPECT_EQ(s_->met.load(), 0U);
  RecordProperty("repaired", static_cast<int>(repaired));
}

}  // namespace
}  // namespace zcnbrh::pmd
