// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// What a device knows of a packet beside its bytes, on a veth pair: its driver tells the kernel's flow hash and
// the VLAN tag that the sender left to the device, of packets that come out of the peer's stack.
#include <gtest/gtest.h>
#include <net/if.h>
#include <rte_ip.h>
#include <rte_thash.h>

#include <chrono>
#include <memory>
#include <set>

#include "lib/netdev/netdev_genl.h"
#include "lib/xdp/features.h"
#include "tests/dpdk/eal_port.h"
#include "tests/dpdk/kernel_peer.h"

namespace zcnbrh::testing {
namespace {

constexpr unsigned kBuffers = 2047;
constexpr uint64_t kHash = RTE_ETH_RX_OFFLOAD_RSS_HASH;
constexpr uint64_t kStrip = RTE_ETH_RX_OFFLOAD_VLAN_STRIP;

class Metadata : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(eal_ready());
    pool_ = rte_pktmbuf_pool_create("metadata", kBuffers, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
    ASSERT_NE(pool_, nullptr);
    peer_ = std::make_unique<KernelPeer>(here_);
    ASSERT_EQ(peer_->error(), "");
    inside_ = std::make_unique<InNamespace>(here_);
    const auto features = query_xdp_features(static_cast<int>(::if_nametoindex("zk0")));
    if (!features || (features->rx_metadata & uapi::kNetdevXdpRxMetadataVlanTag) == 0)
      GTEST_SKIP() << "veth tells no metadata on this kernel (6.8)";
    if (!peer_->tag(100)) GTEST_SKIP() << "no tcx on this kernel (6.6)";
  }
  void TearDown() override {
    port_.reset();
    inside_.reset();
    peer_.reset();
    if (pool_ == nullptr) return;
    EXPECT_EQ(rte_mempool_avail_count(pool_), kBuffers);
    rte_mempool_free(pool_);
  }

  void start(uint64_t offloads, const std::string& devargs = "", uint64_t hash_types = 0) {
    PortPlan plan;
    plan.devargs = "iface=zk0" + devargs;
    plan.conf.rxmode.offloads = offloads;
    plan.conf.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;  // or ethdev refuses RSS_HASH
    plan.conf.rx_adv_conf.rss_conf.rss_hf = hash_types;
    port_ = std::make_unique<EalPort>("net_zcnbrh_meta", plan, pool_);
    ASSERT_EQ(port_->error(), "");
  }

  // What a datagram from `from` came as; its data is that of an untagged UDP packet if `untagged`.
  struct Came {
    uint64_t flags = 0;
    uint32_t hash = 0;
    uint16_t tci = 0;
    bool tag_in_data = false;
  };
  Came datagram(uint16_t from, size_t length = 100) {
    EXPECT_TRUE(peer_->send(from, length));
    Came came;
    const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(5);
    while (std::chrono::steady_clock::now() < give_up) {
      rte_mbuf* m = nullptr;
      if (rte_eth_rx_burst(port_->id(), 0, &m, 1) == 0) continue;
      const auto* bytes = rte_pktmbuf_mtod(m, const uint8_t*);
      const bool tagged = bytes[12] == 0x81;
      const uint8_t* ip = bytes + (tagged ? 18 : 14);
      const bool ours = ip[0] == 0x45 && ip[9] == 17 && (ip[20] << 8 | ip[21]) == from;
      if (ours) {
        came = {m->ol_flags, m->hash.rss, m->vlan_tci, tagged};
        EXPECT_EQ(m->pkt_len, length + 42 + (tagged ? 4 : 0));
        for (size_t i = 0; i < length; ++i) EXPECT_EQ(ip[28 + i], 0x5a);
      }
      rte_pktmbuf_free(m);
      if (ours) return came;
    }
    ADD_FAILURE() << "nothing came";
    return came;
  }

