// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// A UMEM as the driver uses it: a window over the memory of all mempools of packet buffers, with a tail of
// frames of ours, and the kernel's view of it. One for each UmemKey, shared by queues and ports: what a port
// received goes out at another by address, whichever pool it is of.
#pragma once

#include <bitset>
#include <memory>
#include <optional>
#include <vector>

#include "drivers/net/zcnbrh/pool_memory.h"
#include "lib/base/result.h"
#include "lib/config/port_config.h"
#include "lib/umem/numa_memory.h"
#include "lib/umem/umem.h"
#include "lib/umem/umem_window.h"
#include "lib/xsk/bind_ladder.h"

namespace zcnbrh::pmd {

inline constexpr uint32_t kTailStride = 4096;  // bytes from one frame of ours to the next: none crosses a page

// How a pool's elements are told to the kernel. base and size stay empty. Errors: EINVAL with the numbers.
Result<UmemLayout> layout_for(const PoolMemory& pool, const PortConfig& config);
// Longest packet that fits a buffer of the pool, bytes.
uint32_t rx_max_length(const UmemLayout& layout, const PoolMemory& pool);

// What sharers of a UMEM must agree in. Sharers inherit the first one's mode, so it is part of it.
struct UmemKey {
  const Kernel* kernel = nullptr;
  int node = kAnyNode;
  XskMode mode = XskMode::kUnbound;
  bool segments = false;  // bound with XDP_USE_SG
  UmemLayout layout;      // base and size aside

  bool operator==(const UmemKey& other) const {
    return kernel == other.kernel && node == other.node && mode == other.mode && segments == other.segments &&
           layout.chunk_size == other.layout.chunk_size && layout.headroom == other.layout.headroom &&
           layout.unaligned == other.layout.unaligned && layout.tx_metadata == other.layout.tx_metadata &&
           layout.tx_sw_csum == other.layout.tx_sw_csum;
  }
};

// A run of frames in the tail.
struct TailRange {
  uint32_t first = 0;
  uint32_t count = 0;
};

class PortUmem {
 public:
  // With no pools every packet goes by bounce copy. Pools at their own addresses (own_memory.h) do not go
  // together with others.
  static Result<std::shared_ptr<PortUmem>> create(const UmemKey& key, const PoolList& pools,
                                                  uint32_t tail_frames);
  ~PortUmem();
  PortUmem(const PortUmem&) = delete;
  PortUmem& operator=(const PortUmem&) = delete;

  Umem& umem() { return umem_; }
  const UmemLayout& layout() const { return umem_.layout(); }
  const UmemKey& key() const { return key_; }
  // The mode that the first queue got may be another than the one it was made for.
  void set_mode(XskMode mode, bool segments) {
    key_.mode = mode;
    key_.segments = segments;
  }

  const PoolList& pools() const { return pools_; }
  bool covers(const PoolMemory* pool) const;
  bool covers_all(const PoolList& pools) const;
  bool has_gone() const;  // one of them is no more
  // Its memory is this process's alone, see own_memory.h.
  bool at_own_addresses() const { return !pools_.empty() && pools_.front()->at_own_addresses(); }
  // UMEM byte of pool->first(), of a pool that it covers.
  uint64_t offset_of(const PoolMemory& pool) const;
  // May a queue send a pool's buffers in place? `page_safe_only`: a device maps the UMEM page by page.
  bool can_send(const PoolMemory& pool, bool page_safe_only) const;

  // The numbers of its queues.
  using Slots = std::bitset<kMaxLedgerSlots + 1>;
  Slots& slots() { return slots_; }
  const Slots& slots() const { return slots_; }
  bool has_slot() const { return slots_.count() < kMaxLedgerSlots; }

  uint64_t tail_offset() const { return window_.tail_offset(); }
  int tail_fd() const { return window_.tail_fd(); }
  Ledger tail_ledger() const;
  ChunkOffset tail_chunk(uint32_t frame) const {
    return ChunkOffset{window_.tail_offset() + uint64_t{frame} * kTailStride};
  }
  // `count` frames in a row; fewer, or none, when the tail is used up.
  TailRange take_tail(uint32_t count);
  // Gives them back; if the kernel's letting go was not proven they stay away.
  void put_tail(TailRange range, bool proven);
  uint32_t tail_free() const;

 private:
  PortUmem(const UmemKey& key, UmemWindow window, const UmemLayout& layout)
      : key_(key), window_(std::move(window)), umem_(layout) {}

  UmemKey key_;
  PoolList pools_;
  std::vector<size_t> region_;  // of the window, for each pool
  UmemWindow window_;
  void* heap_tail_ = nullptr;  // our frames in a heap of EAL's, see own_memory.h
  Umem umem_;
  uint8_t* tail_owners_ = nullptr;  // in EAL memory
  std::vector<bool> tail_used_;
  Slots slots_;
};

// UMEMs that ports share among each other.
class SharedUmems {
 public:
  static SharedUmems& instance();
  void add(const std::shared_ptr<PortUmem>& umem) { umems_.push_back(umem); }
  // Those that are in use.
  std::vector<std::shared_ptr<PortUmem>> live();

 private:
  std::vector<std::weak_ptr<PortUmem>> umems_;
};

}  // namespace zcnbrh::pmd
