// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#include "lib/netdev/ptp_clock.h"

#include <fcntl.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/timex.h>

#include <cerrno>
#include <cstring>
#include <ctime>

namespace zcnbrh {
namespace {

constexpr int64_t kSecond = 1'000'000'000;

struct timespec to_timespec(int64_t ns) {
  int64_t seconds = ns / kSecond, rest = ns % kSecond;
  if (rest < 0) {
    --seconds;
    rest += kSecond;
  }
  return {seconds, rest};
}

}  // namespace

std::optional<uint32_t> ptp_clock_index(const std::string& ifname) {
  const UniqueFd fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq request{};
  if (!fd || ifname.empty() || ifname.size() >= sizeof(request.ifr_name)) return std::nullopt;
  std::memcpy(request.ifr_name, ifname.c_str(), ifname.size() + 1);
  ethtool_ts_info info{};
  info.cmd = ETHTOOL_GET_TS_INFO;
  request.ifr_data = reinterpret_cast<char*>(&info);
  if (::ioctl(fd.get(), SIOCETHTOOL, &request) != 0 || info.phc_index < 0) return std::nullopt;
  return static_cast<uint32_t>(info.phc_index);
}

Result<PtpClock> PtpClock::open(uint32_t index) {
  const std::string path = "/dev/ptp" + std::to_string(index);
  int fd = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
  if (fd < 0 && errno == EACCES) fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);  // enough to read it
  if (fd < 0) return Error{errno, "open of the PTP clock", path};
  return PtpClock(UniqueFd(fd));
}

// A descriptor as a clock: FD_TO_CLOCKID() of the kernel's testptp.c, CLOCKFD of include/linux/posix-timers.h.
int PtpClock::clock_id() const { return static_cast<int>(~static_cast<unsigned>(fd_.get()) << 3 | 3U); }

uint64_t PtpClock::now_ns() const {
  struct timespec now {};
  ::clock_gettime(clock_id(), &now);
  return static_cast<uint64_t>(now.tv_sec * kSecond + now.tv_nsec);
}

Status PtpClock::set(uint64_t ns) const {
  const struct timespec to = to_timespec(static_cast<int64_t>(ns));
  if (::clock_settime(clock_id(), &to) == 0) return {};
  return Error{errno, "clock_settime of the PTP clock", "needs write access to its device file"};
}

Status PtpClock::shift(int64_t ns) const {
  const struct timespec by = to_timespec(ns);
  struct timex change {};
  change.modes = ADJ_SETOFFSET | ADJ_NANO;
  change.time.tv_sec = by.tv_sec;
  change.time.tv_usec = by.tv_nsec;  // nanoseconds, as ADJ_NANO says
  if (::clock_adjtime(clock_id(), &change) >= 0) return {};
  return Error{errno, "clock_adjtime of the PTP clock", "needs write access to its device file"};
}

}  // namespace zcnbrh
