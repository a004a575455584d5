// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#include "lib/flow/pattern.h"

#include <cstddef>

namespace zcnbrh {
namespace {

constexpr uint32_t kLongestHeader = 40;

enum class Layer : uint8_t { kNone, kEth, kVlan, kIp, kPorts };

struct HeaderFacts {
  const char* name;
  uint32_t bytes;
  Layer layer;
  uint32_t found;  // enum zcnbrh_layer of a packet that has it; tags: of the outer one
  size_t at;       // in the key; tags: of the outer one
  struct {
    uint32_t from, to;
  } counts;  // bytes of the default mask that are all ones
};

// In the order of enum Header.
constexpr HeaderFacts kHeaders[] = {
    {"eth", 14, Layer::kEth, 0, offsetof(zcnbrh_flow_key, eth), {0, 12}},
    {"vlan", 4, Layer::kVlan, ZCNBRH_LAYER_VLAN, offsetof(zcnbrh_flow_key, vlan), {0, 2}},
    {"ipv4", 20, Layer::kIp, ZCNBRH_LAYER_IPV4, offsetof(zcnbrh_flow_key, l3), {12, 20}},
    {"ipv6", 40, Layer::kIp, ZCNBRH_LAYER_IPV6, offsetof(zcnbrh_flow_key, l3), {8, 40}},
    {"tcp", 20, Layer::kPorts, ZCNBRH_LAYER_TCP, offsetof(zcnbrh_flow_key, l4), {0, 4}},
    {"udp", 8, Layer::kPorts, ZCNBRH_LAYER_UDP, offsetof(zcnbrh_flow_key, l4), {0, 4}},
};
constexpr size_t kHeaderKinds = std::size(kHeaders);

struct DefaultMasks {
  uint8_t mask[kHeaderKinds][kLongestHeader] = {};
  constexpr DefaultMasks() {
    for (size_t kind = 0; kind < kHeaderKinds; ++kind)
      for (uint32_t i = kHeaders[kind].counts.from; i < kHeaders[kind].counts.to; ++i) mask[kind][i] = 0xff;
    mask[static_cast<size_t>(Header::kVlan)][0] = 0x0f;  // the id, without priority and drop eligibility
  }
};
constexpr DefaultMasks kDefaultMasks;

const HeaderFacts& facts(Header header) { return kHeaders[static_cast<size_t>(header)]; }

// Where in the stack we are.
struct Stack {
  Layer layer = Layer::kNone;
  uint32_t tags = 0;

  const char* refuses(const HeaderFacts& next) const {
    if (next.layer == Layer::kVlan && tags == 2) return "at most two VLAN tags are looked at";
    if (next.layer == Layer::kVlan && layer == Layer::kVlan) return nullptr;
    if (next.layer <= layer) return "headers must come from the outside in, each once";
    if (next.layer == Layer::kPorts && layer != Layer::kNone && layer != Layer::kIp)
      return "tcp and udp follow ipv4 or ipv6";
    return nullptr;
  }
};

void require(FlowMatch& out, uint32_t layer, bool there) {
  out.mask.layers |= layer;
  if (there) out.value.layers |= layer;
}

void compare(FlowMatch& out, size_t at, const HeaderMatch& match) {
  if (match.spec == nullptr) return;
  const uint8_t* mask = match.mask != nullptr ? match.mask : default_mask(match.header);
  auto* value_at = reinterpret_cast<uint8_t*>(&out.value) + at;
  auto* mask_at = reinterpret_cast<uint8_t*>(&out.mask) + at;
  for (uint32_t i = 0; i < header_bytes(match.header); ++i) {
    mask_at[i] = mask[i];
    value_at[i] = match.spec[i] & mask[i];
  }
}

}  // namespace

const char* name_of(Header header) { return facts(header).name; }
uint32_t header_bytes(Header header) { return facts(header).bytes; }
const uint8_t* default_mask(Header header) { return kDefaultMasks.mask[static_cast<size_t>(header)]; }

std::optional<PatternFault> compile_pattern(std::span<const HeaderMatch> pattern, FlowMatch& out) {
  out = {};
  Stack stack;
  for (size_t i = 0; i < pattern.size(); ++i) {
    const HeaderMatch& match = pattern[i];
    const HeaderFacts& header = facts(match.header);
    if (const char* why = stack.refuses(header); why != nullptr) return PatternFault{i, why};
    size_t at = header.at;
    uint32_t found = header.found;
    if (header.layer == Layer::kVlan) {
      at += stack.tags * sizeof(zcnbrh_flow_key::vlan[0]);
      found <<= stack.tags++;
    }
    if ((out.mask.layers & found & ~out.value.layers) != 0)
      return PatternFault{i, "the header before it says that no VLAN tag follows"};
    require(out, found, true);
    compare(out, at, match);
    if (match.tagged.has_value()) require(out, ZCNBRH_LAYER_VLAN << stack.tags, *match.tagged);
    stack.layer = header.layer;
  }
  return std::nullopt;
}

}  // namespace zcnbrh
