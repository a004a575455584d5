// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// Who makes the system calls that send (kick=), over a veth pair: every packet arrives once and in order, the
// calls are counted where they were made, and a lone packet that the kernel put off is sent with no burst after
// it.
#include <gtest/gtest.h>
#include <unistd.h>

#include <memory>
#include <string>

#include "tests/dpdk/eal_port.h"
#include "tests/dpdk/wire.h"

namespace zcnbrh::testing {
namespace {

constexpr unsigned kBuffers = 2047;
constexpr uint64_t kPackets = 1500;

class Kick : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    ASSERT_EQ(wire_.error(), "");
    inside_ = std::make_unique<InNamespace>(wire_.here());
    ASSERT_TRUE(eal_ready());
    pool_ = rte_pktmbuf_pool_create("kick", kBuffers, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
    PortPlan plan;
    plan.devargs = "iface=" + wire_.netdev() + ",kick=" + GetParam();
    plan.rx_desc = plan.tx_desc = 256;
    port_ = std::make_unique<EalPort>("net_zcnbrh_kick", plan, pool_);
    ASSERT_EQ(port_->error(), "");
  }
  void TearDown() override {
    port_.reset();
    EXPECT_EQ(rte_mempool_avail_count(pool_), kBuffers);
    rte_mempool_free(pool_);
  }
  uint16_t id() const { return port_->id(); }
  uint64_t xstat(const std::string& name) const { return port_->xstats()["tx_q0_" + name]; }
  bool by_thread() const { return std::string(GetParam()) == "thread"; }
  // The machine has a CPU that EAL (-l 0) leaves free.
  static bool has_free_cpu() { return sysconf(_SC_NPROCESSORS_ONLN) > 1; }

  bool send(uint64_t number) {
    rte_mbuf* m = rte_pktmbuf_alloc(pool_);
    if (m == nullptr) return false;
    Wire::write(number, reinterpret_cast<uint8_t*>(rte_pktmbuf_append(m, Wire::kLength)));
    if (rte_eth_tx_burst(id(), 0, &m, 1) == 1) return true;
    rte_pktmbuf_free(m);
    return false;
  }
  // What arrives until `count` packets have.
  std::vector<uint64_t> arrivals(size_t count) {
    std::vector<uint64_t> all;
    eventually([&] {
      const auto now = wire_.receive();
      all.insert(all.end(), now.begin(), now.end());
      return all.size() >= count;
    });
    return all;
  }

  Wire wire_;
  std::unique_ptr<InNamespace> inside_;
  rte_mempool* pool_ = nullptr;
  std::unique_ptr<EalPort> port_;
};

TEST_P(Kick, EveryPacketArrivesOnceAndInOrder) {
  std::vector<uint64_t> seen;
  for (uint64_t n = 0; n < kPackets; ++n) {
    ASSERT_TRUE(eventually([&] { return send(n); }));
    if (n % 50 != 49) continue;  // a packet socket holds some hundred
    const auto now = arrivals(50);
    seen.insert(seen.end(), now.begin(), now.end());
  }
  ASSERT_EQ(seen.size(), kPackets);
  for (uint64_t n = 0; n < kPackets; ++n) ASSERT_EQ(seen[n], n);
}

TEST_P(Kick, CallsAreCountedWhereTheyWereMade) {
  ASSERT_TRUE(send(1));
  ASSERT_EQ(arrivals(1).size(), 1U);
  if (by_thread() && !has_free_cpu()) GTEST_SKIP() << "one CPU: none is free for the thread";
  EXPECT_EQ(xstat("kicks") != 0, !by_thread());
  EXPECT_EQ(xstat("helper_kicks") != 0, by_thread());
}

TEST_P(Kick, ALonePacketThatWasPutOffIsSentWithNoBurstAfterIt) {
  ASSERT_TRUE(wire_.hold());
  ASSERT_TRUE(send(4711));
  EXPECT_TRUE(eventually([&] { return xstat("kick_down") + xstat("helper_kick_down") != 0; }));
  ASSERT_TRUE(wire_.let_go());
  EXPECT_EQ(arrivals(1), std::vector<uint64_t>{4711});
  EXPECT_NE(xstat("helper_kicks"), 0U);
}

TEST_P(Kick, StoppedQueuesAndPortsGiveEverythingBackAndGoOn) {
  uint64_t number = 0;
  for (int round = 0; round < 20; ++round) {
    for (int i = 0; i < 20; ++i, ++number) ASSERT_TRUE(eventually([&] { return send(number); }));
    if (round % 2 == 0) {
      ASSERT_EQ(rte_eth_dev_tx_queue_stop(id(), 0), 0);
      EXPECT_FALSE(send(0));
      ASSERT_EQ(rte_eth_dev_tx_queue_start(id(), 0), 0);
    } else {
      ASSERT_EQ(rte_eth_dev_stop(id()), 0);
      ASSERT_EQ(rte_eth_dev_start(id()), 0);
    }
    EXPECT_EQ(arrivals(20).size(), 20U) << "round " << round;
  }
}

TEST_P(Kick, ANetdevThatGoesTakesNothingWithIt) {
  for (uint64_t n = 0; n < 100; ++n) send(n);
  ASSERT_TRUE(wire_.here().shell("ip link del " + wire_.netdev()));
  for (uint64_t n = 0; n < 100; ++n) send(n);
}  // TearDown counts the buffers

INSTANTIATE_TEST_SUITE_P(By, Kick, ::testing::Values("inline", "thread", "auto"),
                         [](const auto& info) { return std::string(info.param); });

}  // namespace
}  // namespace zcnbrh::testing
