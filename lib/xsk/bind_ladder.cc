// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#include "lib/xsk/bind_ladder.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>

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

std::string why_no_zero_copy(const BindRequest& r, uint32_t segments) {
  const uint32_t most = zero_copy_mtu(r.frame_room, segments);
  if (r.mtu == 0 || r.frame_room == 0 || r.mtu <= most)
    return "the driver refuses zero-copy for " + place(r) + " (no support, or a DMA limit)";
  const std::string where = segments == 1 ? "a buffer of " + std::to_string(r.frame_room) + " bytes"
                                          : std::to_string(segments) + " buffers";
  return "zero-copy takes an MTU of at most " + std::to_string(most) + " with " + where + ", " + r.ifname +
         " has " + std::to_string(r.mtu) + "; lower the MTU or give the mempool a larger data room";
}

std::string why_refused(const BindRequest& r, int code, bool zero_copy, uint32_t segments = 1) {
  switch (code) {
    case EBUSY:
      return place(r) +
             " is in use by another AF_XDP socket or memory provider; close it or take another queue";
    case EINVAL:
      return zero_copy ? why_no_zero_copy(r, segments)
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

uint32_t segments_in(XskMode mode, const BindRequest& r) {
  return mode == XskMode::kZeroCopy ? r.zc_max_segs : r.copy_segments;
}

Result<BindOutcome> bind_shared(XskSocket& socket, const BindRequest& r, BindOutcome out) {
  const int result =
      try_bind(socket, r, XDP_SHARED_UMEM);  // carries no other flag, xsk_bind() in net/xdp/xsk.c
  if (result < 0) return Error{-result, "bind(XDP_SHARED_UMEM)", why_refused(r, -result, false)};
  out.need_wakeup = true;  // inherited; where the first socket has none the flag is simply never set
  out.reason =
      r.no_zero_copy_because.empty() ? "shares its UMEM with a queue in copy mode" : r.no_zero_copy_because;
  if (Status s = read_back(socket, r, false, out); !s) return s.error();
  if (r.shared_segments)
    out.max_segments = segments_in(out.mode, r);
  else if (out.no_segments.empty() && r.segments != SegmentsPolicy::kOff)
    out.no_segments = "shares its UMEM with a queue without them";
  return out;
}

bool refuses_segments(int result) { return result == -EINVAL || result == -EOPNOTSUPP; }

Error segments_refused(const BindRequest& r, int result) {
  return Error{-result, kSegmentsRefused, "no multi-buffer packets on " + place(r)};
}

// The first rung. Nothing: it was refused, go on; `out` has the reason.
Result<std::optional<BindOutcome>> bind_zero_copy(XskSocket& socket, const BindRequest& r, bool segments,
                                                  BindOutcome& out) {
  const bool with = segments && r.zc_max_segs > 1;
  const int result = try_bind(socket, r, XDP_ZEROCOPY | XDP_USE_NEED_WAKEUP | (with ? uapi::kXdpUseSg : 0));
  if (result == 0) {
    if (Status s = read_back(socket, r, true, out); !s) return s.error();
    if (with) out.max_segments = segments_in(out.mode, r);
    if (segments && !with)
      out.no_segments = "the driver of " + r.ifname + " has none in zero-copy mode (zc_max_segs 1)";
    return std::optional<BindOutcome>(out);
  }
  const std::string why = why_refused(r, -result, true, with ? r.zc_max_segs : 1);
  if (result == -EBUSY || result == -ENODEV || result == -ENETDOWN)  // copy mode would meet the same
    return Error{-result, "bind(XDP_ZEROCOPY)", why};
  if (with && refuses_segments(result) && r.segments == SegmentsPolicy::kUseful)
    return segments_refused(r, result);
  out.refusals.push_back(std::string("zero-copy: ") + std::strerror(-result) + ": " + why);
  out.reason = out.refusals.back();
  if (r.zero_copy == ZeroCopyPolicy::kRequire) return Error{-result, "zc=require: bind(XDP_ZEROCOPY)", why};
  return std::optional<BindOutcome>();
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

bool segments_in_mode(const BindRequest& r, XskMode mode) {
  const bool asked = r.segments != SegmentsPolicy::kOff && r.no_segments_because.empty();
  return asked && segments_in(mode, r) > 1;
}

std::string against_zero_copy(const BindRequest& r) {
  if (!r.no_zero_copy_because.empty()) return r.no_zero_copy_because;
  const bool needed = r.segments == SegmentsPolicy::kNeeded && r.no_segments_because.empty();
  if (!needed || r.zc_max_segs > 1 || r.zero_copy == ZeroCopyPolicy::kOff) return {};
  return "an MTU of " + std::to_string(r.mtu) + " needs several buffers a packet, which the driver of " +
         r.ifname + " has in copy mode only (zc_max_segs 1)";
}

uint32_t zero_copy_mtu(uint32_t frame_room, uint32_t segments) {
  constexpr uint32_t kPad = 26, kSharedInfo = 320, kRound = 128;
  const uint32_t tail = segments > 1 ? kSharedInfo : 0;
  if (frame_room <= tail) return 0;
  const uint32_t room = (frame_room - tail) / kRound * kRound * segments;
  return room > kPad ? room - kPad : 0;
}

Result<BindOutcome> bind_ladder(XskSocket& socket, const BindRequest& r) {
  BindOutcome out;
  const bool segments = r.segments != SegmentsPolicy::kOff && r.no_segments_because.empty();
  if (r.segments != SegmentsPolicy::kOff) out.no_segments = r.no_segments_because;
  const std::string no_zero_copy = against_zero_copy(r);
  if (r.zero_copy == ZeroCopyPolicy::kRequire && !no_zero_copy.empty())
    return Error{EOPNOTSUPP, "zc=require", no_zero_copy};
  if (r.shared_fd >= 0) return bind_shared(socket, r, out);

  out.reason = no_zero_copy;
  out.need_wakeup = true;
  if (r.zero_copy != ZeroCopyPolicy::kOff && no_zero_copy.empty()) {
    auto bound = bind_zero_copy(socket, r, segments, out);
    if (!bound) return bound.error();
    if (*bound) return std::move(**bound);
  }
  const int result = try_bind(socket, r, XDP_COPY | XDP_USE_NEED_WAKEUP | (segments ? uapi::kXdpUseSg : 0));
  if (segments && refuses_segments(result)) return segments_refused(r, result);
  if (result < 0) return Error{-result, "bind(XDP_COPY)", why_refused(r, -result, false)};
  if (Status s = read_back(socket, r, false, out); !s) return s.error();
  if (segments) out.max_segments = segments_in(out.mode, r);
  return out;
}

}  // namespace zcnbrh
