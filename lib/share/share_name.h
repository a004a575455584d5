// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// Where a DPDK process that shares is met. A file of its own: the shim needs it, and not the constructors of
// what stands beside its users.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

namespace zcnbrh {

inline constexpr uint32_t kShareVersion = 2;
std::string share_socket_name(pid_t pid);  // "@zcnbrh-share/PID"

}  // namespace zcnbrh
