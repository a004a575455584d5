// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// The PCI part of sysfs below a root of one's choice: "/sys", or a made-up tree. No state but the root.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/result.h"

namespace zcnbrh::migrate {

class SysfsTree {
 public:
  explicit SysfsTree(std::string root) : root_(std::move(root)) {}
  const std::string& root() const { return root_; }
  // Paths below are relative to the root.
  std::string device(std::string_view address) const { return "bus/pci/devices/" + std::string(address); }

  bool exists(const std::string& path) const;
  // First line; empty: none, or no such file.
  std::string read(const std::string& path) const;
  // Last component of what a symbolic link points to; empty: no such link.
  std::string link(const std::string& path) const;
  std::vector<std::string> list(const std::string& path) const;  // names in a folder, sorted
  // One write(2) of the whole text, as the kernel's attributes want it; it fails as the attribute does.
  Status write(const std::string& path, std::string_view text) const;

 private:
  std::string root_;
};

}  // namespace zcnbrh::migrate
