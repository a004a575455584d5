// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#pragma once

#include <cstdint>

#include "bpf/zcnbrh_rules.h"
#include "lib/base/result.h"

namespace zcnbrh {

// The rule table of a loaded XDP program: a view of maps that somebody else owns (XdpProgram, XdpObject).
// Control path, any thread, one at a time.
class XdpRules {
 public:
  XdpRules() = default;
  XdpRules(int table_fd, int counts_fd) : table_fd_(table_fd), counts_fd_(counts_fd) {}

  explicit operator bool() const { return table_fd_ >= 0; }

  // Puts `rules` in the place of those that are in force, for all packets at once: none meets a mixture, none
  // is lost. When it returns no run of the program looks at the old table any more. On an error the old table
  // stays in force.
  Status publish(const zcnbrh_rules& rules) const;

  // Packets and bytes that met a rule with this counter, over all CPUs.
  Result<zcnbrh_rule_count> count(uint32_t counter) const;
  // Sets it to 0. Only while no rule in force has it.
  Status clear(uint32_t counter) const;

 private:
  int table_fd_ = -1;
  int counts_fd_ = -1;
};

}  // namespace zcnbrh
