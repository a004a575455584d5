// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// What the loader would read of an ELF file, by libelf. Any thread, no state; wrong files throw BadElf.
#pragma once

#include <stdexcept>
#include <string>
#include <vector>

namespace zcnbrh::migrate {

class BadElf : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

struct Symbol {
  std::string name;
  std::string version;  // "DPDK_23", empty: none told
};

struct ElfFile {
  std::string path;
  bool of_this_machine = false;  // class and machine are those of this program
  bool has_loader = false;       // PT_INTERP: a program that the dynamic loader starts
  bool is_dynamic = false;       // PT_DYNAMIC
  std::vector<std::string> needed;
  std::vector<std::string> rpath, runpath;  // folders, $ORIGIN replaced
  std::vector<Symbol> imports;              // dynamic symbols that others have to define
  std::vector<std::string> defined;         // names of DPDK (rte_*) that it defines itself, of either table
  // Drivers whose description (PMD_INFO_STRING, in every driver of DPDK's) is in the file.
  std::vector<std::string> drivers_inside;

  bool defines(const std::string& name) const;
};

ElfFile read_elf(const std::string& path);

// Text of drivers' descriptions: PMD_INFO_STRING= {"name" : "net_ixgbe", ...
std::vector<std::string> driver_names(const char* data, size_t size);

}  // namespace zcnbrh::migrate
