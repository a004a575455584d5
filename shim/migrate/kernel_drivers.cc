// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#include "shim/migrate/kernel_drivers.h"

#include <fnmatch.h>

#include <algorithm>
#include <fstream>
#include <sstream>

namespace zcnbrh::migrate {
namespace {

struct ZeroCopyDriver {
  std::string_view driver, since;
};
// For devices that no kernel driver has now; of the others the kernel itself tells (netdev genl, 6.3).
constexpr ZeroCopyDriver kZeroCopy[] = {
#define DRIVER(name, since) {name, since},
#include "shim/migrate/zero_copy_drivers.def"
};

constexpr std::string_view kPassing[] = {
    "vfio-pci", "uio_pci_generic", "igb_uio",         "pci-stub",     "pciback",          "xen-pciback",
    "nic_uio",  "mlx5_vfio_pci",   "virtio_vfio_pci", "ice_vfio_pci", "hisi_acc_vfio_pci"};

}  // namespace

ModuleAliases::ModuleAliases(std::string folder) : folder_(std::move(folder)) {
  read_aliases(folder_ + "/modules.alias");
  read_builtin(folder_ + "/modules.builtin.modinfo");
}

// "alias pci:v00008086d00001572sv*sd*bc*sc*i* i40e"
void ModuleAliases::read_aliases(const std::string& file) {
  std::ifstream in(file);
  known_ |= in.is_open();
  for (std::string line; std::getline(in, line);) {
    std::istringstream words(line);
    std::string word, pattern, module;
    if (words >> word >> pattern >> module && word == "alias" && pattern.starts_with("pci:"))
      aliases_.push_back({pattern, module});
  }
}

// Texts that end in NUL: "igb.alias=pci:v00008086d00001521sv*sd*bc*sc*i*"
void ModuleAliases::read_builtin(const std::string& file) {
  constexpr std::string_view kAlias = ".alias=";
  std::ifstream in(file, std::ios::binary);
  known_ |= in.is_open();
  for (std::string text; std::getline(in, text, '\0');) {
    const size_t at = text.find(kAlias);
    if (at != std::string::npos && text.compare(at + kAlias.size(), 4, "pci:") == 0)
      aliases_.push_back({text.substr(at + kAlias.size()), text.substr(0, at)});
  }
}

std::vector<std::string> ModuleAliases::modules_for(const std::string& modalias) const {
  std::vector<std::string> out;
  for (const Alias& alias : aliases_)
    if (::fnmatch(alias.pattern.c_str(), modalias.c_str(), 0) == 0 &&
        std::find(out.begin(), out.end(), alias.module) == out.end())
      out.push_back(alias.module);
  return out;
}

bool is_passing_driver(std::string_view driver) {
  return std::find(std::begin(kPassing), std::end(kPassing), driver) != std::end(kPassing);
}

std::string_view zero_copy_since(std::string_view driver) {
  for (const ZeroCopyDriver& one : kZeroCopy)
    if (one.driver == driver) return one.since;
  return {};
}

}  // namespace zcnbrh::migrate
