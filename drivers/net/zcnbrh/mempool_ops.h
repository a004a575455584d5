// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#pragma once

namespace zcnbrh::pmd {

// Registers the ops (in the primary process, at the first port's probe) and makes them the default. Pools made
// after this by rte_pktmbuf_pool_create() get the page-safe layout, unless the user named other ops
// (--mbuf-pool-ops-name). Harmless when called again.
void make_pool_ops_default();

}  // namespace zcnbrh::pmd
