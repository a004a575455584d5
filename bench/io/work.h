// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// The loops that every path runs, and what is measured meanwhile.
#pragma once

#include <cstdint>

#include "bench/io/histogram.h"
#include "bench/io/path.h"

namespace zcnbrh::bench {

enum class Work { kReceive, kSend, kEcho };

struct WorkOptions {
  Work work = Work::kReceive;
  uint32_t size = 64;    // bytes a packet that is sent, without FCS
  double warm_up = 0.2;  // seconds before the measurement, from the first packet on
  double seconds = 1.0;
  bool idle = false;         // do not wait for a first packet: none may come
  bool count_calls = false;  // system calls of the working thread, by the tracepoint raw_syscalls:sys_enter
};

struct Measured {
  uint64_t packets = 0;  // handed over to the program, or taken from it to send
  uint64_t on_wire = 0;  // what the kernel's netdev has sent meanwhile
  double seconds = 0;
  double cpu_seconds = 0;       // of the process, all its threads
  double core_share = 0;        // of the time the thread's core was in use, whoever used it
  double softirq_share = 0;     // the kernel's network work on that core, as a part of the time
  double cycles = 0;            // TSC cycles the core was in use
  uint64_t sending_cycles = 0;  // TSC cycles inside the calls of send() that sent anything
  uint64_t polls = 0;           // calls of receive()
  int64_t calls = -1;           // system calls; -1: not counted
  Histogram one_way;            // from a packet's stamp to its arrival in the program
};

// Returns when the time is over or SIGTERM came; throws when no packet moves within ten seconds from the start.
Measured run_work(Path& path, const PathOptions& where, const WorkOptions& options);

}  // namespace zcnbrh::bench
