// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// rte_flow of a port. Rules are put in force by the XDP program's rule table (lib/flow); they belong to the
// port from rte_flow_create() to rte_flow_destroy(), flush or close, whether it is started or not.
#pragma once

#include <rte_flow_driver.h>

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "drivers/net/zcnbrh/flow_steering.h"
#include "lib/flow/rule_table.h"

// What an application's handle points to.
struct rte_flow {
  zcnbrh::RuleTable::RuleId id = 0;
  bool counts = false;
  zcnbrh::pmd::FlowSteering steering;
};

namespace zcnbrh::pmd {

struct PmdPort;

struct PortFlows {
  std::shared_ptr<RuleTable> table;  // of the netdev; made with the port's first rule
  std::vector<std::unique_ptr<struct rte_flow>> rules;
  bool marks = false;              // a rule has, or had, a mark: the XDP program writes one before each packet
  std::set<std::string> messages;  // an rte_flow_error's text must last as long as the port
};

void add_flow_ops(struct eth_dev_ops& ops);

// Puts the port's rules into an XDP program that has just been attached, and into the NIC what is not there
// yet. Before queues are enabled, so that no packet comes in without them.
Status flow_attached(PmdPort& port);
// Takes them out again for good. While the program is still attached.
void flow_close(PmdPort& port);

}  // namespace zcnbrh::pmd
