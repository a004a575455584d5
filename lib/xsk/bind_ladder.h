// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "lib/base/result.h"
#include "lib/xsk/socket.h"

namespace zcnbrh {

enum class XskMode { kUnbound, kCopy, kZeroCopy };
const char* to_string(XskMode mode);

enum class ZeroCopyPolicy { kRequire, kPrefer, kOff };

// Packets of several buffers (XDP_USE_SG, Linux 6.6).
enum class SegmentsPolicy {
  kOff,
  kUseful,  // where they cost no zero-copy
  kNeeded,  // the MTU does not fit a buffer: rather than zero-copy, where a driver has only one of the two
};

// What to try, and what we know beforehand.
struct BindRequest {
  int ifindex = 0;
  std::string ifname;  // for messages
  uint32_t queue = 0;
  ZeroCopyPolicy zero_copy = ZeroCopyPolicy::kPrefer;
  // Non-empty: zero-copy is not tried, for this reason (a driver without it, a pool that crosses pages, SKB
  // mode).
  std::string no_zero_copy_because;
  SegmentsPolicy segments = SegmentsPolicy::kOff;
  std::string no_segments_because;  // non-empty: XDP_USE_SG is not tried, for this reason
  uint32_t zc_max_segs = 1;         // descriptors a packet may have in zero-copy mode; 1: no segments there
  uint32_t copy_segments = 1;       // and in copy mode
  uint32_t mtu = 0;                 // of the netdev, for what a refusal may mean; 0: unknown
  uint32_t frame_room = 0;          // bytes a chunk has behind the headrooms
  bool shared_segments = false;     // the UMEM of shared_fd was bound with XDP_USE_SG
  int shared_fd = -1;               // a bound socket whose UMEM and mode we take; -1: our own UMEM
  uint32_t busy_timeout_ms = 2000;  // how long EBUSY is waited for: a pool goes asynchronously after a close
};

struct BindOutcome {
  XskMode mode = XskMode::kUnbound;
  bool need_wakeup = false;
  uint32_t max_segments = 1;          // descriptors a packet may have; more than 1: XDP_USE_SG is in force
  std::string reason;                 // why this mode and not a better one; empty for zero-copy
  std::string no_segments;            // why there are no segments; empty where they are, or were not asked for
  std::vector<std::string> refusals;  // one line for each rung that was refused

  bool segments() const { return max_segments > 1; }
};

// The largest MTU that the kernel takes for zero-copy, or 0. Since the 6.18 stable series it wants a packet of
// MTU + 26 bytes (Ethernet header, two VLAN tags, CRC) in `segments` buffers, each rounded down to 128 bytes
// and, with segments, 320 bytes shorter (xp_assign_dev() in net/xdp/xsk_buff_pool.c). Without XDP_ZEROCOPY it
// takes copy mode then and says nothing; we ask for zero-copy by name and hear EINVAL.
uint32_t zero_copy_mtu(uint32_t frame_room, uint32_t segments);

// Why zero-copy is not tried, or "".
std::string against_zero_copy(const BindRequest& request);
// XDP_USE_SG will be asked for in this mode.
bool segments_in_mode(const BindRequest& request, XskMode mode);

// Names the refusal after which the caller may try without segments. On a socket of its own: a refused bind
// leaves the UMEM marked (XDP_UMEM_SG_FLAG), so that later binds would get segments unasked.
inline constexpr const char kSegmentsRefused[] = "bind(XDP_USE_SG)";

// Goes down the ladder zero-copy, copy; asks the kernel which mode is in force (XDP_OPTIONS) and keeps each
// refusal's reason. The rung below, SKB mode, is the XDP program's and so the port's affair (lib/xsk/port.h).
// Errors: EOPNOTSUPP (zc=require and no zero-copy, with the reason), EBUSY (queue in use), ENODEV, ENETDOWN,
// EINVAL; kSegmentsRefused as the call.
Result<BindOutcome> bind_ladder(XskSocket& socket, const BindRequest& request);

}  // namespace zcnbrh
