// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#include "drivers/net/zcnbrh/flow_translate.h"

#include <algorithm>
#include <cerrno>
#include <vector>

namespace zcnbrh::pmd {
namespace {

using Refused = std::optional<FlowRefusal>;

FlowRefusal no(int code, enum rte_flow_error_type type, const void* cause, std::string why) {
  return {code, type, cause, std::move(why)};
}

Refused check_attributes(const struct rte_flow_attr* attr) {
  if (attr == nullptr) return no(EINVAL, RTE_FLOW_ERROR_TYPE_ATTR, nullptr, "no attributes given");
  if (attr->group != 0)
    return no(ENOTSUP, RTE_FLOW_ERROR_TYPE_ATTR_GROUP, attr, "there is group 0 only; use priorities");
  if (attr->transfer != 0)
    return no(ENOTSUP, RTE_FLOW_ERROR_TYPE_ATTR_TRANSFER, attr, "no transfer rules: the port is no switch");
  if (attr->egress != 0)
    return no(ENOTSUP, RTE_FLOW_ERROR_TYPE_ATTR_EGRESS, attr,
              "no egress rules: the XDP program sees received packets only");
  if (attr->ingress == 0) return no(EINVAL, RTE_FLOW_ERROR_TYPE_ATTR_INGRESS, attr, "give ingress");
  return std::nullopt;
}

// --- pattern ---

// A header of rte_flow begins with the bytes on the wire, which lib/flow takes; what follows are flags.
template <typename Item>
const uint8_t* wire(const void* item) {
  return item != nullptr ? reinterpret_cast<const uint8_t*>(&static_cast<const Item*>(item)->hdr) : nullptr;
}

// What the flags behind the header say, and whether any of them counts that we do not know.
struct ItemFlags {
  std::optional<bool> tagged;
  const char* unknown = nullptr;
};

ItemFlags flags_of(const struct rte_flow_item_eth& spec, const struct rte_flow_item_eth& mask) {
  if (mask.reserved != 0) return {{}, "reserved bits of an item must be 0"};
  return {mask.has_vlan != 0 ? std::optional<bool>(spec.has_vlan != 0) : std::nullopt, nullptr};
}
ItemFlags flags_of(const struct rte_flow_item_vlan& spec, const struct rte_flow_item_vlan& mask) {
  if (mask.reserved != 0) return {{}, "reserved bits of an item must be 0"};
  return {mask.has_more_vlan != 0 ? std::optional<bool>(spec.has_more_vlan != 0) : std::nullopt, nullptr};
}
ItemFlags flags_of(const struct rte_flow_item_ipv6& /*spec*/, const struct rte_flow_item_ipv6& mask) {
  const bool any = mask.has_hop_ext || mask.has_route_ext || mask.has_frag_ext || mask.has_auth_ext ||
                   mask.has_esp_ext || mask.has_dest_ext || mask.has_mobil_ext || mask.has_hip_ext ||
                   mask.has_shim6_ext || mask.reserved;
  return {{}, any ? "which extension headers there are is not compared; they are stepped over" : nullptr};
}
template <typename Item>
ItemFlags flags_of(const Item& /*spec*/, const Item& /*mask*/) {
  return {};
}

template <typename Item>
Refused translate_item(Header header, const struct rte_flow_item& item, std::vector<HeaderMatch>& out) {
  HeaderMatch match;
  match.header = header;
  match.spec = wire<Item>(item.spec);
  match.mask = wire<Item>(item.mask);
  if (item.spec != nullptr && item.mask != nullptr) {
    const ItemFlags flags =
        flags_of(*static_cast<const Item*>(item.spec), *static_cast<const Item*>(item.mask));
    if (flags.unknown != nullptr) return no(ENOTSUP, RTE_FLOW_ERROR_TYPE_ITEM_MASK, &item, flags.unknown);
    match.tagged = flags.tagged;
  }
  out.push_back(match);
  return std::nullopt;
}

Refused translate_item(const struct rte_flow_item& item, std::vector<HeaderMatch>& out) {
  if (item.last != nullptr)
    return no(ENOTSUP, RTE_FLOW_ERROR_TYPE_ITEM_LAST, &item,
              "no ranges (last); give a mask, or a rule a value");
  if (item.spec == nullptr && item.mask != nullptr)
    return no(EINVAL, RTE_FLOW_ERROR_TYPE_ITEM_SPEC, &item, "a mask without spec");
  switch (item.type) {
    case RTE_FLOW_ITEM_TYPE_ETH:
      return translate_item<struct rte_flow_item_eth>(Header::kEth, item, out);
    case RTE_FLOW_ITEM_TYPE_VLAN:
      return translate_item<struct rte_flow_item_vlan>(Header::kVlan, item, out);
    case RTE_FLOW_ITEM_TYPE_IPV4:
      return translate_item<struct rte_flow_item_ipv4>(Header::kIpv4, item, out);
    case RTE_FLOW_ITEM_TYPE_IPV6:
      return translate_item<struct rte_flow_item_ipv6>(Header::kIpv6, item, out);
    case RTE_FLOW_ITEM_TYPE_TCP:
      return translate_item<struct rte_flow_item_tcp>(Header::kTcp, item, out);
    case RTE_FLOW_ITEM_TYPE_UDP:
      return translate_item<struct rte_flow_item_udp>(Header::kUdp, item, out);
    default:
      return no(ENOTSUP, RTE_FLOW_ERROR_TYPE_ITEM, &item,
                "items are eth, vlan, ipv4, ipv6, tcp and udp; no other is looked at");
  }
}

Refused translate_pattern(const struct rte_flow_item* pattern, FlowMatch& out) {
  if (pattern == nullptr) return no(EINVAL, RTE_FLOW_ERROR_TYPE_ITEM_NUM, nullptr, "no pattern given");
  std::vector<HeaderMatch> headers;
  std::vector<const struct rte_flow_item*> items;
  for (const struct rte_flow_item* item = pattern; item->type != RTE_FLOW_ITEM_TYPE_END; ++item) {
    if (item->type == RTE_FLOW_ITEM_TYPE_VOID) continue;
    if (auto refused = translate_item(*item, headers)) return refused;
    items.push_back(item);
  }
  if (auto fault = compile_pattern(headers, out))
    return no(EINVAL, RTE_FLOW_ERROR_TYPE_ITEM, items[fault->at], fault->why);
  return std::nullopt;
}

// --- actions ---

std::string queues_text(const FlowPort& port) {
  return "the port has RX queues 0.." + std::to_string(std::max<int>(port.rx_queues, 1) - 1);
}

// An AF_XDP socket takes packets of its own queue alone: what came in on another cannot get there, unless the
// NIC's filters bring it there in the first place.
Refused translate_queue(const FlowPort& port, const struct rte_flow_action& action, TranslatedFlow& out) {
  const auto* queue = static_cast<const struct rte_flow_action_queue*>(action.conf);
  if (queue == nullptr || queue->index >= port.rx_queues)
    return no(EINVAL, RTE_FLOW_ERROR_TYPE_ACTION_CONF, &action, "no such queue: " + queues_text(port));
  out.must_steer = port.rx_queues > 1;
  if (port.no_filters.empty()) {
    out.steer_to = {port.queues.first + queue->index};
  } else if (out.must_steer) {
    return no(ENOTSUP, RTE_FLOW_ERROR_TYPE_ACTION, &action,
              "an AF_XDP socket takes packets of its own queue alone, and " + port.no_filters +
                  "; give the port one queue, or use rss with all its queues");
  } else {
    out.rule.queues = {port.queues.first + queue->index, 1};
  }
  return std::nullopt;
}

Refused check_rss(const FlowPort& port, const struct rte_flow_action& action) {
  const auto* rss = static_cast<const struct rte_flow_action_rss*>(action.conf);
  if (rss == nullptr || rss->queue_num == 0)
    return no(EINVAL, RTE_FLOW_ERROR_TYPE_ACTION_CONF, &action, "rss without queues");
  if (rss->func != RTE_ETH_HASH_FUNCTION_DEFAULT || rss->level > 1 ||
      (rss->key != nullptr && rss->key_len != 0))
    return no(ENOTSUP, RTE_FLOW_ERROR_TYPE_ACTION_CONF, &action,
              "the NIC spreads as it is set up; a rule cannot give hash function, key or level");
  for (uint32_t i = 0; i < rss->queue_num; ++i)
    if (rss->queue[i] >= port.rx_queues)
      return no(EINVAL, RTE_FLOW_ERROR_TYPE_ACTION_CONF, &action, "no such queue: " + queues_text(port));
  return std::nullopt;
}

// With all queues of the port packets stay where the NIC has spread them; with some of them an RSS context of
// the NIC spreads them anew.
Refused translate_rss(const FlowPort& port, const struct rte_flow_action& action, TranslatedFlow& out) {
  if (auto refused = check_rss(port, action)) return refused;
  const auto* rss = static_cast<const struct rte_flow_action_rss*>(action.conf);
  std::vector<bool> named(port.rx_queues);
  for (uint32_t i = 0; i < rss->queue_num; ++i) named[rss->queue[i]] = true;
  if (std::ranges::count(named, true) == port.rx_queues) {
    out.rule.queues = {port.queues.first, port.rx_queues};
    return std::nullopt;
  }
  if (!port.no_filters.empty())
    return no(ENOTSUP, RTE_FLOW_ERROR_TYPE_ACTION_CONF, &action,
              "an AF_XDP socket takes packets of its own queue alone, and " + port.no_filters +
                  ": without RSS contexts rss is for all queues of the port; " + queues_text(port));
  out.must_steer = true;
  for (uint32_t i = 0; i < rss->queue_num; ++i) out.steer_to.push_back(port.queues.first + rss->queue[i]);
  return std::nullopt;
}

Refused translate_mark(const struct rte_flow_action& action, TranslatedFlow& out) {
  const auto* mark = static_cast<const struct rte_flow_action_mark*>(action.conf);
  if (mark == nullptr) return no(EINVAL, RTE_FLOW_ERROR_TYPE_ACTION_CONF, &action, "mark without an id");
  out.rule.mark = mark->id;
  return std::nullopt;
}

// What becomes of a rule's packets: exactly one of these, or none, which leaves them to the port.
class Fate {
 public:
  Refused set(const struct rte_flow_action& action) {
    if (action_ != nullptr)
      return no(EINVAL, RTE_FLOW_ERROR_TYPE_ACTION, &action, "one of drop, passthru, queue and rss a rule");
    action_ = &action;
    return std::nullopt;
  }

