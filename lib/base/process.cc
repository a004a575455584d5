// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#include "lib/base/process.h"

#include <pthread.h>
#include <sys/stat.h>
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

uint64_t network_namespace() {
  struct stat info = {};
  return ::stat("/proc/thread-self/ns/net", &info) == 0 ? info.st_ino : 0;
}

}  // namespace zcnbrh
