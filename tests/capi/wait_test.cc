// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// zcnbrh_wait() on real sockets, the ring's descriptor in an epoll set, and kick=thread: no wake-up is lost at
// any moment, a sleeper sleeps, and what ends the sleep is told for the right queue.
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <list>
#include <memory>
#include <optional>
#include <thread>

#include "tests/capi/queue.h"
#include "tests/dpdk/wire.h"

namespace zcnbrh::testing {
namespace {

constexpr int kForEver = 20'000;  // ms; a lost wake-up fails the test by this
constexpr uint64_t kPackets = 3000;

struct zcnbrh_wait_item item(struct zcnbrh_queue* queue, uint32_t events) {
  return {queue, events, 99};
}

class Wait : public ::testing::Test {
 protected:
  void SetUp() override { lay(1); }
  void lay(int queues) {
    queues_.clear();
    inside_.reset();
    wire_.emplace(queues);
    if (!wire_->error().empty()) GTEST_SKIP() << wire_->error();
    inside_ = std::make_unique<InNamespace>(wire_->here());
  }
  struct zcnbrh_queue* open(uint32_t queue = 0, const char* devargs = nullptr) {
    struct zcnbrh_options options = small_options(wire_->netdev().c_str());
    options.queue = queue;
    options.devargs = devargs;
    return queues_.emplace_back(options);
  }
  // Everything that is there; how many.
  static uint64_t drain(struct zcnbrh_queue* queue, uint64_t* last = nullptr) {
    struct zcnbrh_frame frame;
    uint64_t count = 0;
    while (zcnbrh_poll(queue, &frame) == 1) {
      const auto number = Wire::number_of(static_cast<const uint8_t*>(frame.data));
      if (last != nullptr) {
        EXPECT_EQ(number, *last + 1);
        *last = number;
      }
      zcnbrh_release(queue, &frame);
      ++count;
    }
    return count;
  }
  // From a thread: packets 1..kPackets with pauses around the time it takes to fall asleep.
  std::thread sender() {
    return std::thread([this] {
      for (uint64_t n = 1; n <= kPackets; ++n) {
        wire_->send(n);
        if (n % 4 != 0) std::this_thread::sleep_for(std::chrono::microseconds(n % 37));
      }
    });
  }

