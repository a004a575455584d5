// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// What becomes of a symbol of DPDK's on a moved port: shim/intercepts.def and shim/audit.def, no other list.
#pragma once

#include <cstdint>
#include <string_view>

namespace zcnbrh::migrate {

enum class Way : uint8_t { kAsIs, kMapped, kEmulated, kNotSupported };

const char* way_name(Way way);

struct Judgement {
  Way way = Way::kAsIs;
  const char* note = "";  // a literal
};

Judgement judge(std::string_view symbol);

// rte_*, and DPDK's few others (per_lcore__*, cmdline_*) are not judged: they know no port.
inline bool is_dpdk_symbol(std::string_view name) { return name.starts_with("rte_"); }

}  // namespace zcnbrh::migrate
