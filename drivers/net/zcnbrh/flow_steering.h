// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// The part of flow rules that the NIC's own filters play: which packets come to which queue, before the XDP
// program sees them. A filter belongs to the netdev it was set on. When that one is gone its filters are
// forgotten, never taken away by their old numbers: on the next netdev those are somebody else's.
#pragma once

#include <optional>
#include <vector>

#include "lib/base/result.h"
#include "lib/flow/ntuple.h"

namespace zcnbrh::pmd {

struct PmdPort;

// Of one rule.
struct FlowSteering {
  FlowMatch match{};
  std::vector<uint32_t> to;  // the netdev's queues; empty: the NIC is not asked
  bool must = false;         // without it the rule would be a lie
  std::optional<Steering> in_nic;
};

// Why this netdev's filters cannot be asked, as it is now; empty: they can.
std::string why_no_steering(const PmdPort& port);

// Puts it into the NIC, unless it is there. No error where the packets come to the port's only queue anyway, if
// to the port at all.
Status steer_flow(const PmdPort& port, FlowSteering& steering);
void unsteer_flow(const PmdPort& port, FlowSteering& steering);

// All rules of the port: those that are not in the NIC are put there, or none of them.
Status steer_flows(PmdPort& port);
void unsteer_flows(PmdPort& port);
// The netdev is gone, and its filters with it.
void forget_steering(PmdPort& port);

}  // namespace zcnbrh::pmd
