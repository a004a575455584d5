// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// Packets of the precision time protocol (IEEE 1588), over Ethernet or UDP.
#pragma once

#include <netinet/in.h>
#include <rte_byteorder.h>
#include <rte_ether.h>
#include <rte_mbuf.h>

#include <cstdint>

#include "drivers/net/zcnbrh/packet_bytes.h"

namespace zcnbrh::pmd {

enum class PtpKind { kNone, kGeneral, kEvent };  // of event messages the protocol wants the time

inline constexpr uint32_t kPtpHeader = 34;
inline constexpr uint16_t kPtpEventPort = 319, kPtpGeneralPort = 320;

// Where the UDP payload starts if these bytes are an IP packet to one of the protocol's ports; 0: they are not.
inline uint32_t ptp_over_udp(const uint8_t* ip, uint32_t length, uint16_t type) {
  uint32_t udp = 0;
  if (type == RTE_ETHER_TYPE_IPV4 && length >= 20) {
    const bool later_fragment = (be16_at(ip + 6) & 0x1fff) != 0;
    udp = ip[9] == IPPROTO_UDP && !later_fragment ? (ip[0] & 0xfU) * 4 : 0;
  } else if (type == RTE_ETHER_TYPE_IPV6 && length >= 40) {
    udp = ip[6] == IPPROTO_UDP ? 40 : 0;
  }
  if (udp == 0 || length < udp + 8) return 0;
  const uint16_t port = be16_at(ip + udp + 2);
  return port == kPtpEventPort || port == kPtpGeneralPort ? udp + 8 : 0;
}

// Looks at the first segment, past up to two VLAN tags.
inline PtpKind ptp_kind(const struct rte_mbuf* m) {
  const auto* data = rte_pktmbuf_mtod(m, const uint8_t*);
  uint32_t at = 2 * RTE_ETHER_ADDR_LEN;
  uint16_t type = 0;
  for (int tags = 0;; ++tags, at += 4) {
    if (m->data_len < at + 2) return PtpKind::kNone;
    type = be16_at(data + at);
    if ((type != RTE_ETHER_TYPE_VLAN && type != RTE_ETHER_TYPE_QINQ) || tags == 2) break;
  }
  at += 2;
  if (type != RTE_ETHER_TYPE_1588) {
    const uint32_t payload = ptp_over_udp(data + at, m->data_len - at, type);
    if (payload == 0) return PtpKind::kNone;
    at += payload;
  }
  if (m->data_len < at + kPtpHeader) return PtpKind::kNone;
  // Sync, Delay_Req, Pdelay_Req, Pdelay_Resp: 0 to 3, of version 2.
  const bool event = (data[at] & 0xf) < 4 && (data[at + 1] & 0xf) == 2;
  return event ? PtpKind::kEvent : PtpKind::kGeneral;
}

}  // namespace zcnbrh::pmd
