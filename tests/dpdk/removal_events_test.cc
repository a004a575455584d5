// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// A netdev that goes and comes back, as an application with a running polling thread sees it: events, bursts,
// back-pressure, counts, and every buffer in its pool at the end.
#include <gtest/gtest.h>
#include <rte_bus_vdev.h>

#include <atomic>
#include <chrono>
#include <cstring>
#include <functional>
#include <memory>
#include <thread>
#include <utility>

#include "tests/dpdk/eal_port.h"
#include "tests/dpdk/wire.h"
#include "tests/support/net_namespace.h"

namespace zcnbrh::testing {
namespace {

constexpr unsigned kBuffers = 4095;
constexpr uint16_t kBurst = 32;

class RemovalEvents : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(here_.error(), "");
    ASSERT_NO_FATAL_FAILURE(plug_netdev());
    inside_ = std::make_unique<InNamespace>(here_);
    ASSERT_TRUE(eal_ready());
    pool_ = rte_pktmbuf_pool_create("removal", kBuffers, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
    ASSERT_NE(pool_, nullptr);
  }
  void TearDown() override {
    if (HasFatalFailure() && rte_eth_dev_is_valid_port(id_) != 0) finish();  // before its pool goes
    rte_mempool_free(pool_);
  }

  void plug_netdev() { ASSERT_EQ(NetNamespace::connect(here_, "zl0", there_, "zl1"), ""); }
  void unplug_netdev() { ASSERT_TRUE(here_.shell("ip link del zl0")); }

  void start(const std::string& keys, bool rx_interrupts = false) {
    ASSERT_EQ(rte_vdev_init(kName, ("iface=zl0" + keys).c_str()), 0);
    ASSERT_EQ(rte_eth_dev_get_port_by_name(kName, &id_), 0);
    rte_eth_dev_info info{};
    rte_eth_dev_info_get(id_, &info);
    rte_eth_conf conf{};
    conf.intr_conf.lsc = 1;
    conf.intr_conf.rxq = rx_interrupts;
    conf.intr_conf.rmv = (*info.dev_flags & RTE_ETH_DEV_INTR_RMV) != 0;
    EXPECT_EQ(conf.intr_conf.rmv, keys.find("reattach=1") == std::string::npos);
    ASSERT_EQ(rte_eth_dev_configure(id_, 1, 1, &conf), 0);
    ASSERT_EQ(rte_eth_rx_queue_setup(id_, 0, 512, SOCKET_ID_ANY, nullptr, pool_), 0);
    ASSERT_EQ(rte_eth_tx_queue_setup(id_, 0, 512, SOCKET_ID_ANY, nullptr), 0);
    for (const rte_eth_event_type event : {RTE_ETH_EVENT_INTR_LSC, RTE_ETH_EVENT_INTR_RMV})
      ASSERT_EQ(rte_eth_dev_callback_register(id_, event, on_event, this), 0);
    ASSERT_EQ(rte_eth_dev_start(id_), 0);
  }
  void finish() {
    rte_eth_dev_stop(id_);
    rte_eth_dev_close(id_);
    gone();
  }
  void gone() {
    rte_vdev_uninit(kName);
    for (const rte_eth_event_type event : {RTE_ETH_EVENT_INTR_LSC, RTE_ETH_EVENT_INTR_RMV})
      while (rte_eth_dev_callback_unregister(RTE_ETH_ALL, event, on_event, this) == -EAGAIN) {
      }
    EXPECT_EQ(rte_mempool_avail_count(pool_), kBuffers);
  }

  static int on_event(uint16_t port, rte_eth_event_type type, void* self, void*) {
    auto* test = static_cast<RemovalEvents*>(self);
    if (type == RTE_ETH_EVENT_INTR_RMV) {
      if (const auto within = std::exchange(test->within_, nullptr)) within();
      ++test->removals_;
      return 0;
    }
    rte_eth_link link{};
    rte_eth_link_get_nowait(port, &link);
    test->up_ = link.link_status == RTE_ETH_LINK_UP;
    ++test->changes_;
    return 0;
  }

  // One packet handed over or not; a refused one is freed here, as an application does.
  bool send_one() const {
    rte_mbuf* packet = rte_pktmbuf_alloc(pool_);
    if (packet == nullptr) return false;
    std::memset(rte_pktmbuf_append(packet, 60), 0xff, 60);
    if (rte_eth_tx_burst(id_, 0, &packet, 1) == 1) return true;
    rte_pktmbuf_free(packet);
    return false;
  }
  unsigned receive() const {
    rte_mbuf* packets[kBurst];
    const uint16_t n = rte_eth_rx_burst(id_, 0, packets, kBurst);
    rte_pktmbuf_free_bulk(packets, n);
    return n;
  }
  uint64_t sent() const {
    rte_eth_stats stats{};
    EXPECT_EQ(rte_eth_stats_get(id_, &stats), 0);
    return stats.opackets;
  }

