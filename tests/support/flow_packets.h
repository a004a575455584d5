// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// Packets for the flow tests, put together header by header.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

namespace zcnbrh::testing {

using Bytes = std::vector<uint8_t>;

inline constexpr uint16_t kTypeIpv4 = 0x0800, kTypeIpv6 = 0x86dd, kTypeVlan = 0x8100, kTypeQinq = 0x88a8;
inline constexpr uint8_t kTcp = 6, kUdp = 17;

inline void put16(Bytes& out, uint32_t value) {
  out.push_back(static_cast<uint8_t>(value >> 8));
  out.push_back(static_cast<uint8_t>(value));
}

inline Bytes operator+(Bytes left, const Bytes& right) {
  left.insert(left.end(), right.begin(), right.end());
  return left;
}

inline Bytes eth(uint16_t type, uint8_t target = 1, uint8_t source = 2) {
  Bytes out = {2, 0, 0, 0, 0, target, 2, 0, 0, 0, 0, source};
  put16(out, type);
  return out;
}

inline Bytes vlan(uint16_t tci, uint16_t inner_type) {
  Bytes out;
  put16(out, tci);
  put16(out, inner_type);
  return out;
}

struct Ipv4 {
  uint8_t protocol = kUdp;
  std::array<uint8_t, 4> source = {10, 0, 0, 2}, target = {10, 0, 0, 1};
  uint16_t fragment = 0;  // flags and offset, as in the header
  uint8_t version = 4;
  uint8_t words = 5;  // header length
};

inline Bytes ipv4(const Ipv4& how = {}) {
  Bytes out(how.words * size_t{4} < 20 ? 20 : how.words * size_t{4}, 0);
  out[0] = static_cast<uint8_t>(how.version << 4 | how.words);
  out[3] = 60;
  out[6] = static_cast<uint8_t>(how.fragment >> 8);
  out[7] = static_cast<uint8_t>(how.fragment);
  out[8] = 64;
  out[9] = how.protocol;
  for (size_t i = 0; i < 4; ++i) {
    out[12 + i] = how.source[i];
    out[16 + i] = how.target[i];
  }
  return out;
}

inline Bytes ipv6(uint8_t next, uint8_t source = 2, uint8_t target = 1) {
  Bytes out(40, 0);
  out[0] = 0x60;
  out[6] = next;
  out[7] = 64;
  out[8] = out[24] = 0xfd;
  out[23] = source;
  out[39] = target;
  return out;
}

// An IPv6 extension header of 8 * (units + 1) bytes.
inline Bytes extension(uint8_t next, uint8_t units = 0, uint16_t fragment = 0) {
  Bytes out(8 * (units + size_t{1}), 0);
  out[0] = next;
  out[1] = units;
  out[2] = static_cast<uint8_t>(fragment >> 8);
  out[3] = static_cast<uint8_t>(fragment);
  return out;
}

inline Bytes ports(uint16_t source, uint16_t target, size_t header_bytes) {
  Bytes out;
  put16(out, source);
  put16(out, target);
  out.resize(header_bytes);
  return out;
}
inline Bytes udp(uint16_t source = 1000, uint16_t target = 2000) { return ports(source, target, 8); }
inline Bytes tcp(uint16_t source = 1000, uint16_t target = 2000) { return ports(source, target, 20); }

inline Bytes payload(size_t bytes = 18) { return Bytes(bytes, 0x5a); }

}  // namespace zcnbrh::testing
