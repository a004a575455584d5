// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#include "shim/say.h"

#include <cstdarg>
#include <cstdio>

#include "shim/next.h"
#include "shim/report.h"

namespace zcnbrh::shim {
namespace {

constexpr char kPrefix[] = "zcnbrh-shim: ";

// EAL reads --log-level before it does anything else, so the type gets the user's level whenever it is
// registered.
uint32_t log_type() noexcept {
  static const int type = [] {
    auto* registered = NEXT(rte_log_register_type_and_pick_level);
    return registered != nullptr ? registered("zcnbrh.shim", RTE_LOG_WARNING) : -1;
  }();
  return type >= 0 ? static_cast<uint32_t>(type) : RTE_LOGTYPE_EAL;
}

void to_log(Say level, const char* format, ...) noexcept {
  va_list arguments;
  va_start(arguments, format);
  if (auto* log = NEXT(rte_vlog); log != nullptr)
    log(static_cast<uint32_t>(level), log_type(), format, arguments);
  va_end(arguments);
}

}  // namespace

void say(Say level, const char* format, ...) noexcept {
  const ErrnoGuard guard;
  char line[512];
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(line, sizeof line, format, arguments);
  va_end(arguments);
  note_message(level, line);
  to_log(level, "%s%s\n", kPrefix, line);
}

}  // namespace zcnbrh::shim
