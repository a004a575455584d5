// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// zcnbrh-devargs: prints the table of devargs that README and docs carry, and keeps theirs up to date, as it
// does the table of counters. Both are the driver's own (lib/config/port_keys.h, lib/xsk/counters.def). Exit
// codes: 0 done or up to date, 1 out of date, 2 usage or file error, 77 nothing to check (no such file, or no
// markers in it).
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>

#include "devtools/devargs_table/splice.h"
#include "lib/config/port_config.h"

namespace {

constexpr int kOutOfDate = 1;
constexpr int kFailed = 2;
constexpr int kSkipped = 77;

constexpr char kUsage[] =
    "usage: zcnbrh-devargs              print the Markdown table of devargs\n"
    "       zcnbrh-devargs --help-text  print the keys for a terminal\n"
    "       zcnbrh-devargs --check FILE compare the table between the markers in FILE\n"
    "       zcnbrh-devargs --write FILE replace it\n";

int write_file(const std::string& path, const std::string& text) {
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out << text << std::flush;
  if (out) return 0;
  std::cerr << path << ": " << std::strerror(errno) << "\n";
  return kFailed;
}

std::string counters_markdown() {
  std::string out = "| counter | counts | text |\n|---|---|---|\n";
  const auto row = [&out](const char* direction, const char* name, const char* unit, const char* text) {
    out += std::string("| `") + direction + "_qN_" + name + "` | " + unit + " | " + text + " |\n";
  };
#define RX(name, unit, text) row("rx", #name, unit, text);
#define TX(name, unit, text) row("tx", #name, unit, text);
#define KICK(name, unit, text) row("tx", "helper_" #name, unit, text);
#include "lib/xsk/counters.def"
  return out;
}

int handle_file(const std::string& path, bool write) {
  std::ifstream in(path, std::ios::binary);
  const std::string text((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  const auto devargs = zcnbrh::splice_table(text, zcnbrh::devargs_markdown(), "devargs");
  const auto counters = zcnbrh::splice_table(devargs.value_or(text), counters_markdown(), "counters");
  const auto fresh = counters ? counters : devargs;
  if (!fresh) {
    std::cerr << path
              << ": no file, or no line <!-- devargs:begin --> (or counters) with an :end --> after it\n";
    return write ? kFailed : kSkipped;
  }
  if (*fresh == text) return 0;
  if (write) return write_file(path, *fresh);
  std::cerr << path << ": a table is out of date; run zcnbrh-devargs --write " << path << "\n";
  return kOutOfDate;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string option = argc > 1 ? argv[1] : "";
  if (argc == 3 && (option == "--check" || option == "--write"))
    return handle_file(argv[2], option == "--write");
  if (argc == 1) {
    std::cout << zcnbrh::devargs_markdown();
  } else if (argc == 2 && option == "--help-text") {
    std::cout << zcnbrh::devargs_help();
  } else {
    std::cerr << kUsage;
    return kFailed;
  }
  return 0;
}
