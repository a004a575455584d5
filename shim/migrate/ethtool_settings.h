// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// Settings of a NIC that ethtool has, as JSON, in the order in which they are put back: filters name queues,
// and the number of queues bounds the RSS table.
#pragma once

#include <nlohmann/json.hpp>
#include <span>

#include "lib/base/result.h"
#include "lib/netdev/ethtool_calls.h"

namespace zcnbrh::migrate {

struct EthtoolSetting {
  const char* name;
  // Null: the driver does not have it.
  nlohmann::ordered_json (*read)(EthtoolCalls& nic);
  // May throw Json::exception for a value that read() did not make.
  Status (*write)(EthtoolCalls& nic, const nlohmann::ordered_json& was);
};
std::span<const EthtoolSetting> ethtool_settings();

}  // namespace zcnbrh::migrate
