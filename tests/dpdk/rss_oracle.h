// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// The RSS hash of a packet by DPDK's own rte_softrss(), from headers that are read here, by nothing of the
// driver's.
#pragma once

#include <rte_ethdev.h>
#include <rte_thash.h>

#include <cstdint>
#include <optional>
#include <vector>

namespace zcnbrh::testing {

inline uint32_t word_at(const std::vector<uint8_t>& bytes, size_t at) {
  return uint32_t{bytes[at]} << 24 | uint32_t{bytes[at + 1]} << 16 | uint32_t{bytes[at + 2]} << 8 |
         bytes[at + 3];
}

// Ethernet with up to one tag, IPv4 or IPv6 with extension headers, TCP or UDP, no fragments. `key` has 40
// bytes. Nothing: a packet of none of these types.
inline std::optional<uint32_t> rss_hash(const std::vector<uint8_t>& bytes, const uint8_t* key, uint64_t types) {
  size_t ip = 14;
  if (bytes[12] == 0x81) ip += 4;
  const bool ipv6 = bytes[ip] >> 4 == 6;
  uint8_t protocol = bytes[ip + (ipv6 ? 6 : 9)];
  size_t l4 = ip + (ipv6 ? 40 : (bytes[ip] & 15U) * 4);
  while (ipv6 && protocol != 6 && protocol != 17) {
    protocol = bytes[l4];
    l4 += 8U * (bytes[l4 + 1] + 1U);
  }
  const uint64_t own = ipv6 ? (protocol == 6 ? RTE_ETH_RSS_NONFRAG_IPV6_TCP : RTE_ETH_RSS_NONFRAG_IPV6_UDP)
                            : (protocol == 6 ? RTE_ETH_RSS_NONFRAG_IPV4_TCP : RTE_ETH_RSS_NONFRAG_IPV4_UDP);
  const bool ports = (types & own) != 0;
  if (!ports && (types & (ipv6 ? RTE_ETH_RSS_IPV6 : RTE_ETH_RSS_IPV4)) == 0) return {};
  std::vector<uint32_t> tuple;
  for (size_t at = ip + (ipv6 ? 8 : 12); at < ip + (ipv6 ? 40 : 20); at += 4)
    tuple.push_back(word_at(bytes, at));
  if (ports) tuple.push_back(word_at(bytes, l4));
  return rte_softrss(tuple.data(), static_cast<uint32_t>(tuple.size()), key);
}

}  // namespace zcnbrh::testing
