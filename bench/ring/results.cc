// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#include "bench/ring/results.h"

#include <algorithm>
#include <cstdio>
#include <exception>
#include <fstream>
#include <iomanip>
#include <iostream>
#include <map>
#include <sstream>
#include <stdexcept>
#include <utility>

namespace zcnbrh::bench {
namespace {

// Names here are our own words: no quote or control character to escape, so one is a mistake.
std::string quoted(const std::string& text) {
  if (text.find_first_of("\"\\\n\t") != std::string::npos) throw std::runtime_error("not plain: " + text);
  return '"' + text + '"';
}

std::string number(double value) {
  std::ostringstream out;
  out << std::setprecision(6) << value;
  return out.str();
}

// Three significant digits, but whole numbers whole.
std::string short_number(double value) {
  std::ostringstream out;
  const double size = value < 0 ? -value : value;
  out << std::fixed
      << std::setprecision(size >= 100 || size == 0 ? 0
                           : size >= 10             ? 1
                           : size >= 0.1            ? 2
                                                    : 4)
      << value;
  return out.str();
}

}  // namespace

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  const size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

void write_json(const std::string& path, const std::vector<Figure>& figures) {
  std::ofstream out(path, std::ios::trunc);
  out << "[";
  const char* between = "\n";
  for (const Figure& f : figures) {
    if (f.runs.empty()) throw std::runtime_error(f.bench + " " + f.subject + " " + f.metric + ": no run");
    const auto [least, most] = std::minmax_element(f.runs.begin(), f.runs.end());
    out << between << R"({"bench": )" << quoted(f.bench) << R"(, "subject": )" << quoted(f.subject)
        << R"(, "metric": )" << quoted(f.metric) << R"(, "unit": )" << quoted(f.unit) << R"(, "median": )"
        << number(median(f.runs)) << R"(, "min": )" << number(*least) << R"(, "max": )" << number(*most)
        << R"(, "runs": )" << f.runs.size() << "}";
    between = ",\n";
  }
  out << "\n]\n" << std::flush;
  if (!out) throw std::runtime_error(path + ": cannot be written");
}

void print_table(const std::vector<Figure>& figures) {
  std::vector<std::string> metrics;
  std::vector<std::pair<std::string, std::string>> rows;
  std::map<std::pair<std::string, std::string>, std::map<std::string, std::string>> cells;
  for (const Figure& f : figures) {
    const std::string column = f.unit.empty() ? f.metric : f.metric + ", " + f.unit;
    if (std::find(metrics.begin(), metrics.end(), column) == metrics.end()) metrics.push_back(column);
    const auto row = std::pair(f.bench, f.subject);
    if (std::find(rows.begin(), rows.end(), row) == rows.end()) rows.push_back(row);
    cells[row][column] = short_number(median(f.runs));
  }
  std::cout << "| bench | subject |";
  for (const std::string& metric : metrics) std::cout << " " << metric << " |";
  std::cout << "\n|---|---|";
  for (size_t i = 0; i < metrics.size(); ++i) std::cout << "---|";
  std::cout << "\n";
  for (const auto& row : rows) {
    std::cout << "| " << row.first << " | " << row.second << " |";
    for (const std::string& metric : metrics) std::cout << " " << cells[row][metric] << " |";
    std::cout << "\n";
  }
  std::cout << std::flush;
}

void hand_out(const std::string& json, const std::vector<Figure>& figures) {
  if (!json.empty()) write_json(json, figures);
  print_table(figures);
}

int run_program(const char* name, int (*body)(int, char**), int argc, char** argv) {
  try {
    return body(argc, argv);
  } catch (const std::exception& error) {
    std::cerr << name << ": " << error.what() << "\n";
    return 1;
  }
}

}  // namespace zcnbrh::bench
