// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// A table of text for a terminal: columns as wide as their widest cell.
#pragma once

#include <string>
#include <vector>

namespace zcnbrh::migrate {

class Table {
 public:
  explicit Table(std::vector<std::string> head) : rows_{std::move(head)} {}
  void add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
  bool empty() const { return rows_.size() == 1; }
  std::string text() const;  // indented by two; empty without rows

 private:
  std::vector<std::vector<std::string>> rows_;
};

// "a, b, c", broken into lines of at most `width` columns, each indented by `indent`.
std::string wrapped(const std::vector<std::string>& words, size_t indent, size_t width = 100);
// Unprintable bytes as '?': what others wrote goes to a terminal.
std::string printable(std::string text);

}  // namespace zcnbrh::migrate
