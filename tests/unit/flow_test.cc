// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// Flow rules as data: what a pattern becomes, which patterns are refused and with which words, and how the
// table of a netdev is kept. No kernel.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>

#include "bpf/zcnbrh_meta.h"
#include "lib/base/unique_fd.h"
#include "lib/flow/rule_table.h"
#include "tests/support/flow_packets.h"
#include "tests/support/flow_reference.h"

namespace zcnbrh {
namespace {

using namespace testing;  // NOLINT: the packets' vocabulary
using ::testing::HasSubstr;

constexpr HeaderMatch any(Header header) { return {header, nullptr, nullptr, {}}; }
constexpr HeaderMatch tagged(Header header, bool tag) { return {header, nullptr, nullptr, tag}; }

TEST(FlowPattern, DefaultMasksCountAddressesPortsAndVlanId) {
  const auto text = [](Header header) {
    std::string out;
    for (uint32_t i = 0; i < header_bytes(header); ++i) out += "0f"[(default_mask(header)[i] & 0xf0) == 0xf0];
    return out;
  };
  EXPECT_EQ(text(Header::kEth), "ffffffffffff00");
  EXPECT_EQ(text(Header::kIpv4), "000000000000ffffffff");
  EXPECT_EQ(text(Header::kIpv6), "00000000ffffffffffffffffffffffffffffffff");
  EXPECT_EQ(text(Header::kTcp), "ffff0000000000000000");
  EXPECT_EQ(text(Header::kUdp), "ffff0000");
  EXPECT_EQ(default_mask(Header::kVlan)[0], 0x0f);
  EXPECT_EQ(default_mask(Header::kVlan)[1], 0xff);
  EXPECT_EQ(default_mask(Header::kVlan)[2], 0);
}

TEST(FlowPattern, EachHeaderHasItsPlace) {
  const Bytes outer = vlan(0xabcd, 0x1234), inner = vlan(0x4321, 0x8888);
  const Bytes all_ones(40, 0xff);
  const HeaderMatch pattern[] = {{Header::kVlan, outer.data(), all_ones.data(), {}},
                                 {Header::kVlan, inner.data(), all_ones.data(), {}},
                                 any(Header::kIpv6),
                                 any(Header::kTcp)};
  FlowMatch out;
  ASSERT_FALSE(compile_pattern(pattern, out));
  constexpr uint32_t kFound = ZCNBRH_LAYER_VLAN | ZCNBRH_LAYER_VLAN2 | ZCNBRH_LAYER_IPV6 | ZCNBRH_LAYER_TCP;
  EXPECT_EQ(out.value.layers, kFound);
  EXPECT_EQ(out.mask.layers, kFound);
  EXPECT_EQ(std::memcmp(out.value.vlan[0], outer.data(), 4), 0);
  EXPECT_EQ(std::memcmp(out.value.vlan[1], inner.data(), 4), 0);
  EXPECT_EQ(std::memcmp(out.mask.vlan, all_ones.data(), 8), 0);
  const zcnbrh_flow_key nothing = {};
  EXPECT_EQ(std::memcmp(out.mask.eth, nothing.eth, sizeof nothing.eth), 0);
  EXPECT_EQ(std::memcmp(out.mask.l3, nothing.l3, sizeof nothing.l3), 0);
}

TEST(FlowPattern, ValueHasNoBitOutsideTheMask) {
  const Bytes spec(20, 0xff), mask(20, 0x3c);
  const HeaderMatch pattern[] = {{Header::kIpv4, spec.data(), mask.data(), {}}};
  FlowMatch out;
  ASSERT_FALSE(compile_pattern(pattern, out));
  for (size_t i = 0; i < 20; ++i) EXPECT_EQ(out.value.l3[i], 0x3c);
  for (size_t i = 20; i < 40; ++i) EXPECT_EQ(out.mask.l3[i], 0);
}

TEST(FlowPattern, TagBitOfTheRightTag) {
  FlowMatch out;
  const HeaderMatch untagged[] = {tagged(Header::kEth, false)};
  ASSERT_FALSE(compile_pattern(untagged, out));
  EXPECT_EQ(out.mask.layers, static_cast<uint32_t>(ZCNBRH_LAYER_VLAN));
  EXPECT_EQ(out.value.layers, 0U);
  const HeaderMatch third[] = {any(Header::kVlan), tagged(Header::kVlan, true)};
  ASSERT_FALSE(compile_pattern(third, out));
  EXPECT_EQ(out.value.layers,
            static_cast<uint32_t>(ZCNBRH_LAYER_VLAN | ZCNBRH_LAYER_VLAN2 | ZCNBRH_LAYER_VLAN_MORE));
}

struct Refusal {
  std::vector<HeaderMatch> pattern;
  size_t at;
  const char* words;
};

TEST(FlowPattern, Refusals) {
  constexpr auto kEth = Header::kEth;
  constexpr auto kVlan = Header::kVlan;
  const char* order = "from the outside in";
  const Refusal rows[] = {
      {{any(kEth), any(kEth)}, 1, order},
      {{any(kVlan), any(kEth)}, 1, order},
      {{any(Header::kIpv4), any(kVlan)}, 1, order},
      {{any(Header::kIpv4), any(Header::kIpv6)}, 1, order},
      {{any(kEth), any(Header::kIpv4), any(Header::kIpv4)}, 2, order},
      {{any(Header::kIpv4), any(Header::kUdp), any(Header::kTcp)}, 2, order},
      {{any(Header::kUdp), any(Header::kIpv4)}, 1, order},
      {{any(kVlan), any(kVlan), any(kVlan)}, 2, "at most two VLAN tags"},
      {{any(kEth), any(Header::kUdp)}, 1, "follow ipv4 or ipv6"},
      {{any(kVlan), any(Header::kTcp)}, 1, "follow ipv4 or ipv6"},
      {{tagged(kEth, false), any(kVlan)}, 1, "no VLAN tag follows"},
      {{any(kVlan), tagged(kVlan, false), any(kVlan)}, 2, "at most two VLAN tags"},
      {{tagged(kVlan, false), any(kVlan)}, 1, "no VLAN tag follows"},
  };
  for (const Refusal& row : rows) {
    FlowMatch out;
    const auto fault = compile_pattern(row.pattern, out);
    ASSERT_TRUE(fault) << row.words;
    EXPECT_EQ(fault->at, row.at) << row.words;
    EXPECT_THAT(fault->why, HasSubstr(row.words));
  }
}

// The reference matcher of the BPF test, on its own feet.
TEST(FlowReference, Dissects) {
  const Bytes packet = eth(kTypeVlan) + vlan(5, kTypeIpv4) + ipv4() + udp();
  const Dissection found(packet);
  ASSERT_EQ(found.headers().size(), 4U);
  EXPECT_TRUE(found.headers()[0].tagged);
  EXPECT_FALSE(found.headers()[1].tagged);
  EXPECT_EQ(found.headers()[3].header, Header::kUdp);
}

// --- the table ---

constexpr XdpRules kNoProgram;

FlowRule rule(uint32_t priority, zcnbrh_rule_verdict verdict = ZCNBRH_RULE_DROP, bool counts = false) {
  FlowRule out;
  out.queues = {2, 3};
  out.priority = priority;
  out.verdict = verdict;
  out.counts = counts;
  return out;
}

std::vector<uint32_t> verdicts(const RuleTable& table) {
  const auto compiled = table.compile();
  std::vector<uint32_t> out;
  for (uint32_t i = 0; i < compiled->count; ++i) out.push_back(compiled->rule[i].verdict);
  return out;
}

TEST(FlowTable, SortedByPriorityThenAge) {
  RuleTable table;
  ASSERT_TRUE(table.add(1, rule(5, ZCNBRH_RULE_DROP), kNoProgram));
  ASSERT_TRUE(table.add(1, rule(5, ZCNBRH_RULE_TO_PORT), kNoProgram));
  ASSERT_TRUE(table.isolate(1, {2, 3}, true, kNoProgram));
  auto first = table.add(2, rule(0, ZCNBRH_RULE_TO_KERNEL), kNoProgram);
  ASSERT_TRUE(first);
  EXPECT_THAT(verdicts(table), ::testing::ElementsAre(ZCNBRH_RULE_TO_KERNEL, ZCNBRH_RULE_DROP,
                                                      ZCNBRH_RULE_TO_PORT, ZCNBRH_RULE_TO_KERNEL));
  ASSERT_TRUE(table.remove(*first, kNoProgram));
  EXPECT_THAT(verdicts(table),
              ::testing::ElementsAre(ZCNBRH_RULE_DROP, ZCNBRH_RULE_TO_PORT, ZCNBRH_RULE_TO_KERNEL));
  EXPECT_EQ(table.remove(*first, kNoProgram).error().code, ENOENT);
}

TEST(FlowTable, WhatTheProgramGets) {
  RuleTable table;
  FlowRule made = rule(0, ZCNBRH_RULE_TO_PORT, true);
  made.mark = 77;
  made.match.value.layers = made.match.mask.layers = ZCNBRH_LAYER_UDP;
  ASSERT_TRUE(table.add(1, made, kNoProgram));
  const auto compiled = table.compile();
  ASSERT_EQ(compiled->count, 1U);
  const zcnbrh_rule& got = compiled->rule[0];
  EXPECT_EQ(got.first_queue, 2U);
  EXPECT_EQ(got.queue_count, 3U);
  EXPECT_EQ(got.counter, 1U);
  EXPECT_EQ(got.marking, static_cast<uint32_t>(ZCNBRH_META_MARK));
  EXPECT_EQ(got.mark, 77U);
  EXPECT_EQ(got.mask.layers, static_cast<uint32_t>(ZCNBRH_LAYER_UDP));
}

// Once a port has had a mark its packets go on to carry a word on it: the port reads it from then on.
TEST(FlowTable, MarksStayAsLongAsThePort) {
  RuleTable table;
  ASSERT_TRUE(table.add(1, rule(0), kNoProgram));
  EXPECT_EQ(table.compile()->marks, 0U);
  FlowRule marking = rule(0, ZCNBRH_RULE_TO_PORT);
  marking.mark = 5;
  const UniqueFd no_map(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  EXPECT_FALSE(table.add(1, marking, XdpRules(no_map.get(), no_map.get())));
  EXPECT_EQ(table.compile()->marks, 0U) << "a rule that was refused";
  auto id = table.add(1, marking, kNoProgram);
  ASSERT_TRUE(id);
  EXPECT_EQ(table.compile()->marks, 1U);
  ASSERT_TRUE(table.remove(*id, kNoProgram));
  ASSERT_TRUE(table.remove_all(1, kNoProgram));
  EXPECT_EQ(table.compile()->marks, 1U);
  EXPECT_TRUE(table.needs_program(1));
  table.leave(1, kNoProgram);
  EXPECT_EQ(table.compile()->marks, 0U);
  EXPECT_FALSE(table.needs_program(1));
}

TEST(FlowTable, PortsAreApart) {
  RuleTable table;
  ASSERT_TRUE(table.add(1, rule(0), kNoProgram));
  ASSERT_TRUE(table.isolate(1, {0, 1}, true, kNoProgram));
  ASSERT_TRUE(table.add(2, rule(0, ZCNBRH_RULE_TO_PORT), kNoProgram));
  EXPECT_TRUE(table.isolated(1));
  EXPECT_FALSE(table.isolated(2));
  ASSERT_TRUE(table.remove_all(2, kNoProgram));
  EXPECT_FALSE(table.needs_program(2));
  EXPECT_THAT(verdicts(table), ::testing::ElementsAre(ZCNBRH_RULE_DROP, ZCNBRH_RULE_TO_KERNEL));
  ASSERT_TRUE(table.remove_all(1, kNoProgram));
  EXPECT_TRUE(table.isolated(1)) << "a flush leaves isolation";
  EXPECT_TRUE(table.needs_program(1));
  table.leave(1, kNoProgram);
  EXPECT_FALSE(table.needs_program(1));
  EXPECT_TRUE(verdicts(table).empty());
}

TEST(FlowTable, IsolationIsSetOnce) {
  RuleTable table;
  ASSERT_TRUE(table.isolate(1, {0, 1}, true, kNoProgram));
  ASSERT_TRUE(table.isolate(1, {0, 1}, true, kNoProgram));
  EXPECT_EQ(verdicts(table).size(), 1U);
  ASSERT_TRUE(table.isolate(1, {0, 1}, false, kNoProgram));
  ASSERT_TRUE(table.isolate(1, {0, 1}, false, kNoProgram));
  EXPECT_TRUE(verdicts(table).empty());
}

TEST(FlowTable, FullIsSaid) {
  RuleTable table;
  for (uint32_t i = 0; i < ZCNBRH_MAX_RULES; ++i)
    ASSERT_TRUE(table.add(1, rule(i, ZCNBRH_RULE_DROP, true), kNoProgram));
  EXPECT_EQ(table.check_room().error().code, ENOSPC);
  auto more = table.add(1, rule(0), kNoProgram);
  ASSERT_FALSE(more);
  EXPECT_THAT(more.error().text(), HasSubstr("256 rules a netdev"));
  EXPECT_EQ(table.isolate(1, {0, 1}, true, kNoProgram).error().code, ENOSPC);
  // Each has a counter of its own, and a freed one is used again.
  const auto compiled = table.compile();
  std::vector<bool> used(ZCNBRH_MAX_RULES + 1);
  for (const zcnbrh_rule& got : compiled->rule) {
    ASSERT_LE(got.counter, static_cast<uint32_t>(ZCNBRH_MAX_RULES));
    EXPECT_FALSE(used[got.counter]);
    used[got.counter] = true;
  }
}

// A program that does not take the table (here: no map at all) leaves everything as it was.
TEST(FlowTable, RefusedChangeIsNoChange) {
  RuleTable table;
  auto id = table.add(1, rule(0), kNoProgram);
  ASSERT_TRUE(id);
  const UniqueFd no_map(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  const XdpRules broken(no_map.get(), no_map.get());
  EXPECT_FALSE(table.add(1, rule(0, ZCNBRH_RULE_TO_PORT), broken));
  EXPECT_FALSE(table.add(1, rule(0, ZCNBRH_RULE_TO_PORT, true), broken));
  EXPECT_FALSE(table.remove(*id, broken));
  EXPECT_FALSE(table.remove_all(1, broken));
  EXPECT_FALSE(table.isolate(1, {0, 1}, true, broken));
  EXPECT_FALSE(table.publish(broken));
  EXPECT_THAT(verdicts(table), ::testing::ElementsAre(ZCNBRH_RULE_DROP));
  table.leave(1, broken);
  EXPECT_TRUE(verdicts(table).empty()) << "a port that goes leaves nothing, whatever the kernel says";
}

TEST(FlowTable, CountsOfNoProgram) {
  RuleTable table;
  auto counted = table.add(1, rule(0, ZCNBRH_RULE_DROP, true), kNoProgram);
  auto silent = table.add(1, rule(0), kNoProgram);
  ASSERT_TRUE(counted && silent);
  EXPECT_EQ(table.count(*counted, false, kNoProgram)->packets, 0U);
  EXPECT_EQ(table.count(*silent, false, kNoProgram).error().code, ENOTSUP);
  EXPECT_EQ(table.count(999, false, kNoProgram).error().code, ENOENT);
}

TEST(FlowTable, OneTableANetdev) {
  auto first = RuleTable::of(7);
  EXPECT_EQ(first, RuleTable::of(7));
  EXPECT_NE(first, RuleTable::of(8));
  ASSERT_TRUE(first->add(1, rule(0), kNoProgram));
  first.reset();
  EXPECT_TRUE(verdicts(*RuleTable::of(7)).empty()) << "it lives as long as its ports";
}

TEST(FlowTable, NetdevComesBackWithAnotherNumber) {
  auto table = RuleTable::of(7);
  RuleTable::moved_to(table, 9);
  EXPECT_EQ(RuleTable::of(9), table);
  auto other = RuleTable::of(11);
  RuleTable::moved_to(table, 11);
  EXPECT_EQ(RuleTable::of(11), other) << "a table in use is not pushed aside";
}

}  // namespace
}  // namespace zcnbrh
