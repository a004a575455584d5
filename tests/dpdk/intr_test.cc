// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// RX interrupts as l3fwd-power uses them: poll until nothing comes, enable, sleep in rte_epoll_wait(), disable,
// poll. An idle thread takes no CPU time, a single packet wakes it, and none is ever left lying.
#include <gtest/gtest.h>
#include <poll.h>
#include <rte_epoll.h>
#include <rte_interrupts.h>

#include <memory>
#include <random>
#include <thread>

#include "tests/dpdk/eal_port.h"
#include "tests/dpdk/sleeper.h"
#include "tests/dpdk/wire.h"

namespace zcnbrh::testing {
namespace {

constexpr unsigned kBuffers = 4095;
constexpr uint64_t kSingles = 10'000;

class Interrupts : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(wire_.error(), "");
    inside_ = std::make_unique<InNamespace>(wire_.here());
    ASSERT_TRUE(eal_ready());
    pool_ = rte_pktmbuf_pool_create("intr", kBuffers, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
  }
  void TearDown() override {
    port_.reset();
    if (pool_ == nullptr) return;
    EXPECT_EQ(rte_mempool_avail_count(pool_), kBuffers);
    rte_mempool_free(pool_);
  }
  void open(const std::string& keys = "") {
    PortPlan plan;
    plan.devargs = "iface=" + wire_.netdev() + keys;
    plan.rx_desc = plan.tx_desc = 256;
    plan.conf.intr_conf.rxq = 1;
    port_ = std::make_unique<EalPort>("net_zcnbrh_intr", plan, pool_);
    ASSERT_EQ(port_->error(), "");
  }
  uint16_t id() const { return port_->id(); }
  int add() { return rte_eth_dev_rx_intr_ctl_q(id(), 0, RTE_EPOLL_PER_THREAD, RTE_INTR_EVENT_ADD, nullptr); }
  static int wait(int milliseconds) {
    rte_epoll_event event;
    return rte_epoll_wait(RTE_EPOLL_PER_THREAD, &event, 1, milliseconds);
  }
  int enable() { return rte_eth_dev_rx_intr_enable(id(), 0); }
  int disable() { return rte_eth_dev_rx_intr_disable(id(), 0); }
  uint16_t take(uint16_t most = 1) {
    rte_mbuf* got[32];
    const uint16_t n = rte_eth_rx_burst(id(), 0, got, most);
    if (n != 0) rte_pktmbuf_free_bulk(got, n);
    return n;
  }
  bool ring_holds(int count) {
    return eventually([&] { return rte_eth_rx_queue_count(id(), 0) == count; });
  }

