// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#include "lib/netdev/link_message.h"

#include <linux/rtnetlink.h>
#include <net/if.h>

#include <algorithm>
#include <cstring>

#include "lib/base/netlink.h"

namespace zcnbrh {
namespace {

// First of the list that names a program: where several modes carry one, the driver's sees the packet first.
void parse_xdp(const nlattr* nest, NetdevInfo& info) {
  uint32_t single = 0, driver = 0, skb = 0, offloaded = 0;
  for_each_nested(nest, [&](const nlattr* attr) {
    switch (mnl_attr_get_type(attr)) {
      case IFLA_XDP_ATTACHED:
        info.xdp_mode = attr_value<uint8_t>(attr);
        break;
      case IFLA_XDP_PROG_ID:
        single = attr_value<uint32_t>(attr);
        break;
      case IFLA_XDP_DRV_PROG_ID:
        driver = attr_value<uint32_t>(attr);
        break;
      case IFLA_XDP_SKB_PROG_ID:
        skb = attr_value<uint32_t>(attr);
        break;
      case IFLA_XDP_HW_PROG_ID:
        offloaded = attr_value<uint32_t>(attr);
        break;
      default:
        break;
    }
  });
  info.xdp_attached = info.xdp_mode != XDP_ATTACHED_NONE;
  for (uint32_t id : {offloaded, skb, driver, single}) {
    if (id != 0) info.xdp_prog_id = id;
  }
}

void parse_stats(const nlattr* attr, LinkMessage& out) {
  // The struct grows at its end; an older kernel sends less, a newer one more than our header knows.
  std::memcpy(&out.stats, mnl_attr_get_payload(attr),
              std::min<size_t>(sizeof(out.stats), mnl_attr_get_payload_len(attr)));
  out.has_stats = true;
}

void parse_attr(const nlattr* attr, LinkMessage& out) {
  NetdevInfo& info = out.info;
  switch (mnl_attr_get_type(attr)) {
    case IFLA_IFNAME:
      info.name = attr_string(attr);
      break;
    case IFLA_MTU:
      info.mtu = attr_value<uint32_t>(attr);
      break;
    case IFLA_MIN_MTU:
      info.min_mtu = attr_value<uint32_t>(attr);
      break;
    case IFLA_MAX_MTU:
      info.max_mtu = attr_value<uint32_t>(attr);
      break;
    case IFLA_ADDRESS:
      if (mnl_attr_get_payload_len(attr) == info.mac.size()) info.mac = attr_value<MacAddress>(attr);
      break;
    case IFLA_CARRIER:
      info.carrier = attr_value<uint8_t>(attr) != 0;
      break;
    // Not IFF_PROMISC: the flag shows what an administrator set, this the sum of all holders.
    case IFLA_PROMISCUITY:
      info.promisc = attr_value<uint32_t>(attr) != 0;
      break;
    case IFLA_NUM_RX_QUEUES:
      out.max_rx_queues = attr_value<uint32_t>(attr);
      break;
    case IFLA_NUM_TX_QUEUES:
      out.max_tx_queues = attr_value<uint32_t>(attr);
      break;
    case IFLA_PARENT_DEV_NAME:
      out.parent_device = attr_string(attr);
      break;
    case IFLA_PARENT_DEV_BUS_NAME:
      out.parent_bus = attr_string(attr);
      break;
    case IFLA_XDP:
      parse_xdp(attr, info);
      break;
    case IFLA_STATS64:
      parse_stats(attr, out);
      break;
    case IFLA_LINKINFO:
      for_each_nested(attr, [&](const nlattr* field) {
        if (mnl_attr_get_type(field) == IFLA_INFO_KIND) out.kind = attr_string(field);
      });
      break;
    default:
      break;
  }
}

}  // namespace

LinkMessage parse_link_message(const nlmsghdr* message) {
  LinkMessage out;
  if (mnl_nlmsg_get_payload_len(message) < sizeof(ifinfomsg)) return out;
  const auto* link = static_cast<const ifinfomsg*>(mnl_nlmsg_get_payload(message));
  out.info.ifindex = link->ifi_index;
  out.info.admin_up = (link->ifi_flags & IFF_UP) != 0;
  for_each_attr(message, sizeof(ifinfomsg), [&](const nlattr* attr) { parse_attr(attr, out); });
  // The carrier of an interface that is down tells nothing; IFLA_CARRIER stays on for some drivers.
  out.info.carrier = out.info.carrier && out.info.admin_up;
  return out;
}

}  // namespace zcnbrh
