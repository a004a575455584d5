// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#include "lib/capi/last_error.h"

#include <cstdio>

namespace zcnbrh::capi {
namespace {

constexpr size_t kTextBytes = 1024;
thread_local char g_text[kTextBytes];  // plain bytes: nothing to construct or to destroy with a thread

}  // namespace

const char* last_error() { return g_text; }

int fail(const Error& error) {
  std::snprintf(g_text, sizeof g_text, "%s", error.text().c_str());
  return -error.code;
}

// No allocation: misuse is reported from the data path, too.
int fail(int code, const char* call, const char* why) {
  char buffer[128];
  std::snprintf(g_text, sizeof g_text, "%s: %s: %s", call, ::strerror_r(code, buffer, sizeof buffer), why);
  return -code;
}

}  // namespace zcnbrh::capi
