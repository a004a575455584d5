// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// `zcnbrh-migrate report`: the shim's report (shim/report.h) of a running process or out of a file, and as
// tables.
#pragma once

#include <sys/types.h>

#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <vector>

namespace zcnbrh::migrate {

class NoReport : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// All three throw NoReport with cause and cure.
nlohmann::ordered_json parse_report(const std::string& text, const std::string& from);
// Also of a process in another network namespace; that takes CAP_SYS_ADMIN, and this thread stays there.
nlohmann::ordered_json live_report(pid_t pid);
// "1234": of that process; else a file. A file named like a number: "./1234". Empty: of the one there is.
nlohmann::ordered_json find_report(const std::string& what);

// Processes under the shim, out of text like /proc/net/unix.
std::vector<pid_t> live_processes(const std::string& unix_sockets);

std::string report_text(const nlohmann::ordered_json& report);

}  // namespace zcnbrh::migrate