  std::optional<Wire> wire_;
  std::unique_ptr<InNamespace> inside_;
  std::list<Queue> queues_;
};

TEST_F(Wait, NoWakeUpIsLost) {
  struct zcnbrh_queue* queue = open();
  std::thread other = sender();
  uint64_t last = 0;
  while (last < kPackets) {
    auto one = item(queue, ZCNBRH_WAIT_RX);
    const int ready = zcnbrh_wait(&one, 1, kForEver);
    ASSERT_EQ(ready, 1) << "after packet " << last;
    ASSERT_EQ(one.ready, uint32_t{ZCNBRH_WAIT_RX});
    // One packet at a time in every other turn: what is left must end the next wait at once.
    struct zcnbrh_frame frame;
    if (last % 2 == 0) {
      drain(queue, &last);
    } else if (zcnbrh_poll(queue, &frame) == 1) {
      ASSERT_EQ(Wire::number_of(static_cast<const uint8_t*>(frame.data)), ++last);
      zcnbrh_release(queue, &frame);
    }
  }
  other.join();
}

TEST_F(Wait, NoEdgeIsLostInAnEpollSet) {
  struct zcnbrh_queue* queue = open();
  const int set = ::epoll_create1(EPOLL_CLOEXEC);
  struct epoll_event event {};
  event.events = EPOLLIN | EPOLLET;
  ASSERT_EQ(::epoll_ctl(set, EPOLL_CTL_ADD, zcnbrh_fd(queue), &event), 0);
  std::thread other = sender();
  for (uint64_t last = 0; last < kPackets;) {
    ASSERT_EQ(::epoll_wait(set, &event, 1, kForEver), 1) << "after packet " << last;
    drain(queue, &last);
  }
  other.join();
  ::close(set);
}

TEST_F(Wait, SleepsWhileNothingComes) {
  struct zcnbrh_queue* queue = open();
  while (drain(queue) != 0) {
  }
  auto one = item(queue, ZCNBRH_WAIT_RX);
  struct rusage before {
  }, after{};
  ::getrusage(RUSAGE_THREAD, &before);
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(zcnbrh_wait(&one, 1, 300), 0);
  EXPECT_GE(std::chrono::steady_clock::now() - start, std::chrono::milliseconds(299));
  ::getrusage(RUSAGE_THREAD, &after);
  EXPECT_EQ(one.ready, 0U);
  EXPECT_LE(after.ru_nvcsw - before.ru_nvcsw, 3);  // it lay down once
}

TEST_F(Wait, TellsWhichQueueOfASet) {
  struct zcnbrh_queue* queue = open();
  Queue loop = Queue::loop();
  struct zcnbrh_wait_item items[] = {item(queue, ZCNBRH_WAIT_RX), item(loop, ZCNBRH_WAIT_RX)};
  ASSERT_TRUE(wire_->send(1));
  EXPECT_EQ(zcnbrh_wait(items, 2, kForEver), 1);
  EXPECT_EQ(items[0].ready, uint32_t{ZCNBRH_WAIT_RX});
  EXPECT_EQ(items[1].ready, 0U);
  EXPECT_EQ(drain(queue), 1U);
  ASSERT_EQ(zcnbrh_send_copy(loop, "x", 1), 1);
  EXPECT_EQ(zcnbrh_wait(items, 2, kForEver), 1);
  EXPECT_EQ(items[0].ready, 0U);
  EXPECT_EQ(items[1].ready, uint32_t{ZCNBRH_WAIT_RX});
  struct zcnbrh_frame frame;
  ASSERT_EQ(zcnbrh_poll(loop, &frame), 1);
  zcnbrh_release(loop, &frame);
}

TEST_F(Wait, ForRoomToSend) {
  struct zcnbrh_queue* queue = open();
  ASSERT_TRUE(wire_->hold());  // what is sent from now on stays in the ring
  uint8_t packet[Wire::kLength];
  Wire::write(5, packet);
  int taken = 0;
  while (zcnbrh_send_copy(queue, packet, sizeof packet) == 1) ++taken;
  EXPECT_EQ(taken, 64);  // tx_desc
  auto one = item(queue, ZCNBRH_WAIT_TX);
  EXPECT_EQ(zcnbrh_wait(&one, 1, 20), 0);
  ASSERT_TRUE(wire_->let_go());
  EXPECT_EQ(zcnbrh_wait(&one, 1, kForEver), 1);
  EXPECT_EQ(one.ready, uint32_t{ZCNBRH_WAIT_TX});
  EXPECT_EQ(zcnbrh_send_copy(queue, packet, sizeof packet), 1);
}

TEST_F(Wait, AnInterfaceThatGoesEndsIt) {
  struct zcnbrh_queue* queue = open();
  std::thread other([this] {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    wire_->here().shell("ip link del " + wire_->netdev());
  });
  auto one = item(queue, ZCNBRH_WAIT_RX);
  EXPECT_EQ(zcnbrh_wait(&one, 1, kForEver), 1);
  EXPECT_EQ(one.ready, uint32_t{ZCNBRH_WAIT_DOWN});
  other.join();
}

TEST_F(Wait, FramesGivenBackAreLentToTheKernelBeforeItSleeps) {
  struct zcnbrh_queue* queue = open();
  std::vector<struct zcnbrh_frame> held;
  struct zcnbrh_frame frame;
  while (zcnbrh_alloc(queue, &frame) == 1) held.push_back(frame);  // none is left to lend
  for (uint64_t n = 0; n < 200; ++n) wire_->send(n);
  while (zcnbrh_poll(queue, &frame) == 1) held.push_back(frame);
  for (const auto& one : held) ASSERT_EQ(zcnbrh_release(queue, &one), 0);
  auto one = item(queue, ZCNBRH_WAIT_RX);
  EXPECT_EQ(zcnbrh_wait(&one, 1, 1), 0);
  EXPECT_EQ(queues_.front().ledger().rx_posted, 64U);
}

TEST_F(Wait, KicksByThread) {
  struct zcnbrh_queue* queue = open(0, "kick=thread");
  if (std::string(zcnbrh_mode(queue)).find("kicks by thread") == std::string::npos)
    GTEST_SKIP() << zcnbrh_mode(queue);
  uint8_t packet[Wire::kLength];
  std::vector<uint64_t> seen;
  for (uint64_t n = 0; n < 1000; ++n) {
    Wire::write(n, packet);
    auto one = item(queue, ZCNBRH_WAIT_TX);
    ASSERT_EQ(zcnbrh_wait(&one, 1, kForEver), 1);
    ASSERT_EQ(zcnbrh_send_copy(queue, packet, sizeof packet), 1);
  }
  ASSERT_TRUE(eventually([&] {
    const auto now = wire_->receive();
    seen.insert(seen.end(), now.begin(), now.end());
    return seen.size() == 1000;
  }));
  for (uint64_t n = 0; n < 1000; ++n) ASSERT_EQ(seen[n], n);
  EXPECT_EQ(queues_.front().stats().tx_kicks, 0U);
  EXPECT_GT(queues_.front().stats().tx_helper_kicks, 0U);
}

TEST(WaitArguments, AreChecked) {
  Queue queue = Queue::loop();
  auto one = item(queue, ZCNBRH_WAIT_RX);
  auto none = item(nullptr, ZCNBRH_WAIT_RX);
  auto nothing = item(queue, 0);
  auto strange = item(queue, 8);
  EXPECT_EQ(zcnbrh_wait(nullptr, 1, 0), -EINVAL);
  EXPECT_EQ(zcnbrh_wait(&one, 0, 0), -EINVAL);
  EXPECT_EQ(zcnbrh_wait(&one, 257, 0), -EINVAL);
  EXPECT_EQ(zcnbrh_wait(&none, 1, 0), -EINVAL);
  EXPECT_EQ(zcnbrh_wait(&nothing, 1, 0), -EINVAL);
  EXPECT_EQ(zcnbrh_wait(&strange, 1, 0), -EINVAL);
  EXPECT_EQ(zcnbrh_wait(&one, 1, 0), 0);
}

}  // namespace
}  // namespace zcnbrh::testing
