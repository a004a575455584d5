// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// A PTP clock of paper: the netdev zk0 is said to have /dev/ptp77, which stands still but where it is set. For
// that, a program with paper_clock.cc has C library calls of its own, which the driver's calls meet first.
#pragma once

#include <cstdint>
#include <ctime>

namespace zcnbrh::testing {

struct PaperClock {
  bool there = false;
  int refuses_changes = 0;  // errno
  int refuses_open = 0;
  int fd = -1;
  uint64_t ns = 0;
  bool is(clockid_t id) const {
    return fd >= 0 && id == static_cast<clockid_t>(~static_cast<unsigned>(fd) << 3 | 3U);
  }
};
extern PaperClock g_clock;

}  // namespace zcnbrh::testing
