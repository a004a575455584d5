// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// The PCI network devices of a machine (or of a made-up sysfs), and of their netdevs what the kernel tells.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "lib/netdev/netdev_genl.h"
#include "shim/migrate/kernel_drivers.h"
#include "shim/migrate/sysfs_tree.h"

namespace zcnbrh::migrate {

// A netdev in this process's network namespace.
struct NetdevFacts {
  std::string name;
  bool here = false;  // false: in another namespace, or only in a made-up tree; nothing below is known
  std::string driver;
  bool up = false, carrier = false;
  uint32_t mtu = 0, rx_queues = 0, tx_queues = 0;
  uint32_t most_rx_queues = 0;         // that ethtool -L could set; 0: not told
  uint32_t xdp_program = 0;            // its number; 0: none
  std::vector<std::string> addresses;  // the kernel's own, of IP
  XdpDeviceFeatures features;
};
// `ifindex`: as sysfs tells it; a netdev of that name with another number is not it. 0: any.
NetdevFacts netdev_facts(const std::string& name, int ifindex);

struct PciNic {
  std::string address;  // 0000:3b:00.0
  std::string ids;      // 8086:1572
  std::string driver;   // bound now; empty: none
  std::string driver_override;
  std::vector<std::string> modules;  // of the kernel that it is for
  int numa_node = -1;
  std::string iommu_group;              // empty: none
  std::vector<std::string> companions;  // other devices of that group
  std::vector<std::string> netdevs;
  // virtio alone: VIRTIO_F_ACCESS_PLATFORM, without which virtio_net refuses zero-copy.
  std::optional<bool> access_platform;

  bool is_the_kernels() const { return !driver.empty() && !is_passing_driver(driver); }
  // What should own it: the driver that does, or that of the first module; empty: unknown.
  std::string kernel_driver;
};

// Of class 0x02 (network controller), in the order of their addresses.
std::vector<PciNic> find_nics(const SysfsTree& sysfs, const ModuleAliases& aliases);
// The netdevs that a device has, also behind virtio.
std::vector<std::string> netdevs_of(const SysfsTree& sysfs, const std::string& address);
int ifindex_of(const SysfsTree& sysfs, const std::string& address, const std::string& netdev);
// A driver's name on the PCI bus by its module's: virtio_pci is virtio-pci.
std::string driver_of_module(const SysfsTree& sysfs, const std::string& module);

}  // namespace zcnbrh::migrate
