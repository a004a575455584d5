// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// The settings of a netdev that a moved port, or who prepared it, may change: read as JSON, told apart, put
// back. One list (netdev_settings.cc) in the order in which they are put back.
#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "lib/base/result.h"

namespace zcnbrh::migrate {

// {"xdp": {...}, "mtu": 1500, ...}; what the driver does not have is not in it. Null: no such netdev here.
nlohmann::ordered_json read_settings(const std::string& netdev);
// The same to be remembered: a program of ours, of whichever process, does not belong to it.
nlohmann::ordered_json settings_to_keep(const std::string& netdev);

struct Change {
  std::string setting;
  nlohmann::ordered_json was, now;
  std::string failure;  // empty: put back, and it is as it was
};
std::vector<Change> changes_of(const nlohmann::ordered_json& was, const nlohmann::ordered_json& now);

// Puts back what differs, by `write`, and reads again; once more for what differs still, since one setting may
// stand in another's way: a NIC takes fewer channels only when its RSS table names no more.
using ReadSettings = std::function<nlohmann::ordered_json()>;
using WriteSetting = std::function<Status(const std::string& setting, const nlohmann::ordered_json& was)>;
std::vector<Change> put_back(const nlohmann::ordered_json& was, const ReadSettings& read,
                             const WriteSetting& write);

// The same for a netdev. What a dead process of ours left in libxdp's dispatcher goes, too.
// Needs CAP_NET_ADMIN, and CAP_SYS_ADMIN for XDP programs.
std::vector<Change> put_back(const std::string& netdev, const nlohmann::ordered_json& was);

// A process that lives and whose XDP program is on the netdev: "process 123"; empty: none.
std::string user_of_netdev(const std::string& netdev);

}  // namespace zcnbrh::migrate
