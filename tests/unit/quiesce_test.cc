// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// The door of a queue: what the control side does after shut_and_wait() can never meet a burst. The guarded
// thing is a plain integer, so that TSan sees any burst that was not waited for.
#include "lib/xsk/quiesce.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <thread>
#include <vector>

#include "lib/base/clock.h"

namespace zcnbrh::testing {
namespace {

TEST(BurstDoor, IsShutUntilOpenedAndAgainAfterShut) {
  BurstDoor door;
  EXPECT_FALSE(door.enter());
  EXPECT_FALSE(door.busy()) << "a burst that was refused is not inside";
  door.open();
  ASSERT_TRUE(door.enter());
  EXPECT_TRUE(door.busy());
  door.leave();
  door.shut();
  EXPECT_TRUE(door.is_shut());
  EXPECT_FALSE(door.enter());
}

TEST(BurstDoor, IsShutForAChildOfFork) {
  BurstDoor door;
  door.open();
  const pid_t child = ::fork();
  if (child == 0) ::_exit(door.enter() ? 1 : 0);
  int status = -1;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
  EXPECT_TRUE(door.enter());
}

TEST(BurstDoor, GuardLeavesOnEveryWayOut) {
  BurstDoor door;
  door.open();
  {
    const InsideBurst inside(door);
    EXPECT_TRUE(static_cast<bool>(inside));
    EXPECT_TRUE(door.busy());
  }
  EXPECT_FALSE(door.busy());
}

TEST(BurstDoor, ABurstThatNeverComesOutIsReportedNotWaitedForForever) {
  BurstDoor door;
  door.open();
  ASSERT_TRUE(door.enter());
  const uint64_t before = monotonic_ms();
  EXPECT_FALSE(shut_and_wait({&door}, 20));
  EXPECT_GE(monotonic_ms() - before, 20U);
  door.leave();
  EXPECT_TRUE(shut_and_wait({&door}, 20));
}

// Two pollers write to plain memory inside their bursts; the control thread writes to it between
// shut_and_wait() and open().
TEST(BurstDoor, ControlNeverMeetsABurst) {
  struct Queue {
    BurstDoor door;
    uint64_t inside = 0;  // plain: one writer at a time, by the door alone
  };
  std::vector<Queue> queues(2);
  std::atomic<bool> done{false};
  std::vector<std::thread> pollers;
  for (Queue& q : queues) {
    q.door.open();
    pollers.emplace_back([&q, &done] {
      while (!done.load(std::memory_order_relaxed)) {
        const InsideBurst inside(q.door);
        if (inside) ++q.inside;
      }
    });
  }
  for (int round = 0; round < 100; ++round) {
    ASSERT_TRUE(shut_and_wait({&queues[0].door, &queues[1].door}, 20000));
    for (Queue& q : queues) {
      const uint64_t seen = q.inside;
      std::this_thread::yield();
      EXPECT_EQ(q.inside, seen) << "a burst ran behind a shut door";
      q.inside = seen + 1;
      q.door.open();
    }
    for (Queue& q : queues) {  // and the pollers do get in again
      const uint64_t give_up = monotonic_ms() + 20000;
      while (!q.door.busy() && monotonic_ms() < give_up) std::this_thread::yield();
      EXPECT_LT(monotonic_ms(), give_up);
    }
  }
  done = true;
  for (auto& poller : pollers) poller.join();
}

}  // namespace
}  // namespace zcnbrh::testing
