// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// `zcnbrh-migrate run`: a program with the shim preloaded and told what to do. It takes this process's place,
// so that signals, terminal and exit status are its own.
#pragma once

#include <stdexcept>
#include <string>
#include <vector>

namespace zcnbrh::migrate {

struct RunOptions {
  std::vector<std::string> maps = {};  // items of the mapping line
  std::string config = {};             // a file of them
  bool observe = false, strict = false, share = false;
  std::string report = {}, driver = {};
  std::string shim = {};   // the shim's file; empty: beside this program, or where it is installed
  std::string state = {};  // empty: default_state_file()
  bool no_state = false;   // nothing is written, and rollback has nothing to go by
  std::vector<std::string> command = {};
};

class CannotRun : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// The variables that it is started with, NAME=VALUE (docs/shim.md). Throws CannotRun with cause and cure.
std::vector<std::string> shim_variables(const RunOptions& options, const std::string& preloaded_already);
// Returns only if the program could not be started: 126 or 127, as a shell says. Throws CannotRun.
int run_program(const RunOptions& options);

}  // namespace zcnbrh::migrate
