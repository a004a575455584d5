// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// The kernel's stack behind a veth pair judges checksums and tags: what the transmit offloads completed reaches
// a socket, the same packet without its request does not. And what the kernel sends is judged right by the
// receive offloads.
#include <gtest/gtest.h>

#include <chrono>
#include <memory>

#include "tests/dpdk/eal_port.h"
#include "tests/dpdk/judged_packet.h"
#include "tests/dpdk/kernel_peer.h"
#include "tests/dpdk/made_packet.h"
#include "tests/dpdk/mbuf_shapes.h"

namespace zcnbrh::testing {
namespace {

constexpr unsigned kBuffers = 2047;
constexpr unsigned kForeign = 255;
constexpr uint64_t kTx = RTE_ETH_TX_OFFLOAD_IPV4_CKSUM | RTE_ETH_TX_OFFLOAD_TCP_CKSUM |
                         RTE_ETH_TX_OFFLOAD_UDP_CKSUM | RTE_ETH_TX_OFFLOAD_VLAN_INSERT |
                         RTE_ETH_TX_OFFLOAD_MULTI_SEGS;
constexpr uint64_t kRx =
    RTE_ETH_RX_OFFLOAD_IPV4_CKSUM | RTE_ETH_RX_OFFLOAD_TCP_CKSUM | RTE_ETH_RX_OFFLOAD_UDP_CKSUM;

class KernelJudge : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(eal_ready());
    pool_ = rte_pktmbuf_pool_create("judge", kBuffers, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
    foreign_ = rte_pktmbuf_pool_create("alien", kForeign, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
    ASSERT_TRUE(pool_ != nullptr && foreign_ != nullptr);
  }
  void TearDown() override {
    if (pool_ == nullptr) return;
    port_.reset();
    peer_.reset();
    inside_.reset();
    EXPECT_EQ(rte_mempool_avail_count(pool_), kBuffers);
    EXPECT_EQ(rte_mempool_avail_count(foreign_), kForeign);
    rte_mempool_free(pool_);
    rte_mempool_free(foreign_);
  }
  void start() {
    peer_ = std::make_unique<KernelPeer>(here_);
    ASSERT_EQ(peer_->error(), "");
    inside_ = std::make_unique<InNamespace>(here_);
    PortPlan plan;
    plan.devargs = "iface=zk0";
    plan.conf.txmode.offloads = kTx;
    plan.conf.rxmode.offloads = kRx;
    port_ = std::make_unique<EalPort>("net_zcnbrh_judge", plan, pool_);
    ASSERT_EQ(port_->error(), "");
  }
  void send(const MadePacket& packet, Shape shape) {
    rte_mbuf* m = MbufMaker(pool_, foreign_).make(packet.bytes, shape, random_);
    ASSERT_NE(m, nullptr);
    packet.describe(*m);
    ASSERT_EQ(rte_eth_tx_prepare(port_->id(), 0, &m, 1), 1);
    ASSERT_EQ(rte_eth_tx_burst(port_->id(), 0, &m, 1), 1);
  }
  Shape any_shape() {
    static constexpr Shape kShapes[] = {Shape::kDirect,  Shape::kNoHeadroom,   Shape::kChain,
                                        Shape::kForeign, Shape::kForeignChain, Shape::kExternal};
    return kShapes[random_() % std::size(kShapes)];
  }
  void arrives(const MadePacket& packet, size_t payload) {
    expect_arrival(port_->id(), *peer_, packet, payload);
  }
  uint64_t checksum_errors(bool ipv6) {
    return ipv6 ? peer_->count("", "Udp6InCsumErrors") : peer_->count("Udp", "InCsumErrors");
  }

  NetNamespace here_;
  std::unique_ptr<KernelPeer> peer_;
  std::unique_ptr<InNamespace> inside_;
  rte_mempool* pool_ = nullptr;
  rte_mempool* foreign_ = nullptr;
  std::unique_ptr<EalPort> port_;
  std::mt19937 random_{7};
};

TEST_F(KernelJudge, UdpReachesItsSocketInEveryShape) {
  start();
  for (int round = 0; round < 300; ++round) {
    MadeOptions options;
    options.ipv6 = round % 2 != 0;
    options.l3_extras = !options.ipv6 && round % 3 == 0;  // a host drops options of IPv6 it does not know
    options.payload = 1 + random_() % 1200;
    const MadePacket packet = make_packet(options, random_);
    send(packet, any_shape());
    arrives(packet, options.payload);
  }
  EXPECT_EQ(checksum_errors(false) + checksum_errors(true), 0U);
}

TEST_F(KernelJudge, WithoutTheRequestTheKernelThrowsItAway) {
  start();
  for (const bool ipv6 : {false, true}) {
    MadeOptions options;
    options.ipv6 = ipv6;
    options.payload = 64;
    MadePacket packet = make_packet(options, random_);
    packet.flags &= ~RTE_MBUF_F_TX_L4_MASK;
    send(packet, Shape::kDirect);
    uint8_t data[2048];
    EXPECT_EQ(peer_->receive(data, sizeof data, 100), -1);
    EXPECT_EQ(checksum_errors(ipv6), 1U);
  }
}

// To a port without a connection: a right segment is answered by a reset, a wrong one by nothing. The kernel's
// resets have right checksums in turn.
TEST_F(KernelJudge, TcpIsAnsweredAndTheAnswerJudgedRight) {
  start();
  uint64_t resets = 0;
  for (int round = 0; round < 100; ++round) {
    MadeOptions options;
    options.tcp = true;
    options.ipv6 = round % 2 != 0;
    options.payload = random_() % 900;
    send(make_packet(options, random_), any_shape());
    const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(5);
    for (bool answered = false; !answered && std::chrono::steady_clock::now() < give_up;) {
      rte_mbuf* m = nullptr;
      if (rte_eth_rx_burst(port_->id(), 0, &m, 1) == 0) continue;
      const auto* bytes = rte_pktmbuf_mtod(m, const uint8_t*);
      answered = bytes[options.ipv6 ? 20 : 23] == 6;  // TCP
      if (answered) {
        EXPECT_EQ(m->ol_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK, RTE_MBUF_F_RX_L4_CKSUM_GOOD);
        EXPECT_EQ(m->ol_flags & RTE_MBUF_F_RX_IP_CKSUM_MASK, options.ipv6 ? 0 : RTE_MBUF_F_RX_IP_CKSUM_GOOD);
        ++resets;
      }
      rte_pktmbuf_free(m);
    }
  }
  EXPECT_EQ(resets, 100U);
  EXPECT_EQ(peer_->count("Tcp", "InCsumErrors"), 0U);
  EXPECT_EQ(peer_->count("Tcp", "OutRsts"), 100U);
}

// A tag of VLAN 0 carries a priority only, and is taken off by any stack; with another number the packet is
// somebody else's.
TEST_F(KernelJudge, ATagIsReadByTheKernel) {
  start();
  for (int round = 0; round < 60; ++round) {
    MadeOptions options;
    options.ipv6 = round % 2 != 0;
    options.tags = 1;
    options.payload = 1 + random_() % 1000;
    MadePacket packet = make_packet(options, random_);
    packet.tci = 0x6000;
    send(packet, any_shape());
    arrives(packet, options.payload);
    packet.tci = 101;
    send(packet, Shape::kDirect);
  }
  uint8_t data[2048];
  EXPECT_EQ(peer_->receive(data, sizeof data, 100), -1);
}

}  // namespace
}  // namespace zcnbrh::testing
