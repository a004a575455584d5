// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#include "lib/xsk/bind_ladder.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "lib/base/clock.h"
#include "lib/base/uapi_xdp.h"

namespace zcnbrh {
namespace {

constexpr uint32_t kFirstPauseMs = 1;
constexpr uint32_t kLongestPauseMs = 100;

// One rung, waiting out a pool that is still on its way out after somebody's close().
int try_bind(XskSocket& socket, const BindRequest& r, uint16_t flags) {
  const uint64_t give_up = monotonic_ms() + r.busy_timeout_ms;
  for (uint32_t pause = kFirstPauseMs;; pause = std::min(pause * 2, kLongestPauseMs)) {
    const int result = socket.bind(r.ifindex, r.queue, flags, r.shared_fd);
    if (result != -EBUSY || monotonic_ms() >= give_up) return result;
    sleep_ms(pause);
  }
}

std::string place(const BindRequest& r) { return "queue " + std::to_string(r.queue) + " of " + r.ifname; }

std::string why_refused(const BindRequest& r, int code, bool zero_copy) {
  switch (code) {
    case EBUSY:
      return place(r) +
             " is in use by another AF_XDP socket or memory provider; close it or take another queue";
    case EINVAL:
      return zero_copy ? "the driver refuses zero-copy for " + place(r) +
                             " (no support, a DMA limit, or an MTU that does not fit a chunk)"
                       : place(r) + " does not exist or a frame is too small for the MTU; see `ethtool -l`";
    case EOPNOTSUPP:
      return "the driver of " + r.ifname + " has no AF_XDP zero-copy, or none while another mode is active";
    case ENODEV:
      return "iface " + r.ifname + ": no such netdev any more";
    case ENETDOWN:
      return "iface " + r.ifname + " is down; `ip link set " + r.ifname + " up`";
    default:
      return "";
  }
}

// After a bind that succeeded: what did we get?
Status read_back(const XskSocket& socket, const BindRequest& r, bool asked_zero_copy, BindOutcome& out) {
  const auto zero_copy = socket.zero_copy();
  out.mode = zero_copy.value_or(asked_zero_copy) ? XskMode::kZeroCopy : XskMode::kCopy;
  if (out.mode == XskMode::kZeroCopy) {
    out.reason.clear();
    return {};
  }
  if (out.reason.empty())
    out.reason =
        r.zero_copy == ZeroCopyPolicy::kOff ? "zero-copy was switched off" : "the kernel reports copy mode";
  if (r.zero_copy != ZeroCopyPolicy::kRequire) return {};
  return Error{EOPNOTSUPP, "zc=require", out.reason};
}

Result<BindOutcome> bind_shared(XskSocket& socket, const BindRequest& r, BindOutcome out) {
  const int result =
      try_bind(socket, r, XDP_SHARED_UMEM);  // carries no other flag, xsk_bind() in net/xdp/xsk.c
  if (result < 0) return Error{-result, "bind(XDP_SHARED_UMEM)", why_refused(r, -result, false)};
  out.need_wakeup = true;  // inherited; where the first socket has none the flag is simply never set
  out.reason =
      r.no_zero_copy_because.empty() ? "shares its UMEM with a queue in copy mode" : r.no_zero_copy_because;
  if (Status s = read_back(socket, r, false, out); !s) return s.error();
  return out;
}

}  // namespace

const char* to_string(XskMode mode) {
  switch (mode) {
    case XskMode::kZeroCopy:
      return "zero-copy";
    case XskMode::kCopy:
      return "copy";
    default:
      return "unbound";
  }
}

Result<BindOutcome> bind_ladder(XskSocket& socket, const BindRequest& r) {
  BindOutcome out;
  if (r.zero_copy == ZeroCopyPolicy::kRequire && !r.no_zero_copy_because.empty())
    return Error{EOPNOTSUPP, "zc=require", r.no_zero_copy_because};
  if (r.shared_fd >= 0) return bind_shared(socket, r, out);

  const bool try_zero_copy = r.zero_copy != ZeroCopyPolicy::kOff && r.no_zero_copy_because.empty();
  out.reason = r.no_zero_copy_because;
  out.need_wakeup = true;
  if (try_zero_copy) {
    const int result = try_bind(socket, r, XDP_ZEROCOPY | XDP_USE_NEED_WAKEUP);
    if (result == 0) {
      if (Status s = read_back(socket, r, true, out); !s) return s.error();
      return out;
    }
    if (result == -EBUSY || result == -ENODEV || result == -ENETDOWN)  // copy mode would meet the same
      return Error{-result, "bind(XDP_ZEROCOPY)", why_refused(r, -result, true)};
    out.refusals.push_back(std::string("zero-copy: ") + std::strerror(-result) + ": " +
                           why_refused(r, -result, true));
    out.reason = out.refusals.back();
    if (r.zero_copy == ZeroCopyPolicy::kRequire)
      return Error{-result, "bind(XDP_ZEROCOPY)", why_refused(r, -result, true)};
  }
  const int result = try_bind(socket, r, XDP_COPY | XDP_USE_NEED_WAKEUP);
  if (result < 0) return Error{-result, "bind(XDP_COPY)", why_refused(r, -result, false)};
  if (Status s = read_back(socket, r, false, out); !s) return s.error();
  return out;
}

}  // namespace zcnbrh
