// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#include <chrono>
#include <thread>

#include "lib/netdev/netdev.h"
#include "shim/migrate/bind.h"
#include "shim/migrate/plan.h"

namespace zcnbrh::migrate {
namespace {

// A driver's probe may make the netdev a moment later (virtio, auxiliary bus).
std::vector<std::string> wait_for_netdevs(const SysfsTree& sysfs, const std::string& device) {
  constexpr int kTries = 200;
  std::vector<std::string> out;
  for (int i = 0; i < kTries && out.empty(); ++i) {
    out = netdevs_of(sysfs, device);
    if (out.empty()) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return out;
}

void bring_up(const SysfsTree& sysfs, const std::string& device) {
  const auto netdevs = wait_for_netdevs(sysfs, device);
  if (netdevs.empty()) throw CannotBind("the driver has made no netdev of " + device + "; see dmesg");
  for (const std::string& netdev : netdevs) {
    const auto info = netdev_query(netdev);
    if (!info || info->ifindex != ifindex_of(sysfs, device, netdev)) continue;  // not in this namespace
    if (const Status s = netdev_set_up(info->ifindex, true); !s)
      throw CannotBind(netdev + " does not come up: " + s.error().text());
  }
}

}  // namespace

void apply_plan(const Plan& plan, const SysfsTree& sysfs, State& state) {
  for (const PlanEntry& entry : plan.entries) {
    if (entry.state != NicState::kRebind) continue;
    const PciNic& nic = entry.nic;
    const Binding before = binding_of(sysfs, nic.address);
    state.keep_binding(nic.address, before);
    state.save();
    bind_device(sysfs, nic.address, {nic.kernel_driver, nic.kernel_driver}, nic.modules.front());
    bring_up(sysfs, nic.address);
  }
}

}  // namespace zcnbrh::migrate
