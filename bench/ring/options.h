// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// The options that all ring benches have.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

namespace zcnbrh::bench {

struct Options {
  std::string json;    // file for the figures; empty: none
  bool quick = false;  // fewer and shorter runs
  bool check = false;  // one short round that looks at every packet; measures nothing
  unsigned runs = 0;   // 0: the bench's own choice
  unsigned milliseconds = 0;

  unsigned runs_or(unsigned full, unsigned few) const {
    return runs != 0 ? runs : check ? 1 : quick ? few : full;
  }
  unsigned milliseconds_or(unsigned full, unsigned few) const {
    return milliseconds != 0 ? milliseconds : check || quick ? few : full;
  }
};

inline void add_options(CLI::App& app, Options& options) {
  app.add_option("--json", options.json, "write the figures to this file");
  app.add_flag("--quick", options.quick, "fewer and shorter runs");
  app.add_flag("--check", options.check, "one short round that looks at every packet; measures nothing");
  app.add_option("--runs", options.runs, "runs of each kind");
  app.add_option("--ms", options.milliseconds, "length of a run");
}

}  // namespace zcnbrh::bench
