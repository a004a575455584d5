// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#include "shim/migrate/table.h"

#include <algorithm>

namespace zcnbrh::migrate {
namespace {

std::vector<size_t> widths(const std::vector<std::vector<std::string>>& rows) {
  std::vector<size_t> out;
  for (const auto& row : rows) {
    out.resize(std::max(out.size(), row.size()));
    for (size_t i = 0; i < row.size(); ++i) out[i] = std::max(out[i], row[i].size());
  }
  return out;
}

bool g_colours = false;

}  // namespace

void use_colours(bool on) { g_colours = on; }

std::string inked(const std::string& text, Ink ink) {
  static constexpr const char* kCodes[] = {"", "\x1b[1m", "\x1b[32m", "\x1b[33m", "\x1b[31m"};
  if (!g_colours || ink == Ink::kPlain) return text;
  return kCodes[static_cast<size_t>(ink)] + text + "\x1b[0m";
}

std::string Table::text() const {
  if (empty()) return {};
  const std::vector<size_t> width = widths(rows_);
  std::string out;
  for (const auto& row : rows_) {
    std::string line;
    for (size_t i = 0; i < row.size(); ++i) {
      line += "  " + printable(row[i]);
      line.append(width[i] - row[i].size(), ' ');
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out += inked(line, &row == &rows_.front() ? Ink::kHead : Ink::kPlain) + '\n';
  }
  return out;
}

std::string wrapped(const std::vector<std::string>& words, size_t indent, size_t width) {
  std::string out, line;
  for (size_t i = 0; i < words.size(); ++i) {
    const std::string word = printable(words[i]) + (i + 1 < words.size() ? "," : "");
    if (!line.empty() && indent + line.size() + 1 + word.size() > width) {
      out += std::string(indent, ' ') + line + '\n';
      line.clear();
    }
    line += (line.empty() ? "" : " ") + word;
  }
  return line.empty() ? out : out + std::string(indent, ' ') + line + '\n';
}

std::string printable(std::string text) {
  for (char& c : text)
    if (static_cast<unsigned char>(c) < ' ' || c == '\x7f') c = '?';
  return text;
}

}  // namespace zcnbrh::migrate
