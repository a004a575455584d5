// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#include "drivers/net/zcnbrh/control_lock.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <thread>

namespace zcnbrh::pmd {
namespace {

using std::chrono::milliseconds;

// The operator's program takes the lock again as soon as it has let it go; std::mutex would give it to him each
// time, for as long as a waiting thread needs to wake up.
TEST(ControlLock, AWaiterIsNextWhateverTheHolderDoes) {
  ControlMutex mutex;
  for (int round = 0; round < 20; ++round) {
    std::atomic<bool> waits = false, served = false;
    mutex.lock();
    std::jthread waiter([&] {
      waits = true;
      const std::lock_guard lock(mutex);
      served = true;
    });
    while (!waits) std::this_thread::yield();
    std::this_thread::sleep_for(milliseconds(20));  // until it has its ticket
    mutex.unlock();
    mutex.lock();
    EXPECT_TRUE(served) << "round " << round;
    mutex.unlock();
  }
}

TEST(ControlLock, IsRecursiveForItsOwnerAlone) {
  ControlMutex mutex;
  const std::lock_guard once(mutex);
  {
    const std::lock_guard twice(mutex);
    std::unique_lock thrice(mutex, std::try_to_lock);
    EXPECT_TRUE(thrice.owns_lock());
  }
  bool others = true;
  std::jthread([&] { others = mutex.try_lock(); }).join();
  EXPECT_FALSE(others);
}

TEST(ControlLock, TryingTakesItOnlyWhenItIsFree) {
  ControlMutex mutex;
  {
    std::unique_lock lock(mutex, std::try_to_lock);
    EXPECT_TRUE(lock.owns_lock());
  }
  bool others = false;
  std::jthread([&] {
    others = mutex.try_lock();
    if (others) mutex.unlock();
  }).join();
  EXPECT_TRUE(others);
}

TEST(ControlLock, ExcludesThreadsFromOneAnother) {
  ControlMutex mutex;
  int inside = 0;
  {
    std::jthread threads[4];
    for (std::jthread& thread : threads)
      thread = std::jthread([&] {
        for (int i = 0; i < 2000; ++i) {
          const std::lock_guard lock(mutex);
          ++inside;
        }
      });
  }
  EXPECT_EQ(inside, 8000);
}

}  // namespace
}  // namespace zcnbrh::pmd
