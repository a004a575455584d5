// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// `zcnbrh-migrate audit`: whether the shim can move a program, and what of DPDK it uses.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "shim/migrate/libraries.h"
#include "shim/migrate/symbol_table.h"

namespace zcnbrh::migrate {

enum class Verdict : uint8_t {
  kReady,          // the shim moves it
  kReadyButCalls,  // and calls of it are not supported on a moved port
  kOtherAbi,       // another DPDK than the shim is built for
  kStaticDpdk,     // DPDK is inside the executable
  kSecure,         // AT_SECURE: the loader ignores LD_PRELOAD
  kNotDpdk,        // no library of DPDK's among its own
  kMissing,        // libraries are not found: it does not start here
  kForeign,        // an executable of another machine
};

struct UsedSymbol {
  Symbol symbol;
  std::string by;  // the file that uses it
  Judgement judgement;
};

// What makes a process AT_SECURE (ld.so(8)).
struct FilePrivileges {
  bool setuid = false, setgid = false, capabilities = false;
  uid_t owner = 0;
  gid_t group = 0;

  bool any() const { return setuid || setgid || capabilities; }
  // For that user; root gains nothing by capabilities.
  bool secure_for(uid_t uid, gid_t gid) const {
    return (setuid && owner != uid) || (setgid && group != gid) || (capabilities && uid != 0);
  }
};

struct Audit {
  std::string program;
  Verdict verdict = Verdict::kNotDpdk;
  bool dynamic = false;  // started by the dynamic loader
  bool static_dpdk = false;
  std::string abi;   // "23", as the name of librte_eal says
  std::string dpdk;  // "22.11 (ABI 23.0)", empty: unknown
  FilePrivileges privileges;
  std::vector<Library> libraries;
  std::vector<std::string> missing;  // libraries that are not found
  std::vector<std::string> drivers;  // of NICs and the like, linked or inside
  std::vector<UsedSymbol> symbols;
  std::vector<std::string> steps;

  std::vector<const UsedSymbol*> of(Way way) const;
};

// Throws BadElf.
Audit audit_program(const std::string& path);

// "23.0" -> "22.11"; empty where no rule is known.
std::string dpdk_release(const std::string& abi);
const char* verdict_line(Verdict verdict);
// Exit status of the command: 0 the shim moves it, 1 not.
inline bool can_move(Verdict verdict) {
  return verdict == Verdict::kReady || verdict == Verdict::kReadyButCalls;
}

std::string audit_text(const Audit& audit, bool all_symbols);
nlohmann::ordered_json audit_json(const Audit& audit);

}  // namespace zcnbrh::migrate
