// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// This process's memory mappings, as the kernel lists them in /proc/self/maps.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace zcnbrh {

struct ProcessArea {
  uint8_t* base = nullptr;
  size_t length = 0;
  bool writable = false;
  bool shared = false;  // MAP_SHARED
  bool huge = false;    // by its name of huge pages: hugetlbfs, or anonymous MAP_HUGETLB
};

// One line of /proc/self/maps; an area of no length if it is none.
ProcessArea parse_area(std::string_view line);
// In address order; empty where /proc is not mounted.
std::vector<ProcessArea> process_areas();
// The area that holds `at`, or null.
const ProcessArea* find_area(const std::vector<ProcessArea>& areas, const uint8_t* at);

// The stretch around `at` that can be written without a gap: areas that follow one another. Empty if there is
// none.
struct WritableStretch {
  uint8_t* begin = nullptr;
  uint8_t* end = nullptr;
};
WritableStretch writable_around(const std::vector<ProcessArea>& areas, const uint8_t* at);

}  // namespace zcnbrh
