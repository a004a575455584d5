// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// Receive offloads in software: checksum status, VLAN and QinQ strip, packet types, time stamps; and that a
// port offers exactly the offloads it delivers.
#include <gtest/gtest.h>
#include <rte_errno.h>
#include <rte_mbuf_dyn.h>

#include <ctime>

#include "tests/dpdk/offload_fixture.h"

namespace zcnbrh::testing {
namespace {

constexpr uint64_t kChecksums =
    RTE_ETH_RX_OFFLOAD_IPV4_CKSUM | RTE_ETH_RX_OFFLOAD_TCP_CKSUM | RTE_ETH_RX_OFFLOAD_UDP_CKSUM;
constexpr uint64_t kStatus = RTE_MBUF_F_RX_IP_CKSUM_MASK | RTE_MBUF_F_RX_L4_CKSUM_MASK;

class RxOffloads : public Offload {
 protected:
  // The mbuf in which these bytes come in; the caller frees it.
  rte_mbuf* through(const Bytes& bytes) {
    EXPECT_EQ(send(direct(bytes)), 1);
    rte_mbuf* m = receive();
    EXPECT_NE(m, nullptr);
    return m;
  }
  uint64_t flags_of(const Bytes& bytes, uint64_t mask) {
    rte_mbuf* m = through(bytes);
    const uint64_t flags = m->ol_flags & mask;
    rte_pktmbuf_free(m);
    return flags;
  }
  uint32_t type_of(const Bytes& bytes) {
    rte_mbuf* m = through(bytes);
    const uint32_t type = m->packet_type;
    rte_pktmbuf_free(m);
    return type;
  }
  MadePacket plain(bool ipv6, bool tcp, int outer = 0) {
    MadeOptions options;
    options.ipv6 = ipv6;
    options.tcp = tcp;
    options.outer = outer;
    options.payload = 1 + random_() % 200;
    return make_packet(options, random_);
  }
  static Bytes fragment(Bytes bytes) {
    bytes[20] = 0x20;  // more fragments
    return bytes;
  }
};

TEST_F(RxOffloads, RandomPacketsAreJudgedRight) {
  start(kChecksums, 0);
  for (int round = 0; round < 10000; ++round) {
    MadeOptions options = random_options(random_);
    options.outer = options.tags = 0;
    options.no_checksums = false;
    MadePacket packet = make_packet(options, random_);
    uint64_t expected = RTE_MBUF_F_RX_L4_CKSUM_GOOD | (options.ipv6 ? 0 : RTE_MBUF_F_RX_IP_CKSUM_GOOD);
    const uint32_t l4 = packet.l2 + packet.l3;
    switch (random_() % 4) {
      case 0:  // in the layer 4 checksum, or data: any change of one byte shows
        packet.on_wire[l4 + 8 + random_() % (packet.on_wire.size() - l4 - 7) - 1] ^= 0x40;
        expected ^= RTE_MBUF_F_RX_L4_CKSUM_MASK;
        break;
      case 1:  // the time to live is in no pseudo header
        if (options.ipv6) break;
        packet.on_wire[packet.l2 + 8] ^= 0x10;
        expected ^= RTE_MBUF_F_RX_IP_CKSUM_MASK;
        break;
      default:
        break;
    }
    ASSERT_EQ(flags_of(packet.on_wire, kStatus), expected) << round;
  }
}

TEST_F(RxOffloads, WhatIsNotKnownIsNotJudged) {
  start(kChecksums, 0);
  const Bytes udp4 = plain(false, false).on_wire;
  EXPECT_EQ(flags_of(fragment(udp4), RTE_MBUF_F_RX_L4_CKSUM_MASK), RTE_MBUF_F_RX_L4_CKSUM_UNKNOWN);
  Bytes none = udp4;
  none[40] = none[41] = 0;
  EXPECT_EQ(flags_of(none, kStatus), RTE_MBUF_F_RX_IP_CKSUM_GOOD) << "UDP over IPv4 without a checksum";
  Bytes none6 = plain(true, false).on_wire;
  none6[60] = none6[61] = 0;
  EXPECT_EQ(flags_of(none6, kStatus), RTE_MBUF_F_RX_L4_CKSUM_BAD) << "UDP over IPv6 must have one";
  Bytes icmp = udp4;
  icmp[23] = 1;
  EXPECT_EQ(flags_of(icmp, RTE_MBUF_F_RX_L4_CKSUM_MASK), 0U);
  Bytes arp = udp4;
  arp[13] = 6;
  EXPECT_EQ(flags_of(arp, kStatus), 0U);
  Bytes cut = udp4;
  cut.resize(cut.size() - 1);
  EXPECT_EQ(flags_of(cut, kStatus), RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_BAD);
  for (size_t length = 1; length < udp4.size(); ++length) {  // headers cut anywhere: no read beyond the end
    Bytes head(udp4.begin(), udp4.begin() + static_cast<long>(length));
    flags_of(head, kStatus);
  }
}

TEST_F(RxOffloads, EthernetPaddingIsNotInTheSum) {
  start(kChecksums, 0);
  MadeOptions options;
  options.payload = 3;
  Bytes bytes = make_packet(options, random_).on_wire;
  bytes.resize(60, 0xff);
  EXPECT_EQ(flags_of(bytes, kStatus), RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_GOOD);
}

struct StripRow {
  int tags;
  uint64_t offload;
  int left;  // tags still in the data
};

TEST_F(RxOffloads, TagsAreStripped) {
  constexpr uint64_t kVlan = RTE_ETH_RX_OFFLOAD_VLAN_STRIP;
  constexpr uint64_t kQinq = RTE_ETH_RX_OFFLOAD_QINQ_STRIP;
  const StripRow rows[] = {{0, kVlan, 0}, {1, kVlan, 0}, {0, kQinq, 0},
                           {1, kQinq, 0}, {2, kQinq, 0}, {2, 0, 2}};
  for (const StripRow& row : rows) {
    start(row.offload | kChecksums, 0);
    MadeOptions options;
    options.payload = 77;
    options.tags = row.tags;
    const MadePacket packet = make_packet(options, random_);
    options.tags = 0;
    rte_mbuf* m = through(packet.on_wire);
    Bytes untagged = packet.on_wire;
    untagged.erase(untagged.begin() + 12, untagged.begin() + 12 + 4 * (row.tags - row.left));
    EXPECT_EQ(bytes_of(m), untagged);
    EXPECT_EQ(m->pkt_len, untagged.size());
    const int stripped = row.tags - row.left;
    uint64_t expected = 0;
    if (stripped >= 1) expected |= RTE_MBUF_F_RX_VLAN | RTE_MBUF_F_RX_VLAN_STRIPPED;
    if (stripped == 2) expected |= RTE_MBUF_F_RX_QINQ | RTE_MBUF_F_RX_QINQ_STRIPPED;
    EXPECT_EQ(m->ol_flags & ~kStatus, expected) << row.tags;
    EXPECT_EQ(m->ol_flags & kStatus, RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_GOOD);
    if (stripped >= 1) {
      EXPECT_EQ(m->vlan_tci, packet.tci);
    }
    if (stripped == 2) {
      EXPECT_EQ(m->vlan_tci_outer, packet.outer_tci);
    }
    rte_pktmbuf_free(m);
    port_.reset();
  }
}

TEST_F(RxOffloads, StripMayBeSwitchedWhileThePortRuns) {
  start(0, 0);
  MadeOptions options;
  options.tags = 1;
  const Bytes tagged = make_packet(options, random_).on_wire;
  for (const bool on : {true, false, true}) {
    ASSERT_EQ(rte_eth_dev_set_vlan_offload(port_->id(), on ? RTE_ETH_VLAN_STRIP_OFFLOAD : 0), 0);
    EXPECT_EQ(flags_of(tagged, RTE_MBUF_F_RX_VLAN_STRIPPED) != 0, on);
  }
}

TEST_F(RxOffloads, TheFilterLetsInWhatIsOnItsList) {
  start(RTE_ETH_RX_OFFLOAD_VLAN_FILTER, 0);
  MadeOptions options;
  options.payload = 30;
  const Bytes untagged = make_packet(options, random_).on_wire;
  std::vector<Bytes> tagged;
  for (const uint16_t id : {0, 1, 63, 64, 100, 4095}) {
    Bytes bytes = untagged;
    const uint8_t tag[] = {0x81, 0x00, static_cast<uint8_t>(0xe0 | id >> 8), static_cast<uint8_t>(id)};
    bytes.insert(bytes.begin() + 12, tag, tag + 4);
    tagged.push_back(bytes);
  }
  const auto come = [&] {
    std::vector<rte_mbuf*> burst;
    burst.reserve(tagged.size() + 1);
    for (const Bytes& bytes : tagged) burst.push_back(direct(bytes));
    burst.push_back(direct(untagged));
    EXPECT_EQ(rte_eth_tx_burst(port_->id(), 0, burst.data(), 7), 7);
    rte_mbuf* got[8];
    const uint16_t n = rte_eth_rx_burst(port_->id(), 0, got, 8);
    std::string ids;
    for (uint16_t i = 0; i < n; ++i) {
      const auto* data = rte_pktmbuf_mtod(got[i], const uint8_t*);
      ids += data[12] == 0x81 ? std::to_string((data[14] & 15) << 8 | data[15]) + " " : "untagged";
    }
    rte_pktmbuf_free_bulk(got, n);
    return ids;
  };
  EXPECT_EQ(come(), "untagged");
  ASSERT_EQ(rte_eth_dev_vlan_filter(port_->id(), 100, 1), 0);
  EXPECT_EQ(come(), "100 untagged");
  ASSERT_EQ(rte_eth_dev_vlan_filter(port_->id(), 4095, 1), 0);
  ASSERT_EQ(rte_eth_dev_vlan_filter(port_->id(), 64, 1), 0);
  ASSERT_EQ(rte_eth_dev_vlan_filter(port_->id(), 100, 0), 0);
  EXPECT_EQ(come(), "64 4095 untagged");
  EXPECT_EQ(port_->sum("rx_q0_dropped_vlan"), 6U + 5U + 4U);
  rte_eth_stats stats{};
  ASSERT_EQ(rte_eth_stats_get(port_->id(), &stats), 0);
  EXPECT_EQ(stats.ipackets, 1U + 2U + 3U);
  EXPECT_EQ(stats.ibytes, 6U * untagged.size() + 3U * 4U);
  ASSERT_EQ(rte_eth_dev_set_vlan_offload(port_->id(), 0), 0);
  EXPECT_EQ(come(), "0 1 63 64 100 4095 untagged");
}

TEST_F(RxOffloads, StripMayBeSwitchedForAQueue) {
  start(0, 0);
  MadeOptions options;
  options.tags = 1;
  const Bytes tagged = make_packet(options, random_).on_wire;
  for (const bool on : {true, false}) {
    ASSERT_EQ(rte_eth_dev_set_vlan_strip_on_queue(port_->id(), 0, on), 0);
    EXPECT_EQ(flags_of(tagged, RTE_MBUF_F_RX_VLAN_STRIPPED) != 0, on);
  }
}

TEST_F(RxOffloads, PacketTypesCostNothingUntilTheListIsRead) {
  start(0, 0);
  const Bytes tcp = plain(false, true).on_wire;
  EXPECT_EQ(type_of(tcp), 0U);
  uint32_t types[32];
  EXPECT_EQ(rte_eth_dev_get_supported_ptypes(port_->id(), RTE_PTYPE_L4_MASK, types, 32), 4);
  EXPECT_EQ(type_of(tcp), RTE_PTYPE_L2_ETHER | RTE_PTYPE_L3_IPV4 | RTE_PTYPE_L4_TCP);
  ASSERT_EQ(rte_eth_dev_set_ptypes(port_->id(), RTE_PTYPE_UNKNOWN, nullptr, 0), 0);
  EXPECT_EQ(type_of(tcp), 0U) << "what the application said outlives a look at the list";
  rte_eth_dev_get_supported_ptypes(port_->id(), RTE_PTYPE_L4_MASK, types, 32);
  EXPECT_EQ(type_of(tcp), 0U);
  ASSERT_GE(rte_eth_dev_set_ptypes(port_->id(), RTE_PTYPE_L4_MASK, nullptr, 0), 0);
  EXPECT_EQ(type_of(tcp), RTE_PTYPE_L4_TCP);
}

// Every type on the list comes out of a packet, and no packet has one that is not on it.
TEST_F(RxOffloads, PacketTypesAreThoseOnTheList) {
  start(0, 0);
  std::vector<uint32_t> listed(64);
  listed.resize(static_cast<size_t>(
      rte_eth_dev_get_supported_ptypes(port_->id(), RTE_PTYPE_ALL_MASK, listed.data(), 64)));
  std::vector<uint32_t> seen;
  auto note = [&](const Bytes& bytes) {
    const uint32_t type = type_of(bytes);
    for (const uint32_t mask :
         {uint32_t{RTE_PTYPE_L2_MASK}, uint32_t{RTE_PTYPE_L3_MASK}, uint32_t{RTE_PTYPE_L4_MASK}})
      if ((type & mask) != 0) seen.push_back(type & mask);
    EXPECT_EQ(type & ~uint32_t{RTE_PTYPE_L2_MASK | RTE_PTYPE_L3_MASK | RTE_PTYPE_L4_MASK}, 0U);
  };
  for (int round = 0; round < 500; ++round) {
    Bytes bytes = make_packet(random_options(random_), random_).on_wire;
    note(bytes);
  }
  Bytes sctp = plain(false, false).on_wire;
  sctp[23] = 132;
  note(sctp);
  note(fragment(sctp));
  for (const uint32_t type : listed)
    EXPECT_NE(std::find(seen.begin(), seen.end(), type), seen.end()) << std::hex << type;
  for (const uint32_t type : seen)
    EXPECT_NE(std::find(listed.begin(), listed.end(), type), listed.end()) << std::hex << type;
}

uint64_t wall_clock() {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
}

TEST_F(RxOffloads, TimeStampsAreOfThePortsClock) {
  start(RTE_ETH_RX_OFFLOAD_TIMESTAMP, 0);
  const int at = rte_mbuf_dynfield_lookup(RTE_MBUF_DYNFIELD_TIMESTAMP_NAME, nullptr);
  const int bit = rte_mbuf_dynflag_lookup(RTE_MBUF_DYNFLAG_RX_TIMESTAMP_NAME, nullptr);
  ASSERT_GE(at, 0);
  ASSERT_GE(bit, 0);
  uint64_t clock = 0;
  const uint64_t before = wall_clock();
  ASSERT_EQ(rte_eth_read_clock(port_->id(), &clock), 0);
  EXPECT_LE(before, clock);
  rte_mbuf* m = through(plain(false, false).on_wire);
  const uint64_t stamp = *RTE_MBUF_DYNFIELD(m, at, rte_mbuf_timestamp_t*);
  EXPECT_NE(m->ol_flags & (1ULL << bit), 0U);
  EXPECT_LE(clock, stamp);
  EXPECT_LE(stamp, wall_clock());
  rte_pktmbuf_free(m);
}

// What each receive offload looks like from outside; an offload without a row fails the test below.
bool delivers_rx(uint64_t offload, const rte_mbuf& tagged, const rte_mbuf& tcp, const rte_mbuf& udp) {
  const int stamp = rte_mbuf_dynflag_lookup(RTE_MBUF_DYNFLAG_RX_TIMESTAMP_NAME, nullptr);
  switch (offload) {
    case RTE_ETH_RX_OFFLOAD_IPV4_CKSUM:
      return (tcp.ol_flags & RTE_MBUF_F_RX_IP_CKSUM_MASK) == RTE_MBUF_F_RX_IP_CKSUM_GOOD;
    case RTE_ETH_RX_OFFLOAD_TCP_CKSUM:
      return (tcp.ol_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK) == RTE_MBUF_F_RX_L4_CKSUM_GOOD;
    case RTE_ETH_RX_OFFLOAD_UDP_CKSUM:
      return (udp.ol_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK) == RTE_MBUF_F_RX_L4_CKSUM_GOOD;
    case RTE_ETH_RX_OFFLOAD_VLAN_STRIP:
      return (tagged.ol_flags & RTE_MBUF_F_RX_VLAN_STRIPPED) != 0 &&
             (tagged.ol_flags & RTE_MBUF_F_RX_QINQ) == 0;
    case RTE_ETH_RX_OFFLOAD_QINQ_STRIP:
      return (tagged.ol_flags & RTE_MBUF_F_RX_QINQ_STRIPPED) != 0;
    case RTE_ETH_RX_OFFLOAD_VLAN_FILTER:
      return &tagged == &udp;  // the tagged one did not come: see the caller
    case RTE_ETH_RX_OFFLOAD_TIMESTAMP:
      return stamp >= 0 && (tcp.ol_flags & (1ULL << stamp)) != 0;
    case RTE_ETH_RX_OFFLOAD_RSS_HASH:
      return (tcp.ol_flags & RTE_MBUF_F_RX_RSS_HASH) != 0;
    case RTE_ETH_RX_OFFLOAD_SCATTER:
      return true;  // jumbo frames have a test of their own
    default:
      ADD_FAILURE() << "no row for " << rte_eth_dev_rx_offload_name(offload);
      return false;
  }
}

TEST_F(RxOffloads, ExactlyWhatIsOfferedIsDelivered) {
  start(0, 0);
  rte_eth_dev_info info{};
  ASSERT_EQ(rte_eth_dev_info_get(port_->id(), &info), 0);
  port_.reset();
  MadeOptions options;
  options.tags = 2;
  const Bytes qinq = make_packet(options, random_).on_wire;
  options.tags = 1;
  const Bytes vlan = make_packet(options, random_).on_wire;
  for (int bit = 0; bit < 64; ++bit) {
    const uint64_t offload = 1ULL << bit;
    if ((info.rx_offload_capa & offload) == 0) continue;
    for (const uint64_t on : {offload, uint64_t{0}}) {
      start(on, 0);
      rte_mbuf* udp = through(plain(false, false).on_wire);
      rte_mbuf* tcp = through(plain(false, true).on_wire);
      EXPECT_EQ(send(direct(offload == RTE_ETH_RX_OFFLOAD_VLAN_STRIP ? vlan : qinq)), 1);
      rte_mbuf* tagged = receive();
      const bool came = tagged != nullptr;
      if (!came) tagged = udp;
      const bool always = offload == RTE_ETH_RX_OFFLOAD_SCATTER;
      EXPECT_EQ(delivers_rx(offload, *tagged, *tcp, *udp), on != 0 || always)
          << rte_eth_dev_rx_offload_name(offload);
      if (came) rte_pktmbuf_free(tagged);
      rte_pktmbuf_free(tcp);
      rte_pktmbuf_free(udp);
      port_.reset();
    }
  }
}

// A transmit offload changes the bytes on the wire, and none but its own.
TEST_F(RxOffloads, ExactlyWhatIsOfferedIsDoneAtTransmit) {
  start(0, 0);
  rte_eth_dev_info info{};
  ASSERT_EQ(rte_eth_dev_info_get(port_->id(), &info), 0);
  port_.reset();
  constexpr uint64_t kNotOfBytes = RTE_ETH_TX_OFFLOAD_MULTI_SEGS | RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE;
  uint64_t changing = 0;
  for (int bit = 0; bit < 64; ++bit) {
    const uint64_t offload = 1ULL << bit;
    if ((info.tx_offload_capa & offload) == 0) continue;
    start(0, offload);
    bool changed = false;
    for (const bool tcp : {false, true}) {
      for (const int tags : {0, 1, 2}) {
        MadeOptions options;
        options.tcp = tcp;
        options.outer = 4;
        options.tags = tags;
        options.payload = 40;
        const MadePacket packet = make_packet(options, random_);
        rte_mbuf* m = direct(packet.bytes);
        packet.describe(*m);
        ASSERT_EQ(send(m), 1);
        changed |= receive_bytes() != packet.bytes;
      }
    }
    EXPECT_EQ(changed, (offload & kNotOfBytes) == 0) << rte_eth_dev_tx_offload_name(offload);
    if (changed) changing |= offload;
    port_.reset();
  }
  EXPECT_NE(changing, 0U);
}

}  // namespace
}  // namespace zcnbrh::testing
