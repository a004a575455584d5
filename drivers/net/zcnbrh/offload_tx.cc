// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#include "drivers/net/zcnbrh/offload_tx.h"

#include <rte_errno.h>

#include <algorithm>
#include <cerrno>
#include <optional>

#include "drivers/net/zcnbrh/packet_checksum.h"
#include "drivers/net/zcnbrh/pmd.h"

namespace zcnbrh::pmd {
namespace {

constexpr uint32_t kMacs = 2 * RTE_ETHER_ADDR_LEN;  // what stands before a tag
constexpr uint32_t kTag = 4;
constexpr uint64_t kChecksumFlags = RTE_MBUF_F_TX_IP_CKSUM | RTE_MBUF_F_TX_L4_MASK |
                                    RTE_MBUF_F_TX_OUTER_IP_CKSUM | RTE_MBUF_F_TX_OUTER_UDP_CKSUM;
constexpr uint64_t kTagFlags = RTE_MBUF_F_TX_VLAN | RTE_MBUF_F_TX_QINQ;
// Say what a packet is, and ask for nothing.
constexpr uint64_t kDescribing = RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IPV6 | RTE_MBUF_F_TX_OUTER_IPV4 |
                                 RTE_MBUF_F_TX_OUTER_IPV6 | RTE_MBUF_F_TX_TUNNEL_MASK;

// All the checksums one packet asks for. The inner ones come first: an outer UDP checksum covers them.
struct ChecksumWork {
  struct Ipv4 {
    uint32_t at, length;
  };
  std::optional<Ipv4> inner_ip, outer_ip;
  std::optional<L4Span> inner_l4, outer_l4;
};

bool has_outer(uint64_t flags) { return (flags & (RTE_MBUF_F_TX_OUTER_IPV4 | RTE_MBUF_F_TX_OUTER_IPV6)) != 0; }

template <typename Bytes>
bool locate_ip(const Bytes& bytes, uint32_t at, uint32_t length, std::optional<ChecksumWork::Ipv4>& out) {
  if (length < kIpv4Header || at + length > bytes.length()) return false;
  out = {at, length};
  return true;
}

template <typename Bytes>
bool locate_outer(const Bytes& bytes, const struct rte_mbuf& m, uint64_t asked, ChecksumWork& out) {
  const bool ipv4 = (m.ol_flags & RTE_MBUF_F_TX_OUTER_IPV4) != 0;
  if ((asked & RTE_MBUF_F_TX_OUTER_IP_CKSUM) != 0 &&
      (!ipv4 || !locate_ip(bytes, m.outer_l2_len, m.outer_l3_len, out.outer_ip)))
    return false;
  if ((asked & RTE_MBUF_F_TX_OUTER_UDP_CKSUM) == 0) return true;
  return locate_l4(bytes, m.outer_l2_len, m.outer_l3_len, ipv4, IPPROTO_UDP, out.outer_l4.emplace());
}

// What `asked` of a packet's flags means for its bytes; nothing if headers and flags contradict each other.
template <typename Bytes>
std::optional<ChecksumWork> locate(const Bytes& bytes, const struct rte_mbuf& m, uint64_t asked) {
  ChecksumWork out;
  uint32_t l3 = m.l2_len;
  if (has_outer(m.ol_flags)) {
    if (!locate_outer(bytes, m, asked, out)) return {};
    l3 += m.outer_l2_len + m.outer_l3_len;
  } else if ((asked & (RTE_MBUF_F_TX_OUTER_IP_CKSUM | RTE_MBUF_F_TX_OUTER_UDP_CKSUM)) != 0) {
    return {};
  }
  const bool ipv4 = (m.ol_flags & RTE_MBUF_F_TX_IPV4) != 0;
  if ((asked & RTE_MBUF_F_TX_IP_CKSUM) != 0 && !locate_ip(bytes, l3, m.l3_len, out.inner_ip)) return {};
  const uint64_t l4 = asked & RTE_MBUF_F_TX_L4_MASK;
  if (l4 == RTE_MBUF_F_TX_L4_NO_CKSUM) return out;
  if (!ipv4 && (m.ol_flags & RTE_MBUF_F_TX_IPV6) == 0) return {};
  const uint8_t protocol = l4 == RTE_MBUF_F_TX_TCP_CKSUM ? IPPROTO_TCP : IPPROTO_UDP;
  if (!locate_l4(bytes, l3, m.l3_len, ipv4, protocol, out.inner_l4.emplace())) return {};
  return out;
}

template <typename Bytes>
void complete(Bytes& bytes, const ChecksumWork& work) {
  if (work.inner_l4) write_l4(bytes, *work.inner_l4);
  if (work.inner_ip) write_ipv4(bytes, work.inner_ip->at, work.inner_ip->length);
  if (work.outer_l4) write_l4(bytes, *work.outer_l4);
  if (work.outer_ip) write_ipv4(bytes, work.outer_ip->at, work.outer_ip->length);
}

// What devices expect to find: the pseudo header's sum in layer 4, 0 in IPv4 headers.
template <typename Bytes>
void seed(Bytes& bytes, const ChecksumWork& work) {
  if (work.inner_l4) bytes.write16(work.inner_l4->field, work.inner_l4->pseudo.sum());
  if (work.inner_ip) bytes.write16(work.inner_ip->at + kIpv4ChecksumAt, 0);
  if (work.outer_l4) bytes.write16(work.outer_l4->field, work.outer_l4->pseudo.sum());
  if (work.outer_ip) bytes.write16(work.outer_ip->at + kIpv4ChecksumAt, 0);
}

// The packet's own requests among those the queue serves. TCP and UDP share a two-bit field, and a value the
// queue does not serve is no request.
uint64_t asked_of(uint64_t packet, uint64_t served) {
  uint64_t asked = packet & served & ~RTE_MBUF_F_TX_L4_MASK;
  const uint64_t l4 = packet & RTE_MBUF_F_TX_L4_MASK;
  const bool served_l4 = (l4 == RTE_MBUF_F_TX_TCP_CKSUM && (served & RTE_MBUF_F_TX_TCP_CKSUM) != 0) ||
                         (l4 == RTE_MBUF_F_TX_UDP_CKSUM && (served & RTE_MBUF_F_TX_SCTP_CKSUM) != 0);
  return served_l4 ? asked | l4 : asked;
}

// QinQ is a request for two tags (rte_mbuf_core.h).
uint32_t tags_asked(uint64_t asked) {
  if ((asked & RTE_MBUF_F_TX_QINQ) != 0) return 2;
  return (asked & RTE_MBUF_F_TX_VLAN) != 0 ? 1 : 0;
}

void write_tag(uint8_t* at, uint16_t protocol, uint16_t tci) {
  const uint16_t words[2] = {htons(protocol), htons(tci)};
  std::memcpy(at, words, sizeof words);
}

// Moves the MAC addresses of a packet at `data` down over the room before it and writes the tags behind
// them. The result begins tags * kTag bytes earlier.
void insert_tags(uint8_t* data, const struct rte_mbuf& m, uint32_t tags) {
  uint8_t* start = data - tags * kTag;
  std::memmove(start, data, kMacs);
  if (tags == 2) write_tag(start + kMacs, RTE_ETHER_TYPE_QINQ, m.vlan_tci_outer);
  write_tag(data + kMacs - kTag, RTE_ETHER_TYPE_VLAN, m.vlan_tci);
}

// In a packet that is ours alone. Layer 2 grows for whoever looks at the mbuf again.
void insert_tags_in_place(struct rte_mbuf& m, uint32_t tags) {
  const auto bytes = static_cast<uint16_t>(tags * kTag);
  insert_tags(rte_pktmbuf_mtod(&m, uint8_t*), m, tags);
  m.data_off = static_cast<uint16_t>(m.data_off - bytes);
  m.data_len = static_cast<uint16_t>(m.data_len + bytes);
  m.pkt_len += bytes;
  if (has_outer(m.ol_flags))
    m.outer_l2_len += bytes;
  else
    m.l2_len += bytes;
}

bool tags_fit_in_place(const struct rte_mbuf& m, uint32_t tags) {
  return tags == 0 || (m.data_off >= tags * kTag && m.data_len >= kMacs);
}

// False: the packet cannot have what it asks for, and is as it was. `left_to_device`: layer 4, of which `out`
// tells where it is.
template <typename Bytes>
bool check_and_complete(Bytes bytes, const struct rte_mbuf& m, uint64_t asked, bool in_place,
                        bool left_to_device, ChecksumWork& out) {
  if ((asked & kTagFlags) != 0 && bytes.length() < kMacs) return false;
  if ((asked & kChecksumFlags) == 0) return true;
  const auto work = locate(bytes, m, asked);
  if (!work) return false;
  out = *work;
  if (!in_place) return true;
  if (left_to_device) {
    bytes.write16(out.inner_l4->field, out.inner_l4->pseudo.sum());
    ChecksumWork rest = out;
    rest.inner_l4.reset();
    complete(bytes, rest);
  } else {
    complete(bytes, out);
  }
  return true;
}

// The request before a packet. `l4`: the checksum that is left to the device, or null; `moved`: bytes that tags
// have moved it by; `timed`: the device is to say when it goes.
void write_metadata(uint8_t* data, const struct rte_mbuf& m, const TxDevice& device, const L4Span* l4,
                    uint32_t moved, bool timed) {
  uapi::XskTxMetadata metadata{};
  if (timed) metadata.flags |= uapi::kXdpTxmdTimestamp;
  if (l4 != nullptr) {
    metadata.flags |= uapi::kXdpTxmdChecksum;
    metadata.csum_start = static_cast<uint16_t>(l4->at + moved);
    metadata.csum_offset = static_cast<uint16_t>(l4->field - l4->at);
  }
  if ((m.ol_flags & device.launch_flag) != 0) {
    metadata.flags |= uapi::kXdpTxmdLaunchTime;
    metadata.launch_time = *RTE_MBUF_DYNFIELD(&m, device.launch_at, const rte_mbuf_timestamp_t*);
  }
  std::memcpy(data - sizeof metadata, &metadata, sizeof metadata);
}

constexpr TxPlan kInvalidPacket{TxVerdict::kInvalid, 0, {}, 0};

// A segment that nobody else can see: direct, and referred to once.
bool is_private(const struct rte_mbuf* m) {
  for (; m != nullptr; m = m->next)
    if (!RTE_MBUF_DIRECT(m) || rte_mbuf_refcnt_read(m) != 1) return false;
  return true;
}

// 0, or what rte_errno says.
int prepare(struct rte_mbuf& m, uint64_t served) {
  const uint64_t wanted = m.ol_flags & RTE_MBUF_F_TX_OFFLOAD_MASK & ~kDescribing;
  if (wanted == 0) return 0;
  if (asked_of(wanted, served) != wanted) return ENOTSUP;
  if (const int error = rte_validate_tx_offload(&m); error != 0) return -error;
  const ChainBytes bytes(&m);
  if ((wanted & kTagFlags) != 0 && bytes.length() < kMacs) return EINVAL;
  if ((wanted & kChecksumFlags) == 0) return 0;
  const auto work = locate(bytes, m, wanted);
  if (!work) return EINVAL;
  if (!is_private(&m)) return 0;  // the burst completes a copy, and needs no seed for that
  ChainBytes own(&m);
  seed(own, *work);
  return 0;
}

}  // namespace

uint64_t tx_flags_of(uint64_t offloads) {
  uint64_t flags = 0;
  if ((offloads & RTE_ETH_TX_OFFLOAD_IPV4_CKSUM) != 0) flags |= RTE_MBUF_F_TX_IP_CKSUM;
  if ((offloads & RTE_ETH_TX_OFFLOAD_OUTER_IPV4_CKSUM) != 0) flags |= RTE_MBUF_F_TX_OUTER_IP_CKSUM;
  if ((offloads & RTE_ETH_TX_OFFLOAD_OUTER_UDP_CKSUM) != 0) flags |= RTE_MBUF_F_TX_OUTER_UDP_CKSUM;
  if ((offloads & RTE_ETH_TX_OFFLOAD_VLAN_INSERT) != 0) flags |= RTE_MBUF_F_TX_VLAN;
  if ((offloads & RTE_ETH_TX_OFFLOAD_QINQ_INSERT) != 0) flags |= RTE_MBUF_F_TX_QINQ;
  // In the two-bit field TCP is 1 and UDP 3; the bit that only UDP has stands for it.
  if ((offloads & RTE_ETH_TX_OFFLOAD_TCP_CKSUM) != 0) flags |= RTE_MBUF_F_TX_TCP_CKSUM;
  if ((offloads & RTE_ETH_TX_OFFLOAD_UDP_CKSUM) != 0) flags |= RTE_MBUF_F_TX_SCTP_CKSUM;
  return flags;
}

uint16_t prepare_to_send(void* queue, struct rte_mbuf** packets, uint16_t count) noexcept {
  const uint64_t served = slot_of(*static_cast<QueueAddress*>(queue))->tx_offload.flags;
  for (uint16_t i = 0; i < count; ++i) {
    const int error = prepare(*packets[i], served);
    if (error == 0) continue;
    rte_errno = error;
    return i;
  }
  return count;
}

TxPlan OffloadTxPolicy::plan_and_complete(struct rte_mbuf* packet, uint32_t max_length) {
  const uint64_t asked = asked_of(packet->ol_flags, flags);
  TxPlan plan = TxMbufPolicy::plan(packet, max_length);
  if (plan.verdict == TxVerdict::kInvalid || asked == 0) return plan;
  const uint32_t tags = tags_asked(asked);
  const bool timed = (asked & RTE_MBUF_F_TX_IEEE1588_TMST) != 0;
  const bool in_place = !timed && is_private(packet) && tags_fit_in_place(*packet, tags);
  const bool room = packet->data_off >= tags * kTag + device.bytes;
  const bool by_device = device.checksum && in_place && room && plan.verdict == TxVerdict::kByAddress &&
                         (asked & RTE_MBUF_F_TX_L4_MASK) != 0 && (asked & RTE_MBUF_F_TX_OUTER_UDP_CKSUM) == 0;
  ChecksumWork work;
  const bool fits = packet->nb_segs == 1
                        ? check_and_complete(FlatBytes(*packet), *packet, asked, in_place, by_device, work)
                        : check_and_complete(ChainBytes(packet), *packet, asked, in_place, by_device, work);
  const uint32_t length = plan.length + tags * kTag;
  if (!fits || length > max_length) return kInvalidPacket;
  const bool launch = (asked & device.launch_flag) != 0;
  if (in_place) {
    packet->ol_flags &= ~(asked & ~device.launch_flag & ~(by_device ? RTE_MBUF_F_TX_L4_MASK : 0));
    if (tags != 0) {
      insert_tags_in_place(*packet, tags);
      plan = TxMbufPolicy::plan(packet, max_length);
    }
    if ((by_device || launch) && room)
      write_metadata(rte_pktmbuf_mtod(packet, uint8_t*), *packet, device, by_device ? &*work.inner_l4 : nullptr,
                     tags * kTag, false);
  }
  if (!in_place || (launch && !room)) plan = {TxVerdict::kBounce, length, {}, 0};
  if (by_device || launch || stamped_by_device(asked)) plan.options |= uapi::kXdpTxMetadata;
  return plan;
}

// The checks are plan_and_complete()'s.
void OffloadTxPolicy::copy_and_complete(const struct rte_mbuf* packet, uint8_t* to) const {
  const uint64_t asked = asked_of(packet->ol_flags, flags);
  const uint32_t tags = tags_asked(asked);
  uint8_t* data = to + tags * kTag;
  TxMbufPolicy::copy_out(const_cast<struct rte_mbuf*>(packet), data);
  FlatBytes bytes(data, ChainBytes(packet).length());
  if (const auto work = locate(bytes, *packet, asked)) complete(bytes, *work);
  if (tags != 0) insert_tags(data, *packet, tags);
  make_requests(*packet, asked, to);
}

// As several descriptors: what is completed, and where the device has to be asked, with the request in place.
bool OffloadTxPolicy::may_go_by_address(const struct rte_mbuf* packet) const {
  const uint64_t asked = asked_of(packet->ol_flags, flags);
  if ((asked & ~device.launch_flag) != 0) return false;  // a packet that is timed is copied
  return (asked & device.launch_flag) == 0 || packet->data_off >= device.bytes;
}

// Of a packet that was copied to `data`.
void OffloadTxPolicy::make_requests(const struct rte_mbuf& packet, uint64_t asked, uint8_t* data) const {
  const bool by_device = stamped_by_device(asked);
  if (device.bytes != 0) write_metadata(data, packet, device, nullptr, 0, by_device);
  if (stamp == nullptr || (asked & RTE_MBUF_F_TX_IEEE1588_TMST) == 0) return;
  stamp->asked(by_device ? reinterpret_cast<uint64_t*>(data - uapi::kXskTxStampBefore) : nullptr);
}

// A part of the packet as it will be with its tags.
void OffloadTxPolicy::copy_tagged_part(struct rte_mbuf* packet, uint32_t from, uint8_t* to,
                                       uint32_t length) const {
  const uint32_t added = tags_asked(asked_of(packet->ol_flags, flags)) * kTag;
  uint8_t head[kMacs + 2 * kTag];
  if (added != 0 && from < kMacs + added) {
    TxMbufPolicy::copy_part(packet, 0, head + added, kMacs);
    insert_tags(head + added, *packet, added / kTag);
    const uint32_t here = std::min(kMacs + added - from, length);
    std::memcpy(to, head + from, here);
    from += here;
    to += here;
    length -= here;
  }
  TxMbufPolicy::copy_part(packet, from - added, to, length);
}

void OffloadTxPolicy::complete_pieces(const struct rte_mbuf* packet, uint8_t* const* pieces, uint32_t /*count*/,
                                      uint32_t each, uint32_t length) const {
  const uint64_t asked = asked_of(packet->ol_flags, flags);
  PieceBytes bytes(pieces, each, length, tags_asked(asked) * kTag);
  if (const auto work = locate(bytes, *packet, asked)) complete(bytes, *work);
  make_requests(*packet, asked, pieces[0]);
}

}  // namespace zcnbrh::pmd
