// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#include "lib/netdev/ethtool_calls.h"

#include <linux/sockios.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "lib/base/unique_fd.h"

namespace zcnbrh {

int NetdevEthtool::call(void* command) noexcept {
  struct ifreq request {};
  if (name_.empty() || name_.size() >= sizeof request.ifr_name) return -ENODEV;
  std::memcpy(request.ifr_name, name_.c_str(), name_.size());
  request.ifr_data = static_cast<char*>(command);
  const UniqueFd any(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!any) return -errno;
  return ::ioctl(any.get(), SIOCETHTOOL, &request) == 0 ? 0 : -errno;
}

}  // namespace zcnbrh
