// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#include "lib/xdp/xdp_owner.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "lib/base/unique_fd.h"

namespace zcnbrh {
namespace {

struct ProcessStat {
  char state = 0;
  uint64_t threads = 0;
  uint64_t start_time = 0;  // clock ticks since boot
};

uint64_t pid_namespace() {
  struct stat info = {};
  return ::stat("/proc/self/ns/pid", &info) == 0 ? info.st_ino : 0;
}

// proc(5): "pid (comm) state ppid ..."; comm may hold spaces and brackets, so count from the last bracket.
bool read_process(uint32_t pid, ProcessStat& out) {
  char path[32];
  std::snprintf(path, sizeof path, "/proc/%u/stat", pid);
  UniqueFd fd(::open(path, O_RDONLY | O_CLOEXEC));
  if (!fd) return false;
  char text[1024];
  ssize_t length = ::read(fd.get(), text, sizeof text - 1);
  if (length <= 0) return false;
  text[length] = '\0';
  const char* field = std::strrchr(text, ')');
  if (field == nullptr || field[1] == '\0') return false;
  field += 2;
  out.state = *field;
  constexpr int kStateField = 3;
  constexpr int kThreadsField = 20;
  constexpr int kStartTimeField = 22;
  for (int i = kStateField + 1; i <= kStartTimeField; i++) {
    field = std::strchr(field, ' ');
    if (field == nullptr) return false;
    field++;
    if (i == kThreadsField) out.threads = std::strtoull(field, nullptr, 10);
  }
  out.start_time = std::strtoull(field, nullptr, 10);
  return true;
}

}  // namespace

void stamp_owner(zcnbrh_config& config) {
  ProcessStat self;
  config.magic = ZCNBRH_CONFIG_MAGIC;
  config.owner_pid = static_cast<uint32_t>(::getpid());
  config.owner_pid_ns = pid_namespace();
  config.owner_start_time = read_process(config.owner_pid, self) ? self.start_time : 0;
}

OwnerState owner_state(const zcnbrh_config& config) {
  if (config.owner_pid == 0 || config.owner_pid_ns != pid_namespace()) return OwnerState::kUnknown;
  if (::kill(static_cast<pid_t>(config.owner_pid), 0) < 0 && errno == ESRCH) return OwnerState::kDead;
  ProcessStat process;
  if (!read_process(config.owner_pid, process)) return OwnerState::kAlive;  // hidden from us, but there
  // The leader of a process whose other threads still run shows as a zombie, too.
  if ((process.state == 'Z' && process.threads <= 1) || process.state == 'X') return OwnerState::kDead;
  bool reused = config.owner_start_time != 0 && process.start_time != config.owner_start_time;
  return reused ? OwnerState::kDead : OwnerState::kAlive;
}

}  // namespace zcnbrh
