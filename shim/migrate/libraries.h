// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// The libraries that the loader would bring for a program: DT_RPATH, LD_LIBRARY_PATH, DT_RUNPATH, the folders
// of /etc/ld.so.conf, the usual ones. What a program loads itself (dlopen) is not among them.
#pragma once

#include <string>
#include <vector>

#include "shim/migrate/elf_file.h"

namespace zcnbrh::migrate {

struct Library {
  std::string name;  // as it is asked for: librte_eal.so.23
  std::string path;  // its real file; empty: not found
};

struct Libraries {
  std::vector<Library> all;    // in the order of first need
  std::vector<ElfFile> files;  // those of `all` that could be read
};

// Folders of a file like /etc/ld.so.conf, "include" followed.
std::vector<std::string> loader_folders(const std::string& conf_file);

Libraries find_libraries(const ElfFile& program);

}  // namespace zcnbrh::migrate
