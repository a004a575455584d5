// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// What net_af_xdp asks of libxdp, libbpf and the kernel, answered from the loop backend's sockets, so that the
// driver's own object code, as the distribution built it, runs on the same rings as ours. The answers are
// global functions with the libraries' names: the program that links this file must export them (-rdynamic),
// then the driver's calls are bound to them before those in the libraries. Calls about anything else go on to
// libc.
#pragma once

#include <cstdint>

#include "lib/xsk/loop_kernel.h"

namespace zcnbrh::bench {

// The kernel's side of the socket made last.
LoopSocket* answered_socket();

// System calls that the driver made on answered sockets so far, set-up apart. Each is answered at once: what it
// would cost is not part of a ring bench, and how many there were is shown beside the cycles.
uint64_t answered_calls();

}  // namespace zcnbrh::bench
