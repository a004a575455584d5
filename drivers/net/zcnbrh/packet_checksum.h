// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// Where a packet's IP and layer 4 checksums are, what they cover, and their computation; over FlatBytes or
// ChainBytes. Shared by transmit (write them) and receive (verify them).
#pragma once

#include <netinet/in.h>

#include "drivers/net/zcnbrh/packet_bytes.h"

namespace zcnbrh::pmd {

constexpr uint32_t kIpv4Header = 20;
constexpr uint32_t kIpv6Header = 40;
constexpr uint32_t kTcpHeader = 20;
constexpr uint32_t kUdpHeader = 8;

// A layer 4 checksum: `length` bytes from `at` on, after the pseudo header's sum.
struct L4Span {
  uint32_t at = 0;
  uint32_t length = 0;
  uint32_t field = 0;  // offset of the checksum in the packet
  uint8_t protocol = 0;
  InetSum pseudo;
};

// False: the headers do not fit the packet, or their lengths contradict each other. `l3_length` covers IPv4
// options and IPv6 extension headers; the protocol is the caller's, since those may hide it.
template <typename Bytes>
bool locate_l4(const Bytes& bytes, uint32_t l3, uint32_t l3_length, bool ipv4, uint8_t protocol, L4Span& out) {
  const uint32_t least = ipv4 ? kIpv4Header : kIpv6Header;
  if (l3_length < least || l3 + l3_length > bytes.length()) return false;
  uint8_t ip[kIpv6Header];
  bytes.read(l3, ip, least);
  out.at = l3 + l3_length;
  const uint32_t room = bytes.length() - out.at;
  if (ipv4)
    out.length = be16_at(ip + 2) - l3_length;
  else if (be16_at(ip + 4) == 0)
    out.length = room;  // a jumbogram
  else
    out.length = be16_at(ip + 4) - (l3_length - kIpv6Header);
  const bool udp = protocol == IPPROTO_UDP;
  if (out.length > room || out.length < (udp ? kUdpHeader : kTcpHeader)) return false;  // also below zero
  out.field = out.at + (udp ? 6 : 16);
  out.protocol = protocol;
  out.pseudo = {};
  if (ipv4)
    out.pseudo.add(ip + 12, 8);
  else
    out.pseudo.add(ip + 8, 32);
  out.pseudo.add_field(htons(protocol));
  out.pseudo.add_field(htons(static_cast<uint16_t>(out.length >> 16)));
  out.pseudo.add_field(htons(static_cast<uint16_t>(out.length)));
  return true;
}

template <typename Bytes>
void write_l4(Bytes& bytes, const L4Span& l4) {
  bytes.write16(l4.field, 0);
  InetSum sum = l4.pseudo;
  bytes.sum(sum, l4.at, l4.length);
  bytes.write16(l4.field, l4.protocol == IPPROTO_UDP ? sum.nonzero_checksum() : sum.checksum());
}

template <typename Bytes>
bool l4_is_right(const Bytes& bytes, const L4Span& l4) {
  InetSum sum = l4.pseudo;
  bytes.sum(sum, l4.at, l4.length);
  return sum.checksum() == 0;
}

constexpr uint32_t kIpv4ChecksumAt = 10;

template <typename Bytes>
void write_ipv4(Bytes& bytes, uint32_t l3, uint32_t l3_length) {
  bytes.write16(l3 + kIpv4ChecksumAt, 0);
  InetSum sum;
  bytes.sum(sum, l3, l3_length);
  bytes.write16(l3 + kIpv4ChecksumAt, sum.checksum());
}

}  // namespace zcnbrh::pmd
