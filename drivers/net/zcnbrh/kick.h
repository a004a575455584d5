// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// Who makes a TX queue's system calls (kick=): the burst, or a thread on a CPU that the application leaves
// free.
#pragma once

#include <sched.h>

#include <string>

#include "lib/config/port_config.h"

namespace zcnbrh::pmd {

struct PmdPort;
struct QueueSlot;

struct FreeCpus {
  cpu_set_t cpus{};         // empty: none
  bool main_lcore = false;  // they are the main lcore's, which may be idle
};
// Of EAL's control threads, less those of worker lcores.
FreeCpus free_cpus();

// What a queue does, and why. A member of QueueControl.
struct KickChoice {
  bool by_thread = false;
  std::string why;
};

// Once the queue is bound, with its doors shut.
void start_kicks(PmdPort& port, QueueSlot& slot, uint16_t queue);

}  // namespace zcnbrh::pmd
