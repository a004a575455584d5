// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#pragma once

#include "bpf/zcnbrh_bpf.h"

namespace zcnbrh {

enum class OwnerState { kDead, kAlive, kUnknown };

// Writes this process into the record that is frozen into its program.
void stamp_owner(zcnbrh_config& config);

// Whether the process that loaded a program still runs. kUnknown: it lived in another pid namespace, whose
// numbers say nothing here. A zombie is dead: it has no sockets any more.
OwnerState owner_state(const zcnbrh_config& config);

}  // namespace zcnbrh
