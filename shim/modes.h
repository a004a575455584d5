// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// What rte_eth_dev_configure() can ask for outside the offload bits. ethdev hands these on without asking the
// driver whether it has them, so one that does not look passes them in silence.
#pragma once

#include <rte_ethdev.h>

#include <string>
#include <vector>

namespace zcnbrh::shim {

struct PortHas {
  bool link_interrupt = false, removal_interrupt = false, rx_interrupts = false;
};

// Takes what such a port does not have out of `conf`. Their names, in a fixed order.
std::vector<std::string> take_out_modes(struct rte_eth_conf& conf, const PortHas& has);

}  // namespace zcnbrh::shim
