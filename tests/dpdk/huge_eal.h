// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// An EAL on huge pages, for tests of what only happens there: memory that is given back to the system and
// handed out again. Sees to free huge pages, and gives back what it added when the program ends.
#pragma once

#include <dlfcn.h>
#include <rte_eal.h>

#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

namespace zcnbrh::testing {

class HugePages {
 public:
  explicit HugePages(unsigned wanted) : wanted_(wanted), before_(read("nr_hugepages")) {
    if (const unsigned free = read("free_hugepages"); free < wanted) write(before_ + wanted - free);
  }
  ~HugePages() { write(before_); }
  HugePages(const HugePages&) = delete;
  HugePages& operator=(const HugePages&) = delete;
  bool enough() const { return read("free_hugepages") >= wanted_; }

 private:
  static std::string path(const char* name) {
    return std::string("/sys/kernel/mm/hugepages/hugepages-2048kB/") + name;
  }
  static unsigned read(const char* name) {
    unsigned count = 0;
    std::ifstream(path(name)) >> count;
    return count;
  }
  static void write(unsigned count) { std::ofstream(path("nr_hugepages")) << count << std::flush; }

  unsigned wanted_;
  unsigned before_;
};

// Once a program. Empty, or why EAL is not up; "no huge pages" is a reason to skip.
inline std::string start_huge_eal(const std::vector<std::string>& options) {
  static const HugePages pages(96);
  if (!pages.enough()) return "no huge pages to be had";
  const char* driver = std::getenv("ZCNBRH_PMD");
  if (driver == nullptr || ::dlopen(driver, RTLD_NOW) == nullptr) return "no driver: ZCNBRH_PMD";
  std::vector<std::string> words = {"test", "--in-memory", "--no-pci", "--no-telemetry", "-l", "0"};
  words.insert(words.end(), options.begin(), options.end());
  std::vector<char*> argv;
  argv.reserve(words.size());
  for (std::string& word : words) argv.push_back(word.data());
  return rte_eal_init(static_cast<int>(argv.size()), argv.data()) >= 0 ? "" : "rte_eal_init";
}

}  // namespace zcnbrh::testing
