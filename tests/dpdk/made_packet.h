// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// Random packets with headers of every kind the offloads know, as an application would hand them over (with
// rubbish where a checksum goes), and what they must look like on the wire: computed here word by word, by
// nothing of the driver's.
#pragma once

#include <rte_mbuf.h>

#include <cstdint>
#include <random>
#include <vector>

namespace zcnbrh::testing {

struct MadePacket {
  std::vector<uint8_t> bytes;                                   // for the mbuf
  std::vector<uint8_t> on_wire;                                 // with checksums and tags
  uint64_t flags = 0;                                           // RTE_MBUF_F_TX_*
  uint32_t l2 = 0, l3 = 0, l4 = 0, outer_l2 = 0, outer_l3 = 0;  // header lengths, as in the mbuf
  uint16_t tci = 0, outer_tci = 0;

  void describe(rte_mbuf& m) const;  // writes flags and lengths to an mbuf
};

struct MadeOptions {
  bool ipv6 = false;
  bool tcp = false;
  bool l3_extras = false;   // IPv4 options, IPv6 extension headers
  bool tag_inside = false;  // a VLAN tag in the data
  int outer = 0;            // 0: none, 4 or 6: a VXLAN packet over that
  int tags = 0;             // VLAN tags asked for
  bool no_checksums = false;
  size_t payload = 0;
};
MadeOptions random_options(std::mt19937& random);
MadePacket make_packet(const MadeOptions& options, std::mt19937& random);

// 16-bit one's complement sum in network order, bytes taken two by two.
uint16_t reference_sum(const std::vector<uint8_t>& bytes, size_t from, size_t to, uint32_t start = 0);

}  // namespace zcnbrh::testing
