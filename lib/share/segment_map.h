// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// Files of another process, mapped here at the addresses that they have there. It is told again and again what
// is mapped there, and follows: EAL gives memory back and later takes another file at the same address, and a
// stretch of one file grows. What has not changed is not touched, so other threads may work in it meanwhile;
// what has is replaced in one step. An address that was ours once stays ours, for whoever still has a pointer
// to it: memory that is gone reads as zeros.
//
// Under the caller's lock.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <vector>

#include "lib/base/result.h"

namespace zcnbrh {

class SegmentMap {
 public:
  SegmentMap() = default;
  ~SegmentMap();
  SegmentMap(const SegmentMap&) = delete;
  SegmentMap& operator=(const SegmentMap&) = delete;

  // A list: begin(), map() for each stretch, and end() if the list came whole.
  void begin();
  // `bytes` of the file from `offset` on, at `base`. Errors: EEXIST (something else of this process is there),
  // and what fstat(2) and mmap(2) say.
  Status map(uintptr_t base, size_t bytes, uint64_t offset, int fd);
  // What was not in the list is given back.
  void end();

  // Is all of it mapped from files?
  bool covers(uintptr_t base, size_t bytes) const;

 private:
  struct File {
    dev_t device = 0;
    ino_t inode = 0;      // no other file's as long as this one is mapped
    uint64_t start = 0;   // base - offset: the same for neighbours of one file
    bool exists = false;  // false: zeros
    bool operator==(const File&) const = default;
  };
  struct Part {
    uintptr_t base, end;
    File file;
    bool listed;
  };

  void split(uintptr_t at);
  Status fill(size_t at, Part part, uint64_t offset, int fd);

  std::vector<Part> parts_;  // by address, none overlaps
};

}  // namespace zcnbrh
