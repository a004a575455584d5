// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// A UMEM is a window of our own: the memory that holds the application's buffers, mapped a second time
// through its file descriptors, with a tail of frames of ours behind it (bounce copies, fill frames of
// queues that only send). The kernel gets the window as one UMEM, so application buffers and our frames are
// addressed alike. What lies far apart in the application (a buffer pool here, another there) are regions,
// laid back to back; within a region the application's pointers differ from window pointers by one constant.
// Memory that cannot be mapped a second time is registered where the application has it, with our frames
// beside it.
// Tried on Linux 6.18: an alias mapping of memfd and hugetlbfs pieces registers; a range with an unmapped
// page is ENOMEM.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "lib/base/mapping.h"
#include "lib/base/result.h"
#include "lib/base/unique_fd.h"

namespace zcnbrh {

// One piece of the application's memory. Pieces are given in address order; page aligned, page-multiple long.
struct MemoryRun {
  uint8_t* base = nullptr;  // where the application has it
  size_t length = 0;        // bytes
  int fd = -1;              // the file behind it, kept open by its owner; -1: none
  uint64_t fd_offset = 0;   // of base in that file
  size_t page_size = 4096;  // of that file
  bool shared = false;      // without a file: a shared mapping, which can be duplicated; else a hole

  // Nothing that can be mapped again; filled with memory of ours.
  bool is_hole() const { return fd < 0 && !shared; }
};

// Pieces that keep their distances.
using WindowRegion = std::vector<MemoryRun>;

// Move-only. Unmaps the window when destroyed; sockets that registered it keep the pages until they close.
class UmemWindow {
 public:
  UmemWindow() = default;

  // Maps the regions one after the other, the pieces of each at the same distances as in the application, then
  // `tail_bytes` (rounded up to a page) of ours on `node`. With no regions the window is the tail alone.
  // Errors: EINVAL (pieces overlap, are out of order or not page aligned), ENOMEM, what mmap() says.
  static Result<UmemWindow> map(std::span<const WindowRegion> regions, size_t tail_bytes, int node);

  // No second mapping: `bytes` at `base` are the application's own addresses, for memory that has no file and
  // is not shared (private memory cannot be mapped twice). Our frames go right behind or before it, into
  // addresses that are free so far. Both multiples of 4096. Errors: EADDRINUSE (neither side is free), what
  // mmap() says.
  static Result<UmemWindow> beside(uint8_t* base, size_t bytes, size_t tail_bytes, int node);
  // The same with our frames at `tail`, within those bytes: memory that the caller has there and keeps while
  // the window lives. There is no tail_fd().
  static UmemWindow within(uint8_t* base, size_t bytes, const uint8_t* tail);

  uint8_t* base() const { return start_; }        // window address of UMEM byte 0
  uint64_t size() const { return size_; }         // bytes, a multiple of 4096
  uint64_t tail_offset() const { return tail_; }  // UMEM byte where our frames begin
  // The tail as a file, from its first byte on, so that another process can map it, too.
  int tail_fd() const { return tail_fd_.get(); }
  size_t regions() const { return places_.size(); }
  // UMEM byte that the byte at `app`, an application's address within region `region`, has.
  uint64_t offset_of(size_t region, const uint8_t* app) const {
    return places_[region].offset + static_cast<uint64_t>(app - places_[region].app);
  }

 private:
  struct Place {
    uint8_t* app;  // where the region begins in the application
    uint64_t offset;
  };

  Mapping mapping_;  // the whole reservation; beside the application's memory our frames alone
  UniqueFd tail_fd_;
  uint8_t* start_ = nullptr;  // of the window within it
  uint64_t size_ = 0;
  uint64_t tail_ = 0;
  std::vector<Place> places_;
};

}  // namespace zcnbrh
