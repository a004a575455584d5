// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// AF_XDP constants newer than the oldest kernel headers we build with (Linux 6.1). Each carries the version
// that brought it; whether the running kernel knows one is asked of the kernel (lib/xdp/features.h), never
// of these headers. Source: include/uapi/linux/if_xdp.h, Documentation/networking/af_xdp.rst.
#pragma once

#include <linux/if_xdp.h>
#include <sys/socket.h>

#include <cstdint>

#ifndef AF_XDP
#define AF_XDP 44
#endif
#ifndef SOL_XDP
#define SOL_XDP 283
#endif
#ifndef SO_PREFER_BUSY_POLL  // 5.11
#define SO_PREFER_BUSY_POLL 69
#endif
#ifndef SO_BUSY_POLL_BUDGET  // 5.11
#define SO_BUSY_POLL_BUDGET 70
#endif

namespace zcnbrh::uapi {

inline constexpr uint16_t kXdpUseSg = 1U << 4;       // bind flag, 6.6
inline constexpr uint32_t kXdpPktContd = 1U << 0;    // xdp_desc::options, 6.6
inline constexpr uint32_t kXdpTxMetadata = 1U << 1;  // xdp_desc::options, 6.8
inline constexpr int kXdpMaxTxSkbBudget = 9;         // socket option, 6.17
inline constexpr uint32_t kXdpPacketHeadroom = 256;  // XDP_PACKET_HEADROOM, include/uapi/linux/bpf.h

// struct xdp_umem_reg as of 6.8; 6.1's has four bytes of padding in the place of tx_metadata_len.
struct XdpUmemReg {
  uint64_t addr;
  uint64_t len;
  uint32_t chunk_size;
  uint32_t headroom;
  uint32_t flags;
  uint32_t tx_metadata_len;
};
static_assert(sizeof(XdpUmemReg) == sizeof(struct xdp_umem_reg));
inline constexpr uint32_t kXdpUmemTxSwCsum = 1U << 1;       // xdp_umem_reg::flags, 6.8
inline constexpr uint32_t kXdpUmemTxMetadataLen = 1U << 2;  // xdp_umem_reg::flags, 6.11

// struct xsk_tx_metadata, 6.8; launch_time, and with it its 24 bytes, 6.15. Right before a packet whose
// descriptor has kXdpTxMetadata.
struct XskTxMetadata {
  uint64_t flags;        // kXdpTxmd*
  uint16_t csum_start;   // of the packet; the checksum covers all from here on
  uint16_t csum_offset;  // from csum_start to the field, which holds the pseudo header's sum
  uint32_t pad;
  uint64_t launch_time;  // of the device's clock, nanoseconds
};
static_assert(sizeof(XskTxMetadata) == 24);
// The kernel answers kXdpTxmdTimestamp where the request was, before it gives the frame back. In copy mode it
// is CLOCK_TAI as the packet was freed (xsk_destruct_skb() in net/xdp/xsk.c).
inline constexpr uint32_t kXskTxStampBefore = sizeof(XskTxMetadata) - 8;  // bytes before the packet, 8 of them
inline constexpr uint64_t kXdpTxmdTimestamp = 1U << 0;
inline constexpr uint64_t kXdpTxmdChecksum = 1U << 1;
inline constexpr uint64_t kXdpTxmdLaunchTime = 1U << 2;  // 6.15

}  // namespace zcnbrh::uapi
