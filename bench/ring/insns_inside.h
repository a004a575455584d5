// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#pragma once

#include <cstdint>
#include <string>

namespace zcnbrh::bench {

// What runs under callgrind: for each subject and work some hundred bursts in one thread, in which the peer
// takes its turns between bursts. Only the calls under test are collected. After each a dump is asked for, with
// the label
//   bench | subject | packets | collected calls
// and first one for "nothing": what collecting costs a call. Every packet's number is looked at;
// throws.
void run_inside(uint32_t bursts, const std::string& eal_argument);

}  // namespace zcnbrh::bench
