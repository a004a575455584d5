// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// What the calls mean is in include/zcnbrh/iface.h.
#include "include/zcnbrh/iface.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "lib/capi/frame_queue.h"
#include "lib/capi/last_error.h"
#include "lib/capi/sized.h"
#include "lib/netdev/netdev.h"

using zcnbrh::capi::copy_sized;
using zcnbrh::capi::fail;
using zcnbrh::capi::FrameQueue;
using zcnbrh::capi::has_size;

namespace {

struct zcnbrh_iface as_told(const zcnbrh::NetdevInfo& info, const zcnbrh::LinkState& link) {
  struct zcnbrh_iface out {};
  std::copy(info.mac.begin(), info.mac.end(), out.mac);
  out.admin_up = info.admin_up;
  out.link_up = link.up;
  out.full_duplex = link.full_duplex;
  out.autoneg = link.autoneg;
  out.speed_mbps = link.up ? link.speed_mbps : 0;
  out.mtu = info.mtu;
  out.rx_queues = info.rx_queues;
  out.tx_queues = info.tx_queues;
  out.numa_node = info.numa_node;
  return out;
}

}  // namespace

extern "C" {

int zcnbrh_iface_query(const char* name, struct zcnbrh_iface* info) noexcept {
  constexpr const char* kCall = "zcnbrh_iface_query";
  if (name == nullptr || info == nullptr) return fail(EINVAL, kCall, "an argument is NULL");
  if (!has_size(info)) return fail(EINVAL, kCall, "info->size is not set");
  if (std::strcmp(name, "loop") == 0) return fail(ENOTSUP, kCall, "loop is no interface");
  const auto netdev = zcnbrh::netdev_query(name);
  if (!netdev) return fail(netdev.error());
  const auto link = zcnbrh::netdev_link_state(netdev->ifindex);
  if (!link) return fail(link.error());
  copy_sized(as_told(*netdev, *link), info);
  return 0;
}

int zcnbrh_set_promiscuous(struct zcnbrh_queue* queue, int on) noexcept {
  constexpr const char* kCall = "zcnbrh_set_promiscuous";
  if (queue == nullptr) return fail(EINVAL, kCall, "an argument is NULL");
  auto* inner = reinterpret_cast<FrameQueue*>(queue);
  if (!inner->is_of_this_process())
    return fail(EPERM, kCall, "the queue belongs to the parent process; open it after fork()");
  const zcnbrh::Status status = inner->set_promiscuous(on != 0);
  return status ? 0 : fail(status.error());
}

}  // extern "C"
