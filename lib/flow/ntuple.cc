// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#include "lib/flow/ntuple.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>

namespace zcnbrh {
namespace {

constexpr uint16_t kAllOnes = 0xffff;
constexpr uint32_t kTags = ZCNBRH_LAYER_VLAN | ZCNBRH_LAYER_VLAN2 | ZCNBRH_LAYER_VLAN_MORE;
constexpr uint32_t kIp = ZCNBRH_LAYER_IPV4 | ZCNBRH_LAYER_IPV6;
constexpr uint32_t kPorts = ZCNBRH_LAYER_TCP | ZCNBRH_LAYER_UDP;

Error no(const std::string& why) { return Error{ENOTSUP, "receive filter of the NIC", why}; }

// Takes fields out of a match one by one; what is left over at the end nobody has asked the NIC for.
class Fields {
 public:
  explicit Fields(const FlowMatch& match) : left_(match) {}

  bool counts(uint32_t layer) const { return (left_.mask.layers & layer) != 0; }

  template <typename Field>
  void take(const void* at_value, Field& value, Field& mask) {
    const auto offset = static_cast<const uint8_t*>(at_value) - bytes(left_.value);
    std::memcpy(&value, bytes(left_.value) + offset, sizeof value);
    std::memcpy(&mask, bytes(left_.mask) + offset, sizeof mask);
    std::memset(bytes(left_.mask) + offset, 0, sizeof mask);
  }

  // An EtherType or protocol number that the flow type says already.
  template <typename Field>
  bool take_implied(const void* at_value, Field expected) {
    Field value, mask;
    take(at_value, value, mask);
    return ((value ^ expected) & mask) == 0;
  }

  bool any_left(const void* at_value, size_t length) const {
    const auto offset = static_cast<const uint8_t*>(at_value) - bytes(left_.value);
    const uint8_t* from = bytes(left_.mask) + offset;
    return std::any_of(from, from + length, [](uint8_t byte) { return byte != 0; });
  }
  const zcnbrh_flow_key& key() const { return left_.value; }

 private:
  static uint8_t* bytes(zcnbrh_flow_key& key) { return reinterpret_cast<uint8_t*>(&key); }
  static const uint8_t* bytes(const zcnbrh_flow_key& key) { return reinterpret_cast<const uint8_t*>(&key); }

