// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#include "tests/support/resources.h"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

namespace zcnbrh::testing {

Resources Resources::now() {
  Resources out;
  std::ifstream maps("/proc/self/smaps");
  for (std::string line; std::getline(maps, line);) {
    if (line.find("/memfd:") != std::string::npos) ++out.file_mappings;
    if (line.starts_with("VmFlags:") && (line + " ").find(" dc ") != std::string::npos) ++out.own_mappings;
  }
  maps.close();
  out.fds = static_cast<size_t>(std::distance(std::filesystem::directory_iterator("/proc/self/fd"), {}));
  return out;
}

std::ostream& operator<<(std::ostream& out, const Resources& r) {
  return out << r.fds << " fds, " << r.file_mappings << " memfd mappings, " << r.own_mappings
             << " mappings of ours";
}

}  // namespace zcnbrh::testing
