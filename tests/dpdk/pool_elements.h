// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// Where a mempool's elements lie.
#pragma once

#include <rte_mempool.h>

#include <set>

namespace zcnbrh::testing {

inline std::set<void*> elements(rte_mempool* pool) {
  std::set<void*> out;
  rte_mempool_obj_iter(
      pool,
      [](rte_mempool*, void* seen, void* object, unsigned) {
        static_cast<std::set<void*>*>(seen)->insert(object);
      },
      &out);
  return out;
}

}  // namespace zcnbrh::testing
