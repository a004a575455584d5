// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// The kernel's "netdev" generic netlink family: what a driver can do for XDP and AF_XDP, and whether a queue
// is in use by an AF_XDP pool. Any thread, calling thread's network namespace, control path, no privilege.
#pragma once

#include <cstdint>
#include <string>

#include "lib/base/result.h"

namespace zcnbrh {

// include/uapi/linux/netdev.h, named here since our oldest kernel headers (6.1) have none of it.
namespace uapi {
inline constexpr uint64_t kNetdevXdpActBasic = 1U << 0;             // 6.3: XDP_ABORTED, DROP, PASS, TX
inline constexpr uint64_t kNetdevXdpActRedirect = 1U << 1;          // 6.3
inline constexpr uint64_t kNetdevXdpActNdoXmit = 1U << 2;           // 6.3: can be redirected to
inline constexpr uint64_t kNetdevXdpActXskZerocopy = 1U << 3;       // 6.3
inline constexpr uint64_t kNetdevXdpActHwOffload = 1U << 4;         // 6.3
inline constexpr uint64_t kNetdevXdpActRxSg = 1U << 5;              // 6.3: multi-buffer received
inline constexpr uint64_t kNetdevXdpActNdoXmitSg = 1U << 6;         // 6.3: multi-buffer redirected to
inline constexpr uint64_t kNetdevXdpRxMetadataTimestamp = 1U << 0;  // 6.7
inline constexpr uint64_t kNetdevXdpRxMetadataHash = 1U << 1;       // 6.7
inline constexpr uint64_t kNetdevXdpRxMetadataVlanTag = 1U << 2;    // 6.8
inline constexpr uint64_t kNetdevXskTxTimestamp = 1U << 0;          // 6.8
inline constexpr uint64_t kNetdevXskTxChecksum = 1U << 1;           // 6.8
inline constexpr uint64_t kNetdevXskTxLaunchTimeFifo = 1U << 2;     // 6.15
}  // namespace uapi

// What the driver says it can do. A kernel that does not tell a field (each with the version that first
// does) leaves it 0.
struct XdpDeviceFeatures {
  bool known = false;         // false: kernel older than 6.3; find out by trying
  uint64_t xdp_features = 0;  // uapi::kNetdevXdpAct*, 6.3
  uint32_t zc_max_segs = 0;   // descriptors of one packet in zero-copy mode, 6.6; 1: no multi-buffer
  uint64_t rx_metadata = 0;   // uapi::kNetdevXdpRxMetadata*, 6.7
  uint64_t xsk_features = 0;  // uapi::kNetdevXsk*, 6.8

  bool has_xdp() const { return (xdp_features & uapi::kNetdevXdpActBasic) != 0; }
  bool has_redirect() const { return (xdp_features & uapi::kNetdevXdpActRedirect) != 0; }
  bool has_zerocopy() const { return (xdp_features & uapi::kNetdevXdpActXskZerocopy) != 0; }
  bool has_offload() const { return (xdp_features & uapi::kNetdevXdpActHwOffload) != 0; }
  bool has_rx_sg() const { return (xdp_features & uapi::kNetdevXdpActRxSg) != 0; }
  bool has_zerocopy_sg() const { return has_zerocopy() && zc_max_segs > 1; }
};
// ENODEV when the interface is not in this namespace. A kernel without the family is no error: known = false.
Result<XdpDeviceFeatures> query_xdp_features(int ifindex);

// Words for a log: "basic redirect ndo-xmit xsk-zerocopy", "unknown" when !known.
std::string describe(const XdpDeviceFeatures& features);

// Whether the kernel still has an AF_XDP pool on a queue (either direction). It lets the pool go only after
// the driver gave up its buffers, so kFree means that no DMA goes into the UMEM through this queue any more.
enum class XskQueueUse {
  kUnknown,   // the kernel cannot say: older than 6.15, the interface is down, or no such queue
  kFree,      // no AF_XDP pool there
  kInUse,     // a pool is there, ours or another process's
  kNoDevice,  // no such interface in this namespace (a removed one has let its pools go, xsk_notifier())
};
// An absent attribute says "free" only on a kernel that would send it. 6.15 cannot be told from 6.14 that
// way, so there the answer is kUnknown until this process has once seen kInUse: ask once after bind.
XskQueueUse query_xsk_queue_use(int ifindex, uint32_t queue_id);

}  // namespace zcnbrh
