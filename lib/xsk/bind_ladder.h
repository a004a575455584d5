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

// What to try, and what we know beforehand.
struct BindRequest {
  int ifindex = 0;
  std::string ifname;  // for messages
  uint32_t queue = 0;
  ZeroCopyPolicy zero_copy = ZeroCopyPolicy::kPrefer;
  // Non-empty: zero-copy is not tried, for this reason (a driver without it, a pool that crosses pages, SKB
  // mode).
  std::string no_zero_copy_because;
  int shared_fd = -1;               // a bound socket whose UMEM and mode we take; -1: our own UMEM
  uint32_t busy_timeout_ms = 2000;  // how long EBUSY is waited for: a pool goes asynchronously after a close
};

struct BindOutcome {
  XskMode mode = XskMode::kUnbound;
  bool need_wakeup = false;
  std::string reason;                 // why this mode and not a better one; empty for zero-copy
  std::vector<std::string> refusals;  // one line for each rung that was refused
};

// Goes down the ladder zero-copy, copy; asks the kernel which mode is in force (XDP_OPTIONS) and keeps each
// refusal's reason. The rung below, SKB mode, is the XDP program's and so the port's affair (lib/xsk/port.h).
// Errors: EOPNOTSUPP (zc=require and no zero-copy, with the reason), EBUSY (queue in use), ENODEV, ENETDOWN,
// EINVAL.
Result<BindOutcome> bind_ladder(XskSocket& socket, const BindRequest& request);

}  // namespace zcnbrh
