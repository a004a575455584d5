// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// What may be changed of a queue while its port runs, in the place of the device arguments: it holds until the
// port is closed. A burst reads none of it: what it reads is changed behind its door (lib/xsk/quiesce.h).
#pragma once

#include <cstdint>
#include <optional>

#include "lib/base/result.h"
#include "lib/config/port_config.h"

namespace zcnbrh::pmd {

struct PmdPort;

// A member of QueueControl.
struct QueueTuning {
  std::optional<uint32_t> window;
  std::optional<uint32_t> busy_budget;
  std::optional<Kick> kick;
};

// In force, or to be when the queue is opened. Control path.
uint32_t busy_budget_of(const PmdPort& port, uint16_t queue);
Kick kick_of(const PmdPort& port, uint16_t queue);

// Under the control lock. On an error the queue is as before.
Status tune_window(PmdPort& port, uint16_t queue, uint32_t packets);
Status tune_busy_budget(PmdPort& port, uint16_t queue, uint32_t packets);
Status tune_kick(PmdPort& port, uint16_t queue, Kick kick);
Status tune_on_empty(PmdPort& port, OnEmpty on_empty);  // of all queues

}  // namespace zcnbrh::pmd
