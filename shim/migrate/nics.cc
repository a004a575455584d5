// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#include "shim/migrate/nics.h"

#include <algorithm>
#include <charconv>

namespace zcnbrh::migrate {
namespace {

constexpr std::string_view kNetworkController = "0x02";

std::string without_0x(const std::string& text) { return text.starts_with("0x") ? text.substr(2) : text; }

int number(const std::string& text, int otherwise) {
  int value = otherwise;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

// The folder <device>/net, or <device>/virtio<n>/net.
std::string net_folder(const SysfsTree& sysfs, const std::string& address) {
  const std::string device = sysfs.device(address);
  if (sysfs.exists(device + "/net")) return device + "/net";
  for (const std::string& child : sysfs.list(device))
    if (child.starts_with("virtio") && sysfs.exists(device + '/' + child + "/net"))
      return device + '/' + child + "/net";
  return {};
}

// The file has a '0' or '1' a feature bit.
std::optional<bool> access_platform(const SysfsTree& sysfs, const std::string& device) {
  constexpr size_t kAccessPlatform = 33;  // VIRTIO_F_ACCESS_PLATFORM, linux/virtio_config.h
  for (const std::string& child : sysfs.list(device)) {
    const std::string bits = child.starts_with("virtio") ? sysfs.read(device + '/' + child + "/features") : "";
    if (bits.size() > kAccessPlatform) return bits[kAccessPlatform] == '1';
  }
  return std::nullopt;
}

// The kernel shows "(null)" where there is none.
std::string override_of(const SysfsTree& sysfs, const std::string& device) {
  const std::string text = sysfs.read(device + "/driver_override");
  return text == "(null)" ? "" : text;
}

PciNic read_nic(const SysfsTree& sysfs, const ModuleAliases& aliases, const std::string& address) {
  const std::string device = sysfs.device(address);
  PciNic nic;
  nic.address = address;
  nic.ids = without_0x(sysfs.read(device + "/vendor")) + ':' + without_0x(sysfs.read(device + "/device"));
  nic.driver = sysfs.link(device + "/driver");
  nic.driver_override = override_of(sysfs, device);
  nic.modules = aliases.modules_for(sysfs.read(device + "/modalias"));
  nic.numa_node = number(sysfs.read(device + "/numa_node"), -1);
  nic.iommu_group = sysfs.link(device + "/iommu_group");
  for (const std::string& other : sysfs.list(device + "/iommu_group/devices"))
    if (other != address) nic.companions.push_back(other);
  nic.netdevs = netdevs_of(sysfs, address);
  nic.access_platform = access_platform(sysfs, device);
  if (nic.is_the_kernels())
    nic.kernel_driver = nic.driver;
  else if (!nic.modules.empty())
    nic.kernel_driver = driver_of_module(sysfs, nic.modules.front());
  return nic;
}

}  // namespace

std::vector<std::string> netdevs_of(const SysfsTree& sysfs, const std::string& address) {
  const std::string folder = net_folder(sysfs, address);
  return folder.empty() ? std::vector<std::string>() : sysfs.list(folder);
}

int ifindex_of(const SysfsTree& sysfs, const std::string& address, const std::string& netdev) {
  return number(sysfs.read(net_folder(sysfs, address) + '/' + netdev + "/ifindex"), 0);
}

std::string driver_of_module(const SysfsTree& sysfs, const std::string& module) {
  const std::string drivers = "bus/pci/drivers";
  for (const std::string& driver : sysfs.list(drivers))
    if (sysfs.link(drivers + '/' + driver + "/module") == module) return driver;
  std::string dashed = module;
  std::replace(dashed.begin(), dashed.end(), '_', '-');
  // Not loaded yet, or built in, where there is no link: most drivers are named like their module.
  const bool is_dashed = sysfs.exists(drivers + '/' + dashed) || module == "virtio_pci";
  return is_dashed ? dashed : module;
}

std::vector<PciNic> find_nics(const SysfsTree& sysfs, const ModuleAliases& aliases) {
  std::vector<PciNic> out;
  for (const std::string& address : sysfs.list("bus/pci/devices"))
    if (sysfs.read(sysfs.device(address) + "/class").starts_with(kNetworkController))
      out.push_back(read_nic(sysfs, aliases, address));
  return out;
}

}  // namespace zcnbrh::migrate
