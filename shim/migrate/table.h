// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// A table of text for a terminal: columns as wide as their widest cell.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace zcnbrh::migrate {

enum class Ink : uint8_t { kPlain, kHead, kGood, kWarn, kBad };
// Off at first; a program that writes to a terminal turns them on.
void use_colours(bool on);
std::string inked(const std::string& text, Ink ink);

class Table {
 public:
  explicit Table(std::vector<std::string> head) : rows_{std::move(head)} {}
  void add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
  bool empty() const { return rows_.size() == 1; }
  std::string text() const;  // indented by two, the head in colour; empty without rows

 private:
  std::vector<std::vector<std::string>> rows_;
};

// "a, b, c", broken into lines of at most `width` columns, each indented by `indent`.
std::string wrapped(const std::vector<std::string>& words, size_t indent, size_t width = 100);
// Unprintable bytes as '?': what others wrote goes to a terminal.
std::string printable(std::string text);

}  // namespace zcnbrh::migrate
