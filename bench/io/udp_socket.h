// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#pragma once

#include "lib/base/unique_fd.h"

namespace zcnbrh::bench {

// A UDP socket between the two ends, with large buffers. receive() on it gives up after a tenth of a second.
UniqueFd connected_udp_socket();

}  // namespace zcnbrh::bench
