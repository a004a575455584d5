// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// Which module of the kernel a device is for: modules.alias and, for what is built in, modules.builtin.modinfo
// (Linux 5.2) of a kernel's module folder. And what is known of the drivers that have AF_XDP zero-copy.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace zcnbrh::migrate {

class ModuleAliases {
 public:
  // `folder`: /lib/modules/<release>. No file there: known() is false.
  explicit ModuleAliases(std::string folder);
  bool known() const { return known_; }
  const std::string& folder() const { return folder_; }
  // Modules whose alias fits `modalias` ("pci:v00008086d00001572sv..."), each once, in the files' order.
  std::vector<std::string> modules_for(const std::string& modalias) const;

 private:
  struct Alias {
    std::string pattern, module;
  };
  void read_aliases(const std::string& file);
  void read_builtin(const std::string& file);

  std::string folder_;
  bool known_ = false;
  std::vector<Alias> aliases_;  // of PCI devices
};

// Drivers that give a device to user space or to virtual machines: no netdev comes of them.
bool is_passing_driver(std::string_view driver);

// "4.20": the kernel from which on a driver has AF_XDP zero-copy; empty: not that we know.
std::string_view zero_copy_since(std::string_view driver);

}  // namespace zcnbrh::migrate
