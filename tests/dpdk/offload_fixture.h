// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// A port on the loop backend with offloads switched on: what is sent comes back on the same queue.
#pragma once

#include <gtest/gtest.h>

#include <memory>

#include "tests/dpdk/eal_port.h"
#include "tests/dpdk/made_packet.h"
#include "tests/dpdk/mbuf_shapes.h"

namespace zcnbrh::testing {

inline constexpr unsigned kBuffers = 2047;
inline constexpr unsigned kForeign = 511;

class Offload : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(eal_ready());
    pool_ = rte_pktmbuf_pool_create("offload", kBuffers, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
    foreign_ = rte_pktmbuf_pool_create("foreign", kForeign, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
    ASSERT_TRUE(pool_ != nullptr && foreign_ != nullptr);
  }
  void TearDown() override {
    if (port_ != nullptr) {
      EXPECT_EQ(port_->sum("violations"), 0U);
      EXPECT_EQ(port_->sum("xsk_invalid_descs"), 0U);
      port_.reset();
    }
    EXPECT_EQ(rte_mempool_avail_count(pool_), kBuffers);
    EXPECT_EQ(rte_mempool_avail_count(foreign_), kForeign);
    rte_mempool_free(pool_);
    rte_mempool_free(foreign_);
  }

  void start(uint64_t rx_offloads, uint64_t tx_offloads, uint32_t mtu = 0) {
    PortPlan plan;
    plan.devargs = "iface=loop";
    plan.rx_desc = plan.tx_desc = 256;
    plan.conf.rxmode.offloads = rx_offloads;
    plan.conf.txmode.offloads = tx_offloads;
    plan.conf.rxmode.mtu = mtu;
    if ((rx_offloads & RTE_ETH_RX_OFFLOAD_RSS_HASH) != 0) {  // or ethdev refuses it
      plan.conf.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
      plan.conf.rx_adv_conf.rss_conf.rss_hf = RTE_ETH_RSS_IPV4;
    }
    port_ = std::make_unique<EalPort>("net_zcnbrh_offload", plan, pool_);
    ASSERT_EQ(port_->error(), "");
  }

  uint16_t send(rte_mbuf* m) {
    const uint16_t sent = rte_eth_tx_burst(port_->id(), 0, &m, 1);
    if (sent == 0) rte_pktmbuf_free(m);
    return sent;
  }
  rte_mbuf* receive() {
    rte_mbuf* m = nullptr;
    return rte_eth_rx_burst(port_->id(), 0, &m, 1) == 1 ? m : nullptr;
  }
  static Bytes bytes_of(const rte_mbuf* m) {
    Bytes out;
    for (; m != nullptr; m = m->next) {
      const auto* data = rte_pktmbuf_mtod(m, const uint8_t*);
      out.insert(out.end(), data, data + m->data_len);
    }
    return out;
  }
  Bytes receive_bytes() {
    rte_mbuf* m = receive();
    if (m == nullptr) return {};
    Bytes out = bytes_of(m);
    rte_pktmbuf_free(m);
    return out;
  }
  rte_mbuf* direct(const Bytes& bytes) {
    return MbufMaker(pool_, foreign_).make(bytes, Shape::kDirect, random_);
  }

  rte_mempool* pool_ = nullptr;
  rte_mempool* foreign_ = nullptr;
  std::unique_ptr<EalPort> port_;
  std::mt19937 random_{2026};
};

}  // namespace zcnbrh::testing
