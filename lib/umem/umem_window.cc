// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#include "lib/umem/umem_window.h"

#include <linux/mman.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <bit>

#include "lib/base/cacheline.h"
#include "lib/umem/numa_memory.h"

namespace zcnbrh {
namespace {

Status check_region(std::span<const MemoryRun> runs) {
  if (runs.empty()) return Error{EINVAL, "UmemWindow::map", "a region without memory"};
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

size_t largest_page(std::span<const MemoryRun> runs) {
  size_t page = kPageSize;
  for (const MemoryRun& run : runs) page = std::max(page, run.page_size);
  return page;
}

size_t bytes_of(std::span<const MemoryRun> runs) {
  return static_cast<size_t>(runs.back().base + runs.back().length - runs.front().base);
}

// Anonymous memory at a fixed place inside our own reservation.
Status map_own(uint8_t* at, size_t length) {
  void* p = ::mmap(at, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  if (p == MAP_FAILED) return Error{errno, "mmap of the window's own memory", {}};
  return {};
}

// Memory of ours that has a file, at a fixed place inside our own reservation. `huge`: of pages of that size;
// 0: plain ones.
Result<UniqueFd> map_file(uint8_t* at, size_t length, size_t huge) {
  const unsigned flags =
      huge != 0 ? MFD_HUGETLB | static_cast<unsigned>(std::countr_zero(huge)) << MAP_HUGE_SHIFT : 0;
  UniqueFd file(::memfd_create("zcnbrh-tail", MFD_CLOEXEC | flags));
  if (!file || ::ftruncate(file.get(), static_cast<off_t>(length)) != 0)
    return Error{errno, "memfd_create of the window's own frames", {}};
  void* p = ::mmap(at, length, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, file.get(), 0);
  if (p == MAP_FAILED) return Error{errno, "mmap of the window's own frames", {}};
  return file;
}

// Our frames, on huge pages where the application's memory is and the machine has one left; the reservation
// leaves room for the last page.
Result<UniqueFd> map_tail(uint8_t* at, size_t length, size_t page) {
  if (page > kPageSize)
    if (auto file = map_file(at, align_up(length, page), page)) return file;
  return map_file(at, length, 0);
}

Status map_run(uint8_t* at, const MemoryRun& run) {
  if (run.is_hole()) return map_own(at, run.length);
  if (run.fd < 0) {
    // An old size of 0 makes a second mapping of a shared one's pages and leaves the first (mremap(2)).
    void* p = ::mremap(run.base, 0, run.length, MREMAP_MAYMOVE | MREMAP_FIXED, at);
    if (p == MAP_FAILED) return Error{errno, "mremap of a buffer pool's shared memory", {}};
    return {};
  }
  void* p = ::mmap(at, run.length, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED | MAP_POPULATE, run.fd,
                   static_cast<off_t>(run.fd_offset));
  if (p == MAP_FAILED) return Error{errno, "mmap of a buffer pool's memory", {}};
  return {};
}

// A region at its place; what lies between its pieces is filled with memory of ours.
Status map_region(uint8_t* start, std::span<const MemoryRun> runs) {
  uint8_t* at = start;
  for (const MemoryRun& run : runs) {
    uint8_t* want = start + (run.base - runs.front().base);
    if (want > at)
      if (Status s = map_own(at, static_cast<size_t>(want - at)); !s) return s;
    if (Status s = map_run(want, run); !s) return s;
    at = want + run.length;
  }
  return {};
}

}  // namespace

Result<UmemWindow> UmemWindow::map(std::span<const WindowRegion> regions, size_t tail_bytes, int node) {
  UmemWindow out;
  size_t page = kPageSize;
  for (const WindowRegion& region : regions) {
    if (Status s = check_region(region); !s) return s.error();
    page = std::max(page, largest_page(region));
  }
  // The window starts on a largest page. Each region starts where it does in one in the application, so that
  // pages of any size map; what that leaves between two regions is filled.
  size_t span = 0;
  for (const WindowRegion& region : regions) {
    const size_t own = largest_page(region);
    span = align_up(span, own) + reinterpret_cast<uintptr_t>(region.front().base) % own;
    out.places_.push_back({region.front().base, span});
    span += bytes_of(region);
  }
  const size_t tail = align_up(tail_bytes, kPageSize);
  if (span + tail == 0) return Error{EINVAL, "UmemWindow::map", "an empty window"};

  auto reserved =
      Mapping::create(nullptr, span + tail + 3 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                      -1, 0, "mmap of the UMEM window");
  if (!reserved) return reserved.error();
  uint8_t* start = reserved->data() + (align_up(reinterpret_cast<uintptr_t>(reserved->data()), page) -
                                       reinterpret_cast<uintptr_t>(reserved->data()));
  // A region that starts inside a large page would leave a gap before it: the window starts with the region.
  const uint64_t lead = out.places_.empty() ? 0 : out.places_.front().offset;

  uint8_t* at = start + lead;
  for (size_t i = 0; i < regions.size(); ++i) {
    uint8_t* want = start + out.places_[i].offset;
    if (want > at)
      if (Status s = map_own(at, static_cast<size_t>(want - at)); !s) return s.error();
    if (Status s = map_region(want, regions[i]); !s) return s.error();
    at = want + bytes_of(regions[i]);
    out.places_[i].offset -= lead;
  }
  if (tail != 0) {
    auto file = map_tail(at, tail, page);
    if (!file) return file.error();
    out.tail_fd_ = std::move(*file);
    bind_to_node(at, align_up(tail, page), node);  // whole pages, or mbind() refuses
  }
  // The whole reservation: its ends are small pages, so no huge page is cut.
  if (::madvise(reserved->data(), reserved->size(), MADV_DONTFORK) != 0)
    return Error{errno, "madvise(MADV_DONTFORK)", {}};

  out.mapping_ = std::move(*reserved);
  out.start_ = start + lead;
  out.size_ = span - lead + tail;
  out.tail_ = span - lead;
  return out;
}

UmemWindow UmemWindow::within(uint8_t* base, size_t bytes, const uint8_t* tail) {
  UmemWindow out;
  out.start_ = base;
  out.size_ = bytes;
  out.tail_ = static_cast<uint64_t>(tail - base);
  out.places_.push_back({base, 0});
  return out;
}

Result<UmemWindow> UmemWindow::beside(uint8_t* base, size_t bytes, size_t tail_bytes, int node) {
  const size_t tail = align_up(std::max(tail_bytes, size_t{1}), kPageSize);
  for (uint8_t* at : {base + bytes, base - tail}) {
    // Exactly there and over nothing that is there already, or not at all (Linux 4.17).
    auto taken = Mapping::create(at, tail, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    if (!taken || taken->data() != at) continue;
    auto file = map_file(at, tail, 0);
    if (!file) return file.error();
    bind_to_node(at, tail, node);
    if (::madvise(at, tail, MADV_DONTFORK) != 0) return Error{errno, "madvise(MADV_DONTFORK)", {}};
    UmemWindow out = within(std::min(base, at), bytes + tail, at);
    out.places_.front() = {base, static_cast<uint64_t>(base - out.start_)};
    out.mapping_ = std::move(*taken);
    out.tail_fd_ = std::move(*file);
    return out;
  }
  return Error{EADDRINUSE, "UmemWindow::beside", "the addresses on both sides of the memory are in use"};
}

}  // namespace zcnbrh
