// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// Flow matches as receive filters of a NIC, against a NIC of paper: what the kernel is asked for, what is
// refused, and that nothing is left behind. Not seen on hardware.
#include "lib/flow/ntuple.h"

#include <endian.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/ethtool.h>

#include <cstring>

#include "tests/fakes/fake_ethtool.h"
#include "tests/support/flow_packets.h"

namespace zcnbrh {
namespace {

using namespace testing;  // NOLINT: the packets' vocabulary
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr HeaderMatch any(Header header) { return {header, nullptr, nullptr, {}}; }
HeaderMatch is(Header header, const Bytes& spec) { return {header, spec.data(), nullptr, {}}; }
HeaderMatch is(Header header, const Bytes& spec, const Bytes& mask) {
  return {header, spec.data(), mask.data(), {}};
}

FlowMatch match(std::vector<HeaderMatch> pattern) {
  FlowMatch out;
  const auto fault = compile_pattern(pattern, out);
  EXPECT_FALSE(fault) << fault->why;
  return out;
}

ethtool_rx_flow_spec spec_of(std::vector<HeaderMatch> pattern) {
  auto spec = to_ntuple(match(std::move(pattern)));
  EXPECT_TRUE(spec) << spec.error().text();
  return spec ? *spec : ethtool_rx_flow_spec{};
}

uint32_t ip(uint8_t a, uint8_t b, uint8_t c, uint8_t d) {
  return htole32(a | b << 8 | c << 16 | uint32_t{d} << 24);
}

const Bytes kUdpPorts = udp(1000, 2000), kTcpPorts = tcp(1000, 2000), kFour = ipv4(), kSix = ipv6(0);
const Bytes kEth = eth(kTypeIpv4), kVlanFive = vlan(5, 0), kVlanOfIpv4 = vlan(5, kTypeIpv4);

Bytes bits(size_t length, const std::vector<std::pair<size_t, uint8_t>>& set) {
  Bytes out(length, 0);
  for (const auto& [at, value] : set) out[at] = value;
  return out;
}

TEST(Ntuple, UdpOverIpv4) {
  const auto spec = spec_of({any(Header::kEth), is(Header::kIpv4, kFour), is(Header::kUdp, kUdpPorts)});
  EXPECT_EQ(spec.flow_type, static_cast<uint32_t>(UDP_V4_FLOW));
  EXPECT_EQ(spec.h_u.udp_ip4_spec.ip4src, ip(10, 0, 0, 2));
  EXPECT_EQ(spec.h_u.udp_ip4_spec.ip4dst, ip(10, 0, 0, 1));
  EXPECT_EQ(spec.m_u.udp_ip4_spec.ip4src, UINT32_MAX);
  EXPECT_EQ(spec.h_u.udp_ip4_spec.psrc, htobe16(1000));
  EXPECT_EQ(spec.h_u.udp_ip4_spec.pdst, htobe16(2000));
  EXPECT_EQ(spec.m_u.udp_ip4_spec.pdst, UINT16_MAX);
  EXPECT_EQ(spec.m_u.udp_ip4_spec.tos, 0);
}

TEST(Ntuple, TcpOverIpv6) {
  const auto spec = spec_of({is(Header::kIpv6, kSix), is(Header::kTcp, kTcpPorts)});
  EXPECT_EQ(spec.flow_type, static_cast<uint32_t>(TCP_V6_FLOW));
  EXPECT_EQ(std::memcmp(spec.h_u.tcp_ip6_spec.ip6src, kSix.data() + 8, 16), 0);
  EXPECT_EQ(std::memcmp(spec.h_u.tcp_ip6_spec.ip6dst, kSix.data() + 24, 16), 0);
  EXPECT_EQ(spec.m_u.tcp_ip6_spec.ip6dst[3], UINT32_MAX);
  EXPECT_EQ(spec.h_u.tcp_ip6_spec.pdst, htobe16(2000));
}

TEST(Ntuple, Ipv4AloneByProtocolAndNetwork) {
  const Bytes mask = bits(20, {{1, 0xff}, {9, 0xff}, {12, 0xff}, {13, 0xff}});
  Bytes header = ipv4({.protocol = 47});
  header[1] = 0x10;
  const auto spec = spec_of({is(Header::kIpv4, header, mask)});
  EXPECT_EQ(spec.flow_type, static_cast<uint32_t>(IPV4_USER_FLOW));
  EXPECT_EQ(spec.h_u.usr_ip4_spec.ip_ver, ETH_RX_NFC_IP4);
  EXPECT_EQ(spec.m_u.usr_ip4_spec.ip_ver, 0);
  EXPECT_EQ(spec.h_u.usr_ip4_spec.proto, 47);
  EXPECT_EQ(spec.m_u.usr_ip4_spec.proto, 0xff);
  EXPECT_EQ(spec.h_u.usr_ip4_spec.tos, 0x10);
  EXPECT_EQ(spec.h_u.usr_ip4_spec.ip4src, ip(10, 0, 0, 0));
  EXPECT_EQ(spec.m_u.usr_ip4_spec.ip4src, ip(255, 255, 0, 0));
}

TEST(Ntuple, Ipv6Alone) {
  const auto spec = spec_of({is(Header::kIpv6, kSix)});
  EXPECT_EQ(spec.flow_type, static_cast<uint32_t>(IPV6_USER_FLOW));
  EXPECT_EQ(std::memcmp(spec.h_u.usr_ip6_spec.ip6src, kSix.data() + 8, 16), 0);
}

TEST(Ntuple, EtherByAddressesAndType) {
  const auto spec = spec_of({is(Header::kEth, kEth, Bytes(14, 0xff))});
  EXPECT_EQ(spec.flow_type, static_cast<uint32_t>(ETHER_FLOW));
  EXPECT_EQ(std::memcmp(&spec.h_u.ether_spec, kEth.data(), 14), 0);
  EXPECT_EQ(spec.m_u.ether_spec.h_proto, UINT16_MAX);
}

TEST(Ntuple, TargetAddressOfIpPacketsIsAnExtension) {
  const Bytes target_mask = bits(14, {{0, 0xff}, {5, 0xff}, {12, 0xff}, {13, 0xff}});
  const auto spec = spec_of({is(Header::kEth, kEth, target_mask), any(Header::kIpv4)});
  EXPECT_EQ(spec.flow_type, static_cast<uint32_t>(IPV4_USER_FLOW) | FLOW_MAC_EXT);
  EXPECT_EQ(spec.h_ext.h_dest[0], 2);
  EXPECT_EQ(spec.m_ext.h_dest[5], 0xff);
  EXPECT_EQ(spec.m_ext.h_dest[1], 0);
}

TEST(Ntuple, VlanIsAnExtension) {
  const auto spec =
      spec_of({any(Header::kEth), is(Header::kVlan, kVlanFive), any(Header::kIpv4), any(Header::kUdp)});
  EXPECT_EQ(spec.flow_type, static_cast<uint32_t>(UDP_V4_FLOW) | FLOW_EXT);
  EXPECT_EQ(spec.h_ext.vlan_tci, htobe16(5));
  EXPECT_EQ(spec.m_ext.vlan_tci, htobe16(0x0fff));
  EXPECT_EQ(spec.h_ext.vlan_etype, htobe16(0x8100));
  EXPECT_EQ(spec.m_ext.vlan_etype, UINT16_MAX);
  // With the type of the tag named, that one; the inner type may be named if it is the right one.
  const Bytes qinq = eth(kTypeQinq);
  const Bytes types = bits(14, {{12, 0xff}, {13, 0xff}});
  const auto named = spec_of(
      {is(Header::kEth, qinq, types), is(Header::kVlan, kVlanOfIpv4, Bytes(4, 0xff)), any(Header::kIpv4)});
  EXPECT_EQ(named.h_ext.vlan_etype, htobe16(0x88a8));
  EXPECT_EQ(named.m_ext.vlan_tci, UINT16_MAX);
  const auto inner = spec_of({is(Header::kVlan, kVlanOfIpv4, Bytes(4, 0xff))});
  EXPECT_EQ(inner.flow_type, static_cast<uint32_t>(ETHER_FLOW) | FLOW_EXT);
  EXPECT_EQ(inner.h_u.ether_spec.h_proto, htobe16(0x0800));
}

struct Refusal {
  std::vector<HeaderMatch> pattern;
  const char* words;
};

TEST(Ntuple, WhatAFilterCannotSay) {
  const Bytes source = bits(14, {{6, 0xff}}), type = bits(14, {{12, 0xff}, {13, 0xff}});
  const Bytes ttl = bits(20, {{8, 0xff}}), protocol = bits(20, {{9, 0xff}}), flags = bits(20, {{13, 0x02}});
  const Bytes length = bits(8, {{4, 0xff}}), hops = bits(40, {{7, 0xff}}), next = bits(40, {{6, 0xff}});
  const Bytes wrong_type = eth(kTypeIpv6), wrong_inner = vlan(5, kTypeIpv6),
              inner = bits(4, {{2, 0xff}, {3, 0xff}});
  const HeaderMatch untagged = {Header::kEth, nullptr, nullptr, false};
  const Refusal rows[] = {
      {{any(Header::kUdp)}, "wants ipv4 or ipv6 before"},
      {{untagged}, "no more of their number"},
      {{any(Header::kVlan), any(Header::kVlan)}, "no more of their number"},
      {{is(Header::kEth, kEth, source), any(Header::kIpv4)}, "no Ethernet source"},
      {{is(Header::kEth, wrong_type, type), any(Header::kIpv4)}, "an EtherType that is not"},
      {{is(Header::kVlan, wrong_inner, inner), any(Header::kIpv4)}, "an EtherType that is not"},
      {{is(Header::kIpv4, kFour, ttl)}, "of IP headers it compares"},
      {{is(Header::kIpv6, kSix, hops)}, "of IP headers it compares"},
      {{is(Header::kIpv4, kFour, protocol), any(Header::kTcp)}, "ipv4 proto"},
      {{is(Header::kIpv6, kSix, next), any(Header::kTcp)}, "ipv6 proto"},
      {{any(Header::kIpv4), is(Header::kUdp, kUdpPorts, length)}, "it compares ports"},
      {{any(Header::kIpv4), is(Header::kTcp, kTcpPorts, flags)}, "it compares ports"},
  };
  for (const Refusal& row : rows) {
    auto spec = to_ntuple(match(row.pattern));
    ASSERT_FALSE(spec) << row.words;
    EXPECT_EQ(spec.error().code, ENOTSUP);
    EXPECT_THAT(spec.error().why, HasSubstr(row.words));
  }
}

// --- in the NIC ---

const FlowMatch kUdpFlow = match({any(Header::kIpv4), is(Header::kUdp, kUdpPorts)});

TEST(Steering, WhetherTheNicHasFilters) {
  FakeEthtool nic;
  EXPECT_EQ(RxFilters(nic).why_none(), "");
  nic.filters_on = false;
  EXPECT_THAT(RxFilters(nic).why_none(), HasSubstr("ntuple on"));
  nic.has_filters = false;
  EXPECT_THAT(RxFilters(nic).why_none(), HasSubstr("has no receive filters"));
}

TEST(Steering, OneQueueByFilter) {
  FakeEthtool nic;
  const RxFilters filters(nic);
  const uint32_t queue[] = {3};
  auto first = steer(filters, kUdpFlow, queue), second = steer(filters, kUdpFlow, queue);
  ASSERT_TRUE(first && second);
  EXPECT_EQ(first->location, 0U);
  EXPECT_EQ(second->location, 1U);
  EXPECT_EQ(nic.filters.at(0).spec.ring_cookie, 3U);
  EXPECT_EQ(nic.filters.at(0).spec.flow_type, static_cast<uint32_t>(UDP_V4_FLOW));
  ASSERT_TRUE(stop_steering(filters, *first));
  EXPECT_FALSE(stop_steering(filters, *first)) << "twice";
  EXPECT_EQ(steer(filters, kUdpFlow, queue)->location, 0U) << "a free place between others";
  EXPECT_THAT(nic.contexts, IsEmpty());
}

TEST(Steering, DriverThatChoosesThePlace) {
  FakeEthtool nic;
  nic.places_filters = true;
  const uint32_t queue[] = {0};
  auto steering = steer(RxFilters(nic), kUdpFlow, queue);
  ASSERT_TRUE(steering) << steering.error().text();
  EXPECT_EQ(steering->location, nic.table_size - 1);
  ASSERT_TRUE(stop_steering(RxFilters(nic), *steering));
  EXPECT_THAT(nic.filters, IsEmpty());
}

TEST(Steering, SeveralQueuesByContext) {
  FakeEthtool nic;
  const RxFilters filters(nic);
  const uint32_t queues[] = {1, 2, 5};
  auto steering = steer(filters, kUdpFlow, queues);
  ASSERT_TRUE(steering) << steering.error().text();
  ASSERT_TRUE(steering->context);
  EXPECT_THAT(nic.contexts.at(*steering->context), ElementsAre(1, 2, 5, 1, 2, 5, 1, 2));
  EXPECT_EQ(nic.filters.at(0).context, *steering->context);
  EXPECT_NE(nic.filters.at(0).spec.flow_type & FLOW_RSS, 0U);
  ASSERT_TRUE(stop_steering(filters, *steering));
  EXPECT_THAT(nic.filters, IsEmpty());
  EXPECT_THAT(nic.contexts, IsEmpty());
}

TEST(Steering, RefusalsLeaveNothingBehind) {
  FakeEthtool nic;
  const RxFilters filters(nic);
  const uint32_t one[] = {0}, two[] = {0, 1}, nine[] = {0, 1, 2, 3, 4, 5, 6, 7, 8};
  const auto refused = [&](std::span<const uint32_t> queues, int code, const char* words) {
    auto steering = steer(filters, kUdpFlow, queues);
    EXPECT_FALSE(steering) << words;
    EXPECT_EQ(steering.error().code, code) << words;
    EXPECT_THAT(steering.error().text(), HasSubstr(words));
    EXPECT_THAT(nic.filters, IsEmpty());
    EXPECT_THAT(nic.contexts, IsEmpty());
  };
  nic.fails = {{ETHTOOL_SRXCLSRLINS, EINVAL}};
  refused(one, EINVAL, "cannot match these fields");
  refused(two, EINVAL, "cannot match these fields");
  nic.fails = {{ETHTOOL_SRXCLSRLINS, EPERM}};
  refused(one, EPERM, "CAP_NET_ADMIN");
  nic.fails = {{ETHTOOL_SRSSH, EOPNOTSUPP}};
  refused(two, EOPNOTSUPP, "RSS context of the NIC");
  nic.fails.clear();
  refused(nine, ERANGE, "does not take that many queues");
  nic.rss_entries = 0;
  refused(two, EOPNOTSUPP, "no RSS table");
}

TEST(Steering, FullTable) {
  FakeEthtool nic;
  const uint32_t one[] = {0};
  for (uint32_t i = 0; i < nic.table_size; ++i) ASSERT_TRUE(steer(RxFilters(nic), kUdpFlow, one));
  auto more = steer(RxFilters(nic), kUdpFlow, one);
  ASSERT_FALSE(more);
  EXPECT_EQ(more.error().code, ENOSPC);
  EXPECT_THAT(more.error().text(), HasSubstr("table is full"));
}

// A netdev of ours has no filters; the real calls say so and do no harm.
TEST(Steering, LoopbackHasNone) {
  NetdevEthtool lo("lo");
  EXPECT_NE(RxFilters(lo).why_none(), "");
  NetdevEthtool gone("no-such-netdev0");
  EXPECT_NE(RxFilters(gone).why_none(), "");
}

}  // namespace
}  // namespace zcnbrh
