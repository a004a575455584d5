// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// Frames with the books about them: of one queue, or, as a struct zcnbrh_memory, of several. Queues join it
// with a number of their own in the ledger, so a frame's owner byte says which queue it was lent through.
// Control path, under lock(); book() is the data path's.
#pragma once

#include <array>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "include/zcnbrh/zcnbrh.h"
#include "lib/base/kernel.h"
#include "lib/base/process.h"
#include "lib/capi/frame_book.h"
#include "lib/umem/numa_memory.h"
#include "lib/umem/umem.h"
#include "lib/xsk/queue_state.h"

namespace zcnbrh::capi {

struct MemoryPlan {
  uint32_t frames = 0;
  uint32_t frame_size = 0;  // bytes
  bool unaligned = false;
  bool page_bound = false;  // no frame crosses a page
  int node = kAnyNode;
  bool history = false;  // ledger=1
  bool shared = false;   // by several queues
};

class FrameMemory {
 public:
  static Result<std::shared_ptr<FrameMemory>> create(const MemoryPlan& plan);

  FrameBook& book() { return book_; }
  const FrameGrid& grid() const { return grid_; }
  const Ledger& ledger() const { return ledger_; }
  bool history() const { return history_; }
  bool shared() const { return book_.shared(); }
  bool is_of_this_process() const { return pid_ == current_pid(); }
  size_t bytes() const { return frames_.size(); }
  std::mutex& lock() const { return lock_; }

  // As the kernel is told about it. Queues that share a UMEM share its mode, too, so those that may have
  // zero-copy have another one, over the same frames, than those that cannot.
  Umem& umem(bool zero_copy) { return *umems_[zero_copy ? 1 : 0]; }

  // A queue of an interface, `place`, or of the loop backend.
  struct Joiner {
    const Kernel& kernel;
    int ifindex;
    uint32_t queue;
    std::string place;
    const RxShared& rx;  // both outlive the membership
    const TxShared& tx;
  };
  // It comes: its number in the ledger. EBUSY: it is in; EINVAL: the loop backend and real interfaces in one
  // memory; ENOSPC: 127 queues are in.
  Result<uint32_t> join(const Joiner& joiner);
  // It goes. `let_go`: the kernel has nothing of it any more, so what it held is given to the pool; else those
  // frames are quarantined, and the number is never used again.
  void leave(uint32_t slot, bool let_go);
  bool in_use() const { return !members_.empty(); }

  // All of it but `size`.
  void read_ledger(struct zcnbrh_ledger& out) const;

 private:
  struct Member {
    uint32_t slot;
    int ifindex;
    uint32_t queue;
    const RxShared* rx;
    const TxShared* tx;
  };
  FrameMemory() = default;
  Status set_up(const MemoryPlan& plan);
  void take_back(uint32_t slot);
  const Member* member_of(Owner owner) const;
  void walk(struct zcnbrh_ledger& out) const;

  FrameBook book_;
  Ledger ledger_;
  FrameGrid grid_;
  bool history_ = false;
  pid_t pid_ = current_pid();
  NumaMemory frames_, state_;
  std::array<std::optional<Umem>, 2> umems_;
  mutable std::mutex lock_;
  const Kernel* kernel_ = nullptr;  // of the members
  std::vector<Member> members_;
  std::array<bool, kMaxLedgerSlots + 1> taken_{};  // slots
  uint64_t past_violations_ = 0;                   // of members that are gone
};

}  // namespace zcnbrh::capi
