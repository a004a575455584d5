// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#include "shim/migrate/plan.h"
#include "shim/migrate/table.h"

namespace zcnbrh::migrate {
namespace {

using Json = nlohmann::ordered_json;

std::string or_dash(const std::string& text) { return text.empty() ? "-" : text; }

const NetdevFacts* first_here(const PlanEntry& entry) {
  for (const NetdevFacts& netdev : entry.netdevs)
    if (netdev.here) return &netdev;
  return nullptr;
}

std::string queues_text(const NetdevFacts* netdev) {
  if (netdev == nullptr) return "-";
  std::string out = std::to_string(netdev->rx_queues) + '/' + std::to_string(netdev->tx_queues);
  if (netdev->most_rx_queues > netdev->rx_queues) out += " of " + std::to_string(netdev->most_rx_queues);
  return out;
}

// What the driver itself does for AF_XDP packets; the rest net_zcnbrh does in software.
std::vector<std::string> offloads_of(const XdpDeviceFeatures& can) {
  std::vector<std::string> out;
  const auto add = [&](uint64_t mask, uint64_t bit, const char* name) {
    if ((mask & bit) != 0) out.push_back(name);
  };
  add(can.xdp_features, uapi::kNetdevXdpActRxSg, "rx-sg");
  add(can.rx_metadata, uapi::kNetdevXdpRxMetadataTimestamp, "rx-timestamp");
  add(can.rx_metadata, uapi::kNetdevXdpRxMetadataHash, "rx-hash");
  add(can.rx_metadata, uapi::kNetdevXdpRxMetadataVlanTag, "rx-vlan-tag");
  add(can.xsk_features, uapi::kNetdevXskTxTimestamp, "tx-timestamp");
  add(can.xsk_features, uapi::kNetdevXskTxChecksum, "tx-checksum");
  add(can.xsk_features, uapi::kNetdevXskTxLaunchTimeFifo, "tx-launch-time");
  return out;
}

std::string offloads_text(const NetdevFacts* netdev) {
  if (netdev == nullptr || !netdev->features.known) return "-";
  std::string out;
  for (const std::string& one : offloads_of(netdev->features)) out += (out.empty() ? "" : " ") + one;
  return out.empty() ? "none" : out;
}

Ink ink_of(NicState state) {
  if (state == NicState::kReady) return Ink::kGood;
  return state == NicState::kNoDriver ? Ink::kBad : Ink::kWarn;
}

std::string entry_text(const PlanEntry& entry) {
  std::string out =
      '\n' + inked(entry.nic.address + ": " + state_line(entry.state), ink_of(entry.state)) + '\n';
  for (const std::string& note : entry.notes) out += "  note: " + printable(note) + '\n';
  for (const std::string& command : entry.commands) out += "    " + printable(command) + '\n';
  if (!entry.map.empty())
    out += "    zcnbrh-migrate run --map " + printable(entry.map) + " -- PROGRAM ARGUMENTS\n";
  return out;
}

Json netdev_json(const NetdevFacts& netdev) {
  if (!netdev.here) return {{"name", netdev.name}, {"here", false}};
  const XdpDeviceFeatures& can = netdev.features;
  return {{"name", netdev.name},
          {"here", true},
          {"driver", netdev.driver},
          {"up", netdev.up},
          {"carrier", netdev.carrier},
          {"mtu", netdev.mtu},
          {"rx_queues", netdev.rx_queues},
          {"tx_queues", netdev.tx_queues},
          {"most_rx_queues", netdev.most_rx_queues},
          {"xdp_program", netdev.xdp_program},
          {"addresses", netdev.addresses},
          {"xdp", describe(can)},
          {"zero_copy", can.known ? Json(can.has_zerocopy()) : Json()},
          {"zero_copy_segments", can.zc_max_segs},
          {"offloads", offloads_of(can)}};
}

}  // namespace

const char* state_line(NicState state) {
  switch (state) {
    case NicState::kReady:
      return "ready, the kernel has it";
    case NicState::kElsewhere:
      return "the kernel has it, but no netdev of it is in this network namespace";
    case NicState::kRebind:
      return "to be bound to its kernel driver";
    case NicState::kNoDriver:
      return "no kernel driver for it, it stays with its old one";
  }
  return "";
}

std::string zero_copy_text(const PlanEntry& entry) {
  const NetdevFacts* netdev = first_here(entry);
  if (entry.nic.access_platform == false) return "no";
  if (netdev != nullptr && netdev->features.known) return netdev->features.has_zerocopy() ? "yes" : "no";
  const std::string_view since = zero_copy_since(entry.nic.kernel_driver);
  return since.empty() ? "unknown" : "since Linux " + std::string(since);
}

std::string plan_text(const Plan& plan) {
  if (plan.entries.empty()) return "There is no PCI network device below " + plan.sysfs + ".\n";
  Table table(
      {"device", "ids", "driver", "kernel's", "netdev", "queues", "node", "zero-copy", "device offloads"});
  for (const PlanEntry& entry : plan.entries) {
    const NetdevFacts* netdev = first_here(entry);
    const std::string name = netdev != nullptr            ? netdev->name
                             : !entry.nic.netdevs.empty() ? entry.nic.netdevs.front()
                                                          : "-";
    table.add({entry.nic.address, entry.nic.ids, or_dash(entry.nic.driver), or_dash(entry.nic.kernel_driver),
               name, queues_text(netdev), std::to_string(entry.nic.numa_node), zero_copy_text(entry),
               offloads_text(netdev)});
  }
  std::string out = table.text();
  for (const PlanEntry& entry : plan.entries) out += entry_text(entry);
  return out;
}

Json plan_json(const Plan& plan) {
  Json devices = Json::array();
  for (const PlanEntry& entry : plan.entries) {
    Json netdevs = Json::array();
    for (const NetdevFacts& netdev : entry.netdevs) netdevs.push_back(netdev_json(netdev));
    devices.push_back({{"device", entry.nic.address},
                       {"ids", entry.nic.ids},
                       {"state", state_line(entry.state)},
                       {"driver", entry.nic.driver},
                       {"driver_override", entry.nic.driver_override},
                       {"kernel_driver", entry.nic.kernel_driver},
                       {"modules", entry.nic.modules},
                       {"numa_node", entry.nic.numa_node},
                       {"iommu_group", entry.nic.iommu_group},
                       {"netdevs", std::move(netdevs)},
                       {"zero_copy", zero_copy_text(entry)},
                       {"commands", entry.commands},
                       {"notes", entry.notes},
                       {"map", entry.map}});
  }
  return {{"sysfs", plan.sysfs},
          {"modules", plan.modules},
          {"all_can_move", plan.all_can_move()},
          {"devices", std::move(devices)}};
}

}  // namespace zcnbrh::migrate
