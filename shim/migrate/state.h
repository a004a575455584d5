// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// The state file: how drivers and netdevs were before `run` and `plan --apply`, for `rollback`. What is in it
// already stays as it is, since the first state is the one to go back to; only rollback takes entries out.
// Written before anything is changed, whole or not at all, under a lock.
#pragma once

#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <vector>

#include "lib/base/unique_fd.h"
#include "shim/migrate/bind.h"

namespace zcnbrh::migrate {

class NoState : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// /run/zcnbrh/migrate.json of root, $XDG_RUNTIME_DIR/zcnbrh-migrate.json of others; empty: neither.
std::string default_state_file();

// {"boot": "...", "netdevs": [{"netdev", "ifindex", "netns", "command", "users": [...], "settings"}],
//  "bindings": [{"device", "driver", "driver_override"}]}
class State {
 public:
  // Waits for whoever has it. A file of an earlier boot counts as empty: a boot undoes all that is in it.
  // Throws NoState with cause and cure.
  explicit State(std::string file);
  void save();

  // This process is from now on a user of the netdev. One that does not exist is left to the shim to report.
  void keep_netdev(const std::string& netdev, const std::string& command);
  void keep_binding(const std::string& device, const Binding& binding);

  const std::string& file() const { return file_; }
  nlohmann::ordered_json& netdevs() { return content_["netdevs"]; }
  nlohmann::ordered_json& bindings() { return content_["bindings"]; }

 private:
  std::string file_;
  UniqueFd lock_;
  nlohmann::ordered_json content_;
};

// Numbers of the processes of an entry that live, or of whom one cannot know: another pid namespace.
std::vector<uint32_t> living_users(const nlohmann::ordered_json& netdev_entry);

}  // namespace zcnbrh::migrate
