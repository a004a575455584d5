// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// What the driver knows of one mempool of mbufs: where its memory lies and which files are behind it, how
// its elements sit in it, and the ownership ledger of its frames. One per mempool and process, shared by all
// ports and queues that use the pool, since a frame has one owner whichever port has it.
// Control path, under EAL's own rule that ports are configured by one thread at a time.
#pragma once

#include <rte_mempool.h>

#include <bitset>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "lib/base/result.h"
#include "lib/umem/ledger.h"
#include "lib/umem/umem_window.h"

namespace zcnbrh::pmd {

class PoolMemory {
 public:
  // Looks at every element. A pool whose memory cannot be part of a UMEM is not in_place(). Errors: EINVAL (no
  // packet pool, elements too small), ENOMEM. The result is shared and goes with its last holder.
  static Result<std::shared_ptr<PoolMemory>> adopt(struct rte_mempool* pool, bool history);
  // Of a pool that was adopted and is not gone, or null.
  static std::shared_ptr<PoolMemory> find(const struct rte_mempool* pool);
  // One with an element in that memory. any_in(): from any thread, whatever locks it holds.
  static std::shared_ptr<PoolMemory> find(const uint8_t* base, size_t bytes);
  static bool any_in(const uint8_t* base, size_t bytes) { return find(base, bytes) != nullptr; }
  ~PoolMemory();
  PoolMemory(const PoolMemory&) = delete;
  PoolMemory& operator=(const PoolMemory&) = delete;

  struct rte_mempool* pool() const {
    return pool_;
  }
  const char* name() const { return name_.c_str(); }  // also when it is gone
  // May its elements be frames of a UMEM? Else the reason.
  bool in_place() const { return why_not_.empty(); }
  // Then only where the application has it: it is one stretch that cannot be mapped a second time.
  bool at_own_addresses() const { return own_addresses_; }
  const std::string& why_not_in_place() const { return why_not_; }
  // The mempool, or memory of it, is no more: nothing of it may be touched.
  bool gone() const { return gone_; }
  void set_gone();
  // Its memory went although the mempool is still there: it is never looked at again, until destroyed().
  void set_lost();
  static void destroyed(const struct rte_mempool* pool);
  // The pages it lies in, in address order.
  std::span<const MemoryRun> runs() const { return runs_; }
  // Its first element's first byte, in the application. Its ledger begins there.
  uint8_t* first() const { return first_; }
  uint64_t bytes() const { return static_cast<uint64_t>(last_ - first_); }
  // The stretches its elements lie in, in address order; between them may be memory of others.
  struct Stretch {
    uint8_t* base;
    size_t length;
  };
  std::span<const Stretch> stretches() const { return stretches_; }
  uint32_t header_bytes() const { return header_bytes_; }
  // From an element's first byte (its mempool header) to its mbuf's data buffer.
  uint32_t data_offset() const { return header_bytes_ + mbuf_bytes_; }
  uint32_t buffer_bytes() const { return buffer_bytes_; }  // headroom included
  uint32_t element_bytes() const { return element_bytes_; }
  // Places of the ledger (2048 bytes each) that belong to one element alone.
  uint32_t ledger_places() const { return element_bytes() >> kLedgerShift; }
  bool page_safe() const { return page_safe_; }  // no element's chunk crosses a 4 KiB page
  // Plain pages: one is not next to the other for a device, with or without an IOMMU.
  bool on_small_pages() const;
  uint32_t alignment() const {
    return alignment_;
  }  // 4096 or 2048 if every element starts on a multiple of it; else 0

  // `first`: UMEM byte that first() has.
  Ledger ledger(uint64_t first) const;
  // A queue's numbers in the ledger.
  bool slot_taken(uint32_t slot) const { return slots_.test(slot); }
  void take_slot(uint32_t slot) { slots_.set(slot); }
  void put_slot(uint32_t slot) { slots_.reset(slot); }

  struct Reclaimed {
    uint32_t returned = 0;
    uint32_t kept = 0;
  };
  // After a queue's release: gives every frame that is still marked as slot's back to the pool, or, if the
  // kernel's letting go was not proven, marks it quarantined and keeps it.
  Reclaimed reclaim(uint32_t slot, bool proven);

 private:
  explicit PoolMemory(struct rte_mempool* pool)
      : pool_(pool),
        name_(pool->name),
        header_bytes_(pool->header_size),
        element_bytes_(pool->header_size + pool->elt_size) {}
  bool lies_in(const uint8_t* base, size_t bytes) const;
  Status look_at_elements();
  void find_stretches();
  void find_runs();
  void look_at_own_addresses();
  Status make_ledger(bool history);

  struct rte_mempool* pool_;
  std::string name_;
  std::string why_not_;  // in place
  bool own_addresses_ = false;
  bool small_pages_ = false;  // of one at its own addresses
  const uint32_t header_bytes_;
  const uint32_t element_bytes_;
  bool gone_ = false;
  std::vector<MemoryRun> runs_;
  std::vector<Stretch> stretches_;
  uint8_t* first_ = nullptr;  // lowest element's first byte
  uint8_t* last_ = nullptr;   // highest element's end
  uint32_t mbuf_bytes_ = 0;   // struct rte_mbuf and the application's private area
  uint32_t buffer_bytes_ = 0;
  uint32_t alignment_ = 0;
  bool page_safe_ = true;
  uint8_t* owners_ = nullptr;        // in EAL memory
  FrameHistory* history_ = nullptr;  // in EAL memory; ledger=1
  std::bitset<kMaxLedgerSlots + 1> slots_;
};

using PoolList = std::vector<std::shared_ptr<PoolMemory>>;

// Is this a pool of packet buffers (not, say, of crypto operations)?
bool is_packet_pool(const struct rte_mempool* pool);
// Every pool of packet buffers there is that can be part of a window.
PoolList adoptable_pools(bool history);
// Those that can be part of a UMEM at their own addresses alone.
PoolList own_address_pools(bool history);
// The pages between two addresses, those of one file joined.
std::vector<MemoryRun> memory_between(uint8_t* first, const uint8_t* last);

}  // namespace zcnbrh::pmd
