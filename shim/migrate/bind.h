// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// Which driver has a PCI device, and changing that: checked before, looked at afterwards, undone on failure.
#pragma once

#include <stdexcept>
#include <string>
#include <vector>

#include "shim/migrate/sysfs_tree.h"

namespace zcnbrh::migrate {

class CannotBind : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

struct Binding {
  std::string driver;           // empty: none
  std::string driver_override;  // empty: none
  bool operator==(const Binding&) const = default;
};

Binding binding_of(const SysfsTree& sysfs, const std::string& address);

// Gives the device to `wanted.driver` (none: takes it from its driver) and leaves `wanted.driver_override`.
// `module`: loaded first where the driver is not there; empty: nothing to load. Throws CannotBind: the device
// is then with the driver that it had, or the message says that it is not.
void bind_device(const SysfsTree& sysfs, const std::string& address, const Binding& wanted,
                 const std::string& module);

// Processes that have the device open through VFIO or UIO: its driver would wait for them, without end.
std::vector<std::string> users_of(const SysfsTree& sysfs, const std::string& address);

}  // namespace zcnbrh::migrate
