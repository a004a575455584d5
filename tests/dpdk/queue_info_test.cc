// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// What a queue tells of itself, against packets that a kernel peer really sent or really has.
#include <gtest/gtest.h>
#include <rte_power_intrinsics.h>
#include <unistd.h>

#include <cstring>
#include <memory>

#include "tests/dpdk/eal_port.h"
#include "tests/dpdk/wire.h"

namespace zcnbrh::testing {
namespace {

constexpr unsigned kBuffers = 4095;

class QueueInfo : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(wire_.error(), "");
    inside_ = std::make_unique<InNamespace>(wire_.here());
    ASSERT_TRUE(eal_ready());
    pool_ = rte_pktmbuf_pool_create("info", kBuffers, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
  }
  void TearDown() override {
    port_.reset();
    if (pool_ == nullptr) return;
    EXPECT_EQ(rte_mempool_avail_count(pool_), kBuffers);
    rte_mempool_free(pool_);
  }
  void open(const std::string& keys = "", uint16_t desc = 256) {
    PortPlan plan;
    plan.devargs = "iface=" + wire_.netdev() + keys;
    plan.rx_desc = plan.tx_desc = desc;
    port_ = std::make_unique<EalPort>("net_zcnbrh_info", plan, pool_);
    ASSERT_EQ(port_->error(), "");
  }
  // Waits until the RX ring holds `count` packets.
  bool waiting(int count) {
    return eventually([&] { return rte_eth_rx_queue_count(port_->id(), 0) == count; });
  }
  rte_mbuf* packet(uint16_t length = 60) {
    rte_mbuf* m = rte_pktmbuf_alloc(pool_);
    std::memset(rte_pktmbuf_append(m, length), 0xff, length);
    return m;
  }

