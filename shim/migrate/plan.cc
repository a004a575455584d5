// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#include "shim/migrate/plan.h"

#include <algorithm>

#include "shim/map.h"

namespace zcnbrh::migrate {
namespace {

NicState state_of(const PciNic& nic, const std::vector<NetdevFacts>& netdevs) {
  if (!nic.is_the_kernels()) return nic.kernel_driver.empty() ? NicState::kNoDriver : NicState::kRebind;
  const bool here = std::any_of(netdevs.begin(), netdevs.end(), [](const auto& one) { return one.here; });
  return here ? NicState::kReady : NicState::kElsewhere;
}

// What bind_device() of bind.h does, by hand. driver_override keeps vfio-pci from taking the device again by an
// identity that it was told (new_id).
std::vector<std::string> rebind_commands(const SysfsTree& sysfs, const PciNic& nic) {
  const std::string pci = sysfs.root() + "/bus/pci/";
  const std::string device = sysfs.root() + '/' + sysfs.device(nic.address);
  std::vector<std::string> out;
  if (!sysfs.exists("bus/pci/drivers/" + nic.kernel_driver)) out.push_back("modprobe " + nic.modules.front());
  out.push_back("echo " + nic.kernel_driver + " > " + device + "/driver_override");
  if (!nic.driver.empty())
    out.push_back("echo " + nic.address + " > " + pci + "drivers/" + nic.driver + "/unbind");
  out.push_back("echo " + nic.address + " > " + pci + "drivers_probe");
  out.push_back("ls " + device + (nic.kernel_driver == "virtio-pci" ? "/virtio*/net" : "/net") +
                "  # NETDEV, its name");
  out.push_back("ip link set NETDEV up");
  return out;
}

std::string listed(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words) out += (out.empty() ? "" : ", ") + word;
  return out;
}

void note_device(const SysfsTree& sysfs, const ModuleAliases& aliases, PlanEntry& entry) {
  const PciNic& nic = entry.nic;
  auto& notes = entry.notes;
  if (entry.state == NicState::kNoDriver)
    notes.push_back(aliases.known() ? "no module of " + aliases.folder() + " is for it"
                                    : "which module it is for is not known: " + aliases.folder() +
                                          " has no modules.alias; --modules names another folder");
  if (nic.modules.size() > 1) notes.push_back("several modules are for it: " + listed(nic.modules));
  std::vector<std::string> passing;
  for (const std::string& other : nic.companions)
    if (is_passing_driver(sysfs.link(sysfs.device(other) + "/driver"))) passing.push_back(other);
  if (entry.state == NicState::kRebind && !passing.empty())
    notes.push_back("its IOMMU group " + nic.iommu_group + " holds " + listed(passing) +
                    ", too: what VFIO users have of a group they have whole, so move them together");
  if (nic.driver == "mlx5_core" || nic.driver == "mlx4_core")
    notes.push_back("its DPDK driver runs beside the kernel's: there is nothing to bind, neither now nor back");
  if (nic.access_platform == false)
    notes.push_back("virtio gives zero-copy only with iommu_platform=on (QEMU) on the host's side");
  if (entry.state == NicState::kElsewhere)
    notes.push_back(nic.netdevs.empty()
                        ? "its driver has made no netdev of it; see dmesg"
                        : "its netdev " + listed(nic.netdevs) +
                              " is in another network namespace: run the command, and the program, there");
}

void note_netdev(const NetdevFacts& netdev, std::vector<std::string>& notes) {
  if (!netdev.here) return;
  const XdpDeviceFeatures& can = netdev.features;
  if (can.known && !can.has_redirect())
    notes.push_back(netdev.name +
                    ": its driver has no XDP redirect; packets go by the kernel's generic XDP, slowly");
  if (!netdev.addresses.empty())
    notes.push_back(netdev.name + " has addresses of the kernel (" + listed(netdev.addresses) +
                    "): what the program receives does not reach them");
  if (netdev.xdp_program != 0)
    notes.push_back(netdev.name + " carries XDP program " + std::to_string(netdev.xdp_program) +
                    "; two share a netdev through libxdp's dispatcher only");
}

std::string map_of(const PlanEntry& entry) {
  const auto here =
      std::find_if(entry.netdevs.begin(), entry.netdevs.end(), [](const auto& one) { return one.here; });
  if (here != entry.netdevs.end()) return entry.nic.address + '=' + here->name;
  if (!entry.nic.netdevs.empty()) return entry.nic.address + '=' + entry.nic.netdevs.front();
  return entry.state == NicState::kRebind ? entry.nic.address + "=NETDEV" : "";
}

PlanEntry plan_nic(const SysfsTree& sysfs, const ModuleAliases& aliases, const PciNic& nic) {
  PlanEntry entry;
  entry.nic = nic;
  for (const std::string& name : nic.netdevs)
    entry.netdevs.push_back(netdev_facts(name, ifindex_of(sysfs, nic.address, name)));
  entry.state = state_of(nic, entry.netdevs);
  if (entry.state == NicState::kRebind) entry.commands = rebind_commands(sysfs, nic);
  for (const NetdevFacts& netdev : entry.netdevs)
    if (netdev.here && !netdev.up) entry.commands.push_back("ip link set " + netdev.name + " up");
  note_device(sysfs, aliases, entry);
  for (const NetdevFacts& netdev : entry.netdevs) note_netdev(netdev, entry.notes);
  entry.map = map_of(entry);
  return entry;
}

}  // namespace

bool Plan::all_can_move() const {
  return !entries.empty() && std::none_of(entries.begin(), entries.end(), [](const PlanEntry& entry) {
    return entry.state == NicState::kNoDriver;
  });
}

Plan make_plan(const SysfsTree& sysfs, const ModuleAliases& aliases, const std::vector<std::string>& devices) {
  Plan plan{sysfs.root(), aliases.folder(), {}};
  const auto nics = find_nics(sysfs, aliases);
  if (devices.empty())
    for (const PciNic& nic : nics) plan.entries.push_back(plan_nic(sysfs, aliases, nic));
  for (const std::string& device : devices) {
    const std::string address = shim::device_name(device);
    const auto found =
        std::find_if(nics.begin(), nics.end(), [&](const PciNic& nic) { return nic.address == address; });
    if (found == nics.end())
      throw CannotPlan(device + " is no PCI network device below " + sysfs.root() +
                       "; `zcnbrh-migrate plan` lists those there are");
    plan.entries.push_back(plan_nic(sysfs, aliases, *found));
  }
  return plan;
}

}  // namespace zcnbrh::migrate
