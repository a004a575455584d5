// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// zcnbrh-migrate: the migration, step by step, from a terminal (docs/migration.md).
#include <sys/utsname.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "lib/base/log.h"
#include "shim/migrate/audit.h"
#include "shim/migrate/plan.h"
#include "shim/migrate/report_reader.h"
#include "shim/migrate/rollback.h"
#include "shim/migrate/run.h"
#include "shim/migrate/table.h"

namespace zcnbrh::migrate {
namespace {

// Of our own failures: `run` hands on what its program returns, so this one is env's for the same case.
constexpr int kOwnFailure = 125;

struct Options {
  bool json = false;
  bool all_symbols = false;
  std::string binary;
  std::string report;
  bool lenient = false;
  std::string sysfs = "/sys";
  std::string modules;  // empty: of the kernel that runs
  std::vector<std::string> devices;
  bool apply = false;
  std::string state;
  RollbackOptions rollback;
  RunOptions run;
};

void add_audit(CLI::App& app, Options& options) {
  auto* audit = app.add_subcommand("audit", "whether the shim can move a program, and what of DPDK it uses");
  audit->add_option("BINARY", options.binary, "the program's file")->required();
  audit->add_flag("--all", options.all_symbols, "name also the symbols that work as they are");
  audit->add_flag("--json", options.json, "as one JSON object");
  audit->footer("Exit status: 0 the shim moves it, 1 it does not, 125 the file cannot be read.");
}

constexpr char kStateHelp[] = "file that rollback goes by (default /run/zcnbrh/migrate.json)";

void add_plan(CLI::App& app, Options& options) {
  auto* plan = app.add_subcommand("plan", "each PCI network device: driver, netdev, how to bind and map it");
  plan->add_option("DEVICE", options.devices, "only these; default: all");
  plan->add_option("--sysfs", options.sysfs, "root of sysfs (default /sys)");
  plan->add_option("--modules", options.modules, "the kernel's module folder (default /lib/modules/RELEASE)");
  auto* apply = plan->add_flag("--apply", options.apply, "bind the DEVICEs named to their kernel drivers");
  plan->add_option("--state", options.state, kStateHelp)->needs(apply);
  plan->add_flag("--json", options.json, "as one JSON object");
  plan->footer(
      "Exit status: 0 every device can move, 1 one cannot or there is none, 125 no such device "
      "or --apply failed.");
}

void add_run(CLI::App& app, Options& options) {
  auto* run = app.add_subcommand("run", "run a program under the shim: ... run [options] -- PROGRAM ARGUMENTS");
  run->add_option("--map", options.run.maps, "DEVICE=NETDEV[,key=value ...]; may be given more than once")
      ->allow_extra_args(false);
  run->add_option("--config", options.run.config, "a file of such items");
  run->add_flag("--observe", options.run.observe, "change nothing, only report");
  auto* strict = run->add_flag("--strict", options.run.strict, "what cannot move or is missing is an error");
  run->add_flag("--lenient", options.lenient, "it stays or is left out, with a warning (default)")
      ->excludes(strict);
  run->add_flag("--share", options.run.share, "native processes may attach rings and pools");
  run->add_option("--report", options.run.report, "file for the report at exit; %p: the process's number");
  run->add_option("--driver", options.run.driver, "file of the driver net_zcnbrh");
  auto* state = run->add_option("--state", options.run.state, kStateHelp);
  run->add_flag("--no-state", options.run.no_state, "write none; rollback has nothing to go by then")
      ->excludes(state);
  run->add_option("--shim", options.run.shim, "file of the shim");
  run->footer("Exit status: the program's own; 125 it was not started, 126 or 127 it could not be.");
}

void add_report(CLI::App& app, Options& options) {
  auto* report = app.add_subcommand("report", "what the shim did, of a running process or out of a file");
  report->add_option("PID|FILE", options.report, "default: the one process there is under the shim");
  report->add_flag("--json", options.json, "as it is, JSON");
}

// Either as JSON or as text. What others wrote, say symbols of a strange file, need not be UTF-8.
void print(const Options& options, const nlohmann::ordered_json& json, const std::string& text) {
  const std::string out =
      options.json ? json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + '\n' : text;
  std::fputs(out.c_str(), stdout);
}

void add_rollback(CLI::App& app, Options& options) {
  auto* rollback =
      app.add_subcommand("rollback", "put netdevs and drivers back as run and plan --apply found them");
  rollback->add_option("NAME", options.rollback.names, "only these netdevs and devices; default: all");
  rollback->add_flag("--dry-run", options.rollback.dry_run, "tell what differs, change nothing");
  rollback->add_option("--state", options.state, kStateHelp);
  rollback->add_option("--sysfs", options.sysfs, "root of sysfs (default /sys)");
  rollback->add_flag("--json", options.json, "as one JSON object");
  rollback->footer("Exit status: 0 all is as it was, 1 something is not, 125 the state file cannot be read.");
}

int audit(const Options& options) {
  const Audit audit = audit_program(options.binary);
  print(options, audit_json(audit), audit_text(audit, options.all_symbols));
  return can_move(audit.verdict) ? 0 : 1;
}

std::string module_folder(const Options& options) {
  utsname kernel{};
  if (!options.modules.empty() || ::uname(&kernel) != 0) return options.modules;
  return std::string("/lib/modules/") + kernel.release;
}

State state_of(const Options& options) {
  return State(options.state.empty() ? default_state_file() : options.state);
}

int plan(const Options& options) {
  const SysfsTree sysfs(options.sysfs);
  const ModuleAliases aliases(module_folder(options));
  Plan plan = make_plan(sysfs, aliases, options.devices);
  if (options.apply) {
    if (options.devices.empty()) throw CannotPlan("--apply takes no device by itself: name each DEVICE");
    State state = state_of(options);
    apply_plan(plan, sysfs, state);
    plan = make_plan(sysfs, aliases, options.devices);
  }
  print(options, plan_json(plan), plan_text(plan));
  return plan.all_can_move() ? 0 : 1;
}

int report(const Options& options) {
  const auto report = find_report(options.report);
  print(options, report, report_text(report));
  return 0;
}

int rollback(const Options& options) {
  set_log_sink([](LogLevel, const char*) {});  // what was done is in the table
  State state = state_of(options);
  const Rollback done = roll_back(state, SysfsTree(options.sysfs), options.rollback);
  print(options, rollback_json(done), rollback_text(done));
  return done.complete() ? 0 : 1;
}

int dispatch(const CLI::App& app, const Options& options) {
  if (app.got_subcommand("audit")) return audit(options);
  if (app.got_subcommand("rollback")) return rollback(options);
  if (app.got_subcommand("plan")) return plan(options);
  if (app.got_subcommand("run")) return run_program(options.run);
  return report(options);
}

// What stands after the first "--" is the program's, to the letter; the library would read it.
int run_command(std::vector<std::string> words) {
  Options options;
  const auto mark = std::find(words.begin(), words.end(), "--");
  if (mark != words.end()) options.run.command.assign(mark + 1, words.end());
  words.erase(mark, words.end());
  std::reverse(words.begin(), words.end());  // as CLI11 takes a vector

  CLI::App app("Moves an unmodified DPDK program to the kernel's driver, step by step: docs/migration.md",
               "zcnbrh-migrate");
  app.require_subcommand(1);
  add_audit(app, options);
  add_plan(app, options);
  add_run(app, options);
  add_report(app, options);
  add_rollback(app, options);
  try {
    app.parse(words);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kOwnFailure;
  }
  return dispatch(app, options);
}

}  // namespace
}  // namespace zcnbrh::migrate

int main(int argc, char** argv) {
  try {
    zcnbrh::migrate::use_colours(::isatty(STDOUT_FILENO) == 1 && std::getenv("NO_COLOR") == nullptr);
    return zcnbrh::migrate::run_command({argv + 1, argv + argc});
  } catch (const std::exception& error) {
    std::fprintf(stderr, "zcnbrh-migrate: %s\n", error.what());
    return zcnbrh::migrate::kOwnFailure;
  }
}
