// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// A flow match in the words of a NIC's receive filter (ethtool -N). The NIC is asked for no more than the match
// says and for nothing less: what a filter cannot express is refused, by name. Pure functions, any thread.
#pragma once

#include <linux/ethtool.h>

#include <optional>
#include <span>

#include "lib/base/result.h"
#include "lib/flow/pattern.h"
#include "lib/netdev/rx_filters.h"

namespace zcnbrh {

// Fields, masks and flow type; queue and location are 0. ENOTSUP: with the header or field that is in the way.
Result<ethtool_rx_flow_spec> to_ntuple(const FlowMatch& match);

// What a rule has put into the NIC.
struct Steering {
  uint32_t location = 0;
  std::optional<uint32_t> context;
};

// Sends what matches to one queue, or spreads it over several, before it comes to the XDP program. Nothing is
// left behind on an error.
Result<Steering> steer(const RxFilters& nic, const FlowMatch& match, std::span<const uint32_t> queues);
Status stop_steering(const RxFilters& nic, const Steering& steering);

}  // namespace zcnbrh
