// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// What a port is and why, as text for a terminal. Under the control lock; looks, and changes nothing. Gauges
// and ring indices of a queue that runs are those of a moment each.
#pragma once

#include <functional>
#include <string>

#include "drivers/net/zcnbrh/pmd.h"

namespace zcnbrh::pmd {

std::string mode_report(const PmdPort& port);
std::string credits_report(PmdPort& port);
std::string rings_report(const PmdPort& port);
std::string umem_report(const PmdPort& port);    // report_memory.cc
std::string ledger_report(const PmdPort& port);  // report_memory.cc
std::string bpf_report(const PmdPort& port);     // report_why.cc
std::string why_report(PmdPort& port);           // report_why.cc

// "port 0 net_zcnbrh0 on eth0 (ice)".
std::string port_title(const PmdPort& port);
// A line of text for each run of queues that `text` says the same of: "queues 0-3: ...", after `indent`.
std::string by_queues(const PmdPort& port, const char* indent,
                      const std::function<std::string(uint16_t)>& text);
// As printf().
[[gnu::format(printf, 1, 2)]] std::string text_of(const char* format, ...);

}  // namespace zcnbrh::pmd
