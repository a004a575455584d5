// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#pragma once

#include <cstdint>
#include <span>

namespace zcnbrh {

// A run of `count` ring slots starting at free-running index `first`. The run may wrap, so it is seen
// either slot by slot or as two spans. It is a view: publishing is the ring's business.
template <typename Desc>
class SlotRun {
 public:
  SlotRun() = default;
  SlotRun(Desc* descs, uint32_t mask, uint32_t first, uint32_t count)
      : descs_(descs), mask_(mask), first_(first), count_(count) {}

  uint32_t count() const { return count_; }
  Desc& operator[](uint32_t i) const { return descs_[(first_ + i) & mask_]; }

  // Slots from the i-th on that lie side by side: up to `most`, fewer before the ring's end.
  std::span<Desc> run(uint32_t i, uint32_t most) const {
    const uint32_t at = (first_ + i) & mask_;
    const uint32_t to_end = mask_ + 1 - at;
    return {descs_ + at, most < to_end ? most : to_end};
  }

  struct Wrapped {
    std::span<Desc> head;
    std::span<Desc> tail;  // empty unless the run wraps
  };
  Wrapped spans() const {
    const uint32_t start = first_ & mask_;
    const uint32_t to_end = mask_ + 1 - start;
    const uint32_t head = count_ < to_end ? count_ : to_end;
    return {{descs_ + start, head}, {descs_, count_ - head}};
  }

 private:
  Desc* descs_ = nullptr;
  uint32_t mask_ = 0;
  uint32_t first_ = 0;
  uint32_t count_ = 0;
};

}  // namespace zcnbrh
