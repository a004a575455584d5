// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#include "tests/dpdk/made_packet.h"

#include <netinet/in.h>

namespace zcnbrh::testing {
namespace {

using Bytes = std::vector<uint8_t>;

void put16(Bytes& bytes, size_t at, size_t value) {
  bytes[at] = static_cast<uint8_t>(value >> 8);
  bytes[at + 1] = static_cast<uint8_t>(value);
}

void append(Bytes& to, std::initializer_list<int> bytes) {
  for (const int byte : bytes) to.push_back(static_cast<uint8_t>(byte));
}

void append_random(Bytes& to, size_t count, std::mt19937& random) {
  for (size_t i = 0; i < count; ++i) to.push_back(static_cast<uint8_t>(random()));
}

size_t append_ethernet(Bytes& to, bool ipv6, bool tag, std::mt19937& random) {
  const size_t start = to.size();
  append(to, {0x02, 0, 0x5a, 0x43, 0, 2, 0x02, 0, 0x5a, 0x43, 0, 1});
  if (tag) {
    append(to, {0x81, 0x00});
    append_random(to, 2, random);
  }
  append(to, {ipv6 ? 0x86 : 0x08, ipv6 ? 0xdd : 0x00});
  return to.size() - start;
}

// An IP header for `payload` bytes of `protocol`. Returns its length with options or extension headers.
size_t append_ip(Bytes& to, bool ipv6, bool extras, uint8_t protocol, size_t payload, std::mt19937& random) {
  const size_t start = to.size();
  if (!ipv6) {
    const size_t options = extras ? 4 * (1 + random() % 10) : 0;
    append(to, {static_cast<int>(0x45 + options / 4), 0, 0, 0, 0, 1, 0x40, 0, 64, protocol, 0xde, 0xad});
    put16(to, start + 2, 20 + options + payload);
    append(to, {10, 9, 0, 1, 10, 9, 0, 2});
    for (size_t i = 0; i < options; ++i) to.push_back(1);  // no operation
    return 20 + options;
  }
  const size_t extension = extras ? 8 : 0;
  append(to, {0x60, 0, 0, 0, 0, 0, extras ? uint8_t{IPPROTO_HOPOPTS} : protocol, 64});
  put16(to, start + 4, extension + payload);
  append(to, {0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1});
  append(to, {0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2});
  if (extras) append(to, {protocol, 0, 1, 4, 0, 0, 0, 0});  // hop-by-hop, padding
  return 40 + extension;
}

void append_l4(Bytes& to, bool tcp, size_t payload, int port) {
  const size_t start = to.size();
  append(to, {0x30, 0x39, port >> 8, port & 0xff});
  if (tcp) {
    append(to, {0, 0, 0, 1, 0, 0, 0, 0, 0x50, 0x18, 4, 0, 0xbe, 0xef, 0, 0});
    return;
  }
  append(to, {0, 0, 0xbe, 0xef});
  put16(to, start + 4, 8 + payload);
}

void set_ipv4(Bytes& bytes, size_t at, size_t length) {
  put16(bytes, at + 10, 0);
  put16(bytes, at + 10, static_cast<uint16_t>(~reference_sum(bytes, at, at + length)));
}

void set_l4(Bytes& bytes, size_t ip, bool ipv6, size_t l4, bool tcp) {
  const size_t field = l4 + (tcp ? 16 : 6);
  const uint32_t addresses =
      ipv6 ? reference_sum(bytes, ip + 8, ip + 40) : reference_sum(bytes, ip + 12, ip + 20);
  const size_t length = bytes.size() - l4;
  put16(bytes, field, 0);
  auto sum = static_cast<uint16_t>(~reference_sum(
      bytes, l4, bytes.size(),
      addresses + static_cast<uint32_t>(length) + static_cast<uint32_t>(tcp ? IPPROTO_TCP : IPPROTO_UDP)));
  if (sum == 0 && !tcp) sum = 0xffff;
  put16(bytes, field, sum);
}

void insert_tags(MadePacket& p, int tags) {
  Bytes words;
  if (tags == 2) append(words, {0x88, 0xa8, p.outer_tci >> 8, p.outer_tci & 0xff});
  append(words, {0x81, 0x00, p.tci >> 8, p.tci & 0xff});
  p.on_wire.insert(p.on_wire.begin() + 12, words.begin(), words.end());
}

constexpr size_t kVxlan = 8 + 8;  // UDP and VXLAN header

}  // namespace

uint16_t reference_sum(const Bytes& bytes, size_t from, size_t to, uint32_t start) {
  uint32_t sum = start;
  for (size_t i = from; i < to; i += 2) {
    sum += static_cast<uint32_t>(bytes[i] << 8 | (i + 1 < to ? bytes[i + 1] : 0));
    sum = (sum & 0xffff) + (sum >> 16);
  }
  return static_cast<uint16_t>((sum & 0xffff) + (sum >> 16));
}

void MadePacket::describe(rte_mbuf& m) const {
  m.ol_flags |= flags;
  m.l2_len = l2 & 0x7f;
  m.l3_len = l3 & 0x1ff;
  m.l4_len = l4 & 0xff;
  m.outer_l2_len = outer_l2 & 0x7f;
  m.outer_l3_len = outer_l3 & 0x1ff;
  m.vlan_tci = tci;
  m.vlan_tci_outer = outer_tci;
}

MadeOptions random_options(std::mt19937& random) {
  MadeOptions o;
  o.ipv6 = random() % 2 != 0;
  o.tcp = random() % 2 != 0;
  o.l3_extras = random() % 3 == 0;
  o.tag_inside = random() % 3 == 0;
  o.outer = random() % 3 != 0 ? 0 : random() % 2 != 0 ? 4 : 6;
  o.tags = static_cast<int>(random() % 3);
  o.no_checksums = random() % 8 == 0;
  o.payload = random() % 1200;
  return o;
}

MadePacket make_packet(const MadeOptions& o, std::mt19937& random) {
  MadePacket p;
  Bytes& b = p.bytes;
  p.l4 = o.tcp ? 20 : 8;
  Bytes inner;
  const size_t inner_l2 = append_ethernet(inner, o.ipv6, o.tag_inside, random);
  p.l3 = static_cast<uint32_t>(
      append_ip(inner, o.ipv6, o.l3_extras, o.tcp ? IPPROTO_TCP : IPPROTO_UDP, p.l4 + o.payload, random));
  append_l4(inner, o.tcp, o.payload, 9000);
  append_random(inner, o.payload, random);
  if (o.outer != 0) {
    p.outer_l2 = static_cast<uint32_t>(append_ethernet(b, o.outer == 6, false, random));
    p.outer_l3 =
        static_cast<uint32_t>(append_ip(b, o.outer == 6, false, IPPROTO_UDP, kVxlan + inner.size(), random));
    append_l4(b, false, 8 + inner.size(), 4789);
    append(b, {8, 0, 0, 0, 0, 0, 1, 0});
    p.flags |=
        (o.outer == 6 ? RTE_MBUF_F_TX_OUTER_IPV6 : RTE_MBUF_F_TX_OUTER_IPV4) | RTE_MBUF_F_TX_TUNNEL_VXLAN;
  }
  const size_t inner_at = b.size();
  b.insert(b.end(), inner.begin(), inner.end());
  p.l2 = static_cast<uint32_t>(inner_l2 + (o.outer != 0 ? kVxlan : 0));
  p.flags |= o.ipv6 ? RTE_MBUF_F_TX_IPV6 : RTE_MBUF_F_TX_IPV4;
  p.on_wire = b;
  const size_t ip = inner_at + inner_l2;
  if (!o.no_checksums) {
    p.flags |= o.tcp ? RTE_MBUF_F_TX_TCP_CKSUM : RTE_MBUF_F_TX_UDP_CKSUM;
    set_l4(p.on_wire, ip, o.ipv6, ip + p.l3, o.tcp);
    if (!o.ipv6) p.flags |= RTE_MBUF_F_TX_IP_CKSUM;
    if (!o.ipv6) set_ipv4(p.on_wire, ip, p.l3);
    if (o.outer != 0) p.flags |= RTE_MBUF_F_TX_OUTER_UDP_CKSUM;
    if (o.outer != 0) set_l4(p.on_wire, p.outer_l2, o.outer == 6, p.outer_l2 + p.outer_l3, false);
    if (o.outer == 4) p.flags |= RTE_MBUF_F_TX_OUTER_IP_CKSUM;
    if (o.outer == 4) set_ipv4(p.on_wire, p.outer_l2, p.outer_l3);
  }
  p.tci = static_cast<uint16_t>(random());
  p.outer_tci = static_cast<uint16_t>(random());
  if (o.tags != 0) insert_tags(p, o.tags);
  if (o.tags != 0) p.flags |= RTE_MBUF_F_TX_VLAN;
  if (o.tags == 2) p.flags |= RTE_MBUF_F_TX_QINQ;
  return p;
}

}  // namespace zcnbrh::testing
