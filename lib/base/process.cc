// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#include "lib/base/process.h"

#include <pthread.h>
#include <unistd.h>

namespace zcnbrh {
namespace {

void note_pid() { g_current_pid = ::getpid(); }

[[gnu::constructor]] void watch_forks() {
  note_pid();
  ::pthread_atfork(nullptr, nullptr, note_pid);
}

}  // namespace

pid_t g_current_pid = -1;

}  // namespace zcnbrh
