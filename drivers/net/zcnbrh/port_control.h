// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// What port control keeps of a port: the link as it was told, what was set on the netdev, and what became of
// it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "lib/netdev/ethtool_device.h"
#include "lib/netdev/netdev.h"

namespace zcnbrh::pmd {

class NetdevWatch;

// What the netdev is to receive for us. Released with the port, and by the kernel should the process die.
struct NetdevHolds {
  std::optional<PacketHold> promiscuous;
  std::optional<PacketHold> all_multicast;
  std::optional<PacketHold> addresses;
  std::vector<MacAddress> unicast, multicast;  // in `addresses`
};

struct PortControl {
  NetdevWatch* watch = nullptr;  // nullptr: a loop port, or a port that closes
  bool started = false;          // as dev_started, but changed with the lock held
  bool told_up = false;          // the link as the application was last told

  NetdevHolds holds;
  std::unique_ptr<IdentifyLed> led;
  uint16_t mtu = 0;  // set by the application; 0: it left the netdev's alone

  // Removal. While the netdev is absent the port has no socket, and its bursts return 0.
  bool absent = false;
  bool queues_closed = false;  // of an absent one; false: a burst has not come out yet
  uint32_t retry_ms = 0;       // until the next attempt to go on with a netdev that is back
  std::string refusal;         // why the last one failed, as it was logged
  std::string displaced_by;    // what took our XDP program's place, as it was logged; empty: it is there

  uint64_t removals = 0;           // the netdev went
  uint64_t returns = 0;            // and the port went on with the next one
  uint64_t program_displaced = 0;  // times our XDP program was detached or replaced from outside
};

}  // namespace zcnbrh::pmd
