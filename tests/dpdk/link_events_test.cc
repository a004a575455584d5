// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// Link events as an application gets them: how many, with which link, and what it may do within one.
#include <gtest/gtest.h>
#include <rte_bus_vdev.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <thread>
#include <utility>

#include "tests/dpdk/eal_port.h"
#include "tests/dpdk/wire.h"
#include "tests/support/net_namespace.h"

namespace zcnbrh::testing {
namespace {

constexpr unsigned kBuffers = 2047;

class LinkEvents : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(here_.error(), "");
    ASSERT_EQ(NetNamespace::connect(here_, "zl0", there_, "zl1"), "");
    inside_ = std::make_unique<InNamespace>(here_);
    ASSERT_TRUE(eal_ready());
    pool_ = rte_pktmbuf_pool_create("link", kBuffers, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
    ASSERT_NE(pool_, nullptr);
  }
  void TearDown() override { rte_mempool_free(pool_); }

  void start(uint32_t lsc) {
    ASSERT_EQ(rte_vdev_init(kName, "iface=zl0"), 0);
    ASSERT_EQ(rte_eth_dev_get_port_by_name(kName, &id_), 0);
    rte_eth_conf conf{};
    conf.intr_conf.lsc = lsc;
    ASSERT_EQ(rte_eth_dev_configure(id_, 1, 1, &conf), 0);
    ASSERT_EQ(rte_eth_rx_queue_setup(id_, 0, 256, SOCKET_ID_ANY, nullptr, pool_), 0);
    ASSERT_EQ(rte_eth_tx_queue_setup(id_, 0, 256, SOCKET_ID_ANY, nullptr), 0);
    ASSERT_EQ(rte_eth_dev_callback_register(id_, RTE_ETH_EVENT_INTR_LSC, on_event, this), 0);
    ASSERT_EQ(rte_eth_dev_start(id_), 0);
  }
  void finish() {
    rte_eth_dev_stop(id_);
    rte_eth_dev_close(id_);
    gone();
  }
  void gone() {
    rte_vdev_uninit(kName);
    while (rte_eth_dev_callback_unregister(RTE_ETH_ALL, RTE_ETH_EVENT_INTR_LSC, on_event, this) == -EAGAIN) {
    }
    EXPECT_EQ(rte_mempool_avail_count(pool_), kBuffers);
  }

  static int on_event(uint16_t port, rte_eth_event_type, void* self, void*) {
    auto* test = static_cast<LinkEvents*>(self);
    rte_eth_link link{};
    rte_eth_link_get_nowait(port, &link);
    test->up_ = link.link_status == RTE_ETH_LINK_UP;
    if (const auto within = std::exchange(test->within_, nullptr)) within();
    ++test->events_;
    return 0;
  }

  static constexpr const char* kName = "net_zcnbrh_link";
  NetNamespace here_, there_;
  std::unique_ptr<InNamespace> inside_;
  rte_mempool* pool_ = nullptr;
  uint16_t id_ = RTE_MAX_ETHPORTS;
  std::atomic<int> events_ = 0;
  std::atomic<bool> up_ = true;
  std::function<void()> within_;
};

TEST_F(LinkEvents, OneForEachChangeWithTheLinkAsItIs) {
  ASSERT_NO_FATAL_FAILURE(start(1));
  for (int round = 1; round <= 6; ++round) {
    ASSERT_TRUE(there_.shell(std::string("ip link set zl1 ") + (round % 2 != 0 ? "down" : "up")));
    ASSERT_TRUE(eventually([&] { return events_ >= round; })) << "round " << round;
    EXPECT_EQ(up_, round % 2 == 0) << "round " << round;
  }
  // Nothing of the link's: no event.
  ASSERT_TRUE(here_.shell("ip link set zl0 mtu 1400; ip link set zl0 alias x; ip link set lo down"));
  ASSERT_TRUE(there_.shell("ip link set zl1 down"));
  ASSERT_TRUE(eventually([&] { return events_ >= 7; }));
  EXPECT_EQ(events_, 7);
  finish();
}

TEST_F(LinkEvents, NoneUnlessAskedForAndNoneWhileStopped) {
  ASSERT_NO_FATAL_FAILURE(start(0));
  ASSERT_TRUE(there_.shell("ip link set zl1 down"));
  rte_eth_link link{};
  ASSERT_TRUE(eventually([&] {
    rte_eth_link_get_nowait(id_, &link);
    return link.link_status == RTE_ETH_LINK_DOWN;
  }));
  EXPECT_EQ(events_, 0);
  finish();
  events_ = 0;
  ASSERT_NO_FATAL_FAILURE(start(1));
  ASSERT_EQ(rte_eth_dev_stop(id_), 0);
  ASSERT_TRUE(there_.shell("ip link set zl1 up"));
  ASSERT_EQ(rte_eth_dev_start(id_), 0);
  rte_eth_link_get_nowait(id_, &link);
  EXPECT_EQ(link.link_status, RTE_ETH_LINK_UP);
  EXPECT_EQ(events_, 0);
  finish();
}

// The interrupt thread was in the namespace where EAL started, not in the netdev's.
TEST_F(LinkEvents, SetLinkDownAndUpAreHeardOnce) {
  ASSERT_NO_FATAL_FAILURE(start(1));
  ASSERT_EQ(rte_eth_dev_set_link_down(id_), 0);
  ASSERT_TRUE(eventually([&] { return events_ == 1; }));
  EXPECT_FALSE(up_);
  ASSERT_EQ(rte_eth_dev_set_link_up(id_), 0);
  ASSERT_TRUE(eventually([&] { return events_ == 2 && up_; }));
  finish();
}

TEST_F(LinkEvents, APortMayBeClosedFromWithinOne) {
  within_ = [this] {
    rte_eth_dev_stop(id_);
    rte_eth_dev_close(id_);
  };
  ASSERT_NO_FATAL_FAILURE(start(1));
  ASSERT_TRUE(there_.shell("ip link set zl1 down"));
  ASSERT_TRUE(eventually([&] { return events_ >= 1; }));
  gone();
  // And the interrupt thread lives on.
  events_ = 0;
  ASSERT_NO_FATAL_FAILURE(start(1));
  ASSERT_TRUE(there_.shell("ip link set zl1 up"));
  EXPECT_TRUE(eventually([&] { return events_ == 1; }));
  finish();
}

// Control calls of the application's against a link that changes all the time.
TEST_F(LinkEvents, StartStopAndCloseWhileTheLinkFlaps) {
  std::atomic<bool> enough = false;
  std::thread flapper([&] {
    while (!enough) there_.shell("ip link set zl1 down; ip link set zl1 up");
  });
  for (int i = 0; i < 10; ++i) {
    start(1);
    for (int k = 0; k < 5; ++k) {
      EXPECT_EQ(rte_eth_dev_stop(id_), 0);
      EXPECT_EQ(rte_eth_dev_start(id_), 0);
    }
    finish();
  }
  enough = true;
  flapper.join();
}

}  // namespace
}  // namespace zcnbrh::testing
