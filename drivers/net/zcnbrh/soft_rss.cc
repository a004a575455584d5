// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#include "drivers/net/zcnbrh/soft_rss.h"

#include "drivers/net/zcnbrh/packet_bytes.h"

namespace zcnbrh::pmd {
namespace {

constexpr uint32_t kPorts = 4;

// Where a family's packets have their addresses, source before destination, and the types that name them.
struct Family {
  uint32_t addresses_at, addresses;  // bytes
  uint64_t any, fragment, other, tcp, udp, sctp;
};
constexpr Family kIpv4Family = {12,
                                8,
                                RTE_ETH_RSS_IPV4,
                                RTE_ETH_RSS_FRAG_IPV4,
                                RTE_ETH_RSS_NONFRAG_IPV4_OTHER,
                                RTE_ETH_RSS_NONFRAG_IPV4_TCP,
                                RTE_ETH_RSS_NONFRAG_IPV4_UDP,
                                RTE_ETH_RSS_NONFRAG_IPV4_SCTP};
constexpr Family kIpv6Family = {8,
                                32,
                                RTE_ETH_RSS_IPV6,
                                RTE_ETH_RSS_FRAG_IPV6,
                                RTE_ETH_RSS_NONFRAG_IPV6_OTHER,
                                RTE_ETH_RSS_NONFRAG_IPV6_TCP,
                                RTE_ETH_RSS_NONFRAG_IPV6_UDP,
                                RTE_ETH_RSS_NONFRAG_IPV6_SCTP};

// The type that asks for ports, or, with `addresses`, the one that asks for no more than those.
uint64_t type_of(const Family& family, uint32_t l4, bool& addresses) {
  addresses = false;
  switch (l4) {
    case RTE_PTYPE_L4_TCP:
      return family.tcp;
    case RTE_PTYPE_L4_UDP:
      return family.udp;
    case RTE_PTYPE_L4_SCTP:
      return family.sctp;
    default:
      addresses = true;
      return l4 == RTE_PTYPE_L4_FRAG ? family.fragment : family.other;
  }
}

const Family* family_of(uint32_t packet_type) {
  if (RTE_ETH_IS_IPV4_HDR(packet_type)) return &kIpv4Family;
  return RTE_ETH_IS_IPV6_HDR(packet_type) ? &kIpv6Family : nullptr;
}

template <typename Bytes>
bool put_hash(struct rte_mbuf* m, const Bytes& bytes, const RssTable& table, const Family& family, bool ports,
              const struct rte_net_hdr_lens& lengths) {
  uint8_t hashed[RssTable::kMostBytes];
  const uint32_t l3 = lengths.l2_len, l4 = l3 + lengths.l3_len;
  if (l3 + family.addresses_at + family.addresses > bytes.length()) return false;
  bytes.read(l3 + family.addresses_at, hashed, family.addresses);
  uint32_t count = family.addresses;
  if (ports) {
    if (l4 + kPorts > bytes.length()) return false;
    bytes.read(l4, hashed + count, kPorts);
    count += kPorts;
  }
  m->hash.rss = table.hash(hashed, count);
  return true;
}

}  // namespace

// As NICs do: a packet with ports whose own type is not asked for is hashed as any of its family.
HashedOver hashed_over(uint32_t packet_type, uint64_t types) {
  const Family* family = family_of(packet_type);
  if (family == nullptr) return HashedOver::kNothing;
  bool addresses = false;
  const uint64_t own = type_of(*family, packet_type & RTE_PTYPE_L4_MASK, addresses);
  if ((types & own) != 0 && !addresses) return HashedOver::kAddressesAndPorts;
  return (types & (family->any | (addresses ? own : 0))) != 0 ? HashedOver::kAddresses : HashedOver::kNothing;
}

// The hash is linear in the packet's bits: bit n adds the 32 bits of the key that begin at its bit n.
void RssTable::fill(const RssKey& key, uint64_t types) {
  types_ = types;
  const auto window = [&key](uint32_t bit) {
    uint32_t out = 0;
    for (uint32_t i = bit; i < bit + 32; ++i) out = out << 1 | (key[i / 8] >> (7 - i % 8) & 1U);
    return out;
  };
  for (uint32_t half = 0; half < 2 * kMostBytes; ++half)
    for (uint32_t value = 0; value < 16; ++value) {
      uint32_t adds = 0;
      for (uint32_t bit = 0; bit < 4; ++bit)
        if ((value >> (3 - bit) & 1) != 0) adds ^= window(4 * half + bit);
      part_[half][value] = adds;
    }
}

void put_rss_hash(struct rte_mbuf* m, const RssTable& table, uint32_t packet_type,
                  const struct rte_net_hdr_lens& lengths) {
  const HashedOver over = hashed_over(packet_type, table.types());
  if (over == HashedOver::kNothing) return;
  const Family& family = *family_of(packet_type);
  const bool ports = over == HashedOver::kAddressesAndPorts;
  const bool hashed = m->nb_segs == 1 ? put_hash(m, FlatBytes(*m), table, family, ports, lengths)
                                      : put_hash(m, ChainBytes(m), table, family, ports, lengths);
  if (hashed) m->ol_flags |= RTE_MBUF_F_RX_RSS_HASH;
}

}  // namespace zcnbrh::pmd