  NetNamespace here_;
  std::unique_ptr<KernelPeer> peer_;
  std::unique_ptr<InNamespace> inside_;
  rte_mempool* pool_ = nullptr;
  std::unique_ptr<EalPort> port_;
};

constexpr uint64_t kStripped = RTE_MBUF_F_RX_VLAN | RTE_MBUF_F_RX_VLAN_STRIPPED;

// The peer leaves the tag to veth (txvlan), so it is not in the data.
TEST_F(Metadata, TheTagIsTheDevices) {
  start(kStrip);
  for (int i = 0; i < 1000; ++i) {  // buffers come round more than once
    const Came came = datagram(5000);
    ASSERT_EQ(came.flags, kStripped);
    ASSERT_EQ(came.tci, 100);
    ASSERT_FALSE(came.tag_in_data);
  }
}

TEST_F(Metadata, ATagInTheDataIsStrippedAsBefore) {
  ASSERT_TRUE(peer_->shell("ethtool -K zk1 txvlan off"));
  start(kStrip);
  const Came came = datagram(5000);
  EXPECT_EQ(came.flags, kStripped);
  EXPECT_EQ(came.tci, 100);
  EXPECT_FALSE(came.tag_in_data);
}

TEST_F(Metadata, TheHashIsOfTheFlow) {
  start(kHash);
  std::set<uint32_t> hashes;
  for (uint16_t flow = 0; flow < 16; ++flow) {
    const Came first = datagram(static_cast<uint16_t>(5000 + flow));
    const Came second = datagram(static_cast<uint16_t>(5000 + flow), 300);
    EXPECT_EQ(first.flags, RTE_MBUF_F_RX_RSS_HASH);
    EXPECT_EQ(first.hash, second.hash);
    hashes.insert(first.hash);
  }
  EXPECT_GT(hashes.size(), 10U);
}

TEST_F(Metadata, OffThereIsNothingOfIt) {
  start(0);
  EXPECT_EQ(datagram(5000).flags, 0U);
}

// The program is exchanged under a running port: what is wanted follows, and no packet is lost.
TEST_F(Metadata, StripMayBeSwitchedWhileThePortRuns) {
  start(kHash);
  for (const bool on : {true, false, true, false}) {
    ASSERT_EQ(rte_eth_dev_set_vlan_offload(port_->id(), on ? RTE_ETH_VLAN_STRIP_OFFLOAD : 0), 0);
    const Came came = datagram(5000);
    EXPECT_EQ(came.flags, RTE_MBUF_F_RX_RSS_HASH | (on ? kStripped : 0));
  }
}

TEST_F(Metadata, WhatIsWantedFollowsTheConfiguration) {
  start(kHash | kStrip);
  EXPECT_EQ(datagram(5000).flags, RTE_MBUF_F_RX_RSS_HASH | kStripped);
  for (const uint64_t offloads : {uint64_t{0}, kStrip, kHash}) {
    ASSERT_EQ(rte_eth_dev_stop(port_->id()), 0);
    rte_eth_conf conf{};
    conf.rxmode.offloads = offloads;
    conf.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
    ASSERT_EQ(rte_eth_dev_configure(port_->id(), 1, 1, &conf), 0);
    ASSERT_EQ(rte_eth_rx_queue_setup(port_->id(), 0, 512, SOCKET_ID_ANY, nullptr, pool_), 0);
    ASSERT_EQ(rte_eth_tx_queue_setup(port_->id(), 0, 512, SOCKET_ID_ANY, nullptr), 0);
    ASSERT_EQ(rte_eth_dev_start(port_->id()), 0);
    EXPECT_EQ(datagram(5000).flags, ((offloads & kHash) != 0 ? RTE_MBUF_F_RX_RSS_HASH : 0) |
                                        ((offloads & kStrip) != 0 ? kStripped : 0));
  }
}

TEST_F(Metadata, WithTheGateAndWithLittleRoom) {
  start(kHash | kStrip, ",on_empty=drop,window=32,ledger=1");
  for (int i = 0; i < 200; ++i) ASSERT_EQ(datagram(5000, 1 + i * 5).flags, RTE_MBUF_F_RX_RSS_HASH | kStripped);
  EXPECT_EQ(port_->sum("violations"), 0U);
}

// veth's hash is the kernel's own, of no key. Who names types gets what they stand for, without a program.
TEST_F(Metadata, WhoNamesTypesGetsTheHashOfSoftware) {
  for (const char* devargs : {"", ",mode=skb", ",attach=dispatcher"}) {
    if (devargs[0] == ',' && devargs[1] == 'a' && !lacks(Kernel::real(), Feature::kProgExtension).empty())
      continue;
    start(kHash, devargs, RTE_ETH_RSS_NONFRAG_IPV4_UDP);
    rte_eth_rss_conf conf{};
    uint8_t key[40];
    conf.rss_key = key;
    conf.rss_key_len = sizeof key;
    ASSERT_EQ(rte_eth_dev_rss_hash_conf_get(port_->id(), &conf), 0);
    const Came came = datagram(5000);
    EXPECT_EQ(came.flags, RTE_MBUF_F_RX_RSS_HASH) << devargs;
    uint32_t tuple[] = {RTE_IPV4(10, 9, 0, 2), RTE_IPV4(10, 9, 0, 1), 5000U << 16 | 9000};
    EXPECT_EQ(came.hash, rte_softrss(tuple, 3, key)) << devargs;
    conf.rss_hf = 0;
    conf.rss_key = nullptr;
    ASSERT_EQ(rte_eth_dev_rss_hash_update(port_->id(), &conf), 0);
    const bool device = devargs[0] == '\0';
    EXPECT_EQ(datagram(5000).flags, device ? RTE_MBUF_F_RX_RSS_HASH : 0)
        << devargs << ": the device's, if it tells";
    port_.reset();
  }
}

}  // namespace
}  // namespace zcnbrh::testing
