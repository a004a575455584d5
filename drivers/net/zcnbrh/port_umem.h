// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// A UMEM as the driver uses it: the window over a mempool's memory with a tail of frames of ours, its ledger,
// and the kernel's view of it. Shared by the queues of a port (and by ports, with shared_umem=1).
#pragma once

#include <memory>
#include <vector>

#include "drivers/net/zcnbrh/pool_memory.h"
#include "lib/base/result.h"
#include "lib/config/port_config.h"
#include "lib/umem/umem.h"
#include "lib/umem/umem_window.h"
#include "lib/xsk/bind_ladder.h"

namespace zcnbrh::pmd {

inline constexpr uint32_t kTailStride = 4096;  // bytes from one frame of ours to the next: none crosses a page

// How a pool's elements are told to the kernel. base and size stay empty. Errors: EINVAL with the numbers.
Result<UmemLayout> layout_for(const PoolMemory& pool, const PortConfig& config);
// Longest packet that fits a buffer of the pool, bytes.
uint32_t rx_max_length(const UmemLayout& layout, const PoolMemory& pool);

// A run of frames in the tail.
struct TailRange {
  uint32_t first = 0;
  uint32_t count = 0;
};

class PortUmem {
 public:
  // `pool` may be null: a port that only sends and knows no pool; then every packet goes by bounce copy.
  static Result<std::shared_ptr<PortUmem>> create(std::shared_ptr<PoolMemory> pool, const PortConfig& config,
                                                  uint32_t tail_frames, int node);
  ~PortUmem();
  PortUmem(const PortUmem&) = delete;
  PortUmem& operator=(const PortUmem&) = delete;

  Umem& umem() { return umem_; }
  PoolMemory* pool() const { return pool_.get(); }
  uint8_t* app_base() const { return window_.app_base(); }
  uint32_t rx_max_length() const { return pool_ ? pmd::rx_max_length(umem_.layout(), *pool_) : 0; }

  Ledger tail_ledger() const;
  ChunkOffset tail_chunk(uint32_t frame) const {
    return ChunkOffset{window_.tail_offset() + uint64_t{frame} * kTailStride};
  }
  // `count` frames in a row; fewer, or none, when the tail is used up.
  TailRange take_tail(uint32_t count);
  // Gives them back; if the kernel's letting go was not proven they stay away.
  void put_tail(TailRange range, bool proven);
  uint32_t tail_free() const;

  // The mode of the queues bound so far; sharers inherit it.
  XskMode mode() const { return mode_; }
  void set_mode(XskMode mode) { mode_ = mode; }

 private:
  PortUmem(std::shared_ptr<PoolMemory> pool, UmemWindow window, const UmemLayout& layout)
      : pool_(std::move(pool)), window_(std::move(window)), umem_(layout) {}

  std::shared_ptr<PoolMemory> pool_;
  UmemWindow window_;
  Umem umem_;
  uint8_t* tail_owners_ = nullptr;  // in EAL memory
  std::vector<bool> tail_used_;
  XskMode mode_ = XskMode::kUnbound;
};

}  // namespace zcnbrh::pmd
