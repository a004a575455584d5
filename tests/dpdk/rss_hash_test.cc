// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// The RSS hash in software, against DPDK's rte_softrss() and against Microsoft's published values.
#include <cstring>

#include "tests/dpdk/offload_fixture.h"
#include "tests/dpdk/rss_oracle.h"

namespace zcnbrh::testing {
namespace {

constexpr uint64_t kTcpUdp = RTE_ETH_RSS_NONFRAG_IPV4_TCP | RTE_ETH_RSS_NONFRAG_IPV4_UDP |
                             RTE_ETH_RSS_NONFRAG_IPV6_TCP | RTE_ETH_RSS_NONFRAG_IPV6_UDP;
constexpr uint64_t kIp = RTE_ETH_RSS_IPV4 | RTE_ETH_RSS_IPV6;

class RssHash : public Offload {
 protected:
  void start_rss(uint64_t types, uint8_t* key = nullptr, uint64_t offloads = RTE_ETH_RX_OFFLOAD_RSS_HASH) {
    PortPlan plan;
    plan.devargs = "iface=loop";
    plan.rx_desc = plan.tx_desc = 256;
    plan.conf.rxmode.offloads = offloads;
    plan.conf.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
    plan.conf.rx_adv_conf.rss_conf = {key, static_cast<uint8_t>(key != nullptr ? 40 : 0), types};
    port_ = std::make_unique<EalPort>("net_zcnbrh_rss", plan, pool_);
    ASSERT_EQ(port_->error(), "");
  }
  std::optional<uint32_t> hash_of(const Bytes& bytes) {
    EXPECT_EQ(send(direct(bytes)), 1);
    rte_mbuf* m = receive();
    if (m == nullptr) {
      ADD_FAILURE() << "nothing came";
      return {};
    }
    EXPECT_EQ(bytes_of(m), bytes);
    std::optional<uint32_t> hash;
    if ((m->ol_flags & RTE_MBUF_F_RX_RSS_HASH) != 0) hash = m->hash.rss;
    rte_pktmbuf_free(m);
    return hash;
  }
  std::vector<uint8_t> key_in_force(uint64_t* types = nullptr) {
    std::vector<uint8_t> key(40);
    rte_eth_rss_conf conf{key.data(), 40, 0};
    EXPECT_EQ(rte_eth_dev_rss_hash_conf_get(port_->id(), &conf), 0);
    EXPECT_EQ(conf.rss_key_len, 40);
    if (types != nullptr) *types = conf.rss_hf;
    return key;
  }
  Bytes random_packet() {
    MadeOptions options = random_options(random_);
    options.outer = options.tags = 0;
    return make_packet(options, random_).on_wire;
  }
};

// "Verifying the RSS Hash Calculation", Windows Driver Kit.
TEST_F(RssHash, PublishedValues) {
  struct Row {
    std::array<uint8_t, 8> addresses;
    uint16_t from, to;
    uint32_t ip, tcp;
  };
  const Row rows[] = {{{66, 9, 149, 187, 161, 142, 100, 80}, 2794, 1766, 0x323e8fc2, 0x51ccc178},
                      {{199, 92, 111, 2, 65, 69, 140, 83}, 14230, 4739, 0xd718262a, 0xc626b0ea},
                      {{24, 19, 198, 95, 12, 22, 207, 184}, 12898, 38024, 0xd2d0a5de, 0x5c2b394a},
                      {{38, 27, 205, 30, 209, 142, 163, 6}, 48228, 2217, 0x82989176, 0xafc7327f},
                      {{153, 39, 163, 191, 202, 188, 127, 2}, 44251, 1303, 0x5d1809c5, 0x10e828a2}};
  for (const uint64_t types : {kIp, kTcpUdp}) {
    start_rss(types);
    for (const Row& row : rows) {
      MadeOptions options;
      options.tcp = true;
      Bytes bytes = make_packet(options, random_).on_wire;
      std::copy(row.addresses.begin(), row.addresses.end(), bytes.begin() + 26);
      const uint16_t ports[2] = {htons(row.from), htons(row.to)};
      std::memcpy(&bytes[34], ports, sizeof ports);
      EXPECT_EQ(hash_of(bytes), types == kIp ? row.ip : row.tcp);
    }
    port_.reset();
  }
}

TEST_F(RssHash, RandomPacketsTypesAndKeysAgreeWithDpdks) {
  start_rss(0);
  int hashed = 0;
  for (int round = 0; round < 40; ++round) {
    std::vector<uint8_t> key(40);
    for (auto& byte : key) byte = static_cast<uint8_t>(random_());
    const uint64_t types = (kIp | kTcpUdp) & (uint64_t{random_()} | kIp * (random_() % 2));
    rte_eth_rss_conf conf{key.data(), 40, types};
    ASSERT_EQ(rte_eth_dev_rss_hash_update(port_->id(), &conf), 0);
    uint64_t in_force = 0;
    EXPECT_EQ(key_in_force(&in_force), key);
    EXPECT_EQ(in_force, types);
    for (int packet = 0; packet < 100; ++packet) {
      const Bytes bytes = random_packet();
      const auto expected = rss_hash(bytes, key.data(), types);
      ASSERT_EQ(hash_of(bytes), expected);
      hashed += expected.has_value();
    }
  }
  EXPECT_GT(hashed, 1000);
  EXPECT_LT(hashed, 4000);
}

TEST_F(RssHash, OtherPacketsAreHashedByAddressOrNotAtAll) {
  MadeOptions options;
  options.payload = 50;
  const Bytes udp = make_packet(options, random_).on_wire;
  Bytes fragment = udp, icmp = udp, sctp = udp, arp = udp;
  fragment[20] = 0x20;
  icmp[23] = 1;
  sctp[23] = 132;
  arp[12] = 8, arp[13] = 6;
  struct Row {
    uint64_t types;
    bool udp, fragment, icmp, sctp, arp;
  };
  const Row rows[] = {{RTE_ETH_RSS_IPV4, true, true, true, true, false},
                      {RTE_ETH_RSS_FRAG_IPV4, false, true, false, false, false},
                      {RTE_ETH_RSS_NONFRAG_IPV4_OTHER, false, false, true, false, false},
                      {RTE_ETH_RSS_NONFRAG_IPV4_SCTP, false, false, false, true, false},
                      {RTE_ETH_RSS_IPV6, false, false, false, false, false}};
  for (const Row& row : rows) {
    start_rss(row.types);
    EXPECT_EQ(hash_of(udp).has_value(), row.udp);
    EXPECT_EQ(hash_of(fragment).has_value(), row.fragment);
    EXPECT_EQ(hash_of(icmp).has_value(), row.icmp);
    EXPECT_EQ(hash_of(sctp).has_value(), row.sctp);
    EXPECT_EQ(hash_of(arp).has_value(), row.arp);
    if (row.fragment && row.icmp) {
      EXPECT_EQ(hash_of(fragment), hash_of(icmp)) << "addresses alone";
    }
    port_.reset();
  }
  start_rss(kIp | kTcpUdp);
  for (size_t length = 14; length < udp.size(); ++length)  // cut anywhere: no read beyond the end
    hash_of(Bytes(udp.begin(), udp.begin() + static_cast<long>(length)));
}

TEST_F(RssHash, WithoutTheOffloadOrTheTypesThereIsNone) {
  start_rss(kIp | kTcpUdp, nullptr, 0);
  EXPECT_EQ(hash_of(random_packet()), std::nullopt);
  port_.reset();
  start_rss(0);
  EXPECT_EQ(hash_of(random_packet()), std::nullopt);
}

TEST_F(RssHash, AKeyOfAnotherLengthIsRefusedAndChangesNothing) {
  start_rss(kIp);
  const auto before = key_in_force();
  std::vector<uint8_t> key(52, 0x11);
  rte_eth_rss_conf conf{key.data(), 52, kTcpUdp};
  EXPECT_EQ(rte_eth_dev_rss_hash_update(port_->id(), &conf), -EINVAL);
  uint64_t types = 0;
  EXPECT_EQ(key_in_force(&types), before);
  EXPECT_EQ(types, kIp);
}

TEST_F(RssHash, AConfiguredKeyAndTheOtherOffloadsGoTogether) {
  uint8_t key[40];
  std::memset(key, 0x6d, sizeof key);
  key[7] = 0x5a;
  start_rss(kIp | kTcpUdp, key,
            RTE_ETH_RX_OFFLOAD_RSS_HASH | RTE_ETH_RX_OFFLOAD_VLAN_STRIP | RTE_ETH_RX_OFFLOAD_IPV4_CKSUM);
  MadeOptions options;
  options.payload = 40;
  const Bytes plain = make_packet(options, random_).on_wire;
  Bytes tagged = plain;
  const uint8_t tag[] = {0x81, 0x00, 0x00, 0x64};
  tagged.insert(tagged.begin() + 12, tag, tag + 4);
  EXPECT_EQ(send(direct(tagged)), 1);
  rte_mbuf* m = receive();
  ASSERT_NE(m, nullptr);
  EXPECT_EQ(bytes_of(m), plain);
  EXPECT_EQ(m->ol_flags, RTE_MBUF_F_RX_RSS_HASH | RTE_MBUF_F_RX_VLAN | RTE_MBUF_F_RX_VLAN_STRIPPED |
                             RTE_MBUF_F_RX_IP_CKSUM_GOOD);
  EXPECT_EQ(m->hash.rss, rss_hash(plain, key, kIp | kTcpUdp));
  rte_pktmbuf_free(m);
}

}  // namespace
}  // namespace zcnbrh::testing