  FlowMatch left_;
};

uint16_t big(uint16_t value) { return __builtin_bswap16(value); }
static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__);

constexpr uint16_t kTypeIpv4 = 0x0800, kTypeIpv6 = 0x86dd, kTypeVlan = 0x8100;
constexpr uint8_t kProtocolTcp = 6, kProtocolUdp = 17;

Status fill_ipv4(Fields& fields, ethtool_rx_flow_spec& spec) {
  const zcnbrh_flow_key& key = fields.key();
  if (!fields.counts(kPorts)) {
    spec.flow_type = IPV4_USER_FLOW;
    auto &value = spec.h_u.usr_ip4_spec, &mask = spec.m_u.usr_ip4_spec;
    value.ip_ver = ETH_RX_NFC_IP4;
    fields.take(key.l3 + 1, value.tos, mask.tos);
    fields.take(key.l3 + 9, value.proto, mask.proto);
    fields.take(key.l3 + 12, value.ip4src, mask.ip4src);
    fields.take(key.l3 + 16, value.ip4dst, mask.ip4dst);
    return {};
  }
  const bool tcp = fields.counts(ZCNBRH_LAYER_TCP);
  spec.flow_type = tcp ? TCP_V4_FLOW : UDP_V4_FLOW;
  if (!fields.take_implied<uint8_t>(key.l3 + 9, tcp ? kProtocolTcp : kProtocolUdp)) return no("ipv4 proto");
  auto &value = spec.h_u.tcp_ip4_spec, &mask = spec.m_u.tcp_ip4_spec;
  fields.take(key.l3 + 1, value.tos, mask.tos);
  fields.take(key.l3 + 12, value.ip4src, mask.ip4src);
  fields.take(key.l3 + 16, value.ip4dst, mask.ip4dst);
  fields.take(key.l4, value.psrc, mask.psrc);
  fields.take(key.l4 + 2, value.pdst, mask.pdst);
  return {};
}

Status fill_ipv6(Fields& fields, ethtool_rx_flow_spec& spec) {
  const zcnbrh_flow_key& key = fields.key();
  if (!fields.counts(kPorts)) {
    spec.flow_type = IPV6_USER_FLOW;
    auto &value = spec.h_u.usr_ip6_spec, &mask = spec.m_u.usr_ip6_spec;
    fields.take(key.l3 + 6, value.l4_proto, mask.l4_proto);
    fields.take(key.l3 + 8, value.ip6src, mask.ip6src);
    fields.take(key.l3 + 24, value.ip6dst, mask.ip6dst);
    return {};
  }
  const bool tcp = fields.counts(ZCNBRH_LAYER_TCP);
  spec.flow_type = tcp ? TCP_V6_FLOW : UDP_V6_FLOW;
  if (!fields.take_implied<uint8_t>(key.l3 + 6, tcp ? kProtocolTcp : kProtocolUdp)) return no("ipv6 proto");
  auto &value = spec.h_u.tcp_ip6_spec, &mask = spec.m_u.tcp_ip6_spec;
  fields.take(key.l3 + 8, value.ip6src, mask.ip6src);
  fields.take(key.l3 + 24, value.ip6dst, mask.ip6dst);
  fields.take(key.l4, value.psrc, mask.psrc);
  fields.take(key.l4 + 2, value.pdst, mask.pdst);
  return {};
}

// One tag, by its TPID and TCI. Without a TPID in the match any of the two would do, and the NIC compares one.
void fill_vlan(Fields& fields, ethtool_rx_flow_spec& spec) {
  const zcnbrh_flow_key& key = fields.key();
  spec.flow_type |= FLOW_EXT;
  fields.take(key.vlan[0], spec.h_ext.vlan_tci, spec.m_ext.vlan_tci);
  fields.take(key.eth + 12, spec.h_ext.vlan_etype, spec.m_ext.vlan_etype);
  if (spec.m_ext.vlan_etype != 0) return;
  spec.h_ext.vlan_etype = big(kTypeVlan);
  spec.m_ext.vlan_etype = kAllOnes;
}

// The EtherType in front of the IP header, wherever that is; only the one of the flow type can be asked for.
Status fill_ether_of_ip(Fields& fields, ethtool_rx_flow_spec& spec, bool tagged, uint16_t type) {
  const zcnbrh_flow_key& key = fields.key();
  const void* at = tagged ? key.vlan[0] + 2 : key.eth + 12;
  if (!fields.take_implied<uint16_t>(at, big(type)))
    return no("an EtherType that is not the one of the IP header");
  fields.take(key.eth, spec.h_ext.h_dest, spec.m_ext.h_dest);
  if (std::any_of(std::begin(spec.m_ext.h_dest), std::end(spec.m_ext.h_dest), [](uint8_t b) { return b != 0; }))
    spec.flow_type |= FLOW_MAC_EXT;
  return {};
}

void fill_ether(Fields& fields, ethtool_rx_flow_spec& spec, bool tagged) {
  const zcnbrh_flow_key& key = fields.key();
  spec.flow_type |= ETHER_FLOW;
  auto &value = spec.h_u.ether_spec, &mask = spec.m_u.ether_spec;
  fields.take(key.eth, value.h_dest, mask.h_dest);
  fields.take(key.eth + 6, value.h_source, mask.h_source);
  uint16_t type, type_mask;  // the kernel's struct is packed
  fields.take(tagged ? key.vlan[0] + 2 : key.eth + 12, type, type_mask);
  value.h_proto = type;
  mask.h_proto = type_mask;
}

Status nothing_left(const Fields& fields) {
  const zcnbrh_flow_key& key = fields.key();
  if (fields.any_left(key.eth, sizeof key.eth)) return no("it compares no Ethernet source of IP packets");
  if (fields.any_left(key.vlan, sizeof key.vlan)) return no("it compares one VLAN tag");
  if (fields.any_left(key.l3, sizeof key.l3))
    return no("of IP headers it compares addresses, IPv4 TOS and protocol");
  if (fields.any_left(key.l4, sizeof key.l4)) return no("of TCP and UDP headers it compares ports");
  return {};
}

}  // namespace

Result<ethtool_rx_flow_spec> to_ntuple(const FlowMatch& match) {
  Fields fields(match);
  ethtool_rx_flow_spec spec{};
  const uint32_t tags = match.mask.layers & kTags;
  const bool tagged = (match.value.layers & ZCNBRH_LAYER_VLAN) != 0;
  if (tags != 0 && (tags != ZCNBRH_LAYER_VLAN || !tagged))
    return no("it knows packets with one VLAN tag at least, and no more of their number");
  if (fields.counts(kPorts) && !fields.counts(kIp)) return no("it wants ipv4 or ipv6 before tcp and udp");
  Status s;
  if (fields.counts(ZCNBRH_LAYER_IPV4)) s = fill_ipv4(fields, spec);
  if (fields.counts(ZCNBRH_LAYER_IPV6)) s = fill_ipv6(fields, spec);
  if (!s) return s.error();
  if (!fields.counts(kIp)) fill_ether(fields, spec, tagged);
  if (tagged) fill_vlan(fields, spec);
  if (fields.counts(kIp))
    s = fill_ether_of_ip(fields, spec, tagged, fields.counts(ZCNBRH_LAYER_IPV4) ? kTypeIpv4 : kTypeIpv6);
  if (s) s = nothing_left(fields);
  if (!s) return s.error();
  return spec;
}

Result<Steering> steer(const RxFilters& nic, const FlowMatch& match, std::span<const uint32_t> queues) {
  auto spec = to_ntuple(match);
  if (!spec) return spec.error();
  Steering out;
  if (queues.size() == 1) {
    auto location = nic.add(*spec, queues[0]);
    if (!location) return location.error();
    out.location = *location;
    return out;
  }
  auto context = nic.add_context(queues);
  if (!context) return context.error();
  auto location = nic.add_spread(*spec, *context);
  if (!location) {
    (void)nic.remove_context(*context).ok();
    return location.error();
  }
  out.location = *location;
  out.context = *context;
  return out;
}

Status stop_steering(const RxFilters& nic, const Steering& steering) {
  Status s = nic.remove(steering.location);
  if (!s || !steering.context.has_value()) return s;
  return nic.remove_context(*steering.context);
}

}  // namespace zcnbrh
