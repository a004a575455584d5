// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// The RSS hash of a packet in software, where no device tells it: Toeplitz over the fields that the configured
// types name (RTE_ETH_RSS_*), with the configured key, or the netdev's. It says nothing about which queue a
// packet comes in on; that is the NIC's choice.
//
// Lies in EAL memory beside the port, so that all its processes hash alike. Written by the control side, read
// by bursts: two tables, of which one is in use. A burst that runs while they change ends with the one it began
// with.
#pragma once

#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_net.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <span>

#include "lib/base/clock.h"

namespace zcnbrh::pmd {

inline constexpr uint32_t kRssKey = 40;  // bytes; as many as IPv6 with ports needs
// What software can hash: addresses, and ports of packets that are no fragments.
inline constexpr uint64_t kSoftRssTypes =
    RTE_ETH_RSS_IPV4 | RTE_ETH_RSS_FRAG_IPV4 | RTE_ETH_RSS_NONFRAG_IPV4_OTHER | RTE_ETH_RSS_NONFRAG_IPV4_TCP |
    RTE_ETH_RSS_NONFRAG_IPV4_UDP | RTE_ETH_RSS_NONFRAG_IPV4_SCTP | RTE_ETH_RSS_IPV6 | RTE_ETH_RSS_FRAG_IPV6 |
    RTE_ETH_RSS_NONFRAG_IPV6_OTHER | RTE_ETH_RSS_NONFRAG_IPV6_TCP | RTE_ETH_RSS_NONFRAG_IPV6_UDP |
    RTE_ETH_RSS_NONFRAG_IPV6_SCTP;

using RssKey = std::array<uint8_t, kRssKey>;
// The key of Microsoft's "Verifying the RSS Hash Calculation", which drivers take by default.
inline constexpr RssKey kDefaultRssKey = {0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67,
                                          0x25, 0x3d, 0x43, 0xa3, 0x8f, 0xb0, 0xd0, 0xca, 0x2b, 0xcb,
                                          0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3, 0x80, 0x30,
                                          0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa};

// What a type of packet is hashed over.
enum class HashedOver { kNothing, kAddresses, kAddressesAndPorts };
HashedOver hashed_over(uint32_t packet_type, uint64_t types);

class RssTable {
 public:
  static constexpr uint32_t kMostBytes =
      kRssKey - 4;  // the hash of the last byte takes 32 bits more of the key

  void fill(const RssKey& key, uint64_t types);
  uint64_t types() const { return types_; }
  // Of bytes as they come in the packet, at most kMostBytes.
  uint32_t hash(const uint8_t* bytes, uint32_t count) const {
    uint32_t out = 0;
    for (uint32_t i = 0; i < count; ++i) out ^= part_[2 * i][bytes[i] >> 4] ^ part_[2 * i + 1][bytes[i] & 15];
    return out;
  }

 private:
  uint64_t types_ = 0;
  uint32_t part_[2 * kMostBytes][16] = {};  // what each half byte adds: 4.5 KiB, a third of it for IPv4
};

class SoftRss {
 public:
  // Changes what there is; a pause, so that bursts have done with the other table before it changes next time.
  void set(const RssKey& key, uint64_t types) {
    if (key == key_ && types == types_) return;
    key_ = key;
    types_ = types;
    const uint32_t next = 1 - now_.load(std::memory_order_relaxed);
    table_[next].fill(key, types);
    now_.store(next, std::memory_order_release);
    sleep_ms(1);
  }
  const RssKey& key() const { return key_; }
  uint64_t types() const { return types_; }
  const RssTable& table() const { return table_[now_.load(std::memory_order_acquire)]; }

 private:
  RssKey key_ = kDefaultRssKey;
  uint64_t types_ = 0;  // none
  std::atomic<uint32_t> now_{0};
  RssTable table_[2];
};

// Puts the hash of a packet of `packet_type` into it, if that type is to be hashed. `lengths` are of its
// headers.
void put_rss_hash(struct rte_mbuf* m, const RssTable& table, uint32_t packet_type,
                  const struct rte_net_hdr_lens& lengths);

}  // namespace zcnbrh::pmd
