// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// The mapping line: which device of the program's command line moves to which netdev.
//
//   0000:3b:00.0=eth0,queue_count=4,net_tap0=eth1
//
// Items are separated by commas, spaces or line ends; '#' begins a comment. DEVICE=NETDEV moves a device; a key
// of the driver (lib/config/port_keys.h) after it belongs to that device. Pure text, no state, looks at
// nothing.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/result.h"
#include "lib/config/port_config.h"

namespace zcnbrh::shim {

struct Map {
  std::string device;  // as EAL names it: 0000:3b:00.0, net_tap0
  PortConfig config;
  bool queues_given = false;  // queue_count= was there; else the port gets all queues of the netdev
};

struct PciAddress {
  uint32_t domain = 0, bus = 0, device = 0, function = 0;
  auto operator<=>(const PciAddress&) const = default;
};

// "0000:3b:00.0" and "3b:00.0".
std::optional<PciAddress> parse_pci(std::string_view text);
// The name as EAL gives it to a device.
std::string device_name(std::string_view text);

// Errors: EINVAL with the item and what to write instead; two maps of one device, or of the same queues of one
// netdev.
Result<std::vector<Map>> parse_maps(std::string_view text);

}  // namespace zcnbrh::shim
