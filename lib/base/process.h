// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// Which process are we? getpid() is a system call in today's glibc, so a burst reads a variable that a
// fork handler keeps true. daemon() before the first queue is opened works: the handler is in place from
// the moment the library is loaded.
#pragma once

#include <sys/types.h>

#include <cstdint>

namespace zcnbrh {

extern pid_t g_current_pid;  // read on the data path; written at load time and by the fork handler

inline pid_t current_pid() { return g_current_pid; }

// Tells the calling thread's network namespace from others, in which the same ifindex means another netdev.
uint64_t network_namespace();

}  // namespace zcnbrh
