// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#pragma once

#include "lib/base/result.h"

namespace zcnbrh::capi {

// The text of the calling thread's last failure; "" before the first. Each returns -code.
const char* last_error();
int fail(const Error& error);
int fail(int code, const char* call, const char* why);

}  // namespace zcnbrh::capi
