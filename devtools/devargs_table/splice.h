// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// The generated part of a Markdown file: what lies between two marker lines.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace zcnbrh {

inline constexpr std::string_view kTableBegin = "<!-- devargs:begin -->\n";
inline constexpr std::string_view kTableEnd = "<!-- devargs:end -->";

// The file's text with `table` between the markers, or nothing where it has no pair of markers.
inline std::optional<std::string> splice_table(std::string_view file, std::string_view table) {
  const size_t marker = file.find(kTableBegin);
  if (marker == file.npos) return std::nullopt;
  const size_t begin = marker + kTableBegin.size();
  const size_t end = file.find(kTableEnd, begin);
  if (end == file.npos) return std::nullopt;
  return std::string(file.substr(0, begin)).append(table).append(file.substr(end));
}

}  // namespace zcnbrh
