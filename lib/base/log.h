// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// The library's one way to say something without failing: a process-wide sink that the edge (PMD, C API)
// sets. Control path only, from any thread. Errors are returned, not logged.
#pragma once

namespace zcnbrh {

enum class LogLevel { kWarning, kNotice, kInfo, kDebug };

// `line` has no trailing newline and is valid during the call only.
using LogSink = void (*)(LogLevel level, const char* line);

// nullptr restores the default: warnings and notices to stderr, the rest nowhere.
void set_log_sink(LogSink sink) noexcept;

[[gnu::format(printf, 2, 3)]] void log_line(LogLevel level, const char* format, ...) noexcept;

}  // namespace zcnbrh
