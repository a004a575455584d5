// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#include "lib/base/log.h"

#include <atomic>
#include <cstdarg>
#include <cstdio>

namespace zcnbrh {
namespace {

constexpr int kLineBytes = 1024;

void stderr_sink(LogLevel level, const char* line) {
  if (level <= LogLevel::kNotice) std::fprintf(stderr, "zcnbrh: %s\n", line);
}

std::atomic<LogSink> g_sink{stderr_sink};

}  // namespace

void set_log_sink(LogSink sink) noexcept { g_sink.store(sink != nullptr ? sink : stderr_sink); }

void log_line(LogLevel level, const char* format, ...) noexcept {
  char line[kLineBytes];
  va_list args;
  va_start(args, format);
  std::vsnprintf(line, sizeof line, format, args);
  va_end(args);
  g_sink.load()(level, line);
}

}  // namespace zcnbrh
