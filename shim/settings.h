// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// What the user asks of the shim, from the environment, read when the program calls rte_eal_init():
//   ZCNBRH_MAP       the mapping line (shim/map.h)
//   ZCNBRH_MAP_FILE  a file with more of it
//   ZCNBRH_MODE      lenient (default): where a port cannot move, its old driver has it; what the new port
//   lacks is
//                    masked; each time with a warning. strict: an error
//   ZCNBRH_OBSERVE   1: change nothing, only report
//   ZCNBRH_DRIVER    the driver's file; default: beside the shim, else by its bare name
//   ZCNBRH_SHARE     1: native processes may attach rings and pools (lib/share/dpdk_peer.h)
//   ZCNBRH_REPORT    file for the report at exit; %p becomes the process's number
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

#include "lib/base/result.h"
#include "shim/map.h"

namespace zcnbrh::shim {

struct Settings {
  std::vector<Map> maps;
  bool strict = false;
  bool observe = false;
  bool share = false;
  std::string driver;
  std::string report;
};

// Nothing is asked of us: every call goes straight through.
bool is_anything_asked() noexcept;
// Errors: EINVAL, ENOENT and the like for the map file. What came before the error is in `read`, the report's
// file first of all.
Status read_settings(Settings& read);

// What the shim does in this process. kIdle until rte_eal_init(), and where nothing is asked of it.
enum class Doing : uint8_t { kIdle, kObserving, kMoving };
extern std::atomic<Doing> g_doing;
inline Doing doing() { return g_doing.load(std::memory_order_acquire); }

// Constant once it is read.
const Settings& settings();
void keep_settings(Settings settings);

}  // namespace zcnbrh::shim
