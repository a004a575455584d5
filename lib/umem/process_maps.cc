// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#include "lib/umem/process_maps.h"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <string>

namespace zcnbrh {
namespace {

// A hexadecimal number at the front of `text`, which then begins behind the character after it.
bool take_address(std::string_view& text, uintptr_t& out) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out, 16);
  const auto used = static_cast<size_t>(end - text.data());
  if (error != std::errc() || used >= text.size()) return false;
  text.remove_prefix(used + 1);
  return true;
}

}  // namespace

// "7f0000000000-7f0000200000 rw-s 00000000 00:01 1025      /dev/zero (deleted)"
ProcessArea parse_area(std::string_view line) {
  uintptr_t start = 0;
  uintptr_t end = 0;
  if (!take_address(line, start) || !take_address(line, end) || line.size() < 4 || end <= start) return {};
  ProcessArea out;
  out.base = reinterpret_cast<uint8_t*>(start);
  out.length = end - start;
  out.writable = line[1] == 'w';
  out.shared = line[3] == 's';
  out.huge = line.find("huge") != std::string_view::npos;
  return out;
}

std::vector<ProcessArea> process_areas() {
  std::vector<ProcessArea> out;
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);)
    if (const ProcessArea area = parse_area(line); area.length != 0) out.push_back(area);
  return out;
}

const ProcessArea* find_area(const std::vector<ProcessArea>& areas, const uint8_t* at) {
  const auto after = std::upper_bound(areas.begin(), areas.end(), at,
                                      [](const uint8_t* a, const ProcessArea& area) { return a < area.base; });
  if (after == areas.begin()) return nullptr;
  const ProcessArea& found = after[-1];
  return at < found.base + found.length ? &found : nullptr;
}

WritableStretch writable_around(const std::vector<ProcessArea>& areas, const uint8_t* at) {
  const ProcessArea* found = find_area(areas, at);
  if (found == nullptr || !found->writable) return {};
  WritableStretch out{found->base, found->base + found->length};
  for (const ProcessArea* next = found + 1; next != areas.data() + areas.size(); ++next) {
    if (next->base != out.end || !next->writable) break;
    out.end += next->length;
  }
  while (found-- != areas.data()) {
    if (found->base + found->length != out.begin || !found->writable) break;
    out.begin = found->base;
  }
  return out;
}

}  // namespace zcnbrh
