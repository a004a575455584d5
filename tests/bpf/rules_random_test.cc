// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// Random rule tables against random packets: the XDP program and a second reading of the same rules
// (tests/support/flow_reference.h) must agree on every verdict and every count.
#include <random>

#include "tests/bpf/rules_fixture.h"

namespace zcnbrh {
namespace {

using namespace testing;  // NOLINT: the packets' vocabulary

class Dice {
 public:
  explicit Dice(uint32_t seed) : engine_(seed) {}
  uint32_t below(uint32_t n) { return static_cast<uint32_t>(engine_() % n); }
  bool one_in(uint32_t n) { return below(n) == 0; }
  template <typename T>
  T one_of(std::initializer_list<T> values) {
    return values.begin()[below(static_cast<uint32_t>(values.size()))];
  }

 private:
  std::mt19937 engine_;
};

Bytes random_transport(Dice& dice, uint8_t protocol) {
  const uint16_t source = static_cast<uint16_t>(1000 + dice.below(3)),
                 target = static_cast<uint16_t>(dice.below(3));
  if (protocol == kTcp) return tcp(source, target) + payload(dice.below(30));
  if (protocol == kUdp) return udp(source, target) + payload(dice.below(30));
  return payload(dice.below(30));
}

Bytes random_internet(Dice& dice, uint16_t type) {
  const uint8_t protocol = dice.one_of<uint8_t>({kTcp, kUdp, kTcp, kUdp, 1});
  const auto end = static_cast<uint8_t>(dice.below(3));
  if (type == kTypeIpv4) {
    Ipv4 how = {.protocol = protocol, .source = {10, 0, 0, end}};
    if (dice.one_in(6)) how.fragment = dice.one_of<uint16_t>({0x2000, 0x2001, 0x1fff, 0x4000});
    if (dice.one_in(5)) how.words = static_cast<uint8_t>(dice.below(16));
    if (dice.one_in(20)) how.version = 6;
    return ipv4(how) + random_transport(dice, protocol);
  }
  if (type != kTypeIpv6) return payload(dice.below(60));
  std::vector<uint8_t> chain;
  while (dice.one_in(3)) chain.push_back(dice.one_of<uint8_t>({0, 43, 44, 60}));
  chain.push_back(protocol);
  Bytes out = ipv6(chain[0], end);
  for (size_t i = 0; i + 1 < chain.size(); ++i)
    out = out + (chain[i] == 44 ? extension(chain[i + 1], 0, dice.one_of<uint16_t>({0, 1, 8, 0xfff8}))
                                : extension(chain[i + 1], static_cast<uint8_t>(dice.below(3))));
  return out + random_transport(dice, protocol);
}

Bytes random_packet(Dice& dice) {
  const uint16_t inner = dice.one_of<uint16_t>({kTypeIpv4, kTypeIpv6, kTypeIpv4, kTypeIpv6, 0x0806});
  std::vector<uint16_t> types;
  while (types.size() < 4 && dice.one_in(3)) types.push_back(dice.one_of<uint16_t>({kTypeVlan, kTypeQinq}));
  types.push_back(inner);
  Bytes out = eth(types[0], static_cast<uint8_t>(dice.below(2)));
  for (size_t i = 1; i < types.size(); ++i)
    out = out + vlan(static_cast<uint16_t>(dice.below(3) | dice.below(2) << 13), types[i]);
  out = out + random_internet(dice, inner);
  if (dice.one_in(6)) out.resize(14 + dice.below(static_cast<uint32_t>(out.size()) - 13));
  out.resize(std::max<size_t>(out.size(), 14));
  return out;
}

// A pattern that has a chance: headers of a random packet, some left out, some bits of some of them counting.
struct RandomPattern {
  std::vector<Bytes> bytes;
  std::vector<HeaderMatch> headers;
};

RandomPattern random_pattern(Dice& dice) {
  RandomPattern out;
  const Bytes packet = random_packet(dice);
  const Dissection like(packet);
  const size_t skipped = dice.one_in(2) ? dice.below(static_cast<uint32_t>(like.headers().size())) : 0;
  out.bytes.reserve(2 * like.headers().size());
  for (size_t i = skipped; i < like.headers().size(); ++i) {
    const FoundHeader& found = like.headers()[i];
    HeaderMatch match = {found.header, nullptr, nullptr, {}};
    if (dice.one_in(2)) match.spec = out.bytes.emplace_back(found.bytes.begin(), found.bytes.end()).data();
    if (match.spec != nullptr && dice.one_in(2)) {
      Bytes& mask = out.bytes.emplace_back(found.bytes.size(), uint8_t{0});
      for (uint8_t& byte : mask)
        byte = dice.one_of<uint8_t>({0, 0, 0xff, 0xf0, static_cast<uint8_t>(dice.below(256))});
      match.mask = mask.data();
    }
    if ((found.header == Header::kEth || found.header == Header::kVlan) && dice.one_in(4))
      match.tagged = found.tagged;
    out.headers.push_back(match);
    if (dice.one_in(4)) break;
  }
  return out;
}

TEST_F(RulesTest, RandomRulesAgreeWithTheReference) {
  const uint32_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  Dice dice(seed);
  uint32_t decided = 0, undecided = 0;
  for (int round = 0; round < 100; ++round) {
    std::vector<std::pair<RandomPattern, uint32_t>> rules;  // and their priority
    for (uint32_t i = 0; i <= dice.below(8); ++i) {
      RandomPattern pattern = random_pattern(dice);
      FlowMatch compiled;
      // Such as "eth without a tag / vlan" cannot be: what is there was looked up in a packet.
      if (compile_pattern(pattern.headers, compiled)) continue;
      rules.emplace_back(std::move(pattern), dice.below(3));
    }
    RuleTable table;
    std::vector<RuleTable::RuleId> ids;
    for (const auto& [pattern, priority] : rules) {
      FlowRule made = rule(pattern.headers, ZCNBRH_RULE_DROP, priority);
      made.counts = true;
      auto id = table.add(kOwner, made, object_->rules());
      ASSERT_TRUE(id) << id.error().text();
      ids.push_back(*id);
    }
    std::vector<uint64_t> expected(rules.size());
    for (int n = 0; n < 100; ++n) {
      const Bytes packet = random_packet(dice);
      const Dissection found(packet);
      size_t winner = rules.size();
      for (size_t i = 0; i < rules.size(); ++i)
        if (fits(rules[i].first.headers, found) &&
            (winner == rules.size() || rules[i].second < rules[winner].second))
          winner = i;
      const bool any = winner < rules.size();
      if (any) ++expected[winner];
      ++(any ? decided : undecided);
      ASSERT_EQ(verdict(packet), static_cast<uint32_t>(any ? XDP_DROP : XDP_REDIRECT)) << "round " << round;
    }
    for (size_t i = 0; i < ids.size(); ++i)
      ASSERT_EQ(table.count(ids[i], false, object_->rules())->packets, expected[i]) << "round " << round;
  }
  // Otherwise it has compared nothing.
  EXPECT_GT(decided, 500U);
  EXPECT_GT(undecided, 500U);
}

}  // namespace
}  // namespace zcnbrh
