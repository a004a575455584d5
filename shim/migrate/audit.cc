// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#include "shim/migrate/audit.h"

#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <set>

namespace zcnbrh::migrate {
namespace {

constexpr std::string_view kEal = "librte_eal.so.";

// librte_net_ixgbe.so.23 -> net_ixgbe: classes of devices that DPDK's drivers folder has, but for the buses.
std::string driver_of(const std::string& library) {
  constexpr std::string_view kPrefix = "librte_";
  if (!library.starts_with(kPrefix)) return {};
  const std::string name = library.substr(kPrefix.size(), library.find(".so") - kPrefix.size());
  for (const char* kind :
       {"net_", "crypto_", "baseband_", "event_", "raw_", "compress_", "regex_", "dma_", "vdpa_"})
    if (name.starts_with(kind)) return name;
  return {};
}

bool is_dpdk_library(const std::string& path) {
  return std::filesystem::path(path).filename().string().starts_with("librte_");
}

FilePrivileges read_privileges(const std::string& path) {
  FilePrivileges out;
  struct stat file {};
  if (::stat(path.c_str(), &file) != 0) return out;
  out.setuid = (file.st_mode & S_ISUID) != 0;
  out.setgid = (file.st_mode & S_ISGID) != 0 && (file.st_mode & S_IXGRP) != 0;
  out.capabilities = ::getxattr(path.c_str(), "security.capability", nullptr, 0) > 0;
  out.owner = file.st_uid;
  out.group = file.st_gid;
  return out;
}

void find_dpdk(Audit& audit) {
  for (const Library& library : audit.libraries) {
    if (library.path.empty()) audit.missing.push_back(library.name);
    if (std::string driver = driver_of(library.name); !driver.empty()) audit.drivers.push_back(driver);
    if (!library.name.starts_with(kEal)) continue;
    audit.abi = library.name.substr(kEal.size());
    // librte_eal.so.23 is a link to librte_eal.so.23.0.
    const std::string file = std::filesystem::path(library.path).filename();
    const std::string whole = file.starts_with(kEal) ? file.substr(kEal.size()) : audit.abi;
    const std::string release = dpdk_release(whole);
    audit.dpdk = (release.empty() ? "unknown release" : release) + " (ABI " + whole + ")";
  }
}

void add_symbols(const ElfFile& file, std::set<std::string>& seen, Audit& audit) {
  for (const Symbol& symbol : file.imports)
    if (is_dpdk_symbol(symbol.name) && seen.insert(symbol.name).second)
      audit.symbols.push_back({symbol, file.path, judge(symbol.name)});
}

// Of the program and of its libraries that are not DPDK's.
void find_symbols(const ElfFile& program, const Libraries& libraries, Audit& audit) {
  std::set<std::string> seen;
  add_symbols(program, seen, audit);
  for (const ElfFile& file : libraries.files)
    if (!is_dpdk_library(file.path)) add_symbols(file, seen, audit);
  std::sort(audit.symbols.begin(), audit.symbols.end(),
            [](const UsedSymbol& a, const UsedSymbol& b) { return a.symbol.name < b.symbol.name; });
}

const Symbol* imported_eal(const ElfFile& file) {
  for (const Symbol& symbol : file.imports)
    if (symbol.name == "rte_eal_init") return &symbol;
  return nullptr;
}

// A DPDK that is bundled into a library of another name: who calls rte_eal_init() names its version.
void find_bundled_dpdk(const ElfFile& program, const Libraries& libraries, Audit& audit) {
  constexpr std::string_view kNode = "DPDK_";
  const Symbol* eal = imported_eal(program);
  for (const ElfFile& file : libraries.files)
    if (eal == nullptr && !is_dpdk_library(file.path)) eal = imported_eal(file);
  if (!audit.abi.empty() || eal == nullptr || !eal->version.starts_with(kNode)) return;
  audit.abi = eal->version.substr(kNode.size());
  audit.dpdk = "ABI " + audit.abi + ", in a library of another name";
}

// DPDK inside the executable, or inside a library that is not DPDK's and whose EAL nobody calls from outside:
// calls within one file need not go through the loader. A stripped one is known by its drivers' descriptions.
bool has_static_dpdk(const ElfFile& program, const Libraries& libraries, const Audit& audit) {
  if (program.defines("rte_eal_init") || !program.drivers_inside.empty()) return true;
  return audit.abi.empty() &&
         std::any_of(libraries.files.begin(), libraries.files.end(), [](const ElfFile& file) {
           return !is_dpdk_library(file.path) && (file.defines("rte_eal_init") || !file.drivers_inside.empty());
         });
}

Verdict judge_program(const ElfFile& program, const Audit& audit) {
  if (!program.of_this_machine) return Verdict::kForeign;
  if (audit.static_dpdk) return Verdict::kStaticDpdk;
  if (audit.abi.empty()) return audit.missing.empty() ? Verdict::kNotDpdk : Verdict::kMissing;
  if (audit.abi != std::to_string(ZCNBRH_DPDK_ABI)) return Verdict::kOtherAbi;
  if (!audit.missing.empty()) return Verdict::kMissing;
  if (audit.privileges.secure_for(::getuid(), ::getgid())) return Verdict::kSecure;
  return audit.of(Way::kNotSupported).empty() ? Verdict::kReady : Verdict::kReadyButCalls;
}

std::vector<std::string> steps_of(const Audit& audit) {
  const std::string run = "zcnbrh-migrate run";
  const std::string command = " -- " + audit.program + " ARGUMENTS";
  const std::string by_driver =
      "add to its command line: -d librte_net_zcnbrh.so --vdev=net_zcnbrh0,iface=NETDEV, and take the old "
      "device's -a "
      "out";
  switch (audit.verdict) {
    case Verdict::kReady:
    case Verdict::kReadyButCalls:
      return {
          "see what it asks for, nothing changed: " + run + " --observe --report before.json" + command,
          "bind the port's device to its kernel driver: it has to have a netdev",
          "one port: " + run + " --map DEVICE=NETDEV --report after.json" + command,
          "compare: zcnbrh-migrate report after.json; a call that is not supported shows there with its count",
          "all ports, without the shim: " + by_driver};
    case Verdict::kOtherAbi:
      return {"build the shim and the driver against this DPDK (" + audit.dpdk +
              "), or run the program with ABI " + std::to_string(ZCNBRH_DPDK_ABI)};
    case Verdict::kStaticDpdk:
      return {
          "a static program does not go through the loader: nothing can be preloaded between it and its DPDK",
          "link it with the shared DPDK libraries (pkg-config --libs libdpdk, without --static), then audit it "
          "again",
          "or link the driver's objects into it and name the port: --vdev=net_zcnbrh0,iface=NETDEV"};
    case Verdict::kSecure:
      return {"take the file's privileges from a copy: cp " + audit.program +
                  " COPY; chmod ug-s COPY (a copy has no "
                  "file capabilities)",
              "start the copy with ambient capabilities instead: setpriv --inh-caps +CAPS --ambient-caps +CAPS "
              "zcnbrh-migrate run ... -- COPY ARGUMENTS, or as root",
              "or without the shim: " + by_driver};
    case Verdict::kNotDpdk:
      return {"if it loads DPDK itself (dlopen) the shim works all the same: zcnbrh-migrate run --observe" +
                  command,
              "if it starts another program, audit that one"};
    case Verdict::kMissing:
      return {"install what is missing, or name its folder by LD_LIBRARY_PATH, and audit it again"};
    case Verdict::kForeign:
      return {"audit it on the machine that it is made for"};
  }
  return {};
}

}  // namespace

std::vector<const UsedSymbol*> Audit::of(Way way) const {
  std::vector<const UsedSymbol*> out;
  for (const UsedSymbol& symbol : symbols)
    if (symbol.judgement.way == way) out.push_back(&symbol);
  return out;
}

// From ABI 22 on a November release begins an ABI, and the next year's two add to it (doc/guides/contributing/
// abi_policy.rst): 22.11 is 23.0, 23.03 is 23.1, 23.07 is 23.2.
std::string dpdk_release(const std::string& abi) {
  unsigned major = 0, minor = 0;
  const char* end = abi.data() + abi.size();
  const auto [at, error] = std::from_chars(abi.data(), end, major);
  if (error != std::errc() || major < 22 || major > 99) return {};
  if (at == end || *at != '.') return {};
  const auto [last, minor_error] = std::from_chars(at + 1, end, minor);
  if (minor_error != std::errc() || last != end) return {};
  if (minor == 0) return std::to_string(major - 1) + ".11";
  return minor <= 2 ? std::to_string(major) + (minor == 1 ? ".03" : ".07") : "";
}

Audit audit_program(const std::string& path) {
  const ElfFile program = read_elf(path);
  const Libraries libraries = find_libraries(program);
  Audit audit;
  audit.program = path;
  audit.dynamic = program.has_loader;
  audit.privileges = read_privileges(path);
  audit.libraries = libraries.all;
  audit.drivers = program.drivers_inside;
  find_dpdk(audit);
  find_bundled_dpdk(program, libraries, audit);
  audit.static_dpdk = has_static_dpdk(program, libraries, audit);
  find_symbols(program, libraries, audit);
  audit.verdict = judge_program(program, audit);
  audit.steps = steps_of(audit);
  return audit;
}

}  // namespace zcnbrh::migrate
