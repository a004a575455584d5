// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// What the process and a core have used so far.
#pragma once

#include <cstdint>
#include <string>

#include "lib/base/unique_fd.h"

namespace zcnbrh::bench {

struct CoreTimes {
  double busy = 0, softirq = 0, all = 0;  // seconds since boot, in steps of a hundredth
};

CoreTimes core_times(int cpu);
double process_seconds();
uint64_t netdev_sent(const std::string& netdev);  // packets, by the kernel's own count; 0 when there is none
uint64_t tsc();                                   // 0 where there is none

// System calls of the calling thread from now on.
class CallCounter {
 public:
  CallCounter();  // throws where the tracepoint cannot be had
  int64_t read() const;

 private:
  UniqueFd event_;
};

}  // namespace zcnbrh::bench
