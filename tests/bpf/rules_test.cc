// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// Flow rules in the XDP program, run by BPF_PROG_TEST_RUN: rows of {rule, packet, verdict}, and what is
// counted.
#include "tests/bpf/rules_fixture.h"

namespace zcnbrh {
namespace {

using namespace testing;  // NOLINT: the packets' vocabulary

Bytes first(size_t bytes, Bytes of) {
  of.resize(bytes);
  return of;
}

struct Row {
  const char* what;
  std::vector<HeaderMatch> pattern;
  Bytes packet;
  bool fits;
};

// Headers that patterns refer to; the default masks count addresses, ports and the VLAN id.
const Bytes kEthOne = eth(kTypeIpv4, 1, 2), kEthOther = eth(kTypeIpv4, 9, 2), kTypeMask(14, 0);
const Bytes kVlan5 = vlan(5, 0), kVlan7 = vlan(7, 0), kVlanPriority = vlan(0x2000, 0),
            kPriorityMask = vlan(0xe000, 0);
const Bytes kFromTwo = ipv4(), kFromNine = ipv4({.source = {10, 0, 0, 9}}),
            kNet = ipv4({.source = {10, 0, 0, 0}});
const Bytes kNetMask = [] {
  Bytes out(20, 0);
  out[12] = out[13] = out[14] = 0xff;
  return out;
}();
const Bytes kTtlMask = [] {
  Bytes out(20, 0);
  out[8] = 0xff;
  return out;
}();
const Bytes kSixTwo = ipv6(0), kSixNine = ipv6(0, 9);
const Bytes kPorts = udp(1000, 2000), kOtherPorts = udp(1000, 2001), kTcpPorts = tcp(1000, 2000);
const Bytes kTargetMask = ports(0, 0xffff, 8), kNoMask(40, 0);

const Row kRows[] = {
    {"no header asked for: everything", {}, kUdp4, true},
    {"everything is also what is no Ethernet frame's worth", {}, first(14, kUdp4), true},
    {"eth", {kAnyEth}, kUdp4, true},
    {"eth, addresses", {is(Header::kEth, kEthOne)}, kUdp4, true},
    {"eth, another target", {is(Header::kEth, kEthOther)}, kUdp4, false},
    {"eth, nothing of it counts", {is(Header::kEth, kEthOther, kTypeMask)}, kUdp4, true},
    {"eth, tagged", {{Header::kEth, {}, {}, true}}, kTaggedUdp4, true},
    {"eth, tagged, and it is not", {{Header::kEth, {}, {}, true}}, kUdp4, false},
    {"eth, untagged", {{Header::kEth, {}, {}, false}}, kUdp4, true},
    {"eth, untagged, and it is", {{Header::kEth, {}, {}, false}}, kTaggedUdp4, false},
    {"vlan", {kAnyEth, kAnyVlan}, kTaggedUdp4, true},
    {"vlan, none there", {kAnyEth, kAnyVlan}, kUdp4, false},
    {"vlan id; the priority does not count", {is(Header::kVlan, kVlan5)}, kTaggedUdp4, true},
    {"another vlan id", {is(Header::kVlan, kVlan7)}, kTaggedUdp4, false},
    {"vlan priority", {is(Header::kVlan, kVlanPriority, kPriorityMask)}, kTaggedUdp4, true},
    {"the outer tag is the first", {is(Header::kVlan, kVlan7)}, kTwiceTaggedUdp4, true},
    {"and the inner one is not", {is(Header::kVlan, kVlan5)}, kTwiceTaggedUdp4, false},
    {"two tags", {is(Header::kVlan, kVlan7), is(Header::kVlan, kVlan5)}, kTwiceTaggedUdp4, true},
    {"two tags, one there", {kAnyVlan, kAnyVlan}, kTaggedUdp4, false},
    {"one tag and no more", {{Header::kVlan, {}, {}, false}}, kTwiceTaggedUdp4, false},
    {"a tag cut short is none", {kAnyVlan}, first(17, kTaggedUdp4), false},
    {"three tags", {kAnyVlan, {Header::kVlan, {}, {}, true}}, kThriceTagged, true},
    {"nothing behind three tags is seen", {kAnyIpv4}, kThriceTagged, false},
    {"ipv4", {kAnyEth, kAnyIpv4}, kUdp4, true},
    {"ipv4 behind a tag that nobody mentions", {kAnyEth, kAnyIpv4}, kTaggedUdp4, true},
    {"ipv4 behind two", {kAnyIpv4, kAnyUdp}, kTwiceTaggedUdp4, true},
    {"ipv4 is not ipv6", {kAnyIpv4}, kUdp6, false},
    {"ipv4 source and target", {is(Header::kIpv4, kFromTwo)}, kUdp4, true},
    {"another ipv4 source", {is(Header::kIpv4, kFromNine)}, kUdp4, false},
    {"ipv4 network", {is(Header::kIpv4, kNet, kNetMask)}, kUdp4, true},
    {"ipv4 time to live", {is(Header::kIpv4, kFromNine, kTtlMask)}, kUdp4, true},
    {"ipv4 cut short", {kAnyIpv4}, first(33, kUdp4), false},
    {"ipv4 of version 5", {kAnyIpv4}, eth(kTypeIpv4) + ipv4({.version = 5}) + udp(), false},
    {"ipv4 of four words", {kAnyIpv4}, eth(kTypeIpv4) + ipv4({.words = 4}) + udp(), false},
    {"ipv6", {kAnyEth, kAnyIpv6}, kUdp6, true},
    {"ipv6 addresses", {is(Header::kIpv6, kSixTwo)}, kUdp6, true},
    {"another ipv6 source", {is(Header::kIpv6, kSixNine)}, kUdp6, false},
    {"ipv6 cut short", {kAnyIpv6}, first(53, kUdp6), false},
    {"udp", {kAnyEth, kAnyIpv4, kAnyUdp}, kUdp4, true},
    {"udp of either IP", {kAnyUdp}, kUdp6, true},
    {"udp is not tcp", {kAnyUdp}, kTcp4, false},
    {"tcp", {kAnyIpv4, kAnyTcp}, kTcp4, true},
    {"tcp is not udp", {kAnyTcp}, kUdp4, false},
    {"tcp ports", {is(Header::kTcp, kTcpPorts)}, kTcp4, true},
    {"udp ports", {is(Header::kUdp, kPorts)}, kUdp4, true},
    {"another udp port", {is(Header::kUdp, kOtherPorts)}, kUdp4, false},
    {"udp target port alone",
     {is(Header::kUdp, kPorts, kTargetMask)},
     eth(kTypeIpv4) + ipv4() + udp(7, 2000),
     true},
    {"udp behind ipv4 options", {is(Header::kUdp, kPorts)}, eth(kTypeIpv4) + ipv4({.words = 15}) + udp(), true},
    {"udp cut short", {kAnyUdp}, first(41, kUdp4), false},
    {"tcp cut short", {kAnyTcp}, first(53, kTcp4), false},
    {"first fragment", {kAnyUdp}, eth(kTypeIpv4) + ipv4({.fragment = 0x2000}) + udp(), true},
    {"a later fragment has no ports", {kAnyUdp}, eth(kTypeIpv4) + ipv4({.fragment = 0x2001}) + udp(), false},
    {"but it is ipv4", {kAnyIpv4}, eth(kTypeIpv4) + ipv4({.fragment = 0x2001}) + udp(), true},
    {"do not fragment", {kAnyUdp}, eth(kTypeIpv4) + ipv4({.fragment = 0x4000}) + udp(), true},
    {"ipv6 extensions are stepped over",
     {is(Header::kUdp, kPorts)},
     eth(kTypeIpv6) + ipv6(0) + extension(60) + extension(kUdp, 2) + udp(),
     true},
    {"four ipv6 extensions",
     {is(Header::kUdp, kPorts)},
     eth(kTypeIpv6) + ipv6(0) + extension(60) + extension(43, 2) + extension(60) + extension(kUdp) + udp(),
     true},
    {"five are too many",
     {kAnyUdp},
     eth(kTypeIpv6) + ipv6(0) + extension(60) + extension(60) + extension(60) + extension(60) +
         extension(kUdp) + udp(),
     false},
    {"first ipv6 fragment", {kAnyUdp}, eth(kTypeIpv6) + ipv6(44) + extension(kUdp, 0, 1) + udp(), true},
    {"a later ipv6 fragment", {kAnyUdp}, eth(kTypeIpv6) + ipv6(44) + extension(kUdp, 0, 9) + udp(), false},
    {"the longest ipv6 extension", {kAnyUdp}, eth(kTypeIpv6) + ipv6(0) + extension(kUdp, 160) + udp(), true},
    {"an ipv6 extension past the end",
     {kAnyUdp},
     eth(kTypeIpv6) + ipv6(0) + extension(kUdp) + payload(7),
     false},
};

TEST_F(RulesTest, Rows) {
  for (const Row& row : kRows) {
    SCOPED_TRACE(row.what);
    for (auto [verdict_of_rule, expected] :
         {std::pair(ZCNBRH_RULE_DROP, XDP_DROP), std::pair(ZCNBRH_RULE_TO_KERNEL, XDP_PASS)}) {
      FlowRule counted = rule(row.pattern, verdict_of_rule);
      counted.counts = true;
      const auto id = add(counted);
      EXPECT_EQ(verdict(row.packet), static_cast<uint32_t>(row.fits ? expected : XDP_REDIRECT));
      const zcnbrh_rule_count found = count(id);
      EXPECT_EQ(found.packets, row.fits ? 1U : 0U);
      EXPECT_EQ(found.bytes, row.fits ? row.packet.size() : 0U);
      ASSERT_TRUE(table_.remove(id, object_->rules()));
    }
    // The reference of the property test must say the same, or it is the wrong one.
    EXPECT_EQ(fits(row.pattern, Dissection(row.packet)), row.fits);
  }
}

TEST_F(RulesTest, EmptyTableIsAsWithoutRules) {
  EXPECT_EQ(verdict(kUdp4), static_cast<uint32_t>(XDP_REDIRECT));
  ASSERT_TRUE(table_.publish(object_->rules()));
  EXPECT_EQ(verdict(kUdp4), static_cast<uint32_t>(XDP_REDIRECT));
}

TEST_F(RulesTest, PriorityThenAgeDecides) {
  add(rule({kAnyIpv4}, ZCNBRH_RULE_DROP, 5));
  EXPECT_EQ(verdict(kUdp4), static_cast<uint32_t>(XDP_DROP));
  add(rule({kAnyUdp}, ZCNBRH_RULE_TO_KERNEL, 5));
  EXPECT_EQ(verdict(kUdp4), static_cast<uint32_t>(XDP_DROP)) << "the older of two equals";
  const auto best = add(rule({kAnyUdp}, ZCNBRH_RULE_TO_PORT, 1));
  EXPECT_EQ(verdict(kUdp4), static_cast<uint32_t>(XDP_REDIRECT));
  ASSERT_TRUE(table_.remove(best, object_->rules()));
  EXPECT_EQ(verdict(kUdp4), static_cast<uint32_t>(XDP_DROP));
}

TEST_F(RulesTest, IsolationIsBehindAllRules) {
  add(rule({kAnyUdp}, ZCNBRH_RULE_TO_PORT, UINT32_MAX));
  ASSERT_TRUE(table_.isolate(kOwner, {0, 1}, true, object_->rules()));
  EXPECT_EQ(verdict(kUdp4), static_cast<uint32_t>(XDP_REDIRECT));
  EXPECT_EQ(verdict(kTcp4), static_cast<uint32_t>(XDP_PASS));
  add(rule({kAnyTcp}, ZCNBRH_RULE_TO_PORT, UINT32_MAX));
  EXPECT_EQ(verdict(kTcp4), static_cast<uint32_t>(XDP_REDIRECT)) << "a rule made after isolation";
  ASSERT_TRUE(table_.remove_all(kOwner, object_->rules()));
  EXPECT_EQ(verdict(kUdp4), static_cast<uint32_t>(XDP_PASS));
  ASSERT_TRUE(table_.isolate(kOwner, {0, 1}, false, object_->rules()));
  EXPECT_EQ(verdict(kUdp4), static_cast<uint32_t>(XDP_REDIRECT));
}

TEST_F(RulesTest, RulesOfOtherQueuesAreNotOurs) {
  for (const QueueRange queues : {QueueRange{1, 3}, QueueRange{0, 0}, QueueRange{UINT32_MAX, 1}}) {
    FlowRule other = rule({kAnyUdp}, ZCNBRH_RULE_DROP);
    other.queues = queues;
    add(other);
  }
  EXPECT_EQ(verdict(kUdp4), static_cast<uint32_t>(XDP_REDIRECT));
  FlowRule ours = rule({kAnyUdp}, ZCNBRH_RULE_DROP);
  ours.queues = {0, 1};
  add(ours);
  EXPECT_EQ(verdict(kUdp4), static_cast<uint32_t>(XDP_DROP));
}

TEST_F(RulesTest, FullTableStillWorks) {
  for (uint32_t i = 0; i < ZCNBRH_MAX_RULES - 1; ++i) {
    const Bytes header = udp(static_cast<uint16_t>(10000 + i), 1);
    ASSERT_NE(add(rule({is(Header::kUdp, header)}, ZCNBRH_RULE_TO_KERNEL)), 0U);
  }
  FlowRule last = rule({kAnyUdp}, ZCNBRH_RULE_DROP);
  last.counts = true;
  const auto id = add(last);
  EXPECT_EQ(verdict(kUdp4), static_cast<uint32_t>(XDP_DROP)) << "the last of a full table";
  EXPECT_EQ(verdict(eth(kTypeIpv4) + ipv4() + udp(10000, 1)), static_cast<uint32_t>(XDP_PASS));
  EXPECT_EQ(count(id).packets, 1U);
  auto more = table_.add(kOwner, last, object_->rules());
  ASSERT_FALSE(more);
  EXPECT_EQ(more.error().code, ENOSPC);
}

TEST_F(RulesTest, MarksTravelBeforeThePacket) {
  add(rule({kAnyTcp}, ZCNBRH_RULE_TO_PORT, 9));
  EXPECT_FALSE(metadata(kUdp4)) << "no rule has a mark yet";
  FlowRule marking = rule({kAnyUdp}, ZCNBRH_RULE_TO_PORT);
  marking.mark = 0xdeadbeef;
  const auto id = add(marking);
  auto meta = metadata(kUdp4);
  ASSERT_TRUE(meta);
  EXPECT_EQ(meta->have, static_cast<uint32_t>(ZCNBRH_META_MARK));
  EXPECT_EQ(meta->mark, 0xdeadbeefU);
  EXPECT_EQ(verdict(kUdp4), static_cast<uint32_t>(XDP_REDIRECT));
  FlowRule flagging = rule({kAnyTcp}, ZCNBRH_RULE_TO_PORT, 0);
  flagging.flag = true;
  const auto flagged = add(flagging);
  meta = metadata(kTcp4);
  ASSERT_TRUE(meta);
  EXPECT_EQ(meta->have, static_cast<uint32_t>(ZCNBRH_META_FLAG));
  ASSERT_TRUE(table_.remove(flagged, object_->rules()));
  // Also a packet without a mark says so, whether a rule fits or none.
  const Bytes arp = eth(0x0806) + payload(46);
  for (const Bytes& packet : {kTcp4, arp}) {
    meta = metadata(packet);
    ASSERT_TRUE(meta);
    EXPECT_EQ(meta->have, 0U);
    EXPECT_EQ(meta->mark, 0U);
  }
  // And not one that goes elsewhere.
  add(rule({kAnyUdp}, ZCNBRH_RULE_TO_KERNEL, 0));
  ASSERT_TRUE(table_.remove(id, object_->rules()));
  EXPECT_EQ(verdict(kUdp4), static_cast<uint32_t>(XDP_PASS));
  EXPECT_FALSE(metadata(kUdp4));
  EXPECT_TRUE(metadata(kTcp4)) << "as long as the port is there";
}

TEST_F(RulesTest, CountersResetAndAreUsedAgain) {
  FlowRule counted = rule({kAnyUdp}, ZCNBRH_RULE_DROP);
  counted.counts = true;
  const auto id = add(counted);
  verdict(kUdp4);
  verdict(kUdp4);
  EXPECT_EQ(count(id, true).packets, 2U);
  verdict(kUdp4);
  const zcnbrh_rule_count after = count(id);
  EXPECT_EQ(after.packets, 1U);
  EXPECT_EQ(after.bytes, kUdp4.size());
  // Another rule's change does not touch the count.
  const auto other = add(rule({kAnyTcp}, ZCNBRH_RULE_DROP));
  EXPECT_EQ(count(id).packets, 1U);
  EXPECT_EQ(table_.count(other, false, object_->rules()).error().code, ENOTSUP);
  ASSERT_TRUE(table_.remove(id, object_->rules()));
  EXPECT_EQ(table_.count(id, false, object_->rules()).error().code, ENOENT);
  EXPECT_EQ(count(add(counted)).packets, 0U) << "a counter that had another rule";
}

}  // namespace
}  // namespace zcnbrh
