// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// `zcnbrh-migrate plan`: for each PCI network device who owns it and who should, what its netdev can do, the
// commands to give it to its kernel driver, and the mapping item. It changes nothing.
#pragma once

#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <vector>

#include "shim/migrate/nics.h"
#include "shim/migrate/state.h"

namespace zcnbrh::migrate {

class CannotPlan : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

enum class NicState : uint8_t {
  kReady,      // a kernel driver has it, and its netdev is here
  kElsewhere,  // a kernel driver has it, its netdev is in another network namespace, or there is none
  kRebind,     // another driver or none has it, and the kernel has one for it
  kNoDriver,   // the kernel has none, or it is not known which
};

struct PlanEntry {
  PciNic nic;
  NicState state = NicState::kNoDriver;
  std::vector<NetdevFacts> netdevs;
  std::vector<std::string> commands;  // for a shell, as root, in this order
  std::vector<std::string> notes;
  std::string map;  // for run --map
};

struct Plan {
  std::string sysfs, modules;
  std::vector<PlanEntry> entries;
  bool all_can_move() const;
};

// `devices`: only those; empty: all. Throws CannotPlan for a device that is no network device of this machine.
Plan make_plan(const SysfsTree& sysfs, const ModuleAliases& aliases, const std::vector<std::string>& devices);

// Binds the devices of a plan to their kernel drivers and brings their netdevs up; the state file remembers how
// they were, before each is touched. Throws CannotBind, NoState: devices before the one named are bound.
void apply_plan(const Plan& plan, const SysfsTree& sysfs, State& state);

const char* state_line(NicState state);
// "yes", "no", "since Linux 5.5", "unknown".
std::string zero_copy_text(const PlanEntry& entry);
std::string plan_text(const Plan& plan);
nlohmann::ordered_json plan_json(const Plan& plan);

}  // namespace zcnbrh::migrate
