// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#include "drivers/net/zcnbrh/offload_rx.h"

#include <rte_mbuf_dyn.h>
#include <rte_net.h>

#include <ctime>
#include <optional>

#include "drivers/net/zcnbrh/packet_checksum.h"
#include "lib/xdp/rx_metadata.h"

namespace zcnbrh::pmd {
namespace {

constexpr uint32_t kMacs = 2 * RTE_ETHER_ADDR_LEN;
constexpr uint32_t kTag = 4;
constexpr uint16_t kPrefetchAhead = 2;  // packets; the first line of their data
constexpr uint32_t kLayers = RTE_PTYPE_L2_MASK | RTE_PTYPE_L3_MASK | RTE_PTYPE_L4_MASK;

// Set once, before the first queue that uses them runs.
int g_timestamp_at = -1;
uint64_t g_timestamp_flag = 0;

bool is_tag(uint16_t type, bool outer) {
  return type == RTE_ETHER_TYPE_VLAN || (outer && type == RTE_ETHER_TYPE_QINQ);
}

// Takes `tags` tags out of the first segment, which holds them: moves the MAC addresses up over them.
void cut_tags(struct rte_mbuf* m, uint32_t tags) {
  const uint32_t bytes = tags * kTag;
  auto* data = rte_pktmbuf_mtod(m, uint8_t*);
  std::memmove(data + bytes, data, kMacs);
  m->data_off = static_cast<uint16_t>(m->data_off + bytes);
  m->data_len = static_cast<uint16_t>(m->data_len - bytes);
  m->pkt_len -= bytes;
}

// The first tag in the data, or nothing.
std::optional<uint16_t> tag_in_data(const struct rte_mbuf* m, uint32_t at, bool outer) {
  if (m->data_len < at + kTag + 2) return {};
  const auto* data = rte_pktmbuf_mtod(m, const uint8_t*);
  if (!is_tag(be16_at(data + at), outer)) return {};
  return be16_at(data + at + 2);
}

// With QINQ_STRIP two tags go if there are two, the outer to vlan_tci_outer; else one, as with VLAN_STRIP. A
// tag that the device took out is the outermost.
void strip(struct rte_mbuf* m, bool both, bool taken_by_device) {
  std::optional<uint16_t> first = m->vlan_tci;
  uint32_t in_data = 0;
  if (!taken_by_device) {
    first = tag_in_data(m, kMacs, both);
    if (!first) return;
    in_data = 1;
  }
  m->vlan_tci = *first;
  m->ol_flags |= RTE_MBUF_F_RX_VLAN | RTE_MBUF_F_RX_VLAN_STRIPPED;
  if (both) {
    if (const auto second = tag_in_data(m, kMacs + in_data * kTag, false)) {
      m->vlan_tci_outer = *first;
      m->vlan_tci = *second;
      m->ol_flags |= RTE_MBUF_F_RX_QINQ | RTE_MBUF_F_RX_QINQ_STRIPPED;
      ++in_data;
    }
  }
  if (in_data != 0) cut_tags(m, in_data);
}

template <typename Bytes>
uint64_t ipv4_status(const Bytes& bytes, uint32_t l3, uint32_t l3_length) {
  InetSum sum;
  bytes.sum(sum, l3, l3_length);
  return sum.checksum() == 0 ? RTE_MBUF_F_RX_IP_CKSUM_GOOD : RTE_MBUF_F_RX_IP_CKSUM_BAD;
}

// A packet that does not hold what its IP header says fails as it would in a device. A UDP checksum of 0
// over IPv4 says that there is none, so nothing is known (RFC 768); over IPv6 it is wrong (RFC 8200).
template <typename Bytes>
uint64_t l4_status(const Bytes& bytes, uint32_t l3, uint32_t l3_length, bool ipv4, uint8_t protocol) {
  L4Span l4;
  if (!locate_l4(bytes, l3, l3_length, ipv4, protocol, l4)) return RTE_MBUF_F_RX_L4_CKSUM_BAD;
  uint16_t stored = 0;
  bytes.read(l4.field, &stored, sizeof stored);
  if (protocol == IPPROTO_UDP && stored == 0)
    return ipv4 ? RTE_MBUF_F_RX_L4_CKSUM_UNKNOWN : RTE_MBUF_F_RX_L4_CKSUM_BAD;
  return l4_is_right(bytes, l4) ? RTE_MBUF_F_RX_L4_CKSUM_GOOD : RTE_MBUF_F_RX_L4_CKSUM_BAD;
}

bool is_ipv4(uint32_t type) { return RTE_ETH_IS_IPV4_HDR(type) != 0; }

template <typename Bytes>
uint64_t checksum_status(const Bytes& bytes, uint32_t type, const struct rte_net_hdr_lens& lengths,
                         uint64_t offloads) {
  const bool ipv4 = is_ipv4(type);
  const uint32_t l3 = lengths.l2_len;
  if (l3 + lengths.l3_len > bytes.length()) return 0;
  uint64_t status = 0;
  if (ipv4 && (offloads & RTE_ETH_RX_OFFLOAD_IPV4_CKSUM) != 0) status |= ipv4_status(bytes, l3, lengths.l3_len);
  const uint32_t l4 = type & RTE_PTYPE_L4_MASK;
  if (l4 == RTE_PTYPE_L4_TCP && (offloads & RTE_ETH_RX_OFFLOAD_TCP_CKSUM) != 0)
    status |= l4_status(bytes, l3, lengths.l3_len, ipv4, IPPROTO_TCP);
  if (l4 == RTE_PTYPE_L4_UDP && (offloads & RTE_ETH_RX_OFFLOAD_UDP_CKSUM) != 0)
    status |= l4_status(bytes, l3, lengths.l3_len, ipv4, IPPROTO_UDP);
  return status;
}

void parse(struct rte_mbuf* m, uint64_t offloads, uint32_t wanted_types, const RssTable* hash) {
  struct rte_net_hdr_lens lengths {};
  const bool checksums = (offloads & kRxChecksumOffloads) != 0;
  const uint32_t type = rte_net_get_ptype(m, &lengths, kLayers);
  m->packet_type = type & wanted_types;
  if (hash != nullptr) put_rss_hash(m, *hash, type, lengths);
  if (!checksums || (type & RTE_PTYPE_L3_MASK) == 0) return;
  m->ol_flags |= m->nb_segs == 1 ? checksum_status(FlatBytes(*m), type, lengths, offloads)
                                 : checksum_status(ChainBytes(m), type, lengths, offloads);
}

void set_timestamp(struct rte_mbuf* m, uint64_t ns) {
  *RTE_MBUF_DYNFIELD(m, g_timestamp_at, rte_mbuf_timestamp_t*) = ns;
  m->ol_flags |= g_timestamp_flag;
}

struct Metadata {
  uint32_t have = 0;
  uint64_t timestamp = 0;  // the device's; 0: it took none
};

// What the XDP program wrote before the packet, into the mbuf. Returns what there was of `wanted`; where the
// time stamp goes depends.
Metadata take_metadata(struct rte_mbuf* m, uint32_t wanted) {
  if (m->data_off < sizeof(zcnbrh_meta)) return {};
  const zcnbrh_meta* meta = take_rx_metadata(rte_pktmbuf_mtod(m, uint8_t*));
  if (meta == nullptr) return {};
  const uint32_t have = meta->have & wanted;
  if ((have & ZCNBRH_META_HASH) != 0) {
    m->hash.rss = meta->hash;
    m->ol_flags |= RTE_MBUF_F_RX_RSS_HASH;
  }
  if ((have & ZCNBRH_META_MARK) != 0) {
    m->hash.fdir.hi = meta->mark;
    m->ol_flags |= RTE_MBUF_F_RX_FDIR | RTE_MBUF_F_RX_FDIR_ID;
  }
  if ((have & ZCNBRH_META_FLAG) != 0) m->ol_flags |= RTE_MBUF_F_RX_FDIR;
  if ((have & ZCNBRH_META_VLAN) != 0) m->vlan_tci = meta->vlan_tci;
  return {have, (have & ZCNBRH_META_TIMESTAMP) != 0 ? meta->timestamp : 0};
}

// By the outermost tag; packets without one are let in, as by NICs.
bool is_let_in(const struct rte_mbuf* m, const struct rte_vlan_filter_conf& vlans, bool taken_by_device) {
  const std::optional<uint16_t> tci = taken_by_device ? m->vlan_tci : tag_in_data(m, kMacs, true);
  if (!tci) return true;
  const uint32_t id = *tci & RTE_VLAN_ID_MASK;
  return (vlans.ids[id / 64] >> (id % 64) & 1) != 0;
}

// Takes back that they were handed over.
void take_back(struct rte_mbuf* m, RxCounters& counters) {
  counters.packets.add(-uint64_t{1});
  counters.bytes.add(-uint64_t{m->pkt_len});
  rte_pktmbuf_free(m);
}

}  // namespace

int register_rx_timestamp() { return rte_mbuf_dyn_rx_timestamp_register(&g_timestamp_at, &g_timestamp_flag); }

uint32_t metadata_for(uint64_t rx_offloads) {
  uint32_t wanted = 0;
  if ((rx_offloads &
       (RTE_ETH_RX_OFFLOAD_VLAN_STRIP | RTE_ETH_RX_OFFLOAD_QINQ_STRIP | RTE_ETH_RX_OFFLOAD_VLAN_FILTER)) != 0)
    wanted |= ZCNBRH_META_VLAN;
  if ((rx_offloads & RTE_ETH_RX_OFFLOAD_RSS_HASH) != 0) wanted |= ZCNBRH_META_HASH;
  if ((rx_offloads & RTE_ETH_RX_OFFLOAD_TIMESTAMP) != 0) wanted |= ZCNBRH_META_TIMESTAMP;
  return wanted;
}

uint64_t software_clock_ns() {
  struct timespec now;
  ::clock_gettime(CLOCK_REALTIME, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
}

uint16_t finish_received(const RxOffload& wanted, struct rte_mbuf** packets, uint16_t count,
                         RxCounters& counters, Counter& dropped_vlan) {
  const uint64_t offloads = wanted.offloads.load(std::memory_order_relaxed);
  const uint32_t types = wanted.packet_types.load(std::memory_order_relaxed);
  const uint32_t metadata = wanted.metadata.load(std::memory_order_relaxed);
  // One clock a port: where stamps are the device's, a packet it did not stamp has none.
  const bool stamps = (offloads & RTE_ETH_RX_OFFLOAD_TIMESTAMP) != 0;
  const bool by_software = stamps && (metadata & ZCNBRH_META_TIMESTAMP) == 0;
  PortTimesync* timesync = wanted.timesync.load(std::memory_order_acquire);
  const SoftRss* rss = wanted.hash.load(std::memory_order_acquire);
  const RssTable* hash = rss != nullptr ? &rss->table() : nullptr;
  const bool strips = (offloads & (RTE_ETH_RX_OFFLOAD_VLAN_STRIP | RTE_ETH_RX_OFFLOAD_QINQ_STRIP)) != 0;
  const bool parses = (offloads & kRxChecksumOffloads) != 0 || types != 0 || hash != nullptr;
  const bool filters = (offloads & RTE_ETH_RX_OFFLOAD_VLAN_FILTER) != 0;
  const uint64_t now = by_software ? software_clock_ns() : 0;
  uint16_t kept = 0;
  for (uint16_t i = 0; i < count; ++i) {
    struct rte_mbuf* m = packets[i];
    if (i + kPrefetchAhead < count) rte_prefetch0(rte_pktmbuf_mtod(packets[i + kPrefetchAhead], void*));
    const Metadata meta = metadata != 0 ? take_metadata(m, metadata) : Metadata();
    const bool tag_taken = (meta.have & ZCNBRH_META_VLAN) != 0;
    if (filters && !is_let_in(m, *wanted.vlans, tag_taken)) {
      take_back(m, counters);
      dropped_vlan.add(1);
      continue;
    }
    packets[kept++] = m;
    if (strips) strip(m, (offloads & RTE_ETH_RX_OFFLOAD_QINQ_STRIP) != 0, tag_taken);
    if (parses) parse(m, offloads, types, hash);
    if (timesync != nullptr) note_ptp(m, *timesync, meta.timestamp);
    const uint64_t stamp = by_software ? now : meta.timestamp;
    if (stamps && stamp != 0) set_timestamp(m, stamp);
  }
  return kept;
}

}  // namespace zcnbrh::pmd
