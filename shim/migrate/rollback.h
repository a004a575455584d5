// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// `zcnbrh-migrate rollback`: netdevs and drivers as the state file remembers them, also after a program that
// was killed. Each thing is looked at again after it was put back.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "shim/migrate/state.h"
#include "shim/migrate/sysfs_tree.h"

namespace zcnbrh::migrate {

struct RollbackOptions {
  bool dry_run = false;            // tell only
  std::vector<std::string> names;  // netdevs and devices; empty: all
};

struct RollbackRow {
  std::string object, setting, was, now;
  std::string outcome;  // "put back", "as it was", ...
  bool good = true;     // nothing of it is left to do
};

struct Rollback {
  std::string file;
  std::vector<RollbackRow> rows;
  bool complete() const;
};

// Takes out of the state what is as it was. Throws NoState.
Rollback roll_back(State& state, const SysfsTree& sysfs, const RollbackOptions& options);

std::string rollback_text(const Rollback& rollback);
nlohmann::ordered_json rollback_json(const Rollback& rollback);

}  // namespace zcnbrh::migrate
