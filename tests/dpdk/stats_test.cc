// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// Statistics of a port that a peer really sends to and receives from: every cause has its counter, names stay,
// nothing is lost when they are reset or a queue is made anew.
#include <gtest/gtest.h>

#include <atomic>
#include <cstring>
#include <memory>
#include <set>
#include <thread>

#include "tests/dpdk/eal_port.h"
#include "tests/dpdk/wire.h"

namespace zcnbrh::testing {
namespace {

constexpr unsigned kBuffers = 4095;

class Stats : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(wire_.error(), "");
    inside_ = std::make_unique<InNamespace>(wire_.here());
    ASSERT_TRUE(eal_ready());
    pool_ = rte_pktmbuf_pool_create("stats", kBuffers, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
  }
  void TearDown() override {
    port_.reset();
    if (pool_ == nullptr) return;
    EXPECT_EQ(rte_mempool_avail_count(pool_), kBuffers);
    rte_mempool_free(pool_);
  }
  void open(const std::string& keys = "", uint16_t queues = 1, uint16_t desc = 256) {
    PortPlan plan;
    plan.devargs = "iface=" + wire_.netdev() + keys;
    plan.rx_queues = plan.tx_queues = queues;
    plan.rx_desc = plan.tx_desc = desc;
    port_ = std::make_unique<EalPort>("net_zcnbrh_stats", plan, pool_);
    ASSERT_EQ(port_->error(), "");
  }
  uint16_t id() const { return port_->id(); }
  uint64_t x(const std::string& name) const {
    const auto all = port_->xstats();
    const auto found = all.find(name);
    return found != all.end() ? found->second : UINT64_MAX;
  }
  rte_eth_stats basic() const {
    rte_eth_stats out{};
    rte_eth_stats_get(id(), &out);
    return out;
  }
  uint16_t take() {
    rte_mbuf* got[32];
    const uint16_t n = rte_eth_rx_burst(id(), 0, got, 32);
    if (n != 0) rte_pktmbuf_free_bulk(got, n);
    return n;
  }
  bool receive(int count) {
    int had = 0;
    for (int i = 0; i < count; ++i)
      if (!wire_.send()) return false;
    return eventually([&] { return (had += take()) >= count; });
  }
  bool send(int count, uint16_t length = 60) {
    for (int i = 0; i < count; ++i) {
      rte_mbuf* m = rte_pktmbuf_alloc(pool_);
      if (m == nullptr) return false;
      if (length != 0) std::memset(rte_pktmbuf_append(m, length), 0xff, length);
      if (rte_eth_tx_burst(id(), 0, &m, 1) == 1) continue;
      rte_pktmbuf_free(m);
      return false;
    }
    return true;
  }

