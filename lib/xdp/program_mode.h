// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#pragma once

namespace zcnbrh {

// Where an XDP program runs: in the driver, in the kernel's stack (on a packet that has become an skb), or on
// the NIC itself.
enum class ProgramMode { kNative, kSkb, kOffload };

}  // namespace zcnbrh
