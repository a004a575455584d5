// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// The list of port keys for people: help text, the Markdown table, DPDK's parameter string.
#include <algorithm>

#include "lib/config/key_table.h"
#include "lib/config/port_config.h"
#include "lib/config/port_keys.h"

namespace zcnbrh {
namespace {

using config::Key;

constexpr size_t kHelpColumns = 100;
constexpr size_t kHelpIndent = 6;

std::string default_text(const Key& key) {
  return key.absent.empty() ? value_text(key, PortConfig()) : std::string(key.absent);
}

// A bar would end the table's cell, also within a code span.
std::string escape_bars(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '|') out += '\\';
    out += c;
  }
  return out;
}

void append_wrapped(std::string& out, std::string_view text) {
  size_t column = kHelpColumns;  // the first word begins a line
  while (!text.empty()) {
    const std::string_view word = text.substr(0, text.find(' '));
    const bool fits = column + 1 + word.size() <= kHelpColumns;
    out += fits ? std::string(" ") : (column == kHelpColumns ? "" : "\n") + std::string(kHelpIndent, ' ');
    out += word;
    column = (fits ? column + 1 : kHelpIndent) + word.size();
    text.remove_prefix(std::min(word.size() + 1, text.size()));
  }
  out += '\n';
}

}  // namespace

std::string devargs_help() {
  std::string out = "key=value,key=value,...\n";
  for (const Key& key : config::keys()) {
    out += "  " + std::string(key.name) + "=   " + range_text(key) + "\n";
    append_wrapped(out, key.meaning);
    append_wrapped(out, "(default: " + default_text(key) + "; " + std::string(key.origin) + ")");
  }
  return out;
}

std::string devargs_markdown() {
  std::string out = "| key | values | default | meaning | from |\n|---|---|---|---|---|\n";
  for (const Key& key : config::keys()) {
    out += "| `" + std::string(key.name) + "` | " + escape_bars(range_text(key)) + " | " +
           escape_bars(default_text(key)) + " | " + escape_bars(key.meaning) + " | " + std::string(key.origin) +
           " |\n";
  }
  return out;
}

std::string devargs_param_string() { return ZCNBRH_PORT_PARAM_STRING; }

}  // namespace zcnbrh
