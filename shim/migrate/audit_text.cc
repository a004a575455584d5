// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#include "shim/migrate/audit.h"
#include "shim/migrate/table.h"

namespace zcnbrh::migrate {
namespace {

using Json = nlohmann::ordered_json;

constexpr Way kWays[] = {Way::kAsIs, Way::kMapped, Way::kEmulated, Way::kNotSupported};

std::string linking(const Audit& audit) {
  if (audit.static_dpdk)
    return audit.dynamic ? "DPDK is inside the executable or a library of its own" : "static";
  return audit.dynamic ? "shared libraries" : "static";
}

std::string privileges_text(const FilePrivileges& privileges) {
  std::vector<std::string> out;
  if (privileges.setuid) out.push_back("setuid of user " + std::to_string(privileges.owner));
  if (privileges.setgid) out.push_back("setgid of group " + std::to_string(privileges.group));
  if (privileges.capabilities) out.push_back("file capabilities");
  std::string line = wrapped(out, 0);
  if (line.empty()) return "none";
  line.back() = ':';
  return line + " LD_PRELOAD is ignored for whom they raise";
}

std::string head_text(const Audit& audit) {
  Table table({"program", audit.program});  // the head is the first row
  table.add({"linked", linking(audit)});
  table.add({"DPDK", audit.dpdk.empty() ? "none among its libraries" : audit.dpdk});
  table.add({"shim", "for ABI " + std::to_string(ZCNBRH_DPDK_ABI)});
  table.add({"libraries", std::to_string(audit.libraries.size())});
  table.add({"privileges", privileges_text(audit.privileges)});
  return table.text();
}

// Those that change something, each with its reason; the others by name if asked.
std::string symbols_text(const Audit& audit, bool all) {
  std::string out;
  for (const Way way : kWays) {
    const auto used = audit.of(way);
    out += "\n  " + std::string(way_name(way)) + ": " + std::to_string(used.size()) + '\n';
    const bool reasons = way == Way::kEmulated || way == Way::kNotSupported;
    if (!reasons && !all && way == Way::kAsIs) continue;
    std::vector<std::string> names;
    Table table({"    call", "on a moved port"});
    for (const UsedSymbol* one : used) {
      if (reasons && (all || !one->symbol.name.starts_with("rte_pmd_")))
        table.add({"    " + one->symbol.name, one->judgement.note});
      else
        names.push_back(one->symbol.name);
    }
    out += table.text();
    if (!reasons) out += wrapped(names, 6);
    if (reasons && !names.empty())
      out += "      and " + std::to_string(names.size()) +
             " calls of vendors' drivers, rte_pmd_* (--all lists them)\n";
  }
  return out;
}

Ink ink_of(Verdict verdict) {
  if (verdict == Verdict::kReady) return Ink::kGood;
  return can_move(verdict) || verdict == Verdict::kNotDpdk ? Ink::kWarn : Ink::kBad;
}

}  // namespace

const char* verdict_line(Verdict verdict) {
  switch (verdict) {
    case Verdict::kReady:
      return "the shim moves it";
    case Verdict::kReadyButCalls:
      return "the shim moves it; calls above are not supported on a moved port, see whether it depends on them";
    case Verdict::kOtherAbi:
      return "no: its DPDK has another ABI than the shim";
    case Verdict::kStaticDpdk:
      return "no: DPDK is linked statically";
    case Verdict::kSecure:
      return "no: the loader ignores LD_PRELOAD for its file's privileges (AT_SECURE)";
    case Verdict::kNotDpdk:
      return "it does not use DPDK";
    case Verdict::kMissing:
      return "no: libraries of it are not found, it does not start here";
    case Verdict::kForeign:
      return "no: an executable of another kind of machine";
  }
  return "";
}

std::string audit_text(const Audit& audit, bool all_symbols) {
  std::string out = head_text(audit);
  if (!audit.missing.empty()) out += "\nLibraries that are not found\n" + wrapped(audit.missing, 2);
  if (!audit.drivers.empty()) out += "\nDrivers that it is linked with\n" + wrapped(audit.drivers, 2);
  if (!audit.symbols.empty()) out += "\nSymbols of DPDK\n" + symbols_text(audit, all_symbols);
  out += "\nVerdict: " + inked(verdict_line(audit.verdict), ink_of(audit.verdict)) + '\n';
  for (size_t i = 0; i < audit.steps.size(); ++i)
    out += "  " + std::to_string(i + 1) + ". " + printable(audit.steps[i]) + '\n';
  return out;
}

Json audit_json(const Audit& audit) {
  Json symbols = Json::object();
  for (const Way way : kWays) {
    Json& list = symbols[way_name(way)] = Json::array();
    for (const UsedSymbol* one : audit.of(way))
      list.push_back({{"name", one->symbol.name},
                      {"version", one->symbol.version},
                      {"by", one->by},
                      {"note", one->judgement.note}});
  }
  Json libraries = Json::array();
  for (const Library& library : audit.libraries)
    libraries.push_back({{"name", library.name}, {"path", library.path}});
  return {{"program", audit.program},
          {"can_move", can_move(audit.verdict)},
          {"verdict", verdict_line(audit.verdict)},
          {"steps", audit.steps},
          {"linked", audit.dynamic ? "shared" : "static"},
          {"static_dpdk", audit.static_dpdk},
          {"dpdk", audit.dpdk},
          {"abi", audit.abi},
          {"shim_abi", std::to_string(ZCNBRH_DPDK_ABI)},
          {"setuid", audit.privileges.setuid},
          {"setgid", audit.privileges.setgid},
          {"file_capabilities", audit.privileges.capabilities},
          {"drivers", audit.drivers},
          {"missing", audit.missing},
          {"libraries", std::move(libraries)},
          {"symbols", std::move(symbols)}};
}

}  // namespace zcnbrh::migrate
