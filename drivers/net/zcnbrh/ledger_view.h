// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// Whose the buffers of a port are, for telemetry and reports. Control path.
#pragma once

#include <cstdint>
#include <vector>

#include "drivers/net/zcnbrh/pmd.h"

namespace zcnbrh::pmd {

struct PoolOwners {
  const PoolMemory* pool = nullptr;
  uint64_t buffers = 0;
  uint64_t posted = 0;
  uint64_t in_flight = 0;
  uint64_t quarantined = 0;
  uint64_t in_pool = 0;  // lcore caches included
  // What is in none of these hands is the application's.
  uint64_t application() const {
    const uint64_t away = posted + in_flight + quarantined + in_pool;
    return buffers > away ? buffers - away : 0;
  }
};

// By the port's queues themselves; bounce frames are among those in flight.
struct PortOwners {
  uint64_t posted = 0;
  uint64_t in_flight = 0;
  std::vector<PoolOwners> pools;  // those that the port's queues work with; of all ports that use them
};
PortOwners owners_of(const PmdPort& port);

}  // namespace zcnbrh::pmd