  Wire wire_;
  std::unique_ptr<InNamespace> inside_;
  rte_mempool* pool_ = nullptr;
  std::unique_ptr<EalPort> port_;
};

TEST_F(Stats, EveryCauseHasItsName) {
  open();
  const auto all = port_->xstats();
  for (const char* name : {"packets_processed",
                           "ring_full_count",
                           "cpu_cycles_per_packet",
                           "rx_q0_xsk_fill_ring_empty",
                           "rx_q0_xsk_ring_full",
                           "rx_q0_xsk_invalid_descs",
                           "rx_q0_xsk_dropped",
                           "rx_q0_alloc_failed",
                           "rx_q0_wakes",
                           "rx_q0_busy_polls",
                           "rx_q0_system_calls",
                           "rx_q0_gate_dropped",
                           "tx_q0_no_credit",
                           "tx_q0_partial_bursts",
                           "tx_q0_bounce_copies",
                           "tx_q0_kicks",
                           "tx_q0_system_calls",
                           "tx_q0_invalid",
                           "tx_q0_xsk_invalid_descs",
                           "netdev_rx_dropped",
                           "netdev_rx_missed_errors",
                           "rx_q0_zero_copy"})
    EXPECT_TRUE(all.contains(name)) << name;
  // Names are unique: a tool that keeps them by name would lose one.
  const int count = rte_eth_xstats_get_names(id(), nullptr, 0);
  EXPECT_EQ(static_cast<size_t>(count), all.size());
  EXPECT_EQ(x("rx_q0_zero_copy"), 0U);  // veth
}

// veth counts for `ethtool -S`; the driver takes over what tells of XDP and of losses.
TEST_F(Stats, TheNicsOwnCountersAreAmongThem) {
  open();
  ASSERT_NE(x("nic_rx_queue_0_xdp_packets"), UINT64_MAX);
  const uint64_t before = x("nic_rx_queue_0_xdp_packets");
  ASSERT_TRUE(receive(20));
  EXPECT_GE(x("nic_rx_queue_0_xdp_packets"), before + 20);
}

TEST_F(Stats, SumsAgreeWithTheirParts) {
  open();
  ASSERT_TRUE(receive(100));
  ASSERT_TRUE(send(50));
  EXPECT_EQ(x("packets_processed"), 150U);
  EXPECT_EQ(x("rx_q0_packets"), 100U);
  EXPECT_EQ(x("tx_q0_packets"), 50U);
  EXPECT_EQ(x("rx_q0_system_calls"), x("rx_q0_wakes") + x("rx_q0_busy_polls"));
  EXPECT_EQ(x("tx_q0_system_calls"), x("tx_q0_kicks"));
  EXPECT_GE(x("tx_q0_kicks"), 50U);
  EXPECT_EQ(basic().ipackets, 100U);
  EXPECT_EQ(basic().opackets, 50U);
}

TEST_F(Stats, CyclesAPacketAreMeasuredAndInReason) {
  open();
  EXPECT_EQ(x("cpu_cycles_per_packet"), 0U);
  ASSERT_TRUE(send(64 * 20));
  EXPECT_GT(x("cpu_cycles_per_packet"), 10U);
  EXPECT_LT(x("cpu_cycles_per_packet"), 100'000'000U);  // with a system call a packet, on any machine
}

TEST_F(Stats, AFullRingAndAnEmptyFillRingAreTold) {
  open("", 1, 64);
  for (int i = 0; i < 400; ++i) ASSERT_TRUE(wire_.send());
  // Copy mode: 64 buffers are used up, then the kernel finds no other.
  EXPECT_TRUE(eventually([&] { return x("rx_q0_xsk_dropped") + x("rx_q0_xsk_ring_full") == 400 - 64; }));
  EXPECT_GT(x("rx_q0_xsk_fill_ring_empty") + x("ring_full_count"), 0U);
  EXPECT_EQ(basic().imissed, 400U - 64U);
  EXPECT_EQ(x("rx_q0_waiting"), 64U);
}

TEST_F(Stats, PartialBurstsAreTold) {
  open("", 1, 64);
  ASSERT_TRUE(wire_.hold());
  EXPECT_FALSE(send(65));
  EXPECT_EQ(x("tx_q0_no_credit"), 1U);
  EXPECT_EQ(x("tx_q0_partial_bursts"), 1U);
  EXPECT_EQ(x("ring_full_count"), 1U);
  EXPECT_EQ(x("tx_q0_in_flight"), 64U);
  ASSERT_TRUE(wire_.let_go());
}

TEST_F(Stats, ByIdAndByNameAgreeWithTheWholeList) {
  open("", 1);
  ASSERT_TRUE(receive(7));
  const int count = rte_eth_xstats_get_names(id(), nullptr, 0);
  ASSERT_GT(count, 40);
  std::vector<rte_eth_xstat_name> names(static_cast<size_t>(count));
  ASSERT_EQ(rte_eth_xstats_get_names(id(), names.data(), static_cast<unsigned>(count)), count);
  uint64_t packets_id = 0;
  ASSERT_EQ(rte_eth_xstats_get_id_by_name(id(), "rx_q0_packets", &packets_id), 0);
  EXPECT_STREQ(names[packets_id].name, "rx_q0_packets");
  const uint64_t ids[] = {packets_id, packets_id + 1, static_cast<uint64_t>(count) - 1};
  uint64_t values[3] = {};
  rte_eth_xstat_name some[3] = {};
  ASSERT_EQ(rte_eth_xstats_get_by_id(id(), ids, values, 3), 3);
  ASSERT_EQ(rte_eth_xstats_get_names_by_id(id(), some, 3, const_cast<uint64_t*>(ids)), 3);
  EXPECT_EQ(values[0], 7U);
  EXPECT_EQ(values[1], 7U * Wire::kLength);
  for (int i = 0; i < 3; ++i) EXPECT_STREQ(some[i].name, names[ids[i]].name);
  const uint64_t beyond = static_cast<uint64_t>(count);
  EXPECT_LT(rte_eth_xstats_get_by_id(id(), &beyond, values, 1), 0);
}

TEST_F(Stats, NamesAndCountsStayWhenAQueueIsMadeAnew) {
  open();
  const auto names = [&] {
    std::set<std::string> out;
    for (const auto& [name, value] : port_->xstats()) out.insert(name);
    return out;
  };
  const auto before = names();
  uint64_t received = 0;
  for (const uint16_t descriptors : {512, 1024, 2048}) {
    ASSERT_TRUE(receive(5));
    received += 5;
    ASSERT_EQ(rte_eth_dev_rx_queue_stop(id(), 0), 0);
    EXPECT_EQ(names(), before);
    ASSERT_EQ(rte_eth_rx_queue_setup(id(), 0, descriptors, SOCKET_ID_ANY, nullptr, pool_), 0);
    EXPECT_EQ(names(), before);
    EXPECT_EQ(x("rx_q0_packets"), received);
    EXPECT_EQ(basic().ipackets, received);
    EXPECT_EQ(basic().q_ipackets[0], received);
    ASSERT_EQ(rte_eth_dev_rx_queue_start(id(), 0), 0);
  }
  ASSERT_EQ(rte_eth_dev_stop(id()), 0);
  EXPECT_EQ(names(), before);
  ASSERT_EQ(port_->setup_queues(1, 1), 0);
  EXPECT_EQ(names(), before);
  EXPECT_EQ(x("rx_q0_packets"), received);
  ASSERT_EQ(rte_eth_dev_start(id()), 0);
}

TEST_F(Stats, ResetStartsFromZeroAndKeepsGauges) {
  open();
  ASSERT_TRUE(receive(9));
  ASSERT_TRUE(send(9));
  const uint64_t posted = x("rx_q0_posted");
  ASSERT_GT(posted, 0U);
  ASSERT_EQ(rte_eth_xstats_reset(id()), 0);
  for (const char* name : {"packets_processed", "rx_q0_packets", "rx_q0_bytes", "tx_q0_packets", "tx_q0_kicks"})
    EXPECT_EQ(x(name), 0U) << name;
  EXPECT_EQ(x("rx_q0_posted"), posted);
  EXPECT_EQ(basic().ipackets, 0U);
  ASSERT_TRUE(receive(3));
  EXPECT_EQ(x("rx_q0_packets"), 3U);
  // A queue that is made anew does not bring the forgotten back.
  ASSERT_EQ(rte_eth_dev_stop(id()), 0);
  ASSERT_EQ(port_->setup_queues(1, 1), 0);
  ASSERT_EQ(rte_eth_dev_start(id()), 0);
  EXPECT_EQ(x("rx_q0_packets"), 3U);
  EXPECT_EQ(basic().ipackets, 3U);
}

// A reset that wrote to the counters a burst is adding to would now and then be undone, or undo a packet. So:
// resets again and again while packets go out, each time checked against what the sender itself had counted.
TEST_F(Stats, ResetsUnderTrafficLoseNothing) {
  open();
  std::atomic<bool> stop{false};
  std::atomic<uint64_t> sent{0};  // the driver may be one ahead of it
  std::thread sender([&] {
    while (!stop) sent += send(1);
  });
  for (int i = 0; i < 500; ++i) {
    const uint64_t before = sent;
    rte_eth_stats_reset(id());
    const uint64_t after = sent;
    std::this_thread::sleep_for(std::chrono::microseconds(100));
    const uint64_t at_least = sent;
    const uint64_t told = basic().opackets;
    const uint64_t at_most = sent + 1;
    EXPECT_LE(told, at_most - before);
    EXPECT_GE(told + 1, at_least - after);
  }
  // What the last reset forgot and what was told since are together what was ever sent. The xstat was not
  // reset.
  const uint64_t low = x("tx_q0_packets");
  rte_eth_stats_reset(id());
  const uint64_t high = x("tx_q0_packets");
  stop = true;
  sender.join();
  EXPECT_EQ(x("tx_q0_packets"), sent);
  EXPECT_GE(sent - basic().opackets, low);
  EXPECT_LE(sent - basic().opackets, high);
  rte_eth_stats_reset(id());
  ASSERT_TRUE(send(10));
  EXPECT_EQ(basic().opackets, 10U);
  EXPECT_EQ(basic().obytes, 600U);
}

TEST_F(Stats, PerQueueStatisticsFollowTheirMapping) {
  open();
  ASSERT_TRUE(receive(4));
  ASSERT_TRUE(send(6));
  EXPECT_EQ(basic().q_ipackets[0], 4U);
  ASSERT_EQ(rte_eth_dev_set_rx_queue_stats_mapping(id(), 0, 5), 0);
  ASSERT_EQ(rte_eth_dev_set_tx_queue_stats_mapping(id(), 0, 3), 0);
  EXPECT_EQ(basic().q_ipackets[0], 0U);
  EXPECT_EQ(basic().q_ipackets[5], 4U);
  EXPECT_EQ(basic().q_opackets[3], 6U);
}

}  // namespace
}  // namespace zcnbrh::testing
