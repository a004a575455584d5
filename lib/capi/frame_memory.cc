// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#include "lib/capi/frame_memory.h"

#include <algorithm>
#include <cerrno>

#include "lib/capi/carver.h"

namespace zcnbrh::capi {
namespace {

struct StateParts {
  uint8_t* owners;
  FrameHistory* history;
  FrameTag* tags;
  ChunkOffset* stack;
  SharedFramePool::Node* nodes;
  size_t bytes;
};

// Not inlined: GCC 12 would follow the null pointer of the call that only counts into the other one and warn.
[[gnu::noinline]] StateParts carve(uint8_t* memory, uint32_t ledger_bytes, const MemoryPlan& plan) {
  Carver c(memory);
  StateParts out{};
  out.owners = c.take<uint8_t>(ledger_bytes);
  if (plan.history) out.history = c.take<FrameHistory>(ledger_bytes);
  out.tags = c.take<FrameTag>(ledger_bytes);
  if (plan.shared)
    out.nodes = c.take<SharedFramePool::Node>(ledger_bytes);
  else
    out.stack = c.take<ChunkOffset>(plan.frames);
  out.bytes = c.used();
  return out;
}

uint32_t distance(uint32_t a, uint32_t b) { return a > b ? a - b : b - a; }

}  // namespace

Result<std::shared_ptr<FrameMemory>> FrameMemory::create(const MemoryPlan& plan) {
  std::shared_ptr<FrameMemory> out(new FrameMemory);
  if (Status s = out->set_up(plan); !s) return s.error();
  return out;
}

Status FrameMemory::set_up(const MemoryPlan& plan) {
  auto grid = FrameGrid::lay_out(plan.frame_size, plan.frames, plan.unaligned, plan.page_bound);
  if (!grid) return grid.error();
  grid_ = *grid;
  auto frames = NumaMemory::allocate(grid_.bytes(), plan.node);
  if (!frames) return frames.error();
  const auto ledger_bytes = static_cast<uint32_t>(Ledger::frames_for(grid_.bytes()));
  auto state = NumaMemory::allocate(carve(nullptr, ledger_bytes, plan).bytes, plan.node);
  if (!state) return state.error();
  frames_ = std::move(*frames);
  state_ = std::move(*state);
  history_ = plan.history;
  const StateParts parts = carve(state_.data(), ledger_bytes, plan);
  ledger_ = Ledger(parts.owners, parts.history, 0, ledger_bytes);
  if (plan.shared)
    book_.open_shared(frames_.data(), grid_, {parts.tags, ledger_bytes}, {parts.nodes, ledger_bytes});
  else
    book_.open(frames_.data(), grid_, {parts.tags, ledger_bytes}, {parts.stack, grid_.frames});
  UmemLayout layout;
  layout.base = frames_.data();
  layout.size = grid_.bytes();
  layout.chunk_size = grid_.frame_size;
  layout.unaligned = plan.unaligned;
  for (auto& umem : umems_) umem.emplace(layout);
  return check_layout(layout);
}

Result<uint32_t> FrameMemory::join(const Joiner& joiner) {
  if (!members_.empty() && kernel_ != &joiner.kernel)
    return Error{EINVAL, "zcnbrh_open options",
                 "memory: the loop backend and real interfaces do not share one"};
  // The kernel would say EINVAL, which means many things.
  if (&joiner.kernel == &Kernel::real() && std::any_of(members_.begin(), members_.end(), [&](const Member& m) {
        return m.ifindex == joiner.ifindex && m.queue == joiner.queue;
      }))
    return Error{EBUSY, "zcnbrh_open", joiner.place + " is in use by this program; take another queue"};
  const auto* free = std::find(taken_.begin() + 1, taken_.end(), false);
  if (free == taken_.end())
    return Error{ENOSPC, "zcnbrh_open", "127 queues share this memory, or were not let go of by the kernel"};
  const auto slot = static_cast<uint32_t>(free - taken_.begin());
  members_.push_back({slot, joiner.ifindex, joiner.queue, &joiner.rx, &joiner.tx});
  taken_[slot] = true;
  kernel_ = &joiner.kernel;
  return slot;
}

void FrameMemory::leave(uint32_t slot, bool let_go) {
  if (let_go) take_back(slot);
  taken_[slot] = !let_go;
  std::erase_if(members_, [&](const Member& m) {
    if (m.slot != slot) return false;
    past_violations_ += m.rx->count.violations.get() + m.tx->count.violations.get();
    return true;
  });
}

// What the ledger still marks as the queue's own is ours again.
void FrameMemory::take_back(uint32_t slot) {
  for (uint32_t i = 0; i < grid_.frames; ++i) {
    const ChunkOffset chunk = grid_.at(i);
    const Owner owner = ledger_.owner(chunk);
    if (owner != rx_posted(slot) && owner != tx_in_flight(slot)) continue;
    ledger_.move(chunk, owner, Owner::kOurs);
    book_.give(&chunk, 1);
  }
}

const FrameMemory::Member* FrameMemory::member_of(Owner owner) const {
  const uint32_t slot = static_cast<uint8_t>(owner) & kMaxLedgerSlots;
  const auto found =
      std::find_if(members_.begin(), members_.end(), [&](const Member& m) { return m.slot == slot; });
  return found != members_.end() ? &*found : nullptr;
}

void FrameMemory::read_ledger(struct zcnbrh_ledger& out) const {
  out.frames = grid_.frames;
  out.pool = book_.available();
  out.application = book_.application();
  out.violations = past_violations_;
  for (const Member& m : members_) {
    out.rx_posted += m.rx->posted.get();
    out.tx_inflight += m.tx->in_flight.get();
    out.violations += m.rx->count.violations.get() + m.tx->count.violations.get();
  }
  walk(out);
}

// Counts by the frames' own bytes, and how far those are from the running counts.
void FrameMemory::walk(struct zcnbrh_ledger& out) const {
  uint32_t pool = 0, application = 0, posted = 0, in_flight = 0, torn = 0;
  for (uint32_t i = 0; i < grid_.frames; ++i) {
    const ChunkOffset chunk = grid_.at(i);
    const Owner owner = ledger_.owner(chunk);
    const bool lent = (book_.tag(ledger_.index_of(chunk)).state & FrameTag::kLent) != 0;
    if (owner == Owner::kOurs) {
      ++(lent ? application : pool);
      continue;
    }
    const Member* member = owner != Owner::kQuarantined ? member_of(owner) : nullptr;
    ++(member == nullptr ? out.quarantined : owner == rx_posted(member->slot) ? posted : in_flight);
    torn += lent;
  }
  out.discrepancies = torn + distance(pool, out.pool) + distance(application, out.application) +
                      distance(posted, out.rx_posted) + distance(in_flight, out.tx_inflight);
}

}  // namespace zcnbrh::capi
