// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// From rte_flow's attributes, items and actions to a rule of ours, or to the refusal with its type, the thing
// that is at fault, and the reason. Looks at nothing but its arguments.
#pragma once

#include <rte_flow.h>

#include <optional>
#include <string>
#include <vector>

#include "lib/flow/rule_table.h"

namespace zcnbrh::pmd {

struct FlowRefusal {
  int code = EINVAL;  // positive errno
  enum rte_flow_error_type type = RTE_FLOW_ERROR_TYPE_UNSPECIFIED;
  const void* cause = nullptr;
  std::string why;
};

// What a rule can refer to.
struct FlowPort {
  QueueRange queues;       // of the netdev
  uint16_t rx_queues = 0;  // configured; they are the first of `queues`
  std::string no_filters;  // why the NIC cannot choose queues for us; empty: it can
};

struct TranslatedFlow {
  FlowRule rule;
  // The netdev's queues that the NIC's own filters are to bring the packets to; empty: no need.
  std::vector<uint32_t> steer_to;
  bool must_steer = false;  // without it the rule would be a lie
};

// Fills in `out` or returns the refusal.
std::optional<FlowRefusal> translate_flow(const FlowPort& port, const struct rte_flow_attr* attr,
                                          const struct rte_flow_item* pattern,
                                          const struct rte_flow_action* actions, TranslatedFlow& out);

}  // namespace zcnbrh::pmd
