// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// The report of a running process: whoever connects to the UNIX socket "@zcnbrh-shim/PID" (abstract: nothing is
// left in any file system; of the process's network namespace) is sent it and is closed. Root and the process's
// own user may ask. EAL's interrupt thread serves, so there is no thread of ours; a peer that does not read is
// given 200 ms.
#pragma once

#include <sys/types.h>

#include <string>

namespace zcnbrh::shim {

std::string live_name(pid_t pid);
void open_live() noexcept;  // after rte_eal_init(); says why not

}  // namespace zcnbrh::shim
