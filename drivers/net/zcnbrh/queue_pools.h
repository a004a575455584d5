// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// Which pools a queue works with: the one it receives into and those it may send from in place, its number in
// their ledgers, and the bursts' tables of them. Control path.
#pragma once

#include <memory>
#include <span>

#include "drivers/net/zcnbrh/mbuf_policy.h"
#include "drivers/net/zcnbrh/port_umem.h"

namespace zcnbrh::pmd {

class QueuePools {
 public:
  QueuePools() = default;
  QueuePools(const QueuePools&) = delete;
  QueuePools& operator=(const QueuePools&) = delete;
  ~QueuePools();

  // A number that is free in the UMEM, in `must` (may be null) and in as many of the UMEM's pools as there
  // can be; the queue works with those. 0: none is free.
  uint32_t join(const std::shared_ptr<PortUmem>& umem, const PoolMemory* must);
  uint32_t slot() const { return slot_; }
  const PoolList& pools() const { return pools_; }

  // The bursts' table of the pools that can be sent from in place, made when the mode is known.
  // Errors: ENOMEM.
  Status make_tx_table(bool page_safe_only);
  const TxPools* tx_table() const { return tx_; }
  LedgerSet tx_ledgers() const { return tx_ == nullptr ? LedgerSet() : LedgerSet(tx_->region, tx_->regions); }

  bool has(const PoolMemory& pool) const;
  // Frames of a pool that the kernel is sending for this queue.
  uint32_t in_flight(const PoolMemory& pool) const;
  // No mbuf of the pool is found any more; its frames in flight are still known, but have nowhere to go. The
  // bursts are stopped.
  void forget(const PoolMemory& pool);

  // After the queue's socket is gone: every frame that is still marked as the queue's returns to its pool, or
  // is kept, with a message, if the kernel's letting go was not proven. Idempotent.
  void leave(bool proven, const std::string& queue_name);

 private:
  std::shared_ptr<PortUmem> umem_;
  PoolList pools_;
  uint32_t slot_ = 0;
  TxPools* tx_ = nullptr;  // in EAL memory, with its arrays behind it
};

// Where a pool's mbufs are in a UMEM that covers it.
PoolView view_of(const PortUmem& umem, const PoolMemory& pool);

}  // namespace zcnbrh::pmd
