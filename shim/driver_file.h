// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#pragma once

#include <string>

#include "lib/base/result.h"

namespace zcnbrh::shim {

// Loads net_zcnbrh, whatever -d the program was given: the file of ZCNBRH_DRIVER, or the first that is there
// of: beside the shim, in the build tree, by its bare name, in DPDK's folder of drivers. Harmless when it is
// loaded already. Returns where it was found. Errors: ENOENT, ELIBBAD with the loader's words.
Result<std::string> load_driver_file(const std::string& wanted);

}  // namespace zcnbrh::shim
