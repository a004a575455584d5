// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#include "shim/migrate/netdev_settings.h"

#include <algorithm>
#include <cerrno>
#include <functional>

#include "lib/netdev/ethtool_calls.h"
#include "lib/netdev/netdev.h"
#include "lib/netdev/sysfs.h"
#include "lib/xdp/xdp_occupant.h"
#include "lib/xdp/xdp_owner.h"
#include "shim/migrate/ethtool_settings.h"
#include "shim/migrate/sysfs_tree.h"

namespace zcnbrh::migrate {
namespace {

using Json = nlohmann::ordered_json;

struct Netdev {
  NetdevInfo info;
  const std::string& name() const { return info.name; }
};

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

Json describe(const XdpOccupant& occupant) {
  Json out = {{"kind", kind_name(occupant.kind)}};
  // libxdp makes another dispatcher, with another number, when a program joins or leaves it.
  if (occupant.kind == XdpOccupant::Kind::kOurs || occupant.kind == XdpOccupant::Kind::kAlien) {
    out["program"] = occupant.program_id;
    out["native"] = occupant.native;
  }
  return out;
}

Json read_xdp(const Netdev& netdev) {
  const auto occupant = query_xdp_occupant(netdev.info.ifindex, netdev.name());
  return occupant ? describe(*occupant) : Json();
}

// What a dead process of ours left goes; other programs are nobody's to take off but who put them there.
Status write_xdp(const Netdev& netdev, const Json& was) {
  for (;;) {
    const auto occupant = query_xdp_occupant(netdev.info.ifindex, netdev.name());
    if (!occupant) return occupant.error();
    const auto removed = remove_xdp_orphan(netdev.info.ifindex, netdev.name(), *occupant);
    if (!removed) return removed.error();
    if (*removed) continue;
    if (describe(*occupant) == was) return {};
    if (occupant->kind == XdpOccupant::Kind::kNone)
      return attach_xdp_again(netdev.info.ifindex, netdev.name(), was.value("program", 0U),
                              was.value("native", true));
    return Error{EBUSY, "XDP",
                 occupant->text() + " is not of a dead net_zcnbrh; whoever put it there takes it off"};
  }
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
  std::string name;
  std::function<Json(const Netdev&)> read;
  std::function<Status(const Netdev&, const Json&)> write;
};

Setting of_ethtool(const EthtoolSetting& setting) {
  return {setting.name,
          [&setting](const Netdev& netdev) {
            NetdevEthtool nic(netdev.name());
            return setting.read(nic);
          },
          [&setting](const Netdev& netdev, const Json& was) {
            NetdevEthtool nic(netdev.name());
            return setting.write(nic, was);
          }};
}

// Programs and filters first: they hold queues and limit the MTU. The address before "up": some drivers take
// one only while they are down.
std::vector<Setting> make_settings() {
  std::vector<Setting> out = {{"xdp", read_xdp, write_xdp}};
  for (const EthtoolSetting& setting : ethtool_settings()) out.push_back(of_ethtool(setting));
  out.push_back({"mtu", read_mtu, write_mtu});
  out.push_back({"mac", read_mac, write_mac});
  out.push_back({kDefer, read_file<kDefer>, write_file<kDefer>});
  out.push_back({kFlush, read_file<kFlush>, write_file<kFlush>});
  out.push_back({"up", read_up, write_up});
  return out;
}

const std::vector<Setting>& settings() {
  static const std::vector<Setting> all = make_settings();
  return all;
}

Json read_all(const Netdev& netdev) {
  Json out = Json::object();
  for (const Setting& setting : settings())
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

// Looked up anew for each setting, since one may change another.
Status write_setting(const std::string& netdev, const std::string& name, const Json& was) {
  const auto info = netdev_query(netdev);
  if (!info) return info.error();
  const auto setting =
      std::find_if(settings().begin(), settings().end(), [&](const Setting& one) { return one.name == name; });
  return setting->write({*info}, was);
}

// A file of state may have been written by another version, or by hand.
std::string write_checked(const WriteSetting& write, const Change& change) {
  try {
    const Status s = write(change.setting, change.was);
    return s ? "" : s.error().text();
  } catch (const Json::exception& error) {
    return std::string("state file: ") + error.what();
  }
}

Change* find_change(std::vector<Change>& changes, const std::string& setting) {
  const auto found =
      std::find_if(changes.begin(), changes.end(), [&](const Change& one) { return one.setting == setting; });
  return found != changes.end() ? &*found : nullptr;
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
  for (const Setting& setting : settings()) {
    const auto before = was.find(setting.name);
    if (before == was.end()) continue;
    const Json after = now.is_object() ? now.value(setting.name, Json()) : Json();
    if (*before != after) out.push_back({setting.name, *before, after, ""});
  }
  return out;
}

std::vector<Change> put_back(const Json& was, const ReadSettings& read, const WriteSetting& write) {
  constexpr int kRounds = 2;
  std::vector<Change> all;
  for (int round = 0; round < kRounds; ++round) {
    for (Change& change : changes_of(was, read())) {
      const std::string failure = write_checked(write, change);
      Change* before = find_change(all, change.setting);
      if (before == nullptr) before = &all.emplace_back(change);
      before->failure = failure;
    }
  }
  const std::vector<Change> left = changes_of(was, read());
  for (const Change& still : left)
    if (Change* change = find_change(all, still.setting); change != nullptr && change->failure.empty())
      change->failure = "set, but the device says " + still.now.dump();
  return all;
}

std::vector<Change> put_back(const std::string& netdev, const Json& was) {
  std::vector<Change> changes = put_back(
      was, [&] { return read_settings(netdev); },
      [&](const std::string& name, const Json& value) { return write_setting(netdev, name, value); });
  if (Change orphan; leave_dispatcher(netdev, changes, orphan)) changes.push_back(orphan);
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
