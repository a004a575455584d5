// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// A queue's life within a port: which UMEM it uses, its frames posted before bind, and all of them back in
// their pool after close.
#include <rte_lcore.h>
#include <rte_malloc.h>

#include <algorithm>
#include <cerrno>

#include "drivers/net/zcnbrh/log.h"
#include "drivers/net/zcnbrh/pmd.h"
#include "lib/config/queue_sizes.h"
#include "lib/xsk/credit_window.h"

namespace zcnbrh::pmd {
namespace {

constexpr uint32_t kLeastPosted = 64;  // fewer frames than this cannot carry a queue
constexpr uint32_t kLeastBounce = 16;
constexpr uint32_t kSharedTailFactor = 8;  // shared_umem=1: room in the tail for as many more ports

// Frames of a UMEM's tail, for the fill ring of a queue that only sends. The driver takes them, gives each
// packet it does not redirect to the kernel's stack by copy, and uses the frame again; none comes back here.
struct TailPolicy {
  using Packet = struct rte_mbuf*;
  const PortUmem& umem;
  TailRange range;
  uint32_t given = 0;

  uint32_t allocate(ChunkOffset* chunks, uint32_t count) {
    uint32_t n = 0;
    for (; n < count && given < range.count; ++n) chunks[n] = umem.tail_chunk(range.first + given++);
    return n;
  }
};

// UMEMs that ports share among each other (shared_umem=1).
std::vector<std::weak_ptr<PortUmem>>& shared_umems() {
  static std::vector<std::weak_ptr<PortUmem>> umems;
  return umems;
}

template <typename T>
T* eal_alloc(size_t bytes, int node) {
  return static_cast<T*>(rte_zmalloc_socket("zcnbrh_queue", bytes, RTE_CACHE_LINE_SIZE, node));
}

// A port that only sends is not told of a pool: the largest pool of packet buffers there is.
struct rte_mempool* largest_pool() {
  struct rte_mempool* best = nullptr;
  rte_mempool_walk(
      [](struct rte_mempool* mp, void* opaque) {
        auto& largest = *static_cast<struct rte_mempool**>(opaque);
        if (mp->private_data_size < sizeof(struct rte_pktmbuf_pool_private) ||
            mp->elt_size < sizeof(struct rte_mbuf))
          return;
        if (mp->elt_size !=
            sizeof(struct rte_mbuf) + rte_pktmbuf_priv_size(mp) + rte_pktmbuf_data_room_size(mp))
          return;
        if (largest == nullptr || mp->size > largest->size) largest = mp;
      },
      &best);
  return best;
}

// The pool a queue's UMEM is made of: its own, else the port's first, else the largest, else none.
std::shared_ptr<PoolMemory> pool_for(const PmdPort& port, const QueueSlot& slot) {
  if (slot.rx_memory) return slot.rx_memory;
  for (const auto& other : port.slots)
    if (other->rx_memory) return other->rx_memory;
  struct rte_mempool* largest = largest_pool();
  if (largest == nullptr) return nullptr;
  auto memory = PoolMemory::adopt(largest, port.config().ledger);
  return memory ? *memory : nullptr;
}

// Why zero-copy is out of the question with this pool, or "".
std::string pool_against_zero_copy(const PmdPort& port, const PoolMemory* pool) {
  if (pool == nullptr || pool->page_safe() || !port.port->info().dma_translated) return {};
  return std::string("buffers of mempool ") + pool->pool()->name + " cross 4 KiB pages and " +
         port.port->info().name + " is behind an IOMMU (" + port.port->info().dma_reason +
         "); let mempool ops zcnbrh lay the pool out";
}

bool zero_copy_possible(const PmdPort& port, const PoolMemory* pool) {
  const BindRequest request = port.port->bind_request(0, pool_against_zero_copy(port, pool));
  return request.zero_copy != ZeroCopyPolicy::kOff && request.no_zero_copy_because.empty();
}

uint32_t fill_frames_needed(const PmdPort& port, const QueueSlot& slot, const PoolMemory* pool) {
  if (slot.nb_rx != 0 || !zero_copy_possible(port, pool)) return 0;
  return port.config().fill_ring.value_or(kTxOnlyFillRing);
}

uint32_t tail_needed(const PmdPort& port, const QueueSlot& slot, const PoolMemory* pool) {
  return slot.nb_tx == 0 ? 0 : bounce_frames(port, slot.nb_tx) + fill_frames_needed(port, slot, pool);
}

bool has_room(const PmdPort& port, const QueueSlot& slot, const PortUmem& umem) {
  return umem.tail_free() >= std::min(tail_needed(port, slot, umem.pool()), kLeastBounce);
}

// Another port's UMEM: sharers inherit its mode, so it must be the one we would get by ourselves.
bool same_mode(const PmdPort& port, const PortUmem& umem) {
  return umem.mode() == (zero_copy_possible(port, umem.pool()) ? XskMode::kZeroCopy : XskMode::kCopy);
}

Result<std::shared_ptr<PortUmem>> make_umem(PmdPort& port, const QueueSlot& slot,
                                            std::shared_ptr<PoolMemory> pool, bool for_one_queue) {
  uint32_t tail = 0;
  if (for_one_queue) {
    tail = tail_needed(port, slot, pool.get());
  } else {
    for (const auto& other : port.slots) tail += tail_needed(port, *other, pool.get());
    if (port.config().shared_umem.value_or(false)) tail *= kSharedTailFactor;
  }
  return PortUmem::create(std::move(pool), port.config(), std::max(tail, 1U), port.node());
}

// The UMEM for a queue: one it may share, else a new one.
Result<std::shared_ptr<PortUmem>> umem_for(PmdPort& port, const QueueSlot& slot, bool share) {
  std::shared_ptr<PoolMemory> pool = pool_for(port, slot);
  if (share) {
    for (const auto& other : port.slots)
      if (other->umem && other->umem->pool() == pool.get() && other->pair.bound() &&
          has_room(port, slot, *other->umem))
        return other->umem;
    std::erase_if(shared_umems(), [](const auto& known) { return known.expired(); });
    if (port.config().shared_umem.value_or(false) && !port.port->is_loop())
      for (const auto& known : shared_umems())
        if (auto umem = known.lock();
            umem->pool() == pool.get() && same_mode(port, *umem) && has_room(port, slot, *umem))
          return umem;
  }
  auto umem = make_umem(port, slot, std::move(pool), !share);
  if (umem && port.config().shared_umem.value_or(false) && !port.port->is_loop())
    shared_umems().push_back(*umem);
  return umem;
}

Status make_shared_state(PmdPort& port, QueueSlot& slot, uint16_t queue) {
  const int node = port.node();
  if (slot.rx == nullptr) slot.rx = eal_alloc<SharedRxQueue>(sizeof(SharedRxQueue), node);
  if (slot.tx == nullptr)
    slot.tx = eal_alloc<SharedTxQueue>(
        offsetof(SharedTxQueue, state) + TxShared::bytes(bounce_frames(port, slot.nb_tx)), node);
  if (slot.rx == nullptr || slot.tx == nullptr)
    return Error{ENOMEM, "rte_zmalloc_socket", "no EAL memory for a queue"};
  slot.rx->address = slot.tx->address = {port.port_id, queue};
  return {};
}

QueuePlan plan_for(PmdPort& port, QueueSlot& slot, const QueueSizes& sizes,
                   std::span<const ChunkOffset> bounce) {
  QueuePlan plan;
  plan.rings = {sizes.fill, sizes.comp, sizes.rx, sizes.tx};
  plan.nb_rx = slot.nb_rx;
  plan.nb_tx = slot.nb_tx;
  plan.slot = slot.ledger_slot;
  plan.rx_shared = &slot.rx->state;
  plan.tx_shared = &slot.tx->state;
  if (slot.umem->pool() != nullptr) plan.frames = slot.umem->pool()->ledger();
  plan.bounce = slot.umem->tail_ledger();
  plan.bounce_frames = bounce;
  plan.rx_max_length = slot.umem->rx_max_length();
  plan.stop_at_violation = port.config().ledger;
  return plan;
}

void set_policies(const PmdPort& port, QueueSlot& slot) {
  PoolView view;
  if (const PoolMemory* pool = slot.umem->pool(); pool != nullptr) {
    view.pool = pool->pool();
    view.mbufs = slot.umem->app_base() + pool->header_bytes();
    view.header = pool->header_bytes();
    // An aligned chunk may be longer than the element in it.
    view.chunk_size = std::min(slot.umem->umem().layout().chunk_size, pool->element_bytes());
    slot.rx_policy.buffer_at = pool->data_offset();
  }
  slot.rx_policy.view = slot.tx_policy.view = view;
  slot.rx_policy.rearm = rearm_word(port.port_id);
}

// All frames of a queue that receives, before bind.
Status post_all(PmdPort& port, QueueSlot& slot) {
  while (refill(slot.pair.rx(), slot.rx_policy) != 0) {
  }
  const uint32_t posted = slot.rx->state.posted.get();
  if (posted == slot.nb_rx) return {};
  const std::string have = std::string("mempool ") + slot.rx_pool->name + ": " + std::to_string(posted) +
                           " free buffers for a queue of " + std::to_string(slot.nb_rx) + " descriptors";
  if (posted < std::min(kLeastPosted, slot.nb_rx))
    return Error{ENOMEM, "fill ring",
                 have + "; at least " + std::to_string(kLeastPosted) +
                     " are needed: make the pool larger or nb_rx_desc smaller"};
  ZLOG(WARNING, "port %u (%s): %s; %u short, made good as buffers come free", port.port_id, port.name.c_str(),
       have.c_str(), slot.nb_rx - posted);
  return {};
}

void post_tail(QueueSlot& slot) {
  if (slot.fill_frames.count == 0) return;
  TailPolicy policy{*slot.umem, slot.fill_frames};
  RxLocal& rx = slot.pair.rx();
  rx.frames = slot.umem->tail_ledger();
  rx.s->target = slot.fill_frames.count;
  while (refill(rx, policy) != 0) {
  }
}

uint32_t credit_window(const PmdPort& port, const QueueSlot& slot) {
  const uint32_t nic_ring = netdev_rx_ring(port.port->info().name).value_or(0);
  const uint32_t most = widest_window(slot.pair.outcome().mode, slot.nb_rx, nic_ring);
  const uint32_t wanted = port.config().window.value_or(most);
  if (wanted > most)
    ZLOG(WARNING, "port %u (%s): window=%u: only %u packets fit beside the NIC's own ring; using that",
         port.port_id, port.name.c_str(), wanted, most);
  return std::min(wanted, most);
}

Status bind_queue(PmdPort& port, QueueSlot& slot, uint16_t queue) {
  const uint32_t netdev_queue = port.config().start_queue + queue;
  const BindRequest request =
      port.port->bind_request(netdev_queue, pool_against_zero_copy(port, slot.umem->pool()));
  if (Status s = slot.pair.bind(request); !s) return s;
  slot.umem->set_mode(slot.pair.outcome().mode);
  bool busy_poll = false;
  if (const uint32_t budget = port.config().busy_budget.value_or(0); budget != 0) {
    const Status s = port.port->set_busy_poll(slot.pair, budget);
    busy_poll = s.ok();
    if (!s)
      ZLOG(WARNING, "port %u (%s): busy_budget=%u: %s; using wakeup mode", port.port_id, port.name.c_str(),
           budget, s.error().text().c_str());
  }
  if (slot.nb_rx != 0) slot.pair.set_gate(port.port->gate(netdev_queue), credit_window(port, slot));
  for (const std::string& refusal : slot.pair.outcome().refusals)
    ZLOG(DEBUG, "port %u queue %u: refused %s", port.port_id, queue, refusal.c_str());
  ZLOG(NOTICE, "port %u queue %u (%s queue %u): %s", port.port_id, queue, port.port->info().name.c_str(),
       netdev_queue, port.port->describe(slot.pair.outcome(), busy_poll).c_str());
  return {};
}

Status open_queue(PmdPort& port, uint16_t queue, bool share) {
  QueueSlot& slot = *port.slots[queue];
  auto sizes = queue_sizes(port.config(), slot.nb_rx, slot.nb_tx);
  if (!sizes) return sizes.error();
  auto umem = umem_for(port, slot, share);
  if (!umem) return umem.error();
  slot.umem = *umem;
  if (Status s = make_shared_state(port, slot, queue); !s) return s;
  slot.ledger_slot = slot.umem->pool() != nullptr ? slot.umem->pool()->take_slot() : queue + 1U;
  std::vector<ChunkOffset> bounce;
  if (slot.nb_tx != 0) slot.bounce_frames = slot.umem->take_tail(bounce_frames(port, slot.nb_tx));
  for (uint32_t i = 0; i < slot.bounce_frames.count; ++i)
    bounce.push_back(slot.umem->tail_chunk(slot.bounce_frames.first + i));
  slot.fill_frames = slot.umem->take_tail(fill_frames_needed(port, slot, slot.umem->pool()));
  auto pair = QueuePair::create(port.port->kernel(), slot.umem->umem(), plan_for(port, slot, *sizes, bounce));
  if (!pair) return pair.error();
  // The port may be running: bursts find the doors shut, before the queue is in its place as after.
  pair->rx().door.shut();
  pair->tx().door.shut();
  slot.pair = std::move(*pair);
  set_policies(port, slot);
  if (slot.nb_rx != 0) {
    if (Status s = post_all(port, slot); !s) return s;
  } else {
    post_tail(slot);
  }
  return bind_queue(port, slot, queue);
}

// Sharing a UMEM across queues needs Linux 5.10; and a driver may refuse what its sibling took.
bool sharing_was_refused(const QueueSlot& slot, const Error& error) {
  return slot.umem && slot.umem->umem().sharer() >= 0 && (error.code == EINVAL || error.code == EOPNOTSUPP) &&
         std::string_view(error.call) == "bind(XDP_SHARED_UMEM)";
}

Status open_queue_somehow(PmdPort& port, uint16_t queue) {
  const bool share = port.config().shared_umem.value_or(true);
  Status s = open_queue(port, queue, share);
  if (s.ok() || !share || !sharing_was_refused(*port.slots[queue], s.error())) return s;
  ZLOG(NOTICE, "port %u queue %u: %s; the queue gets a UMEM of its own", port.port_id, queue,
       s.error().text().c_str());
  close_queue(port, queue);
  return open_queue(port, queue, false);
}

void warn_about_nodes(const PmdPort& port, const QueueSlot& slot) {
  const int nic = port.node();
  if (nic < 0 || slot.rx_pool == nullptr) return;
  if (slot.rx_pool->socket_id != SOCKET_ID_ANY && slot.rx_pool->socket_id != nic)
    ZLOG(WARNING, "port %u (%s): mempool %s is on NUMA node %d, the NIC on node %d", port.port_id,
         port.name.c_str(), slot.rx_pool->name, slot.rx_pool->socket_id, nic);
  unsigned lcore;
  RTE_LCORE_FOREACH(lcore) {
    if (rte_lcore_to_socket_id(lcore) == static_cast<unsigned>(nic)) return;
  }
  ZLOG(WARNING, "port %u (%s): no lcore of this program is on the NIC's NUMA node %d", port.port_id,
       port.name.c_str(), nic);
}

}  // namespace

Status open_queues(PmdPort& port) {
  std::vector<uint16_t> opened;
  for (uint16_t queue = 0; queue < port.queues(); ++queue) {
    QueueSlot& slot = *port.slots[queue];
    if (slot.pair || (slot.nb_rx == 0 && slot.nb_tx == 0)) continue;
    opened.push_back(queue);
    warn_about_nodes(port, slot);
    if (Status s = open_queue_somehow(port, queue); !s) {
      for (const uint16_t undo : opened) close_queue(port, undo);
      return s;
    }
  }
  return {};
}

Status open_one_queue(PmdPort& port, uint16_t queue) {
  if (Status s = open_queue_somehow(port, queue); !s) {
    close_queue(port, queue);
    return s;
  }
  return {};
}

XskStatistics kernel_statistics(const QueueSlot& slot) {
  if (!slot.pair) return {};
  auto s = slot.pair.socket().statistics();
  return s ? *s : XskStatistics{};
}

void close_queue(PmdPort& port, uint16_t queue) {
  QueueSlot& slot = *port.slots[queue];
  if (slot.pair) {
    if (slot.pair.enabled()) slot.pair.disable(port.port->xsks_map());
    if (slot.nb_tx != 0) drain(slot.pair.tx(), slot.tx_policy);
    keep_counts(port, queue);
  }
  const bool proven = slot.pair.release();
  if (slot.umem) {
    if (PoolMemory* pool = slot.umem->pool(); pool != nullptr && slot.ledger_slot != 0) {
      const auto frames = pool->reclaim(slot.ledger_slot, proven);
      if (frames.kept != 0)
        ZLOG(ERR,
             "port %u queue %u (%s): the kernel has not let the queue go; %u buffers of mempool %s are kept "
             "back, "
             "since it may still write to them",
             port.port_id, queue, port.name.c_str(), frames.kept, pool->pool()->name);
      if (proven) pool->put_slot(slot.ledger_slot);
    }
    slot.umem->put_tail(slot.bounce_frames, proven);
    slot.umem->put_tail(slot.fill_frames, proven);
  }
  slot.bounce_frames = slot.fill_frames = {};
  slot.ledger_slot = 0;
  slot.umem.reset();
  if (slot.rx != nullptr) slot.rx->state.posted.set(0);
  if (slot.tx != nullptr) slot.tx->state.in_flight.set(0);
}

// The data path only counts; the first control call that comes by says it, once a queue.
void report_bounces(PmdPort& port) {
  for (uint16_t queue = 0; queue < port.queues(); ++queue) {
    QueueSlot& slot = *port.slots[queue];
    if (slot.bounces_reported || slot.tx == nullptr || slot.tx->state.count.bounce_copies.get() == 0) continue;
    slot.bounces_reported = true;
    const PoolMemory* pool = slot.umem ? slot.umem->pool() : nullptr;
    ZLOG(
        NOTICE,
        "port %u TX queue %u (%s): packets go by bounce copy: only mbufs of mempool %s that are direct, of one "
        "segment and referred to once are sent in place",
        port.port_id, queue, port.name.c_str(), pool != nullptr ? pool->pool()->name : "(none known)");
  }
}

void report_violations(PmdPort& port) {
  for (uint16_t queue = 0; queue < port.queues(); ++queue) {
    const QueueSlot& slot = *port.slots[queue];
    for (const LedgerViolation* v : {slot.rx != nullptr ? &slot.rx->state.violation : nullptr,
                                     slot.tx != nullptr ? &slot.tx->state.violation : nullptr}) {
      if (v == nullptr || v->seen == 0) continue;
      ZLOG(ERR,
           "port %u queue %u (%s): %u ownership violations; first: frame %u, expected owner %u, found %u, "
           "wanted %u%s",
           port.port_id, queue, port.name.c_str(), v->seen, v->frame, v->expected, v->found, v->wanted,
           port.config().ledger ? "; the queue was stopped there (ledger=1)" : "");
      if (port.port->info().driver == "igb")
        ZLOG(ERR,
             "  igb in zero-copy mode is known to deliver a frame twice when its fill ring runs short (see "
             "docs/limits.md)");
      if (const FrameHistory* h =
              slot.umem && slot.umem->pool() ? slot.umem->pool()->ledger().history(v->frame) : nullptr)
        for (uint32_t i = h->count > FrameHistory::kDepth ? h->count - FrameHistory::kDepth : 0; i < h->count;
             ++i)
          ZLOG(ERR, "  frame %u move %u: owner %u -> %u", v->frame, i, h->from[i % FrameHistory::kDepth],
               h->to[i % FrameHistory::kDepth]);
    }
  }
}

}  // namespace zcnbrh::pmd
