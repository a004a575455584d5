// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// Which capability is missing, for errors that come as a bare EPERM.
#pragma once

#include <cstdint>
#include <string>

namespace zcnbrh {

uint64_t effective_capabilities();  // of the calling thread, a bit each; 0 if the kernel does not say

// What XDP programs want and `effective` lacks: since Linux 5.8 CAP_BPF to load and CAP_NET_ADMIN to load and
// attach (kernel/bpf/syscall.c, net/core/dev.c), CAP_SYS_ADMIN stands for both; before that it is the one asked
// for. A clause for an error, also where nothing lacks.
std::string lacking_for_xdp(uint64_t effective = effective_capabilities());

}  // namespace zcnbrh
