// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// The thread that kicks for a queue: it makes the calls and the burst none, no packet waits for a thread that
// sleeps or for a kernel that puts it off, and queues come and go while it works. Under TSan by `make test`.
#include "lib/xsk/kick_thread.h"

#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <functional>
#include <thread>

#include "tests/support/queue_test.h"

namespace zcnbrh::testing {
namespace {

constexpr uint32_t kBurst = 8;

bool eventually(const std::function<bool()>& holds) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (!holds()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::yield();
  }
  return true;
}

uint32_t threads_of_this_process() {
  uint32_t count = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator("/proc/self/task")) ++count;
  return count;
}

class KickThreadTest : public QueueTest {
 protected:
  // Packets sent on it arrive at `to`, so a burst of the one never kicks for the other.
  struct Ends {
    TestQueue& from;
    TestQueue& to;
  };
  Ends open(KickDuty duty, const std::string& name = "a") {
    TestUmem& umem = make_umem({.frames = 256});
    TestUmem& far_umem = make_umem({.frames = 256});
    TestQueue& from = make_queue(umem);
    TestQueue& to = make_queue(far_umem);
    const int here = port(name, name + "-far");
    EXPECT_TRUE(to.open(port(name + "-far", name), 0).ok());
    EXPECT_TRUE(from.open(here, 0).ok());
    EXPECT_TRUE(from.pair->start_kicks(duty, cpu_set_t{}).ok());
    return {from, to};
  }
  static bool send(TestQueue& q, uint64_t number) {
    auto frame = q.make_packet(numbered(number, 60));
    if (!frame) return false;
    if (q.send({*frame}) == 1) return true;
    q.give_back({*frame});
    return false;
  }
  static int64_t receive_one(TestQueue& q) {
    int64_t number = -1;
    eventually([&] {
      const auto got = q.receive(1);
      if (got.empty()) return false;
      number = number_in({q.umem().data(got[0]), got[0].length});
      q.give_back(got);
      return true;
    });
    return number;
  }
};

TEST_F(KickThreadTest, MakesTheCallsAndTheBurstNone) {
  auto [from, to] = open(KickDuty::kAll);
  for (uint64_t n = 0; n < 2000; ++n) {
    ASSERT_TRUE(eventually([&, &q = from] { return send(q, n); }));
    ASSERT_EQ(receive_one(to), static_cast<int64_t>(n));
  }
  EXPECT_EQ(from.tx_shared().count.kicks.get(), 0U);
  EXPECT_GT(from.tx_shared().helper.kicks.get(), 0U);
}

TEST_F(KickThreadTest, NoPacketWaitsForAThreadThatFallsAsleep) {
  auto [from, to] = open(KickDuty::kAll);
  // Pauses around the length of its spin, so that packets meet it just before, just after and while it lies
  // down.
  for (uint64_t n = 0; n < 600; ++n) {
    ASSERT_TRUE(eventually([&, &q = from] { return send(q, n); }));
    ASSERT_EQ(receive_one(to), static_cast<int64_t>(n));
    std::this_thread::sleep_for(std::chrono::microseconds(n % 3 == 0 ? kKickSpinUs + n % 20 : n % 150));
  }
  EXPECT_GT(from.tx_shared().count.kick_wakes.get(), 0U);
}

TEST_F(KickThreadTest, GoesOnWhereTheKernelPutsAPacketOff) {
  auto [from, to] = open(KickDuty::kAll);
  for (const int error : {EBUSY, ENOBUFS, EAGAIN, ENETDOWN}) {
    kernel_.kicks_answer(error, error == ENETDOWN ? 2 : 30);
    ASSERT_TRUE(send(from, 7));
    ASSERT_EQ(receive_one(to), 7) << error;
  }
  EXPECT_EQ(from.tx_shared().count.kicks.get(), 0U);
  EXPECT_EQ(from.tx_shared().helper.kick_busy.get(), 60U);
  EXPECT_EQ(from.tx_shared().helper.kick_again.get(), 30U);
  EXPECT_EQ(from.tx_shared().helper.kick_down.get(), 2U);
}

TEST_F(KickThreadTest, ALonePacketThatTheBurstLeftBehindIsSent) {
  auto [from, to] = open(KickDuty::kLeftBehind);
  for (const int error : {EBUSY, ENOBUFS, EAGAIN, ENETDOWN}) {
    kernel_.kicks_answer(error, 3);
    ASSERT_TRUE(send(from, 9));  // and nothing after it
    ASSERT_EQ(receive_one(to), 9) << error;
  }
  EXPECT_EQ(from.tx_shared().count.kicks.get(), 4U);
  EXPECT_EQ(from.tx_shared().helper.kicks.get(), 12U);
}

TEST_F(KickThreadTest, WhatIsSentAtOnceNeedsNobodyToLookAfterIt) {
  auto [from, to] = open(KickDuty::kLeftBehind);
  for (uint64_t n = 0; n < 100; ++n) {
    ASSERT_TRUE(eventually([&, &q = from] { return send(q, n); }));
    ASSERT_EQ(receive_one(to), static_cast<int64_t>(n));
  }
  EXPECT_EQ(from.tx_shared().count.kick_wakes.get(), 0U);
  EXPECT_EQ(from.tx_shared().helper.kicks.get(), 0U);
}

TEST_F(KickThreadTest, QueuesComeAndGoWhileItWorksForOthers) {
  auto [from, to] = open(KickDuty::kAll);
  uint64_t number = 0;
  for (int round = 0; round < 30; ++round) {
    auto [other, far] = open(KickDuty::kAll, "b");
    for (uint32_t i = 0; i < kBurst; ++i) {
      ASSERT_TRUE(eventually([&, &q = from] { return send(q, number); }));
      ASSERT_TRUE(send(other, i));
      ASSERT_EQ(receive_one(to), static_cast<int64_t>(number++));
    }
    for (uint32_t i = 0; i < kBurst; ++i) ASSERT_EQ(receive_one(far), static_cast<int64_t>(i));
    ASSERT_TRUE(send(other, 0));  // in the ring, perhaps just being sent
    other.close();
    far.close();
  }
}

TEST_F(KickThreadTest, OneThreadServesTheQueuesAndEndsWithTheLast) {
  const uint32_t before = threads_of_this_process();
  auto [from, to] = open(KickDuty::kAll);
  auto [other, far] = open(KickDuty::kAll, "b");
  EXPECT_EQ(threads_of_this_process(), before + 1);  // `cpus` names none, so one
  other.close();
  EXPECT_EQ(threads_of_this_process(), before + 1);
  from.close();
  EXPECT_TRUE(eventually([&] { return threads_of_this_process() == before; }));
}

TEST_F(KickThreadTest, AChildOfForkWaitsForNoThread) {
#if defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "fork() of a program with threads under TSan";
#endif
  auto [from, to] = open(KickDuty::kAll);
  const pid_t child = ::fork();
  if (child == 0) {
    { KickService service; }
    from.pair->stop_kicks();  // returns
    ::_exit(0);
  }
  int status = -1;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
  ASSERT_TRUE(send(from, 1));
  EXPECT_EQ(receive_one(to), 1);
}

}  // namespace
}  // namespace zcnbrh::testing
