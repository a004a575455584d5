// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// Measured figures on their way out: a JSON array for the report, a Markdown table for people.
#pragma once

#include <string>
#include <vector>

namespace zcnbrh::bench {

// One figure: what every run gave.
struct Figure {
  std::string bench;    // what ran, with its parameters
  std::string subject;  // whose
  std::string metric;
  std::string unit;
  std::vector<double> runs;
};

double median(std::vector<double> values);  // 0 of none

// Throws std::runtime_error if the file cannot be written.
void write_json(const std::string& path, const std::vector<Figure>& figures);
// One row a bench and subject, one column a metric: the medians.
void print_table(const std::vector<Figure>& figures);
// Both; an empty path: no JSON.
void hand_out(const std::string& json, const std::vector<Figure>& figures);

// A program's main(): what `body` throws is its last line on stderr, and it exits with 1.
int run_program(const char* name, int (*body)(int, char**), int argc, char** argv);

}  // namespace zcnbrh::bench
