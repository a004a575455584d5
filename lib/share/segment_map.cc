// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#include "lib/share/segment_map.h"

#include <sys/mman.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>

#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000  // Linux 4.17
#endif

namespace zcnbrh {
namespace {

void* address(uintptr_t at) { return reinterpret_cast<void*>(at); }

}  // namespace

SegmentMap::~SegmentMap() {
  for (const Part& part : parts_) ::munmap(address(part.base), part.end - part.base);
}

void SegmentMap::begin() {
  for (Part& part : parts_) part.listed = false;
}

// No part goes across `at` any more.
void SegmentMap::split(uintptr_t at) {
  for (size_t i = 0; i < parts_.size(); ++i) {
    if (at <= parts_[i].base || at >= parts_[i].end) continue;
    Part rest = parts_[i];
    rest.base = parts_[i].end = at;
    parts_.insert(parts_.begin() + static_cast<ptrdiff_t>(i) + 1, rest);
    return;
  }
}

// Maps `part`: over the part at index `at`, if that begins where it does, or before it, where nothing of ours
// is.
Status SegmentMap::fill(size_t at, Part part, uint64_t offset, int fd) {
  const bool ours = at < parts_.size() && parts_[at].base == part.base;
  void* got = ::mmap(address(part.base), part.end - part.base, PROT_READ | PROT_WRITE,
                     MAP_SHARED | (ours ? MAP_FIXED : MAP_FIXED_NOREPLACE), fd, static_cast<off_t>(offset));
  if (got == MAP_FAILED) return Error{errno, "mmap", {}};
  if (got != address(part.base)) {  // a kernel before 4.17 takes the address for a hint
    ::munmap(got, part.end - part.base);
    return Error{EEXIST, "mmap", {}};
  }
  if (ours)
    parts_[at] = part;
  else
    parts_.insert(parts_.begin() + static_cast<ptrdiff_t>(at), part);
  return {};
}

Status SegmentMap::map(uintptr_t base, size_t bytes, uint64_t offset, int fd) {
  struct stat status;
  if (::fstat(fd, &status) != 0) return Error{errno, "fstat", {}};
  const File file{status.st_dev, status.st_ino, base - offset, true};
  const uintptr_t end = base + bytes;
  split(base);
  split(end);
  const auto first =
      std::find_if(parts_.begin(), parts_.end(), [base](const Part& p) { return p.base >= base; });
  auto index = static_cast<size_t>(first - parts_.begin());
  for (uintptr_t at = base; at < end; at = parts_[index++].end) {
    const bool ours = index < parts_.size() && parts_[index].base == at;
    if (ours && parts_[index].file == file) {
      parts_[index].listed = true;
      continue;
    }
    const uintptr_t next = index < parts_.size() ? parts_[index].base : end;
    const uintptr_t stop = ours ? parts_[index].end : std::min(end, next);
    if (Status s = fill(index, {at, stop, file, true}, offset + (at - base), fd); !s) return s;
  }
  return {};
}

void SegmentMap::end() {
  for (Part& part : parts_) {
    if (part.listed || !part.file.exists) continue;
    const void* zeros = ::mmap(address(part.base), part.end - part.base, PROT_READ | PROT_WRITE,
                               MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
    if (zeros != MAP_FAILED) part.file = {};
  }
}

bool SegmentMap::covers(uintptr_t base, size_t bytes) const {
  if (base + bytes < base) return false;
  uintptr_t at = base;
  for (const Part& part : parts_)
    if (part.file.exists && part.base <= at && at < part.end) at = part.end;
  return at >= base + bytes;
}

}  // namespace zcnbrh
