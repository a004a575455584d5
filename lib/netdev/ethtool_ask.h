// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#pragma once

#include <cerrno>

#include "lib/base/result.h"
#include "lib/netdev/ethtool_calls.h"

namespace zcnbrh {

// EthtoolCalls::call() with the cause in words. ENOTSUP: the driver has no such thing.
inline Status ethtool_ask(EthtoolCalls& nic, const char* what, void* command) {
  switch (const int result = nic.call(command); - result) {
    case 0:
      return {};
    case EOPNOTSUPP:
      return Error{ENOTSUP, what, "the driver does not have it"};
    case EPERM:
      return Error{EPERM, what, "CAP_NET_ADMIN is needed"};
    case ENODEV:
      return Error{ENODEV, what, "no such netdev"};
    default:
      return Error{-result, what, "the driver refuses"};
  }
}

}  // namespace zcnbrh
