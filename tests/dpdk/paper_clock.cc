// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#include "tests/dpdk/paper_clock.h"

#include <fcntl.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sys/syscall.h>
#include <sys/timex.h>
#include <unistd.h>

#include <cerrno>
#include <cstdarg>
#include <cstring>

namespace zcnbrh::testing {

PaperClock g_clock;

}  // namespace zcnbrh::testing

namespace {

using zcnbrh::testing::g_clock;

constexpr uint64_t kSecond = 1'000'000'000;

int failed(int error) {
  errno = error;
  return -1;
}

}  // namespace

extern "C" int ioctl(int fd, unsigned long request, ...) noexcept {
  va_list rest;
  va_start(rest, request);
  void* argument = va_arg(rest, void*);
  va_end(rest);
  if (request == SIOCETHTOOL && g_clock.there) {
    auto* question = static_cast<struct ifreq*>(argument);
    auto* info = reinterpret_cast<ethtool_ts_info*>(question->ifr_data);
    if (std::strcmp(question->ifr_name, "zk0") == 0 && info->cmd == ETHTOOL_GET_TS_INFO) {
      info->phc_index = 77;
      return 0;
    }
  }
  return static_cast<int>(::syscall(SYS_ioctl, fd, request, argument));
}

extern "C" int open64(const char* path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  const unsigned mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(rest, unsigned) : 0;
  va_end(rest);
  const bool clock = g_clock.there && std::strcmp(path, "/dev/ptp77") == 0;
  if (clock && g_clock.refuses_open != 0) return failed(g_clock.refuses_open);
  const int fd = static_cast<int>(::syscall(SYS_openat, AT_FDCWD, clock ? "/dev/null" : path, flags, mode));
  if (clock) g_clock.fd = fd;
  return fd;
}

extern "C" int clock_gettime(clockid_t id, struct timespec* out) noexcept {
  if (!g_clock.is(id)) return static_cast<int>(::syscall(SYS_clock_gettime, id, out));
  *out = {static_cast<time_t>(g_clock.ns / kSecond), static_cast<long>(g_clock.ns % kSecond)};
  return 0;
}

extern "C" int clock_settime(clockid_t id, const struct timespec* to) noexcept {
  if (!g_clock.is(id)) return static_cast<int>(::syscall(SYS_clock_settime, id, to));
  if (g_clock.refuses_changes != 0) return failed(g_clock.refuses_changes);
  g_clock.ns = static_cast<uint64_t>(to->tv_sec) * kSecond + static_cast<uint64_t>(to->tv_nsec);
  return 0;
}

extern "C" int clock_adjtime(clockid_t id, struct timex* change) noexcept {
  if (!g_clock.is(id)) return static_cast<int>(::syscall(SYS_clock_adjtime, id, change));
  if (g_clock.refuses_changes != 0) return failed(g_clock.refuses_changes);
  if (change->modes != (ADJ_SETOFFSET | ADJ_NANO) || change->time.tv_usec < 0) return failed(EINVAL);
  g_clock.ns +=
      static_cast<uint64_t>(change->time.tv_sec) * kSecond + static_cast<uint64_t>(change->time.tv_usec);
  return 0;
}
