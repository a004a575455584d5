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

}  // namespace zcnbrh::uapi
