// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// What the shim did, for whoever asks: counts of every intercepted call, what became of each mapped device, and
// what it had to say. Counting is one relaxed increment; nothing here is on the data path. Any thread.
#pragma once

#include <cstdint>
#include <string>

#include "shim/ports.h"
#include "shim/say.h"

namespace zcnbrh::shim {

void note_stage(const char* name) noexcept;  // a literal
void note_driver(const std::string& file) noexcept;
void note_message(Say level, const char* line) noexcept;

// Its counters are kept: the port is about to be closed.
void note_closing(const MappedDevice& device);

// One JSON object.
std::string report_json();

// At the end of rte_eal_init(): the report will be written when the program ends, by this process and not by a
// child.
void start_report() noexcept;
// Writes it, where ZCNBRH_REPORT says. May be called again; the last one stays.
void finish_report() noexcept;

}  // namespace zcnbrh::shim
