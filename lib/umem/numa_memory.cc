// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#include "lib/umem/numa_memory.h"

#include <numa.h>
#include <numaif.h>

#include "lib/base/cacheline.h"
#include "lib/base/log.h"

namespace zcnbrh {
namespace {

constexpr size_t kHugePage = size_t{2} << 20;

Result<Mapping> map_anonymous(size_t bytes, int extra_flags) {
  return Mapping::create(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | extra_flags, -1,
                         0, "mmap of our own memory");
}

}  // namespace

bool bind_to_node(void* base, size_t bytes, int node) {
  if (node == kAnyNode || ::numa_available() < 0) return node == kAnyNode;
  if (node > ::numa_max_node()) return false;
  struct bitmask* nodes = ::numa_allocate_nodemask();
  ::numa_bitmask_setbit(nodes, static_cast<unsigned>(node));
  // Preferred, not strict: memory on the wrong node is slow, none at all is an outage.
  const long result = ::mbind(base, bytes, MPOL_PREFERRED, nodes->maskp, nodes->size + 1, 0);
  ::numa_free_nodemask(nodes);
  return result == 0;
}

Result<NumaMemory> NumaMemory::allocate(size_t bytes, int node) {
  if (bytes == 0) return Error{EINVAL, "NumaMemory::allocate", "no memory asked for"};
  NumaMemory out;
  const size_t huge = align_up(bytes, kHugePage);
  auto mapping = map_anonymous(huge, MAP_HUGETLB);
  if (mapping) {
    out.pages_ = PageKind::kHuge2M;
  } else {
    mapping = map_anonymous(align_up(bytes, kPageSize), 0);
    if (!mapping) return mapping.error();
    ::madvise(mapping->data(), mapping->size(), MADV_HUGEPAGE);  // a hint
  }
  out.mapping_ = std::move(*mapping);
  if (!bind_to_node(out.data(), out.size(), node))
    log_line(LogLevel::kWarning, "memory of %zu bytes is not bound to NUMA node %d; it may be remote",
             out.size(), node);
  if (::madvise(out.data(), out.size(), MADV_DONTFORK) != 0) return Error{errno, "madvise(MADV_DONTFORK)", {}};
  return out;
}

}  // namespace zcnbrh
