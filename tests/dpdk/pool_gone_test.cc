// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// Mempools that are freed while a port is there. On huge pages, whose memory EAL gives back to the system: a
// pool made later at the same addresses lies in other pages than the UMEM pins, so a packet of it that went
// by address would be old bytes.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <numeric>
#include <set>

#include "tests/dpdk/eal_port.h"
#include "tests/dpdk/huge_eal.h"
#include "tests/dpdk/pool_elements.h"

namespace zcnbrh::testing {
namespace {

using Bytes = std::vector<uint8_t>;
constexpr unsigned kBuffers = 1023;

Bytes pattern(size_t length, unsigned seed) {
  Bytes out(length);
  std::iota(out.begin(), out.end(), static_cast<uint8_t>(seed));
  return out;
}

rte_mempool* make_pool(const char* name, unsigned buffers = kBuffers) {
  return rte_pktmbuf_pool_create(name, buffers, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
}

class PoolGone : public ::testing::Test {
 protected:
  void SetUp() override {
    static const std::string why_not = start_huge_eal({});
    if (why_not.starts_with("no huge")) GTEST_SKIP() << why_not;
    ASSERT_EQ(why_not, "");
    rx_ = make_pool("gone_rx");
    ASSERT_NE(rx_, nullptr);
  }
  void TearDown() override {
    port_.reset();
    if (rx_ == nullptr) return;
    EXPECT_EQ(rte_mempool_avail_count(rx_), kBuffers);
    rte_mempool_free(rx_);
  }
  void start(const char* more = "") {
    PortPlan plan;
    plan.devargs = std::string("iface=loop") + more;
    plan.rx_desc = plan.tx_desc = 128;
    port_ = std::make_unique<EalPort>("net_zcnbrh_gone", plan, rx_);
    ASSERT_EQ(port_->error(), "");
  }
  static rte_mbuf* packet(rte_mempool* pool, const Bytes& bytes) {
    rte_mbuf* m = rte_pktmbuf_alloc(pool);
    if (m != nullptr)
      std::memcpy(rte_pktmbuf_append(m, static_cast<uint16_t>(bytes.size())), bytes.data(), bytes.size());
    return m;
  }
  bool send(rte_mempool* pool, const Bytes& bytes) {
    rte_mbuf* m = packet(pool, bytes);
    return m != nullptr && rte_eth_tx_burst(port_->id(), 0, &m, 1) == 1;
  }
  Bytes receive() {
    rte_mbuf* m = nullptr;
    if (rte_eth_rx_burst(port_->id(), 0, &m, 1) != 1) return {};
    const auto* data = rte_pktmbuf_mtod(m, const uint8_t*);
    Bytes out(data, data + m->pkt_len);
    rte_pktmbuf_free(m);
    return out;
  }
  // `count` packets of a pool, each received as it was sent.
  void all_arrive(rte_mempool* pool, unsigned count, unsigned seed) {
    for (unsigned i = 0; i < count; ++i) {
      ASSERT_TRUE(send(pool, pattern(300, seed + i))) << i;
      ASSERT_EQ(receive(), pattern(300, seed + i)) << i;
    }
  }
  uint64_t copies() const { return port_->sum("bounce_copies"); }

  rte_mempool* rx_ = nullptr;
  std::unique_ptr<EalPort> port_;
};

TEST_F(PoolGone, AnotherPoolAtItsAddressesNeverSendsOldBytes) {
  rte_mempool* old = make_pool("gone_old");
  ASSERT_NE(old, nullptr);
  const std::set<void*> places = elements(old);
  start();
  all_arrive(old, kBuffers + 100, 1);  // each buffer has held bytes of this
  ASSERT_EQ(copies(), 0U);
  rte_mempool_free(old);
  rte_mempool* late = make_pool("gone_old");
  ASSERT_NE(late, nullptr);
  const std::set<void*> now = elements(late);
  ASSERT_TRUE(std::any_of(now.begin(), now.end(), [&places](void* at) { return places.contains(at); }))
      << "EAL did not hand the same addresses out again: this test shows nothing";
  all_arrive(late, 2 * kBuffers, 128);
  EXPECT_EQ(copies(), 2 * kBuffers) << "it is no part of the UMEM";
  EXPECT_EQ(port_->sum("violations"), 0U);
  rte_eth_tx_burst(port_->id(), 0, nullptr, 0);
  EXPECT_EQ(port_->sum("tx_q0_in_flight"), 0U);

  ASSERT_EQ(rte_eth_dev_stop(port_->id()), 0);
  ASSERT_EQ(rte_eth_dev_start(port_->id()), 0);
  const uint64_t before = copies();
  all_arrive(late, 2 * kBuffers, 77);
  EXPECT_EQ(copies(), before) << "the port's restart takes it in";
  port_.reset();
  EXPECT_EQ(rte_mempool_avail_count(late), kBuffers);
  rte_mempool_free(late);
}

TEST_F(PoolGone, WhatWasSentFromItIsBackBeforeItGoes) {
  rte_mempool* pool = make_pool("gone_back");
  start();
  std::vector<rte_mbuf*> burst;
  for (unsigned i = 0; i < 100; ++i) burst.push_back(packet(pool, pattern(60, i)));
  ASSERT_EQ(rte_eth_tx_burst(port_->id(), 0, burst.data(), 100), 100);
  ASSERT_NE(port_->sum("tx_q0_in_flight"), 0U) << "completions that nobody has read yet";
  rte_mempool_free(pool);
  EXPECT_EQ(port_->sum("tx_q0_in_flight"), 0U);
  for (unsigned i = 0; i < 100; ++i) EXPECT_EQ(receive(), pattern(60, i));
  all_arrive(rx_, 300, 9);
  EXPECT_EQ(copies(), 0U);
  EXPECT_EQ(port_->sum("violations"), 0U);
}

TEST_F(PoolGone, TheOtherPoolsOfTheUmemGoOnInPlace) {
  rte_mempool* first = make_pool("gone_first");
  rte_mempool* second = make_pool("gone_second");
  start();
  all_arrive(first, 50, 1);
  all_arrive(second, 50, 2);
  rte_mempool_free(first);
  all_arrive(second, 500, 3);
  all_arrive(rx_, 500, 4);
  EXPECT_EQ(copies(), 0U);
  port_.reset();
  EXPECT_EQ(rte_mempool_avail_count(second), kBuffers);
  rte_mempool_free(second);
}

TEST_F(PoolGone, AQueueThatReceivesIntoItIsClosedAndCanBeSetUpAgain) {
  start();
  all_arrive(rx_, 100, 5);
  rte_mempool_free(rx_);
  rte_mbuf* m = nullptr;
  EXPECT_EQ(rte_eth_rx_burst(port_->id(), 0, &m, 1), 0);
  EXPECT_EQ(rte_eth_tx_burst(port_->id(), 0, &m, 0), 0);
  EXPECT_EQ(rte_eth_dev_stop(port_->id()), 0);
  EXPECT_LT(rte_eth_dev_start(port_->id()), 0) << "the queue has no pool";
  rx_ = make_pool("gone_rx");
  ASSERT_NE(rx_, nullptr);
  ASSERT_EQ(rte_eth_rx_queue_setup(port_->id(), 0, 128, SOCKET_ID_ANY, nullptr, rx_), 0);
  ASSERT_EQ(rte_eth_dev_start(port_->id()), 0);
  all_arrive(rx_, 2 * kBuffers, 6);
  EXPECT_EQ(port_->sum("violations"), 0U);
}

TEST_F(PoolGone, AStoppedPortTakesAnotherPool) {
  start();
  all_arrive(rx_, 100, 5);
  ASSERT_EQ(rte_eth_dev_stop(port_->id()), 0);
  rte_mempool_free(rx_);  // posted frames and all
  rx_ = make_pool("gone_rx");
  ASSERT_NE(rx_, nullptr);
  ASSERT_EQ(rte_eth_rx_queue_setup(port_->id(), 0, 128, SOCKET_ID_ANY, nullptr, rx_), 0);
  ASSERT_EQ(rte_eth_dev_start(port_->id()), 0);
  all_arrive(rx_, 2 * kBuffers, 6);
  EXPECT_EQ(copies(), 0U);
}

TEST_F(PoolGone, EachQueueWithAUmemOfItsOwnLosesItToo) {
  rte_mempool* old = make_pool("gone_old");
  start(",shared_umem=0");
  all_arrive(old, 200, 1);
  rte_mempool_free(old);
  rte_mempool* late = make_pool("gone_old");
  all_arrive(late, 500, 100);
  EXPECT_EQ(copies(), 500U);
  port_.reset();
  EXPECT_EQ(rte_mempool_avail_count(late), kBuffers);
  rte_mempool_free(late);
}

}  // namespace
}  // namespace zcnbrh::testing
