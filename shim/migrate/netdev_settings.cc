// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#include "shim/migrate/netdev_settings.h"

#include <linux/ethtool.h>

#include <algorithm>
#include <cerrno>

#include "lib/netdev/ethtool_calls.h"
#include "lib/netdev/ethtool_device.h"
#include "lib/netdev/ethtool_rss.h"
#include "lib/netdev/netdev.h"
#include "lib/netdev/rx_filters.h"
#include "lib/netdev/sysfs.h"
#include "lib/xdp/xdp_occupant.h"
#include "lib/xdp/xdp_owner.h"
#include "shim/migrate/sysfs_tree.h"

namespace zcnbrh::migrate {
namespace {

using Json = nlohmann::ordered_json;

struct Netdev {
  NetdevInfo info;
  const std::string& name() const { return info.name; }
};

Status from_errno(const char* call, int code) { return code == 0 ? Status() : Status(Error{code, call, ""}); }

// --- XDP ---

const char* kind_name(XdpOccupant::Kind kind) {
  switch (kind) {
    case XdpOccupant::Kind::kNone:
      return "none";
    case XdpOccupant::Kind::kOurs:
      return "net_zcnbrh";
    case XdpOccupant::Kind::kDispatcher:
      return "libxdp";
    case XdpOccupant::Kind::kAlien:
      return "other";
  }
  return "";
}

Json read_xdp(const Netdev& netdev) {
  const auto occupant = query_xdp_occupant(netdev.info.ifindex, netdev.name());
  if (!occupant) return nullptr;
  Json out = {{"kind", kind_name(occupant->kind)}};
  // libxdp makes another dispatcher, with another number, when a program joins or leaves it.
  if (occupant->kind == XdpOccupant::Kind::kOurs || occupant->kind == XdpOccupant::Kind::kAlien) {
    out["program"] = occupant->program_id;
    out["native"] = occupant->native;
  }
  return out;
}

// What a dead process of ours left goes; other programs are nobody's to take off but who put them there.
Status write_xdp(const Netdev& netdev, const Json& was) {
  for (;;) {
    const auto occupant = query_xdp_occupant(netdev.info.ifindex, netdev.name());
    if (!occupant) return occupant.error();
    const auto removed = remove_xdp_orphan(netdev.info.ifindex, netdev.name(), *occupant);
    if (!removed) return removed.error();
    if (*removed) continue;
    if (kind_name(occupant->kind) == was.value("kind", "")) return {};
    if (occupant->kind == XdpOccupant::Kind::kNone)
      return attach_xdp_again(netdev.info.ifindex, netdev.name(), was.value("program", 0U),
                              was.value("native", true));
    return Error{EBUSY, "XDP",
                 occupant->text() + " is not of a dead net_zcnbrh; whoever put it there takes it off"};
  }
}

// --- what ethtool sets ---

Json read_filters(const Netdev& netdev) {
  NetdevEthtool nic(netdev.name());
  const auto places = RxFilters(nic).places();
  return places ? Json(places->taken) : Json();
}

Status write_filters(const Netdev& netdev, const Json& was) {
  NetdevEthtool nic(netdev.name());
  const RxFilters filters(nic);
  const auto places = filters.places();
  if (!places) return places.error();
  const auto before = was.get<std::vector<uint32_t>>();
  for (const uint32_t location : places->taken)
    if (std::find(before.begin(), before.end(), location) == before.end())
      if (Status s = filters.remove(location); !s) return s;
  return {};
}

Json read_channels(const Netdev& netdev) {
  NetdevEthtool nic(netdev.name());
  struct ethtool_channels now {};
  now.cmd = ETHTOOL_GCHANNELS;
  if (nic.call(&now) != 0) return nullptr;
  return {
      {"rx", now.rx_count}, {"tx", now.tx_count}, {"other", now.other_count}, {"combined", now.combined_count}};
}

Status write_channels(const Netdev& netdev, const Json& was) {
  NetdevEthtool nic(netdev.name());
  struct ethtool_channels wanted {};
  wanted.cmd = ETHTOOL_GCHANNELS;
  if (const int result = nic.call(&wanted); result != 0) return from_errno("ETHTOOL_GCHANNELS", -result);
  wanted.cmd = ETHTOOL_SCHANNELS;
  wanted.rx_count = was.at("rx");
  wanted.tx_count = was.at("tx");
  wanted.other_count = was.at("other");
  wanted.combined_count = was.at("combined");
  return from_errno("ETHTOOL_SCHANNELS", -nic.call(&wanted));
}

Json read_rings(const Netdev& netdev) {
  NetdevEthtool nic(netdev.name());
  ethtool_ringparam now{};
  now.cmd = ETHTOOL_GRINGPARAM;
  if (nic.call(&now) != 0) return nullptr;
  return {{"rx", now.rx_pending}, {"tx", now.tx_pending}};
}

Status write_rings(const Netdev& netdev, const Json& was) {
  NetdevEthtool nic(netdev.name());
  ethtool_ringparam wanted{};
  wanted.cmd = ETHTOOL_GRINGPARAM;
  if (const int result = nic.call(&wanted); result != 0) return from_errno("ETHTOOL_GRINGPARAM", -result);
  wanted.cmd = ETHTOOL_SRINGPARAM;
  wanted.rx_pending = was.at("rx");
  wanted.tx_pending = was.at("tx");
  return from_errno("ETHTOOL_SRINGPARAM", -nic.call(&wanted));
}

Json read_rss(const Netdev& netdev) {
  NetdevEthtool nic(netdev.name());
  const auto rss = ethtool_rss(nic);
  return rss ? Json{{"table", rss->table}, {"key", rss->key}} : Json();
}

Status write_rss(const Netdev& netdev, const Json& was) {
  NetdevEthtool nic(netdev.name());
  return ethtool_set_rss(nic, was.at("table").get<std::vector<uint32_t>>(),
                         was.at("key").get<std::vector<uint8_t>>());
}

constexpr uint32_t kHashedTypes[] = {IPV4_FLOW, TCP_V4_FLOW, UDP_V4_FLOW, SCTP_V4_FLOW,
                                     IPV6_FLOW, TCP_V6_FLOW, UDP_V6_FLOW, SCTP_V6_FLOW};

// {"<flow type>": fields}, both as ethtool numbers them.
Json read_hashed(const Netdev& netdev) {
  NetdevEthtool nic(netdev.name());
  Json out = Json::object();
  for (const uint32_t type : kHashedTypes) {
    ethtool_rxnfc ask{};
    ask.cmd = ETHTOOL_GRXFH;
    ask.flow_type = type;
    if (nic.call(&ask) == 0) out[std::to_string(type)] = ask.data;
  }
  return out.empty() ? Json() : out;
}

Status write_hashed(const Netdev& netdev, const Json& was) {
  NetdevEthtool nic(netdev.name());
  const Json now = read_hashed(netdev);
  for (const auto& [type, fields] : was.items()) {
    if (now.value(type, Json()) == fields) continue;
    ethtool_rxnfc set{};
    set.cmd = ETHTOOL_SRXFH;
    set.flow_type = static_cast<uint32_t>(std::stoul(type));
    set.data = fields;
    if (const int result = nic.call(&set); result != 0) return from_errno("ETHTOOL_SRXFH", -result);
  }
  return {};
}

Json read_pause(const Netdev& netdev) {
  NetdevEthtool nic(netdev.name());
  const auto pause = ethtool_pause(nic);
  return pause ? Json{{"autoneg", pause->autoneg}, {"rx", pause->rx}, {"tx", pause->tx}} : Json();
}

Status write_pause(const Netdev& netdev, const Json& was) {
  NetdevEthtool nic(netdev.name());
  return ethtool_set_pause(nic, {was.at("autoneg"), was.at("rx"), was.at("tx")});
}

// --- what rtnetlink and sysfs set ---

Json read_mtu(const Netdev& netdev) { return netdev.info.mtu; }
Status write_mtu(const Netdev& netdev, const Json& was) { return netdev_set_mtu(netdev.info.ifindex, was); }

Json read_mac(const Netdev& netdev) { return netdev.info.mac; }
Status write_mac(const Netdev& netdev, const Json& was) {
  return netdev_set_mac(netdev.info.ifindex, was.get<MacAddress>());
}

Json read_up(const Netdev& netdev) { return netdev.info.admin_up; }
Status write_up(const Netdev& netdev, const Json& was) { return netdev_set_up(netdev.info.ifindex, was); }

// Two files of sysfs, where it is that of this network namespace.
template <const char* const& kFile>
Json read_file(const Netdev& netdev) {
  const std::string entry = sysfs_net_entry(kSysfsRoot, netdev.name(), netdev.info.ifindex, netdev.info.mac);
  const std::string text = entry.empty() ? "" : SysfsTree(entry).read(kFile);
  return text.empty() ? Json() : Json(text);
}
template <const char* const& kFile>
Status write_file(const Netdev& netdev, const Json& was) {
  const std::string entry = sysfs_net_entry(kSysfsRoot, netdev.name(), netdev.info.ifindex, netdev.info.mac);
  return SysfsTree(entry).write(kFile, was.get<std::string>());
}
constexpr const char* kDefer = "napi_defer_hard_irqs";
constexpr const char* kFlush = "gro_flush_timeout";

struct Setting {
  const char* name;
  Json (*read)(const Netdev&);
  Status (*write)(const Netdev&, const Json&);
};
// Filters and programs first: they hold queues and limit the MTU. The address before "up": some drivers take
// one only while they are down.
constexpr Setting kSettings[] = {
    {"xdp", read_xdp, write_xdp},
    {"filters", read_filters, write_filters},
    {"channels", read_channels, write_channels},
    {"rings", read_rings, write_rings},
    {"rss", read_rss, write_rss},
    {"hashed", read_hashed, write_hashed},
    {"pause", read_pause, write_pause},
    {"mtu", read_mtu, write_mtu},
    {"mac", read_mac, write_mac},
    {kDefer, read_file<kDefer>, write_file<kDefer>},
    {kFlush, read_file<kFlush>, write_file<kFlush>},
    {"up", read_up, write_up},
};

Json read_all(const Netdev& netdev) {
  Json out = Json::object();
  for (const Setting& setting : kSettings)
    if (Json value = setting.read(netdev); !value.is_null()) out[setting.name] = std::move(value);
  return out;
}

// An entry in the dispatcher that was there before, too, is no difference in what read_xdp() tells.
bool leave_dispatcher(const std::string& netdev, const std::vector<Change>& changes, Change& out) {
  if (!changes.empty() && changes.front().setting == "xdp") return false;  // write_xdp() sees to it
  const auto info = netdev_query(netdev);
  const auto occupant = info ? query_xdp_occupant(info->ifindex, netdev) : Result<XdpOccupant>(info.error());
  if (!occupant || occupant->kind != XdpOccupant::Kind::kDispatcher) return false;
  const auto removed = remove_xdp_orphan(info->ifindex, netdev, *occupant);
  if (removed && !*removed) return false;
  out = {"xdp", "libxdp", "libxdp with a dead net_zcnbrh", removed ? "" : removed.error().text()};
  return true;
}

// A file of state may have been written by another version, or by hand.
Status write_checked(const Setting& setting, const Netdev& netdev, const Json& was) {
  try {
    return setting.write(netdev, was);
  } catch (const Json::exception& error) {
    return Error{EINVAL, "state file", error.what()};
  }
}

}  // namespace

Json read_settings(const std::string& netdev) {
  const auto info = netdev_query(netdev);
  return info ? read_all({*info}) : Json();
}

Json settings_to_keep(const std::string& netdev) {
  Json out = read_settings(netdev);
  if (out.is_object() && out.contains("xdp") &&
      out["xdp"].value("kind", "") == kind_name(XdpOccupant::Kind::kOurs))
    out["xdp"] = {{"kind", kind_name(XdpOccupant::Kind::kNone)}};
  return out;
}

std::vector<Change> changes_of(const Json& was, const Json& now) {
  std::vector<Change> out;
  for (const Setting& setting : kSettings) {
    const auto before = was.find(setting.name);
    if (before == was.end()) continue;
    const Json after = now.is_object() ? now.value(setting.name, Json()) : Json();
    if (*before != after) out.push_back({setting.name, *before, after, ""});
  }
  return out;
}

std::vector<Change> put_back(const std::string& netdev, const Json& was) {
  std::vector<Change> changes = changes_of(was, read_settings(netdev));
  if (Change orphan; leave_dispatcher(netdev, changes, orphan)) changes.push_back(orphan);
  for (Change& change : changes) {
    const auto info = netdev_query(netdev);  // anew: one setting may change another
    if (!was.contains(change.setting) || change.was != was[change.setting])
      continue;  // leave_dispatcher() did it
    const auto* setting = std::find_if(std::begin(kSettings), std::end(kSettings),
                                       [&](const Setting& one) { return change.setting == one.name; });
    const Status s = info ? write_checked(*setting, {*info}, change.was) : Status(info.error());
    if (!s) change.failure = s.error().text();
  }
  for (const Change& still : changes_of(was, read_settings(netdev)))
    for (Change& change : changes)
      if (change.setting == still.setting && change.failure.empty())
        change.failure = "set, but the device says " + still.now.dump();
  return changes;
}

std::string user_of_netdev(const std::string& netdev) {
  const auto info = netdev_query(netdev);
  if (!info) return {};
  const auto occupant = query_xdp_occupant(info->ifindex, netdev);
  if (!occupant || occupant->kind != XdpOccupant::Kind::kOurs ||
      owner_state(occupant->config) == OwnerState::kDead)
    return {};
  return "process " + std::to_string(occupant->config.owner_pid);
}

}  // namespace zcnbrh::migrate