  Wire wire_;
  std::unique_ptr<InNamespace> inside_;
  rte_mempool* pool_ = nullptr;
  std::unique_ptr<EalPort> port_;
};

// Without the enable a packet left in the ring brings no second event: EAL's entry is edge-triggered. This is
// what enabling is for, so it is shown first.
TEST_F(Interrupts, EnablingFindsPacketsThatWereLeftInTheRing) {
  open();
  ASSERT_EQ(add(), 0);
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(wire_.send());
  ASSERT_TRUE(ring_holds(5));
  EXPECT_EQ(wait(2000), 1);
  EXPECT_EQ(wait(50), 0) << "the entry is not edge-triggered: enabling would be free to do nothing";
  for (int left = 5; left > 0; --left) {
    ASSERT_EQ(enable(), 0);
    EXPECT_EQ(wait(2000), 1) << left << " packets would be stuck";
    ASSERT_EQ(disable(), 0);
    EXPECT_EQ(take(), 1);
  }
  ASSERT_EQ(enable(), 0);
  EXPECT_EQ(wait(50), 0) << "woken by an empty ring";
  ASSERT_TRUE(wire_.send());
  EXPECT_EQ(wait(2000), 1);
  EXPECT_EQ(take(), 1);
}

TEST_F(Interrupts, DisabledDoesNotWakeAndEnablingLaterFindsThePacket) {
  open();
  ASSERT_EQ(add(), 0);
  ASSERT_EQ(disable(), 0);
  ASSERT_TRUE(wire_.send());
  ASSERT_TRUE(ring_holds(1));
  EXPECT_EQ(wait(50), 0);
  ASSERT_EQ(enable(), 0);
  EXPECT_EQ(wait(2000), 1);
  EXPECT_EQ(take(), 1);
}

// The application's own poll on the descriptor: level-triggered, nothing to enable.
TEST_F(Interrupts, TheDescriptorIsTheSocketsOwn) {
  open();
  const int fd = rte_eth_dev_rx_intr_ctl_q_get_fd(id(), 0);
  ASSERT_GE(fd, 0);
  pollfd poll_fd{fd, POLLIN, 0};
  EXPECT_EQ(::poll(&poll_fd, 1, 0), 0);
  ASSERT_TRUE(wire_.send());
  EXPECT_EQ(::poll(&poll_fd, 1, 2000), 1);
  EXPECT_EQ(::poll(&poll_fd, 1, 2000), 1);
  EXPECT_EQ(take(), 1);
  EXPECT_EQ(::poll(&poll_fd, 1, 0), 0);
}

TEST_F(Interrupts, AnIdleThreadSleeps) {
  open();
  Sleeper sleeper;
  std::thread thread([&] { work(id(), 32, sleeper); });
  std::this_thread::sleep_for(std::chrono::milliseconds(1600));
  sleeper.stop = true;
  thread.join();
  EXPECT_LT(sleeper.cpu_seconds, 0.05);
  EXPECT_GE(sleeper.voluntary_switches, 3);
  EXPECT_EQ(sleeper.wakes, 0U);
}

class Singles : public Interrupts, public ::testing::WithParamInterface<uint16_t> {};

// Random gaps hit every place of the loop: asleep, about to sleep, just woken, in the burst.
TEST_P(Singles, EachOfTenThousandIsTakenWithoutASecondOneBehindIt) {
  open();
  Sleeper sleeper;
  std::thread thread([&] { work(id(), GetParam(), sleeper); });
  std::mt19937 random(GetParam());
  uint64_t met_asleep = 0;
  for (uint64_t i = 1; i <= kSingles; ++i) {
    const auto gap = std::chrono::nanoseconds(random() % 60'000);
    const auto until = std::chrono::steady_clock::now() + gap;
    while (std::chrono::steady_clock::now() < until) std::this_thread::yield();
    met_asleep += sleeper.asleep;
    ASSERT_TRUE(eventually([&] { return wire_.send(i); }));
    // Every third one alone: nothing that follows could wake the sleeper for it.
    if (i % 3 == 0) {
      ASSERT_TRUE(eventually([&] { return sleeper.had >= i; }, std::chrono::seconds(20))) << "packet " << i;
    }
  }
  EXPECT_TRUE(eventually([&] { return sleeper.had >= kSingles; }));
  sleeper.stop = true;
  thread.join();
  EXPECT_EQ(sleeper.had, kSingles);
  EXPECT_EQ(sleeper.stuck, 0U);
  EXPECT_GT(met_asleep, kSingles / 100);
  EXPECT_GT(sleeper.voluntary_switches, static_cast<long>(kSingles / 100));
}
INSTANTIATE_TEST_SUITE_P(BurstsOf, Singles, ::testing::Values(1, 32));

TEST_F(Interrupts, AreThereAgainAfterARestart) {
  open();
  for (int turn = 0; turn < 3; ++turn) {
    ASSERT_EQ(add(), 0);
    ASSERT_EQ(enable(), 0);
    EXPECT_EQ(wait(20), 0);
    ASSERT_TRUE(wire_.send());
    EXPECT_EQ(wait(2000), 1);
    EXPECT_EQ(take(), 1);
    ASSERT_EQ(rte_eth_dev_stop(id()), 0);
    EXPECT_LT(rte_eth_dev_rx_intr_enable(id(), 0), 0);
    ASSERT_EQ(rte_eth_dev_start(id()), 0);
  }
}

TEST_F(Interrupts, FollowAQueueThatIsSetUpAnew) {
  open();
  ASSERT_EQ(add(), 0);
  for (const uint16_t descriptors : {512, 1024}) {
    ASSERT_EQ(rte_eth_dev_rx_queue_stop(id(), 0), 0);
    ASSERT_EQ(rte_eth_rx_queue_setup(id(), 0, descriptors, SOCKET_ID_ANY, nullptr, pool_), 0);
    ASSERT_EQ(rte_eth_dev_rx_queue_start(id(), 0), 0);
    ASSERT_EQ(enable(), 0);
    EXPECT_EQ(wait(20), 0);
    ASSERT_TRUE(wire_.send());
    EXPECT_EQ(wait(2000), 1);
    EXPECT_EQ(take(), 1);
  }
}

// Busy polling makes the core itself drive the queue; asleep it would not.
TEST_F(Interrupts, BusyPollingIsLeftOff) {
  open(",busy_budget=64");
  rte_eth_burst_mode mode{};
  ASSERT_EQ(rte_eth_rx_burst_mode_get(id(), 0, &mode), 0);
  EXPECT_NE(std::string(mode.info).find("wakeup"), std::string::npos) << mode.info;
  ASSERT_EQ(add(), 0);
  ASSERT_EQ(enable(), 0);
  ASSERT_TRUE(wire_.send());
  EXPECT_EQ(wait(2000), 1);
  EXPECT_EQ(take(), 1);
  // And is back when the application is configured without them.
  ASSERT_EQ(rte_eth_dev_stop(id()), 0);
  port_->set_interrupts(false);
  ASSERT_EQ(port_->setup_queues(1, 1), 0);
  ASSERT_EQ(rte_eth_dev_start(id()), 0);
  ASSERT_EQ(rte_eth_rx_burst_mode_get(id(), 0, &mode), 0);
  EXPECT_NE(std::string(mode.info).find("busy poll"), std::string::npos) << mode.info;
}

TEST_F(Interrupts, NotAskedForAreNotThere) {
  open();
  ASSERT_EQ(rte_eth_dev_stop(id()), 0);
  port_->set_interrupts(false);
  ASSERT_EQ(port_->setup_queues(1, 1), 0);
  ASSERT_EQ(rte_eth_dev_start(id()), 0);
  EXPECT_LT(add(), 0);
  EXPECT_LT(enable(), 0);
}

TEST_F(Interrupts, ALoopPortSaysThatItHasNone) {
  PortPlan plan;
  plan.devargs = "iface=loop";
  plan.conf.intr_conf.rxq = 1;
  EalPort loop("net_zcnbrh_loop", plan, pool_);
  EXPECT_EQ(loop.error(), "start: " + std::to_string(-ENOTSUP));
}

}  // namespace
}  // namespace zcnbrh::testing
