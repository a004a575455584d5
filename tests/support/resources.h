// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#pragma once

#include <cstddef>
#include <ostream>

namespace zcnbrh::testing {

// What a leak would leave behind in this process.
struct Resources {
  size_t fds = 0;
  size_t file_mappings = 0;  // of memfds: rings, pieces of a window
  size_t own_mappings = 0;   // marked MADV_DONTFORK, as all memory of ours is

  static Resources now();
  bool operator==(const Resources&) const = default;
};
std::ostream& operator<<(std::ostream& out, const Resources& r);

}  // namespace zcnbrh::testing
