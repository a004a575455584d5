// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#include "drivers/net/zcnbrh/pool_memory.h"

#include <rte_malloc.h>
#include <rte_mbuf.h>
#include <rte_memory.h>

#include <algorithm>
#include <cerrno>
#include <mutex>

#include "drivers/net/zcnbrh/log.h"
#include "lib/base/cacheline.h"
#include "lib/umem/process_maps.h"
#include "lib/umem/umem.h"
#include "lib/xsk/segments.h"

namespace zcnbrh::pmd {
namespace {

// Those in use and not gone. The lock is held for a look or a change and no call of EAL's, since memory events
// come with EAL's own locks held.
struct Adopted {
  std::mutex lock;
  std::vector<std::weak_ptr<PoolMemory>> pools;
  std::vector<const struct rte_mempool*> lost;  // there, but their memory is not

  template <typename Wanted>
  std::shared_ptr<PoolMemory> find(Wanted wanted) {
    const std::lock_guard guard(lock);
    for (const auto& known : pools)
      if (auto memory = known.lock(); memory && wanted(*memory)) return memory;
    return nullptr;
  }
};
Adopted& adopted() {
  static Adopted pools;
  return pools;
}

Error pool_error(const struct rte_mempool* pool, int code, const std::string& why) {
  return Error{code, "mempool", std::string(pool->name) + ": " + why};
}

// Memory that EAL has no file for: a shared mapping can be duplicated all the same, up to the area's end.
MemoryRun fileless_at(uint8_t* at, const uint8_t* last, const std::vector<ProcessArea>& areas) {
  MemoryRun run;
  run.base = at;
  run.length = kPageSize;
  const ProcessArea* area = find_area(areas, at);
  run.shared = area != nullptr && area->shared && area->writable && !area->huge;
  if (!run.shared) return run;
  const uint8_t* end = std::min<const uint8_t*>(
      area->base + area->length,
      reinterpret_cast<uint8_t*>(align_up(reinterpret_cast<uintptr_t>(last), kPageSize)));
  run.length = static_cast<size_t>(end - at);
  return run;
}

// Is the memory that a mempool was populated with still there? An application that gave it back (rte_free(),
// rte_memzone_free()) before the mempool has elements that must not be touched.
bool has_its_memory(const struct rte_mempool* pool) {
  {
    const std::lock_guard guard(adopted().lock);
    if (std::find(adopted().lost.begin(), adopted().lost.end(), pool) != adopted().lost.end()) return false;
  }
  const std::vector<ProcessArea> areas = process_areas();
  const struct rte_mempool_memhdr* memory;
  STAILQ_FOREACH(memory, &pool->mem_list, next) {
    const auto* at = static_cast<const uint8_t*>(memory->addr);
    if (!areas.empty() && writable_around(areas, at).end < at + memory->len) return false;
  }
  return true;
}

// The file behind the page at `at`; one without a file has no length.
MemoryRun page_at(uint8_t* at) {
  MemoryRun run;
  const struct rte_memseg_list* list = rte_mem_virt2memseg_list(at);
  struct rte_memseg* segment = list != nullptr ? rte_mem_virt2memseg(at, list) : nullptr;
  size_t offset = 0;
  if (segment == nullptr || rte_memseg_get_fd_offset(segment, &offset) != 0) return run;
  run.base = static_cast<uint8_t*>(segment->addr);
  run.length = segment->len;
  run.fd = rte_memseg_get_fd(segment);
  run.fd_offset = offset;
  run.page_size = segment->hugepage_sz;
  return run;
}

bool continues(const MemoryRun& run, const MemoryRun& next) {
  return run.fd == next.fd && !run.shared && !next.shared && run.page_size == next.page_size &&
         run.base + run.length == next.base && (run.fd < 0 || run.fd_offset + run.length == next.fd_offset);
}

}  // namespace

bool is_packet_pool(const struct rte_mempool* pool) {
  return pool->private_data_size >= sizeof(struct rte_pktmbuf_pool_private) && pool->populated_size != 0 &&
         pool->elt_size >= sizeof(struct rte_mbuf);
}

namespace {

PoolList pools_in_place(bool history, bool at_own_addresses) {
  std::vector<struct rte_mempool*> pools;
  rte_mempool_walk(
      [](struct rte_mempool* mp, void* out) {
        if (is_packet_pool(mp)) static_cast<std::vector<struct rte_mempool*>*>(out)->push_back(mp);
      },
      &pools);
  PoolList out;
  for (struct rte_mempool* mp : pools)
    if (auto memory = PoolMemory::adopt(mp, history);
        memory && (*memory)->in_place() && (*memory)->at_own_addresses() == at_own_addresses)
      out.push_back(std::move(*memory));
  return out;
}

}  // namespace

PoolList adoptable_pools(bool history) { return pools_in_place(history, false); }
PoolList own_address_pools(bool history) { return pools_in_place(history, true); }

std::vector<MemoryRun> memory_between(uint8_t* first, const uint8_t* last) {
  std::vector<MemoryRun> runs;
  std::vector<ProcessArea> areas;  // read when first needed
  for (auto* at = reinterpret_cast<uint8_t*>(align_down(reinterpret_cast<uintptr_t>(first), kPageSize));
       at < last;) {
    MemoryRun run = page_at(at);
    if (run.length == 0) {
      if (areas.empty()) areas = process_areas();
      run = fileless_at(at, last, areas);
    }
    at = run.base + run.length;
    if (!runs.empty() && continues(runs.back(), run))
      runs.back().length += run.length;
    else
      runs.push_back(run);
  }
  return runs;
}

Result<std::shared_ptr<PoolMemory>> PoolMemory::adopt(struct rte_mempool* pool, bool history) {
  if (auto memory = find(pool); memory) {
    if (history && memory->history_ == nullptr)
      ZLOG(WARNING, "mempool %s is in use by a port without ledger=1; its frames get no history", pool->name);
    return memory;
  }
  std::shared_ptr<PoolMemory> out(new PoolMemory(pool));
  if (Status s = out->look_at_elements(); !s) return s.error();
  out->find_stretches();
  if (out->in_place()) out->find_runs();
  if (out->in_place())
    if (Status s = out->make_ledger(history); !s) return s.error();
  const std::lock_guard guard(adopted().lock);
  std::erase_if(adopted().pools, [](const auto& known) { return known.expired(); });
  adopted().pools.push_back(out);
  return out;
}

std::shared_ptr<PoolMemory> PoolMemory::find(const struct rte_mempool* pool) {
  return adopted().find([pool](const PoolMemory& known) { return known.pool_ == pool && !known.gone_; });
}

std::shared_ptr<PoolMemory> PoolMemory::find(const uint8_t* base, size_t bytes) {
  return adopted().find(
      [base, bytes](const PoolMemory& known) { return !known.gone_ && known.lies_in(base, bytes); });
}

bool PoolMemory::lies_in(const uint8_t* base, size_t bytes) const {
  return std::any_of(stretches_.begin(), stretches_.end(), [base, bytes](const Stretch& stretch) {
    return stretch.base < base + bytes && base < stretch.base + stretch.length;
  });
}

void PoolMemory::set_gone() {
  const std::lock_guard guard(adopted().lock);
  gone_ = true;
}

void PoolMemory::set_lost() {
  const std::lock_guard guard(adopted().lock);
  gone_ = true;
  adopted().lost.push_back(pool_);
}

void PoolMemory::destroyed(const struct rte_mempool* pool) {
  const std::lock_guard guard(adopted().lock);
  std::erase(adopted().lost, pool);
}

PoolMemory::~PoolMemory() {
  rte_free(owners_);
  rte_free(history_);
}

Status PoolMemory::look_at_elements() {
  if (!is_packet_pool(pool_))
    return pool_error(pool_, EINVAL, "not a pool of packet buffers; make it with rte_pktmbuf_pool_create()");
  if (!has_its_memory(pool_)) return pool_error(pool_, EINVAL, "its memory was given back to the system");
  mbuf_bytes_ = static_cast<uint32_t>(sizeof(struct rte_mbuf)) + rte_pktmbuf_priv_size(pool_);
  buffer_bytes_ = rte_pktmbuf_data_room_size(pool_);
  const bool pinned = (rte_pktmbuf_priv_flags(pool_) & RTE_PKTMBUF_POOL_F_PINNED_EXT_BUF) != 0;
  if (!pinned && pool_->elt_size < mbuf_bytes_ + buffer_bytes_)
    return pool_error(pool_, EINVAL, "elements are smaller than their buffers");
  if (!pinned && element_bytes() < kMinChunk)
    return pool_error(pool_, EINVAL,
                      "elements of " + std::to_string(element_bytes()) +
                          " bytes; AF_XDP needs at least 2048, so a data room of at least " +
                          std::to_string(kMinChunk - pool_->header_size - mbuf_bytes_) + " bytes");
  struct Seen {
    const PoolMemory* self;
    uintptr_t low = UINTPTR_MAX, high = 0, bits = 0;
    uint32_t off_pool = 0;
    bool page_safe = true;
  } seen{this};
  rte_mempool_obj_iter(
      pool_,
      [](struct rte_mempool* mp, void* opaque, void* object, unsigned) {
        auto& s = *static_cast<Seen*>(opaque);
        const uintptr_t start = reinterpret_cast<uintptr_t>(object) - mp->header_size;
        const uintptr_t end = start + s.self->element_bytes();
        const uintptr_t chunk_end = start + std::min<uintptr_t>(s.self->element_bytes(), kMaxChunk);
        s.low = std::min(s.low, start);
        s.high = std::max(s.high, end);
        s.bits |= start;
        s.page_safe &= start / kPageSize == (chunk_end - 1) / kPageSize;
        // An element whose mbuf does not point into itself (an application's own constructor) is not ours to
        // post.
        const auto* m = static_cast<const struct rte_mbuf*>(object);
        s.off_pool += m->buf_addr != reinterpret_cast<const uint8_t*>(m) + s.self->mbuf_bytes_;
      },
      &seen);
  if (pinned)
    why_not_ = "its buffers are external memory";
  else if (seen.off_pool != 0)
    why_not_ = "its buffers do not lie behind their mbufs";
  first_ = reinterpret_cast<uint8_t*>(seen.low);
  last_ = reinterpret_cast<uint8_t*>(seen.high);
  page_safe_ = seen.page_safe;
  if (seen.bits % kMaxChunk == 0 && element_bytes() <= kMaxChunk)
    alignment_ = kMaxChunk;
  else if (seen.bits % kMinChunk == 0 && element_bytes() == kMinChunk)
    alignment_ = kMinChunk;
  return {};
}

// By the mempool's own list of memory; neighbours are joined.
void PoolMemory::find_stretches() {
  const struct rte_mempool_memhdr* memory;
  STAILQ_FOREACH(memory, &pool_->mem_list, next) {
    auto* base = std::max(static_cast<uint8_t*>(memory->addr), first_);
    auto* end = std::min(static_cast<uint8_t*>(memory->addr) + memory->len, last_);
    if (base < end) stretches_.push_back({base, static_cast<size_t>(end - base)});
  }
  std::sort(stretches_.begin(), stretches_.end(),
            [](const Stretch& a, const Stretch& b) { return a.base < b.base; });
  size_t kept = 0;
  for (const Stretch& next : stretches_) {
    if (kept != 0 && stretches_[kept - 1].base + stretches_[kept - 1].length == next.base)
      stretches_[kept - 1].length += next.length;
    else
      stretches_[kept++] = next;
  }
  stretches_.resize(kept);
}

bool PoolMemory::on_small_pages() const {
  return small_pages_ || std::any_of(runs_.begin(), runs_.end(),
                                     [](const MemoryRun& run) { return run.page_size <= kPageSize; });
}

void PoolMemory::find_runs() {
  runs_ = memory_between(first_, last_);
  size_t holes = 0;
  for (const MemoryRun& run : runs_)
    if (run.is_hole()) holes += run.length;
  if (runs_.front().is_hole())
    look_at_own_addresses();
  else if (holes > static_cast<size_t>(last_ - first_) / 2)
    why_not_ = "its memory is scattered";
  if (!in_place() || own_addresses_) runs_.clear();
}

// Private memory: the UMEM has to be where it is, so it must be there from end to end.
void PoolMemory::look_at_own_addresses() {
  const std::vector<ProcessArea> areas = process_areas();
  if (runs_.size() != 1 || writable_around(areas, first_).end < last_) {
    why_not_ = "no file is behind its memory, nor is the memory shared or one stretch";
    return;
  }
  own_addresses_ = true;
  small_pages_ = std::any_of(areas.begin(), areas.end(), [this](const ProcessArea& area) {
    return !area.huge && area.base < last_ && first_ < area.base + area.length;
  });
}

Status PoolMemory::make_ledger(bool history) {
  const size_t frames = Ledger::frames_for(bytes());
  owners_ =
      static_cast<uint8_t*>(rte_zmalloc_socket("zcnbrh_ledger", frames, RTE_CACHE_LINE_SIZE, pool_->socket_id));
  if (history)
    history_ = static_cast<FrameHistory*>(rte_zmalloc_socket("zcnbrh_history", frames * sizeof(FrameHistory),
                                                             RTE_CACHE_LINE_SIZE, pool_->socket_id));
  if (owners_ == nullptr || (history && history_ == nullptr))
    return pool_error(pool_, ENOMEM, "no EAL memory for the ledger of " + std::to_string(frames) + " frames");
  return {};
}

Ledger PoolMemory::ledger(uint64_t first) const {
  return Ledger(owners_, history_, first, static_cast<uint32_t>(Ledger::frames_for(bytes())));
}

PoolMemory::Reclaimed PoolMemory::reclaim(uint32_t slot, bool proven) {
  const Ledger own = ledger(0);
  const uint32_t marked = own.count(rx_posted(slot)) + own.count(tx_in_flight(slot));
  if (marked == 0) return {};
  if (gone_) {  // its frames have nowhere to go
    own.replace(rx_posted(slot), Owner::kOurs);
    own.replace(tx_in_flight(slot), Owner::kOurs);
    return {};
  }
  struct Walk {
    const PoolMemory* self;
    Ledger ledger;
    uint32_t slot;
    bool proven;
    Reclaimed done;
  } walk{this, own, slot, proven, {}};
  rte_mempool_obj_iter(
      pool_,
      [](struct rte_mempool* mp, void* opaque, void* object, unsigned) {
        auto& w = *static_cast<Walk*>(opaque);
        const auto* start = static_cast<uint8_t*>(object) - mp->header_size;
        const ChunkOffset chunk{static_cast<uint64_t>(start - w.self->first_)};
        const Owner owner = w.ledger.owner(chunk);
        if (owner != rx_posted(w.slot) && owner != tx_in_flight(w.slot)) return;
        const Owner now = w.proven ? Owner::kOurs : Owner::kQuarantined;
        // Of an element lent by several descriptors the first place is the last to be cleared.
        for (uint32_t place = 0; place < w.self->ledger_places(); ++place)
          w.ledger.move(ledger_place(chunk, place), owner, now);
        if (w.proven) rte_mempool_put(mp, object);
        ++(w.proven ? w.done.returned : w.done.kept);
      },
      &walk);
  return walk.done;
}

}  // namespace zcnbrh::pmd
