// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// The generated part of a Markdown file: what lies between two marker lines.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace zcnbrh {

// The file's text with `table` between the lines `<!-- NAME:begin -->` and `<!-- NAME:end -->`, or nothing
// where it has no such pair.
inline std::optional<std::string> splice_table(std::string_view file, std::string_view table,
                                               std::string_view name = "devargs") {
  const std::string first = "<!-- " + std::string(name) + ":begin -->\n";
  const std::string last = "<!-- " + std::string(name) + ":end -->";
  const size_t marker = file.find(first);
  if (marker == file.npos) return std::nullopt;
  const size_t begin = marker + first.size();
  const size_t end = file.find(last, begin);
  if (end == file.npos) return std::nullopt;
  return std::string(file.substr(0, begin)).append(table).append(file.substr(end));
}

}  // namespace zcnbrh
