// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// The ledgers of a UMEM that covers several pools. Each pool has one ledger, whatever UMEMs it is part of;
// here they are found by UMEM offset. The last one found is kept, so a queue whose frames come from one pool
// pays two compares a frame.
//
// The regions are plain data in memory that the caller supplies; in EAL memory another process finds them
// at the same address. A set is one thread's own: of() writes to it.
#pragma once

#include <algorithm>
#include <cstdint>

#include "lib/umem/ledger.h"

namespace zcnbrh {

// A stretch of a UMEM whose frames are one pool's. A pool may have several.
struct LedgerRegion {
  uint64_t begin = 0;  // bytes from the UMEM's first
  uint64_t bytes = 0;
  Ledger ledger;
  uint32_t pool = 0;  // a number of the caller's

  bool holds(ChunkOffset chunk) const { return raw(chunk) - begin < bytes; }
};

// The region that holds `chunk` among `count` in ascending order, or null.
inline const LedgerRegion* find_region(const LedgerRegion* regions, uint32_t count, ChunkOffset chunk) {
  const LedgerRegion* after = std::upper_bound(regions, regions + count, raw(chunk),
                                               [](uint64_t at, const LedgerRegion& r) { return at < r.begin; });
  return after != regions && after[-1].holds(chunk) ? after - 1 : nullptr;
}

class LedgerSet {
 public:
  LedgerSet() = default;
  // One ledger for the whole UMEM.
  LedgerSet(const Ledger& only)  // NOLINT(google-explicit-constructor)
      : last_{0, UINT64_MAX, only, 0} {}
  // `regions` in ascending order, without overlap; they outlive the set.
  LedgerSet(const LedgerRegion* regions, uint32_t count) : regions_(regions), count_(count) {}

  // The ledger of a frame; one without frames, which refuses every move, where no region has it.
  const Ledger& of(ChunkOffset chunk) {
    if (!last_.holds(chunk)) [[unlikely]]
      look_up(chunk);
    return last_.ledger;
  }
  bool move(ChunkOffset chunk, Owner from, Owner to) { return of(chunk).move(chunk, from, to); }
  // Ledger::move_run() over frames of any pool.
  template <Simd kSimd = Simd::kNone>
  uint32_t move_run(const ChunkOffset* chunks, uint32_t count, Owner from, Owner to) {
    uint32_t moved = 0;
    while (moved < count) {
      const uint32_t more = move_run_of_one<kSimd>(chunks + moved, count - moved, from, to);
      if (more == 0) break;
      moved += more;
    }
    return moved;
  }
  // Up to the first frame that is not in the first one's region; that is region().
  template <Simd kSimd = Simd::kNone>
  uint32_t move_run_of_one(const ChunkOffset* chunks, uint32_t count, Owner from, Owner to) {
    const Ledger& ledger = of(chunks[0]);
    const uint64_t begin = std::max(last_.begin, ledger.first());
    const uint64_t past = last_.bytes - (begin - last_.begin);  // of the region, from there
    const uint64_t covered = ledger.covered() - (begin - ledger.first());
    return ledger.move_run_within<kSimd>(chunks, count, from, to, begin, std::min(past, covered));
  }
  // That of the frame asked for last.
  const LedgerRegion& region() const { return last_; }
  // The last one found: the regions were changed, or this is a copy of a set that is in use.
  void forget() {
    if (regions_ != nullptr) last_ = {};
  }

 private:
  [[gnu::noinline]] void look_up(ChunkOffset chunk) {
    const LedgerRegion* found = find_region(regions_, count_, chunk);
    last_ = found != nullptr ? *found : LedgerRegion{};
  }

  LedgerRegion last_;
  const LedgerRegion* regions_ = nullptr;
  uint32_t count_ = 0;
};

}  // namespace zcnbrh