  static constexpr const char* kName = "net_zcnbrh_removal";
  NetNamespace here_, there_;
  std::unique_ptr<InNamespace> inside_;
  rte_mempool* pool_ = nullptr;
  uint16_t id_ = RTE_MAX_ETHPORTS;
  std::atomic<int> changes_ = 0, removals_ = 0;
  std::atomic<bool> up_ = true;
  std::function<void()> within_;
};

TEST_F(RemovalEvents, WithoutReattachOneRemovalAndADeadPort) {
  ASSERT_NO_FATAL_FAILURE(start(""));
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(send_one());
  const uint64_t before = sent();
  ASSERT_NO_FATAL_FAILURE(unplug_netdev());
  ASSERT_TRUE(eventually([&] { return removals_ == 1; }));
  EXPECT_FALSE(up_);
  EXPECT_EQ(changes_, 1);
  EXPECT_FALSE(send_one());
  EXPECT_EQ(receive(), 0U);
  EXPECT_EQ(sent(), before);
  EXPECT_EQ(rte_mempool_avail_count(pool_), kBuffers) << "frames the kernel had are back at once";
  EXPECT_EQ(rte_eth_dev_is_removed(id_), 1);
  ASSERT_NO_FATAL_FAILURE(plug_netdev());
  rte_eth_dev_stop(id_);
  EXPECT_EQ(rte_eth_dev_start(id_), -EIO) << "ethdev says so of a removed device";
  EXPECT_FALSE(here_.shell("ip -d link show zl0 | grep -q prog/xdp"));
  finish();
  EXPECT_EQ(removals_, 1);
}

TEST_F(RemovalEvents, APortMayBeClosedFromWithinTheRemovalEvent) {
  within_ = [this] {
    rte_eth_dev_stop(id_);
    rte_eth_dev_close(id_);
  };
  ASSERT_NO_FATAL_FAILURE(start(""));
  ASSERT_NO_FATAL_FAILURE(unplug_netdev());
  ASSERT_TRUE(eventually([&] { return removals_ == 1; }));
  gone();
  ASSERT_NO_FATAL_FAILURE(plug_netdev());
  ASSERT_NO_FATAL_FAILURE(start(""));  // the interrupt thread lives on
  ASSERT_TRUE(there_.shell("ip link set zl1 down"));
  EXPECT_TRUE(eventually([&] { return !up_; }));
  finish();
}

TEST_F(RemovalEvents, WithReattachTheLinkGoesDownAndUpAndTheAddressStays) {
  ASSERT_NO_FATAL_FAILURE(start(",reattach=1"));
  rte_ether_addr address{}, after{};
  rte_eth_macaddr_get(id_, &address);
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(send_one());
  const uint64_t before = sent();
  ASSERT_NO_FATAL_FAILURE(unplug_netdev());
  ASSERT_TRUE(eventually([&] { return changes_ == 1; }));
  EXPECT_FALSE(up_);
  EXPECT_FALSE(send_one());
  EXPECT_EQ(receive(), 0U);
  EXPECT_EQ(rte_mempool_avail_count(pool_), kBuffers);
  EXPECT_EQ(rte_eth_dev_is_removed(id_), 0);
  EXPECT_EQ(rte_eth_dev_rx_queue_stop(id_, 0), 0);
  EXPECT_EQ(rte_eth_dev_rx_queue_start(id_, 0), 0);
  ASSERT_NO_FATAL_FAILURE(plug_netdev());
  ASSERT_TRUE(eventually([&] { return up_.load(); }));
  rte_eth_macaddr_get(id_, &after);
  EXPECT_TRUE(rte_is_same_ether_addr(&address, &after));
  char text[RTE_ETHER_ADDR_FMT_SIZE];
  rte_ether_format_addr(text, sizeof text, &address);
  EXPECT_TRUE(here_.shell(std::string("ip link show zl0 | grep -qi ") + text))
      << "the netdev has the port's address";
  EXPECT_TRUE(send_one());
  EXPECT_EQ(sent(), before + 1);
  EXPECT_EQ(removals_, 0);
  finish();
}

TEST_F(RemovalEvents, AQueueThatWasStoppedStaysStopped) {
  ASSERT_NO_FATAL_FAILURE(start(",reattach=1"));
  ASSERT_EQ(rte_eth_dev_tx_queue_stop(id_, 0), 0);
  ASSERT_NO_FATAL_FAILURE(unplug_netdev());
  ASSERT_TRUE(eventually([&] { return !up_; }));
  ASSERT_NO_FATAL_FAILURE(plug_netdev());
  ASSERT_TRUE(eventually([&] { return up_.load(); }));
  EXPECT_FALSE(send_one());
  ASSERT_EQ(rte_eth_dev_tx_queue_start(id_, 0), 0);
  EXPECT_TRUE(send_one());
  finish();
}

// The polling thread never pauses, and a second one makes the control calls of a busy operator.
TEST_F(RemovalEvents, ManyTurnsUnderPollingAndControlCalls) {
  ASSERT_NO_FATAL_FAILURE(start(",reattach=1"));
  std::atomic<uint64_t> taken = 0;
  // Joined also when a check fails: a thread left behind would end the program without a word.
  std::jthread poller([&](const std::stop_token& enough) {
    while (!enough.stop_requested()) {
      taken += send_one();
      receive();
    }
  });
  std::jthread controller([&](const std::stop_token& enough) {
    rte_eth_stats stats{};
    rte_eth_link link{};
    while (!enough.stop_requested()) {
      rte_eth_stats_get(id_, &stats);
      rte_eth_link_get_nowait(id_, &link);
      rte_eth_promiscuous_enable(id_);
      rte_eth_promiscuous_disable(id_);
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  });
  for (int turn = 0; turn < 10; ++turn) {
    const uint64_t before = taken;
    ASSERT_TRUE(eventually([&] { return taken > before + 100; })) << "turn " << turn;
    ASSERT_NO_FATAL_FAILURE(unplug_netdev());
    ASSERT_TRUE(eventually([&] { return !up_; })) << "turn " << turn;
    ASSERT_NO_FATAL_FAILURE(plug_netdev());
    ASSERT_TRUE(eventually([&] { return up_.load(); })) << "turn " << turn;
  }
  for (std::jthread* thread : {&poller, &controller}) {
    thread->request_stop();
    thread->join();
  }
  EXPECT_EQ(sent(), taken);
  EXPECT_EQ(changes_, 20);
  finish();
}

// A thread that sleeps in rte_epoll_wait() when the netdev goes is woken by the next one's packets.
TEST_F(RemovalEvents, RxInterruptsFollowTheNetdev) {
  ASSERT_NO_FATAL_FAILURE(start(",reattach=1", true));
  ASSERT_EQ(rte_eth_dev_rx_intr_ctl_q(id_, 0, RTE_EPOLL_PER_THREAD, RTE_INTR_EVENT_ADD, nullptr), 0);
  ASSERT_NO_FATAL_FAILURE(unplug_netdev());
  ASSERT_TRUE(eventually([&] { return !up_; }));
  ASSERT_NO_FATAL_FAILURE(plug_netdev());
  ASSERT_TRUE(eventually([&] { return up_.load(); }));
  while (receive() != 0) {
  }
  ASSERT_EQ(rte_eth_dev_rx_intr_enable(id_, 0), 0);
  // Any packet will do: the neighbour that is asked for does not exist.
  ASSERT_TRUE(there_.shell("ip addr add 10.9.8.1/24 dev zl1; ping -c 1 -W 1 10.9.8.7 >/dev/null; true"));
  rte_epoll_event event{};
  EXPECT_EQ(rte_epoll_wait(RTE_EPOLL_PER_THREAD, &event, 1, 5000), 1);
  EXPECT_GE(receive(), 1U);
  EXPECT_EQ(rte_eth_dev_rx_intr_ctl_q(id_, 0, RTE_EPOLL_PER_THREAD, RTE_INTR_EVENT_DEL, nullptr), 0);
  finish();
}

// The port is closed at any moment of a removal.
TEST_F(RemovalEvents, CloseAgainstRemoval) {
  for (int turn = 0; turn < 20; ++turn) {
    ASSERT_NO_FATAL_FAILURE(start(turn % 2 != 0 ? ",reattach=1" : ""));
    std::thread unplugger([&] {
      here_.shell("ip link del zl0");
      NetNamespace::connect(here_, "zl0", there_, "zl1");
    });
    std::this_thread::sleep_for(std::chrono::milliseconds(turn % 10));
    finish();
    unplugger.join();
  }
}

}  // namespace
}  // namespace zcnbrh::testing
