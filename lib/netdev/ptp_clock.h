// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "lib/base/result.h"
#include "lib/base/unique_fd.h"

namespace zcnbrh {

// The number n of the PTP hardware clock /dev/ptp<n> that a netdev's own time stamps are of; nothing where it
// has none, as veth. Calling thread's network namespace, no privilege.
std::optional<uint32_t> ptp_clock_index(const std::string& ifname);

// A PTP hardware clock, in nanoseconds. Move-only; any thread.
class PtpClock {
 public:
  // ENOENT, EACCES: no such device file here, or it is not ours to read; containers need it given to them.
  static Result<PtpClock> open(uint32_t index);

  uint64_t now_ns() const;
  Status set(uint64_t ns) const;
  Status shift(int64_t ns) const;

 private:
  explicit PtpClock(UniqueFd fd) : fd_(std::move(fd)) {}
  int clock_id() const;

  UniqueFd fd_;
};

}  // namespace zcnbrh
