// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// What the shim has to say goes into the program's DPDK log (log type zcnbrh.shim) and into the report, nowhere
// else. Without a word from the user the log gets warnings and errors only: the program's output stays its own.
// More with EAL's own --log-level=zcnbrh.shim:info.
#pragma once

#include <cstdint>

namespace zcnbrh::shim {

enum class Say : uint8_t { kError = 4, kWarning = 5, kNotice = 6, kInfo = 7 };  // RTE_LOG_*

// One line without an end of line: cause and cure. errno is preserved. Any thread.
[[gnu::format(printf, 2, 3)]] void say(Say level, const char* format, ...) noexcept;

}  // namespace zcnbrh::shim
