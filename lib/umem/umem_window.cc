// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#include "lib/umem/umem_window.h"

#include <linux/mman.h>

#include <algorithm>
#include <bit>

#include "lib/base/cacheline.h"
#include "lib/umem/numa_memory.h"

namespace zcnbrh {
namespace {

Status check_runs(std::span<const MemoryRun> runs) {
  const uint8_t* end = nullptr;
  for (const MemoryRun& run : runs) {
    const auto base = reinterpret_cast<uintptr_t>(run.base);
    if (!is_power_of_two(run.page_size) || run.length == 0 || base % run.page_size != 0 ||
        run.length % run.page_size != 0 || run.fd_offset % run.page_size != 0)
      return Error{EINVAL, "UmemWindow::map", "a piece of memory is not a whole number of its pages"};
    if (run.base < end) return Error{EINVAL, "UmemWindow::map", "pieces of memory overlap or are out of order"};
    end = run.base + run.length;
  }
  return {};
}

// Anonymous memory at a fixed place inside our own reservation.
Status map_own(uint8_t* at, size_t length) {
  void* p = ::mmap(at, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  if (p == MAP_FAILED) return Error{errno, "mmap of the window's own memory", {}};
  return {};
}

// Our frames, on huge pages where the application's memory is and the machine has one left; the reservation
// leaves room for the last page.
Status map_tail(uint8_t* at, size_t length, size_t page) {
  if (page > kPageSize) {
    void* p = ::mmap(
        at, align_up(length, page), PROT_READ | PROT_WRITE,
        MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_HUGETLB | (std::countr_zero(page) << MAP_HUGE_SHIFT), -1,
        0);
    if (p != MAP_FAILED) return {};
  }
  return map_own(at, length);
}

Status map_run(uint8_t* at, const MemoryRun& run) {
  if (run.fd < 0) return map_own(at, run.length);
  void* p = ::mmap(at, run.length, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED | MAP_POPULATE, run.fd,
                   static_cast<off_t>(run.fd_offset));
  if (p == MAP_FAILED) return Error{errno, "mmap of a buffer pool's memory", {}};
  return {};
}

}  // namespace

Result<UmemWindow> UmemWindow::map(std::span<const MemoryRun> runs, size_t tail_bytes, int node) {
  if (Status s = check_runs(runs); !s) return s.error();
  UmemWindow out;
  size_t span = 0;
  size_t page = kPageSize;
  if (!runs.empty()) {
    out.app_base_ = runs.front().base;
    span = static_cast<size_t>(runs.back().base + runs.back().length - runs.front().base);
    for (const MemoryRun& run : runs) page = std::max(page, run.page_size);
  }
  const size_t tail = align_up(tail_bytes, kPageSize);
  if (span + tail == 0) return Error{EINVAL, "UmemWindow::map", "an empty window"};

  // Reserve address space with room to start at the same place in a huge page as the application does.
  auto reserved =
      Mapping::create(nullptr, span + tail + 3 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                      -1, 0, "mmap of the UMEM window");
  if (!reserved) return reserved.error();
  const uintptr_t lead = reinterpret_cast<uintptr_t>(out.app_base_) % page;
  uint8_t* start = reserved->data() +
                   (align_up(reinterpret_cast<uintptr_t>(reserved->data()), page) -
                    reinterpret_cast<uintptr_t>(reserved->data())) +
                   lead;

  uint8_t* at = start;
  for (const MemoryRun& run : runs) {
    uint8_t* want = start + (run.base - out.app_base_);
    if (want > at)
      if (Status s = map_own(at, static_cast<size_t>(want - at)); !s) return s.error();
    if (Status s = map_run(want, run); !s) return s.error();
    at = want + run.length;
  }
  if (tail != 0) {
    if (Status s = map_tail(at, tail, page); !s) return s.error();
    bind_to_node(at, align_up(tail, page), node);  // whole pages, or mbind() refuses
  }
  // The whole reservation: its ends are small pages, so no huge page is cut.
  if (::madvise(reserved->data(), reserved->size(), MADV_DONTFORK) != 0)
    return Error{errno, "madvise(MADV_DONTFORK)", {}};

  out.mapping_ = std::move(*reserved);
  out.start_ = start;
  out.size_ = span + tail;
  out.tail_ = span;
  return out;
}

}  // namespace zcnbrh
