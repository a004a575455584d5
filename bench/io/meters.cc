// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#include "bench/io/meters.h"

#include <linux/perf_event.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>
#ifdef __x86_64__
#include <x86intrin.h>
#endif

#include <fstream>
#include <sstream>

#include "bench/io/path.h"

namespace zcnbrh::bench {
namespace {

constexpr const char* kEventId = "/sys/kernel/tracing/events/raw_syscalls/sys_enter/id";

double seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

}  // namespace

CoreTimes core_times(int cpu) {
  const std::string wanted = "cpu" + std::to_string(cpu);
  std::ifstream file("/proc/stat");
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    std::string name;
    double user = 0, nice = 0, system = 0, idle = 0, iowait = 0, irq = 0, softirq = 0;
    words >> name >> user >> nice >> system >> idle >> iowait >> irq >> softirq;
    if (name != wanted) continue;
    const auto tick = 1.0 / static_cast<double>(::sysconf(_SC_CLK_TCK));
    const double busy = user + nice + system + irq + softirq;
    return {busy * tick, softirq * tick, (busy + idle + iowait) * tick};
  }
  fail("/proc/stat has no " + wanted);
}

double process_seconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

uint64_t netdev_sent(const std::string& netdev) {
  uint64_t count = 0;
  std::ifstream("/sys/class/net/" + netdev + "/statistics/tx_packets") >> count;
  return count;
}

uint64_t tsc() {
#ifdef __x86_64__
  return __rdtsc();
#else
  return 0;
#endif
}

CallCounter::CallCounter() {
  uint64_t id = 0;
  if (!(std::ifstream(kEventId) >> id)) fail(std::string(kEventId) + " cannot be read; is tracefs mounted?");
  perf_event_attr wanted{};
  wanted.type = PERF_TYPE_TRACEPOINT;
  wanted.size = sizeof wanted;
  wanted.config = id;
  event_.reset(static_cast<int>(::syscall(SYS_perf_event_open, &wanted, 0, -1, -1, PERF_FLAG_FD_CLOEXEC)));
  if (!event_) fail_errno("perf_event_open of raw_syscalls:sys_enter");
}

int64_t CallCounter::read() const {
  int64_t count = 0;
  return ::read(event_.get(), &count, sizeof count) == sizeof count ? count : 0;
}

}  // namespace zcnbrh::bench