  Wire wire_;
  std::unique_ptr<InNamespace> inside_;
  rte_mempool* pool_ = nullptr;
  std::unique_ptr<EalPort> port_;
};

TEST_F(QueueInfo, SetUpIsToldAsItWasGiven) {
  open("", 300);
  rte_eth_rxq_info rx{};
  ASSERT_EQ(rte_eth_rx_queue_info_get(port_->id(), 0, &rx), 0);
  EXPECT_EQ(rx.mp, pool_);
  EXPECT_EQ(rx.nb_desc, 300);
  EXPECT_EQ(rx.rx_buf_size, RTE_MBUF_DEFAULT_DATAROOM);
  EXPECT_EQ(rx.queue_state, RTE_ETH_QUEUE_STATE_STARTED);
  EXPECT_EQ(rx.conf.rx_deferred_start, 0);
  rte_eth_txq_info tx{};
  ASSERT_EQ(rte_eth_tx_queue_info_get(port_->id(), 0, &tx), 0);
  EXPECT_EQ(tx.nb_desc, 300);
  EXPECT_EQ(tx.queue_state, RTE_ETH_QUEUE_STATE_STARTED);
}

TEST_F(QueueInfo, BurstModeSaysModeWakeupAndWhy) {
  open();
  rte_eth_burst_mode mode{};
  for (const bool rx : {true, false}) {
    mode = {};
    ASSERT_EQ((rx ? rte_eth_rx_burst_mode_get : rte_eth_tx_burst_mode_get)(port_->id(), 0, &mode), 0);
    const std::string info = mode.info;
    for (const char* word : {"copy mode", "wakeup", "native XDP", "plain", "not zero-copy: driver veth"})
      EXPECT_NE(info.find(word), std::string::npos) << word << " is not in: " << info;
    EXPECT_EQ(mode.flags, RTE_ETH_BURST_FLAG_PER_QUEUE);
  }
}

TEST_F(QueueInfo, BurstModeSaysBusyPoll) {
  open(",busy_budget=64");
  rte_eth_burst_mode mode{};
  ASSERT_EQ(rte_eth_rx_burst_mode_get(port_->id(), 0, &mode), 0);
  EXPECT_NE(std::string(mode.info).find("busy poll"), std::string::npos) << mode.info;
}

TEST_F(QueueInfo, RxCountAndStatusFollowTheRing) {
  open();
  EXPECT_EQ(rte_eth_rx_queue_count(port_->id(), 0), 0);
  EXPECT_EQ(rte_eth_rx_descriptor_status(port_->id(), 0, 0), RTE_ETH_RX_DESC_AVAIL);
  EXPECT_EQ(rte_eth_rx_descriptor_status(port_->id(), 0, 255), RTE_ETH_RX_DESC_AVAIL);
  EXPECT_EQ(rte_eth_rx_descriptor_status(port_->id(), 0, 256), -EINVAL);
  for (int i = 0; i < 40; ++i) ASSERT_TRUE(wire_.send());
  ASSERT_TRUE(waiting(40));
  EXPECT_EQ(rte_eth_rx_descriptor_status(port_->id(), 0, 0), RTE_ETH_RX_DESC_DONE);
  EXPECT_EQ(rte_eth_rx_descriptor_status(port_->id(), 0, 39), RTE_ETH_RX_DESC_DONE);
  EXPECT_EQ(rte_eth_rx_descriptor_status(port_->id(), 0, 40), RTE_ETH_RX_DESC_AVAIL);
  rte_mbuf* got[16];
  ASSERT_EQ(rte_eth_rx_burst(port_->id(), 0, got, 16), 16);
  EXPECT_EQ(rte_eth_rx_queue_count(port_->id(), 0), 24);
  EXPECT_EQ(rte_eth_rx_descriptor_status(port_->id(), 0, 24), RTE_ETH_RX_DESC_AVAIL);
  rte_pktmbuf_free_bulk(got, 16);
  while (const int n = rte_eth_rx_burst(port_->id(), 0, got, 16)) rte_pktmbuf_free_bulk(got, n);
}

TEST_F(QueueInfo, RxDescriptorsThatThePoolCouldNotFillAreUnavailable) {
  std::vector<rte_mbuf*> held(kBuffers - 100);
  ASSERT_EQ(rte_pktmbuf_alloc_bulk(pool_, held.data(), static_cast<unsigned>(held.size())), 0);
  open();
  EXPECT_EQ(rte_eth_rx_descriptor_status(port_->id(), 0, 99), RTE_ETH_RX_DESC_AVAIL);
  EXPECT_EQ(rte_eth_rx_descriptor_status(port_->id(), 0, 100), RTE_ETH_RX_DESC_UNAVAIL);
  rte_pktmbuf_free_bulk(held.data(), static_cast<unsigned>(held.size()));
}

TEST_F(QueueInfo, TxStatusAndCleanupFollowTheFramesInFlight) {
  open();
  EXPECT_EQ(rte_eth_tx_descriptor_status(port_->id(), 0, 0), RTE_ETH_TX_DESC_DONE);
  EXPECT_EQ(rte_eth_tx_descriptor_status(port_->id(), 0, 255), RTE_ETH_TX_DESC_DONE);
  EXPECT_EQ(rte_eth_tx_descriptor_status(port_->id(), 0, 256), -EINVAL);
  EXPECT_EQ(rte_eth_tx_done_cleanup(port_->id(), 0, 0), 0);
  const unsigned before = rte_mempool_avail_count(pool_);
  rte_mbuf* out[20];
  for (rte_mbuf*& m : out) m = packet();
  ASSERT_EQ(rte_eth_tx_burst(port_->id(), 0, out, 20), 20);
  EXPECT_EQ(rte_mempool_avail_count(pool_), before - 20);
  // In copy mode the packet is copied and the frame done once the device has taken the copy.
  ASSERT_TRUE(
      eventually([&] { return rte_eth_tx_descriptor_status(port_->id(), 0, 255) == RTE_ETH_TX_DESC_DONE; }));
  EXPECT_EQ(rte_eth_tx_done_cleanup(port_->id(), 0, 5), 5);
  EXPECT_EQ(rte_mempool_avail_count(pool_), before - 15);
  EXPECT_EQ(rte_eth_tx_done_cleanup(port_->id(), 0, 0), 15);
  EXPECT_EQ(rte_mempool_avail_count(pool_), before);
}

TEST_F(QueueInfo, TxDescriptorsInFlightAreFull) {
  open();
  ASSERT_TRUE(wire_.hold());
  const unsigned before = rte_mempool_avail_count(pool_);
  rte_mbuf* out[20];
  for (rte_mbuf*& m : out) m = packet();
  ASSERT_EQ(rte_eth_tx_burst(port_->id(), 0, out, 20), 20);
  EXPECT_EQ(rte_eth_tx_descriptor_status(port_->id(), 0, 235), RTE_ETH_TX_DESC_DONE);
  EXPECT_EQ(rte_eth_tx_descriptor_status(port_->id(), 0, 236), RTE_ETH_TX_DESC_FULL);
  EXPECT_EQ(rte_eth_tx_descriptor_status(port_->id(), 0, 255), RTE_ETH_TX_DESC_FULL);
  EXPECT_EQ(rte_eth_tx_done_cleanup(port_->id(), 0, 0), 0);
  ASSERT_TRUE(wire_.let_go());
  EXPECT_EQ(rte_eth_tx_burst(port_->id(), 0, nullptr, 0), 0);  // kicks what is left
  // By two, this thread and the one that looks after what was put off: in parts maybe, of which the burst above
  // may have given some back.
  EXPECT_TRUE(eventually([&] {
    return rte_eth_tx_done_cleanup(port_->id(), 0, 0) >= 0 && rte_mempool_avail_count(pool_) == before;
  }));
}

// What a core in UMWAIT would watch; the instruction itself needs a CPU that has it.
TEST_F(QueueInfo, MonitorAddressChangesWhenAPacketComesAndNeverBefore) {
  open();
  for (int round = 0; round < 100; ++round) {
    rte_power_monitor_cond condition{};
    ASSERT_EQ(rte_eth_get_monitor_addr(port_->id(), 0, &condition), 0);
    ASSERT_EQ(condition.size, 4);
    const auto value = [&] { return *static_cast<volatile uint32_t*>(condition.addr); };
    EXPECT_EQ(condition.fn(value(), condition.opaque), 0) << "would not sleep on an empty ring";
    ASSERT_TRUE(wire_.send());
    ASSERT_TRUE(eventually([&] { return condition.fn(value(), condition.opaque) != 0; })) << "would not wake";
    // A packet that came before the core went to sleep keeps it awake.
    ASSERT_EQ(rte_eth_get_monitor_addr(port_->id(), 0, &condition), 0);
    EXPECT_NE(condition.fn(value(), condition.opaque), 0);
    rte_mbuf* m = nullptr;
    ASSERT_EQ(rte_eth_rx_burst(port_->id(), 0, &m, 1), 1);
    rte_pktmbuf_free(m);
  }
}

TEST_F(QueueInfo, MonitorIsRefusedWhereBusyPollingDrivesTheQueue) {
  open(",busy_budget=64");
  rte_power_monitor_cond condition{};
  EXPECT_EQ(rte_eth_get_monitor_addr(port_->id(), 0, &condition), -ENOTSUP);
}

// No mbuf is read on its way back, so none may be needed: what was sent by address goes back whole to its pool,
// and what is not plain was never sent by address.
TEST_F(QueueInfo, FastFreeIsClaimedAndLeavesThePoolWhole) {
  open();
  rte_eth_dev_info info{};
  ASSERT_EQ(rte_eth_dev_info_get(port_->id(), &info), 0);
  EXPECT_NE(info.tx_offload_capa & RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE, 0U);
  const unsigned before = rte_mempool_avail_count(pool_);
  for (int i = 0; i < 20; ++i) {
    rte_mbuf* m = packet();
    m->ol_flags = RTE_MBUF_F_RX_RSS_HASH;  // left over from receive
    m->hash.rss = 0x12345678;
    rte_mbuf* shared = packet();
    rte_mbuf_refcnt_update(shared, 1);
    rte_mbuf* out[2] = {m, shared};
    ASSERT_EQ(rte_eth_tx_burst(port_->id(), 0, out, 2), 2);
    EXPECT_EQ(rte_mbuf_refcnt_read(shared), 1);
    rte_pktmbuf_free(shared);
  }
  EXPECT_TRUE(eventually([&] {
    rte_eth_tx_done_cleanup(port_->id(), 0, 0);
    return rte_mempool_avail_count(pool_) == before;
  }));
}

}  // namespace
}  // namespace zcnbrh::testing
