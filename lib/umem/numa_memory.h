// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#pragma once

#include <cstddef>

#include "lib/base/mapping.h"
#include "lib/base/result.h"

namespace zcnbrh {

inline constexpr int kAnyNode = -1;

enum class PageKind { kHuge2M, kSmall };

// Memory of our own: page aligned, zeroed, on one NUMA node, on 2 MiB pages where the machine has some free
// and else on 4 KiB pages, not inherited by a child of fork() (MADV_DONTFORK: the child would get copies of
// pages the kernel writes to). Move-only.
class NumaMemory {
 public:
  NumaMemory() = default;

  // `bytes` is rounded up to the page size used. `node`: a NUMA node or kAnyNode. A node that the machine
  // does not have, or a machine without NUMA, is a warning, not an error.
  static Result<NumaMemory> allocate(size_t bytes, int node);

  uint8_t* data() const { return mapping_.data(); }
  size_t size() const { return mapping_.size(); }
  PageKind pages() const { return pages_; }

 private:
  Mapping mapping_;
  PageKind pages_ = PageKind::kSmall;
};

// Asks for `node` for every page of the range that is not touched yet; false where it could not.
bool bind_to_node(void* base, size_t bytes, int node);

}  // namespace zcnbrh
