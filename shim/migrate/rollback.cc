// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#include "shim/migrate/rollback.h"

#include <algorithm>

#include "lib/base/process.h"
#include "lib/netdev/netdev.h"
#include "shim/map.h"
#include "shim/migrate/netdev_settings.h"
#include "shim/migrate/nics.h"
#include "shim/migrate/table.h"

namespace zcnbrh::migrate {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kPutBack = "put back";
constexpr const char* kWould = "would be put back";
constexpr const char* kAsItWas = "as it was";

bool is_named(const RollbackOptions& options, const std::string& name) {
  return options.names.empty() || std::any_of(options.names.begin(), options.names.end(), [&](const auto& one) {
           return one == name || shim::device_name(one) == name;
         });
}

// Why a netdev cannot be put back now, or need not be; empty: it can.
std::string obstacle(const Json& entry, bool& good) {
  good = false;
  const std::string netdev = entry.at("netdev");
  if (const auto users = living_users(entry); !users.empty())
    return "in use by process " + std::to_string(users.front()) + ": end it first";
  if (entry.at("netns") != network_namespace()) return "in another network namespace: run rollback there";
  good = true;
  const auto info = netdev_query(netdev);
  if (!info) return "it is gone, and its settings with it";
  if (entry.at("ifindex") != info->ifindex) return "another netdev has its name now; it is left alone";
  good = false;
  const std::string user = user_of_netdev(netdev);
  return user.empty() ? "" : "in use by " + user + ": end it first";
}

std::string brief(const Json& value) {
  constexpr size_t kMost = 40;
  const std::string text = value.is_string() ? value.get<std::string>() : value.is_null() ? "-" : value.dump();
  return text.size() <= kMost ? text : text.substr(0, kMost - 3) + "...";
}

RollbackRow row_of(const std::string& object, const Change& change, bool dry_run) {
  const bool good = change.failure.empty() && !dry_run;
  const std::string outcome = dry_run ? kWould : good ? kPutBack : "failed: " + change.failure;
  return {object, change.setting, brief(change.was), brief(change.now), outcome, good};
}

// True: it is as it was, or gone.
bool roll_netdev(const Json& entry, bool dry_run, Rollback& out) {
  const std::string netdev = entry.at("netdev");
  bool good = false;
  if (const std::string why = obstacle(entry, good); !why.empty()) {
    out.rows.push_back({netdev, "", "", "", why, good});
    return good;
  }
  const Json& was = entry.at("settings");
  const auto changes = dry_run ? changes_of(was, read_settings(netdev)) : put_back(netdev, was);
  if (changes.empty()) out.rows.push_back({netdev, "", "", "", kAsItWas, true});
  bool all = true;
  for (const Change& change : changes) {
    out.rows.push_back(row_of(netdev, change, dry_run));
    all = all && out.rows.back().good;
  }
  return all;
}

bool roll_binding(const Json& entry, const SysfsTree& sysfs, bool dry_run, Rollback& out) {
  const std::string device = entry.at("device");
  const Binding was{entry.at("driver"), entry.at("driver_override")};
  const Binding now = binding_of(sysfs, device);
  RollbackRow row{
      device,   "driver", was.driver.empty() ? "-" : was.driver, now.driver.empty() ? "-" : now.driver,
      kPutBack, true};
  if (was == now)
    row.outcome = kAsItWas;
  else if (dry_run)
    row = {device, "driver", row.was, row.now, kWould, false};
  else
    try {
      bind_device(sysfs, device, was, "");
    } catch (const CannotBind& error) {
      row.outcome = std::string("failed: ") + error.what();
      row.good = false;
    }
  out.rows.push_back(row);
  return row.good;
}

// Netdevs of a device that a program still has.
bool is_device_busy(const Json& netdevs, const SysfsTree& sysfs, const std::string& device) {
  for (const std::string& name : netdevs_of(sysfs, device))
    for (const Json& entry : netdevs)
      if (entry.at("netdev") == name && !living_users(entry).empty()) return true;
  return false;
}

// Keeps of `list` what `done` does not say true for.
template <typename Done>
void keep_undone(Json& list, Done done) {
  Json left = Json::array();
  for (const Json& entry : list)
    if (!done(entry)) left.push_back(entry);
  list = std::move(left);
}

}  // namespace

bool Rollback::complete() const {
  return std::all_of(rows.begin(), rows.end(), [](const RollbackRow& row) { return row.good; });
}

Rollback roll_back(State& state, const SysfsTree& sysfs, const RollbackOptions& options) {
  Rollback out;
  out.file = state.file();
  try {
    const Json netdevs = state.netdevs();
    keep_undone(state.netdevs(), [&](const Json& entry) {
      return is_named(options, entry.at("netdev")) && roll_netdev(entry, options.dry_run, out);
    });
    keep_undone(state.bindings(), [&](const Json& entry) {
      const std::string device = entry.at("device");
      if (!is_named(options, device)) return false;
      if (!is_device_busy(netdevs, sysfs, device)) return roll_binding(entry, sysfs, options.dry_run, out);
      out.rows.push_back({device, "driver", entry.at("driver"), "", "its netdev is in use", false});
      return false;
    });
  } catch (const Json::exception& error) {
    throw NoState("state file " + out.file + ": " + error.what() + "; remove it, or mend the entry");
  }
  if (!options.dry_run) state.save();
  return out;
}

std::string rollback_text(const Rollback& rollback) {
  if (rollback.rows.empty()) return "There is nothing to put back (" + rollback.file + ").\n";
  Table table({"what", "setting", "was", "is", "outcome"});
  for (const RollbackRow& row : rollback.rows)
    table.add({row.object, row.setting, row.was, row.now, row.outcome});
  const bool complete = rollback.complete();
  return table.text() + '\n' +
         inked(complete ? "All is as it was." : "Not all is as it was.", complete ? Ink::kGood : Ink::kBad) +
         '\n';
}

Json rollback_json(const Rollback& rollback) {
  Json rows = Json::array();
  for (const RollbackRow& row : rollback.rows)
    rows.push_back({{"what", row.object},
                    {"setting", row.setting},
                    {"was", row.was},
                    {"is", row.now},
                    {"outcome", row.outcome},
                    {"done", row.good}});
  return {{"state", rollback.file}, {"complete", rollback.complete()}, {"rows", std::move(rows)}};
}

}  // namespace zcnbrh::migrate
