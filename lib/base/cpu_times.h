// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// What the machine's CPUs have done, as /proc/stat counts it (in ticks, mostly of 10 ms). Control path, any
// thread.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace zcnbrh {

struct CpuTimes {
  uint64_t softirq = 0;
  uint64_t idle = 0;  // with what waits for a disk
  uint64_t all = 0;
};

// Indexed by CPU; zeros for one that is not there.
std::vector<CpuTimes> parse_cpu_times(std::string_view proc_stat);
std::vector<CpuTimes> read_cpu_times();  // empty: /proc is not there

}  // namespace zcnbrh
