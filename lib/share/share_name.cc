// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#include "lib/share/share_name.h"

namespace zcnbrh {

std::string share_socket_name(pid_t pid) { return "@zcnbrh-share/" + std::to_string(pid); }

}  // namespace zcnbrh
