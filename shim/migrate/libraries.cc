// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#include "shim/migrate/libraries.h"

#include <glob.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

namespace zcnbrh::migrate {
namespace {

namespace fs = std::filesystem;

#if defined(__aarch64__)
constexpr const char* kUsual[] = {
    "/lib/aarch64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/lib64", "/usr/lib64", "/lib", "/usr/lib"};
#else
constexpr const char* kUsual[] = {
    "/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu", "/lib64", "/usr/lib64", "/lib", "/usr/lib"};
#endif
constexpr int kMaxIncludes = 8;  // one in another

void add_conf(const std::string& file, int depth, std::vector<std::string>& out);

void add_included(const std::string& pattern, const fs::path& folder, int depth,
                  std::vector<std::string>& out) {
  const fs::path whole = fs::path(pattern).is_absolute() ? fs::path(pattern) : folder / pattern;
  glob_t found{};
  if (::glob(whole.c_str(), 0, nullptr, &found) == 0)
    for (size_t i = 0; i < found.gl_pathc; ++i) add_conf(found.gl_pathv[i], depth + 1, out);
  ::globfree(&found);
}

void add_conf(const std::string& file, int depth, std::vector<std::string>& out) {
  if (depth > kMaxIncludes) return;
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);) {
    std::istringstream words(line.substr(0, line.find('#')));
    std::string word, pattern;
    if (!(words >> word) || word == "hwcap") continue;
    if (word != "include") {
      out.push_back(word);
      continue;
    }
    while (words >> pattern) add_included(pattern, fs::path(file).parent_path(), depth, out);
  }
}

std::vector<std::string> preloaded_folders() {
  const char* value = std::getenv("LD_LIBRARY_PATH");
  std::vector<std::string> out;
  std::istringstream in(value != nullptr ? value : "");
  for (std::string folder; std::getline(in, folder, ':');)
    if (!folder.empty()) out.push_back(folder);
  return out;
}

class Search {
 public:
  Search() : first_(preloaded_folders()), last_(loader_folders("/etc/ld.so.conf")) {
    last_.insert(last_.end(), std::begin(kUsual), std::end(kUsual));
  }

  // DT_RPATH counts only where there is no DT_RUNPATH (ld.so(8)); the program's is that of its libraries, too.
  std::string find(const std::string& name, const ElfFile& by, const ElfFile& program) const {
    if (name.find('/') != std::string::npos) return fs::exists(name) ? name : "";
    if (by.runpath.empty())
      for (const ElfFile* file : {&by, &program})
        if (std::string path = look(file->rpath, name); !path.empty()) return path;
    for (const auto* folders : {&first_, &by.runpath, &last_})
      if (std::string path = look(*folders, name); !path.empty()) return path;
    return {};
  }

 private:
  static std::string look(const std::vector<std::string>& folders, const std::string& name) {
    std::error_code none;
    for (const std::string& folder : folders)
      if (fs::is_regular_file(fs::path(folder) / name, none))
        return fs::canonical(fs::path(folder) / name, none);
    return {};
  }

  std::vector<std::string> first_, last_;
};

}  // namespace

std::vector<std::string> loader_folders(const std::string& conf_file) {
  std::vector<std::string> out;
  add_conf(conf_file, 0, out);
  return out;
}

Libraries find_libraries(const ElfFile& program) {
  const Search search;
  Libraries out;
  std::set<std::string> seen;
  const auto add_needed = [&](const ElfFile& by) {
    for (const std::string& name : by.needed) {
      if (!seen.insert(name).second) continue;
      out.all.push_back({name, search.find(name, by, program)});
    }
  };
  add_needed(program);
  for (size_t i = 0; i < out.all.size(); ++i) {  // it grows
    if (out.all[i].path.empty()) continue;
    try {
      out.files.push_back(read_elf(out.all[i].path));
    } catch (const BadElf&) {
      out.all[i].path.clear();
      continue;
    }
    const ElfFile by = out.files.back();
    add_needed(by);
  }
  return out;
}

}  // namespace zcnbrh::migrate
