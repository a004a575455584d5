// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// What only sysfs knows of a network interface's device: its NUMA node, and whether an IOMMU translates its
// DMA. Every function takes sysfs's root ("/sys"; tests give a tree of their own). Control path, any thread.
//
// /sys/class/net shows the network namespace in which that sysfs was mounted, not the caller's: an interface
// of the same name there can be another one. So a device is found by its bus address where the kernel tells
// it (rtnetlink, 5.14), /sys/bus being the same in every namespace; /sys/class/net is the second choice and
// believed only when ifindex and address agree.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "lib/base/result.h"

namespace zcnbrh {

inline constexpr const char* kSysfsRoot = "/sys";

// The entry of `name` in /sys/class/net, empty when it is missing or another namespace's interface.
std::string sysfs_net_entry(const std::string& root, const std::string& name, int ifindex,
                            const std::array<uint8_t, 6>& mac);

// The real path of the device behind an interface; empty: it has none (a software interface such as veth).
// `bus` and `device`: IFLA_PARENT_DEV_BUS_NAME and IFLA_PARENT_DEV_NAME, empty when the kernel gave none.
// `net_entry`: of sysfs_net_entry(), may be empty.
std::string sysfs_device_path(const std::string& root, const std::string& bus, const std::string& device,
                              const std::string& net_entry);

// Node of the device or of the nearest ancestor that knows one (a virtio device asks its PCI parent); -1:
// unknown, or the machine has one node only and the firmware says nothing.
int sysfs_numa_node(const std::string& root, const std::string& device_path);

struct DmaTranslation {
  bool translated = true;
  std::string reason;
};
// Whether addresses the device uses are translated page by page. In doubt the answer is yes, since a wrong
// "no" loses packets: a frame across a page boundary may not be contiguous for such a device.
DmaTranslation sysfs_dma_translation(const std::string& root, const std::string& device_path);

// Entries "rx-*" or "tx-*" (`prefix`) of <net_entry>/queues: the interface's real queues; 0 when unknown.
uint32_t sysfs_queue_count(const std::string& net_entry, const std::string& prefix);

}  // namespace zcnbrh