 private:
  const struct rte_flow_action* action_ = nullptr;
};

Refused translate_action(const FlowPort& port, const struct rte_flow_action& action, Fate& fate,
                         TranslatedFlow& out) {
  switch (action.type) {
    case RTE_FLOW_ACTION_TYPE_DROP:
      out.rule.verdict = ZCNBRH_RULE_DROP;
      return fate.set(action);
    case RTE_FLOW_ACTION_TYPE_PASSTHRU:
      out.rule.verdict = ZCNBRH_RULE_TO_KERNEL;
      return fate.set(action);
    case RTE_FLOW_ACTION_TYPE_QUEUE:
      if (auto refused = translate_queue(port, action, out)) return refused;
      return fate.set(action);
    case RTE_FLOW_ACTION_TYPE_RSS:
      if (auto refused = translate_rss(port, action, out)) return refused;
      return fate.set(action);
    case RTE_FLOW_ACTION_TYPE_COUNT:
      out.rule.counts = true;
      return std::nullopt;
    case RTE_FLOW_ACTION_TYPE_MARK:
      return translate_mark(action, out);
    case RTE_FLOW_ACTION_TYPE_FLAG:
      out.rule.flag = true;
      return std::nullopt;
    default:
      return no(ENOTSUP, RTE_FLOW_ERROR_TYPE_ACTION, &action,
                "actions are drop, passthru (to the kernel's stack), queue, rss, count, mark and flag");
  }
}

Refused translate_actions(const FlowPort& port, const struct rte_flow_action* actions, TranslatedFlow& out) {
  if (actions == nullptr) return no(EINVAL, RTE_FLOW_ERROR_TYPE_ACTION_NUM, nullptr, "no actions given");
  Fate fate;
  bool any = false;
  for (const struct rte_flow_action* action = actions; action->type != RTE_FLOW_ACTION_TYPE_END; ++action) {
    if (action->type == RTE_FLOW_ACTION_TYPE_VOID) continue;
    if (auto refused = translate_action(port, *action, fate, out)) return refused;
    any = true;
  }
  if (!any) return no(EINVAL, RTE_FLOW_ERROR_TYPE_ACTION_NUM, actions, "a rule needs an action");
  if (out.rule.marks() && out.rule.verdict != ZCNBRH_RULE_TO_PORT)
    return no(
        EINVAL, RTE_FLOW_ERROR_TYPE_ACTION, actions,
        "a mark or flag comes with the mbuf: not for packets that are dropped or passed to the kernel's stack");
  return std::nullopt;
}

}  // namespace

Refused translate_flow(const FlowPort& port, const struct rte_flow_attr* attr,
                       const struct rte_flow_item* pattern, const struct rte_flow_action* actions,
                       TranslatedFlow& out) {
  out = {};
  out.rule.queues = port.queues;
  if (auto refused = check_attributes(attr)) return refused;
  out.rule.priority = attr->priority;
  if (auto refused = translate_pattern(pattern, out.rule.match)) return refused;
  return translate_actions(port, actions, out);
}

}  // namespace zcnbrh::pmd
