// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#pragma once

#include <sys/mman.h>

#include <cstdint>

#include "lib/base/mapping.h"
#include "lib/base/unique_fd.h"

namespace zcnbrh::testing {

// A memory file with a mapping of its own, as an application's pool has it.
struct MemoryFile {
  UniqueFd fd;
  Mapping mapping;

  // `flags`: of memfd_create(), say MFD_HUGETLB. `hint`: where to map it, exactly; null: anywhere. Empty
  // mapping: it could not be had.
  static MemoryFile make(size_t length, unsigned flags = 0, void* hint = nullptr) {
    MemoryFile out;
    out.fd = UniqueFd(::memfd_create("zcnbrh-test", MFD_CLOEXEC | flags));
    if (!out.fd || ::ftruncate(out.fd.get(), static_cast<off_t>(length)) != 0) return out;
    out.map(length, 0, hint);
    return out;
  }
  void map(size_t length, uint64_t offset, void* hint) {
    const int fixed = hint != nullptr ? MAP_FIXED : 0;
    auto made = Mapping::create(hint, length, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE | fixed,
                                fd.get(), offset);
    if (made) mapping = std::move(*made);
  }
  uint8_t* data() const { return mapping.data(); }
};

}  // namespace zcnbrh::testing
