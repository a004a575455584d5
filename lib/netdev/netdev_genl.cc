// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#include "lib/netdev/netdev_genl.h"

#include <linux/genetlink.h>

#include <atomic>
#include <cerrno>

#include "lib/base/netlink.h"

namespace zcnbrh {
namespace {

constexpr const char* kFamily = "netdev";

// Commands and attributes of include/uapi/linux/netdev.h.
constexpr uint8_t kCmdDevGet = 1;     // 6.3
constexpr uint8_t kCmdQueueGet = 10;  // 6.8
constexpr uint32_t kCmdBindTx = 15;   // 6.16, the first command after queue-get's xsk attribute

constexpr uint16_t kDevIfindex = 1;
constexpr uint16_t kDevXdpFeatures = 3;   // u64, 6.3
constexpr uint16_t kDevXdpZcMaxSegs = 4;  // u32, 6.6
constexpr uint16_t kDevRxMetadata = 5;    // u64, 6.7
constexpr uint16_t kDevXskFeatures = 6;   // u64, 6.8

constexpr uint16_t kQueueId = 1;
constexpr uint16_t kQueueIfindex = 2;
constexpr uint16_t kQueueType = 3;
constexpr uint16_t kQueueXsk = 7;  // empty nest, there while a pool is, 6.15
constexpr uint32_t kQueueTypeRx = 0;
constexpr uint32_t kQueueTypeTx = 1;

// Set once a reply carried kQueueXsk: the running kernel sends it, so its absence means something.
std::atomic<bool> g_xsk_attribute_seen{false};

Error no_such_netdev(int ifindex) {
  return Error{ENODEV, "netdev dev-get",
               "interface with index " + std::to_string(ifindex) +
                   ": no such netdev; check `ip link`, or the network namespace"};
}

XskQueueUse query_one(Netlink& genl, const GenlFamily& family, int ifindex, uint32_t queue_id, uint32_t type) {
  NetlinkRequest request(family.id, 0, genlmsghdr{kCmdQueueGet, 1, 0});
  request.put_u32(kQueueIfindex, static_cast<uint32_t>(ifindex));
  request.put_u32(kQueueType, type);
  request.put_u32(kQueueId, queue_id);
  bool answered = false, in_use = false;
  Status status = genl.transact(request, "netdev queue-get", [&](const nlmsghdr* reply) {
    answered = true;
    for_each_attr(reply, sizeof(genlmsghdr), [&](const nlattr* attr) {
      if (mnl_attr_get_type(attr) == kQueueXsk) in_use = true;
    });
  });
  if (!status) return status.error().code == ENODEV ? XskQueueUse::kNoDevice : XskQueueUse::kUnknown;
  if (in_use) {
    g_xsk_attribute_seen.store(true, std::memory_order_relaxed);
    return XskQueueUse::kInUse;
  }
  const bool kernel_tells =
      family.highest_command >= kCmdBindTx || g_xsk_attribute_seen.load(std::memory_order_relaxed);
  return answered && kernel_tells ? XskQueueUse::kFree : XskQueueUse::kUnknown;
}

}  // namespace

Result<XdpDeviceFeatures> query_xdp_features(int ifindex) {
  if (ifindex <= 0) return no_such_netdev(ifindex);
  Result<Netlink> genl = Netlink::open(NETLINK_GENERIC);
  if (!genl) return genl.error();
  Result<GenlFamily> family = find_genl_family(*genl, kFamily);
  XdpDeviceFeatures out;
  if (!family) return family.error().code == ENOENT ? Result(out) : Result<XdpDeviceFeatures>(family.error());

  NetlinkRequest request(family->id, 0, genlmsghdr{kCmdDevGet, 1, 0});
  request.put_u32(kDevIfindex, static_cast<uint32_t>(ifindex));
  Status status = genl->transact(request, "netdev dev-get", [&](const nlmsghdr* reply) {
    out.known = true;
    for_each_attr(reply, sizeof(genlmsghdr), [&](const nlattr* attr) {
      switch (mnl_attr_get_type(attr)) {
        case kDevXdpFeatures:
          out.xdp_features = attr_value<uint64_t>(attr);
          break;
        case kDevXdpZcMaxSegs:
          out.zc_max_segs = attr_value<uint32_t>(attr);
          break;
        case kDevRxMetadata:
          out.rx_metadata = attr_value<uint64_t>(attr);
          break;
        case kDevXskFeatures:
          out.xsk_features = attr_value<uint64_t>(attr);
          break;
        default:
          break;
      }
    });
  });
  if (status) return out;
  return status.error().code == ENODEV ? no_such_netdev(ifindex) : status.error();
}

std::string describe(const XdpDeviceFeatures& features) {
  if (!features.known) return "unknown";
  static constexpr const char* kNames[] = {"basic",      "redirect", "ndo-xmit",   "xsk-zerocopy",
                                           "hw-offload", "rx-sg",    "ndo-xmit-sg"};
  std::string out;
  for (size_t bit = 0; bit < sizeof(kNames) / sizeof(kNames[0]); ++bit) {
    if ((features.xdp_features >> bit & 1) == 0) continue;
    if (!out.empty()) out += ' ';
    out += kNames[bit];
  }
  return out.empty() ? "none" : out;
}

XskQueueUse query_xsk_queue_use(int ifindex, uint32_t queue_id) {
  if (ifindex <= 0) return XskQueueUse::kNoDevice;
  Result<Netlink> genl = Netlink::open(NETLINK_GENERIC);
  if (!genl) return XskQueueUse::kUnknown;
  Result<GenlFamily> family = find_genl_family(*genl, kFamily);
  if (!family || family->highest_command < kCmdQueueGet) return XskQueueUse::kUnknown;

  // A queue id may exist in one direction only; the kernel keeps the pool on each that does.
  const XskQueueUse rx = query_one(*genl, *family, ifindex, queue_id, kQueueTypeRx);
  if (rx == XskQueueUse::kInUse || rx == XskQueueUse::kNoDevice) return rx;
  const XskQueueUse tx = query_one(*genl, *family, ifindex, queue_id, kQueueTypeTx);
  return tx == XskQueueUse::kUnknown ? rx : tx;
}

}  // namespace zcnbrh
