// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// The scheduling autopilot (sched=): lib/xsk/sched_pilot.h decides, this looks and acts. While a port is
// started whose queues may get a thread for their NAPI, an alarm of EAL's looks ten times a second: packets
// moved; where they are many, also what softirqs took of the lcores' CPUs. One pilot serves the process, since
// CPUs are shared.
#pragma once

#include <cstdint>
#include <string>

#include "lib/netdev/napi.h"
#include "lib/xsk/sched_pilot.h"

namespace zcnbrh::pmd {

struct PmdPort;
struct QueueSlot;

// A member of QueueControl.
struct QueueSched {
  SchedChoice choice;
  ThreadedNapi napi;
  bool refused = false;  // sched=threaded: it was tried, and choice.why says why not
  uint64_t packets = 0;  // moved, at the last look
};

// Once the queue is bound; kept in slot.control.sched.
const SchedChoice& decide_sched(const PmdPort& port, QueueSlot& slot);

void watch_sched(PmdPort& port);  // it has been started
void leave_sched(PmdPort& port);  // it stops: its NAPIs run as before

// For telemetry: wakeup, busy or threaded, and why.
const char* sched_name(const QueueSlot& slot);
std::string sched_reason(const QueueSlot& slot);

}  // namespace zcnbrh::pmd
