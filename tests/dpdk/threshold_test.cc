// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// The RX available-descriptor threshold: told once for each crossing, with the queue's number, and never
// while enough buffers are there.
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <thread>

#include "tests/dpdk/eal_port.h"
#include "tests/dpdk/wire.h"

namespace zcnbrh::testing {
namespace {

constexpr unsigned kBuffers = 4095;
constexpr uint16_t kDescriptors = 200;

std::atomic<int> g_events{0};
std::atomic<std::thread::id> g_thread;

int on_event(uint16_t, rte_eth_event_type, void*, void*) {
  ++g_events;
  g_thread = std::this_thread::get_id();
  return 0;
}

class Threshold : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(wire_.error(), "");
    inside_ = std::make_unique<InNamespace>(wire_.here());
    ASSERT_TRUE(eal_ready());
    pool_ = rte_pktmbuf_pool_create("thresh", kBuffers, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
    PortPlan plan;
    plan.devargs = "iface=" + wire_.netdev();
    plan.rx_desc = plan.tx_desc = kDescriptors;
    port_ = std::make_unique<EalPort>("net_zcnbrh_thresh", plan, pool_);
    ASSERT_EQ(port_->error(), "");
    g_events = 0;
    ASSERT_EQ(rte_eth_dev_callback_register(id(), RTE_ETH_EVENT_RX_AVAIL_THRESH, on_event, nullptr), 0);
  }
  void TearDown() override {
    port_.reset();
    if (pool_ == nullptr) return;
    EXPECT_EQ(rte_mempool_avail_count(pool_), kBuffers);
    rte_mempool_free(pool_);
  }
  uint16_t id() const { return port_->id(); }
  bool send(int count) {
    for (int i = 0; i < count; ++i)
      if (!wire_.send()) return false;
    return eventually([&] { return rte_eth_rx_queue_count(id(), 0) >= count; });
  }
  void take_all() {
    rte_mbuf* got[32];
    while (const uint16_t n = rte_eth_rx_burst(id(), 0, got, 32)) rte_pktmbuf_free_bulk(got, n);
  }
  static bool told(int times) {
    return eventually([&] { return g_events == times; });
  }
  // Long enough for many looks.
  static bool told_no_more_than(int times) {
    return !eventually([&] { return g_events > times; }, std::chrono::milliseconds(60));
  }
  int query(uint16_t& queue, uint8_t& percent) { return rte_eth_rx_avail_thresh_query(id(), &queue, &percent); }

  Wire wire_;
  std::unique_ptr<InNamespace> inside_;
  rte_mempool* pool_ = nullptr;
  std::unique_ptr<EalPort> port_;
};

TEST_F(Threshold, IsToldOnceForEachCrossing) {
  ASSERT_EQ(rte_eth_rx_avail_thresh_set(id(), 0, 70), 0);
  ASSERT_TRUE(send(60));  // 140 available: not below 70 % of 200
  EXPECT_TRUE(told_no_more_than(0));
  ASSERT_TRUE(send(1));
  EXPECT_TRUE(told(1));
  EXPECT_NE(g_thread.load(), std::this_thread::get_id());
  ASSERT_TRUE(send(20));
  EXPECT_TRUE(told_no_more_than(1));
  uint16_t queue = 0;
  uint8_t percent = 0;
  EXPECT_EQ(query(queue, percent), 1);
  EXPECT_EQ(queue, 0);
  EXPECT_EQ(percent, 70);
  EXPECT_EQ(query(queue, percent), 0);
  take_all();
  EXPECT_TRUE(told_no_more_than(1));
  ASSERT_TRUE(send(100));
  EXPECT_TRUE(told(2));
  EXPECT_EQ(query(queue, percent), 1);
}

// What the pool cannot give is missing to the kernel as well as what the application has not read.
TEST_F(Threshold, ADeficitCounts) {
  std::vector<rte_mbuf*> held(rte_mempool_avail_count(pool_));
  ASSERT_EQ(rte_pktmbuf_alloc_bulk(pool_, held.data(), static_cast<unsigned>(held.size())), 0);
  ASSERT_EQ(rte_eth_rx_avail_thresh_set(id(), 0, 50), 0);
  rte_mbuf* kept[128];
  uint16_t n = 0;
  ASSERT_TRUE(send(110));
  while (n < 110) n += rte_eth_rx_burst(id(), 0, kept + n, static_cast<uint16_t>(128 - n));
  EXPECT_TRUE(told(1));
  rte_pktmbuf_free_bulk(kept, n);
  rte_pktmbuf_free_bulk(held.data(), static_cast<unsigned>(held.size()));
}

TEST_F(Threshold, ZeroTakesItOff) {
  ASSERT_EQ(rte_eth_rx_avail_thresh_set(id(), 0, 90), 0);
  rte_eth_rxq_info info{};
  ASSERT_EQ(rte_eth_rx_queue_info_get(id(), 0, &info), 0);
  EXPECT_EQ(info.avail_thresh, 90);
  ASSERT_EQ(rte_eth_rx_avail_thresh_set(id(), 0, 0), 0);
  ASSERT_TRUE(send(100));
  EXPECT_TRUE(told_no_more_than(0));
  ASSERT_EQ(rte_eth_rx_avail_thresh_set(id(), 0, 90), 0);
  EXPECT_TRUE(told(1));
}

// The callback runs on EAL's thread while the port's own thread takes the port away.
TEST_F(Threshold, ThePortMayBeTakenAwayAtAnyTime) {
  for (int turn = 0; turn < 30; ++turn) {
    ASSERT_EQ(rte_eth_rx_avail_thresh_set(id(), 0, 99), 0);
    ASSERT_TRUE(wire_.send());
    ASSERT_TRUE(wire_.send());
    ASSERT_EQ(rte_eth_dev_stop(id()), 0);
    ASSERT_EQ(rte_eth_dev_start(id()), 0);
  }
}

}  // namespace
}  // namespace zcnbrh::testing
