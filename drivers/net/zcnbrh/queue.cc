// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// A queue's life within a port: which UMEM it uses, its frames posted before bind, and all of them back in
// their pool after close.
#include <rte_lcore.h>
#include <rte_malloc.h>

#include <algorithm>
#include <cerrno>

#include "drivers/net/zcnbrh/jumbo.h"
#include "drivers/net/zcnbrh/kick.h"
#include "drivers/net/zcnbrh/log.h"
#include "drivers/net/zcnbrh/pmd.h"
#include "drivers/net/zcnbrh/queue_umem.h"
#include "drivers/net/zcnbrh/share.h"
#include "lib/config/queue_sizes.h"
#include "lib/xsk/credit_window.h"

namespace zcnbrh::pmd {
namespace {

constexpr uint32_t kLeastPosted = 64;  // fewer frames than this cannot carry a queue

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

template <typename T>
T* eal_alloc(size_t bytes, int node) {
  return static_cast<T*>(rte_zmalloc_socket("zcnbrh_queue", bytes, RTE_CACHE_LINE_SIZE, node));
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
  plan.slot = slot.pools.slot();
  plan.rx_shared = &slot.rx->state;
  plan.tx_shared = &slot.tx->state;
  if (const PoolMemory* pool = slot.rx_in_place()) plan.frames = pool->ledger(slot.umem->offset_of(*pool));
  plan.bounce = slot.umem->tail_ledger();
  plan.bounce_frames = bounce;
  if (slot.rx_memory) plan.rx_max_length = rx_max_length(slot.umem->layout(), *slot.rx_memory);
  plan.stop_at_violation = port.config().ledger;
  return plan;
}

void set_rx_policy(const PmdPort& port, QueueSlot& slot) {
  if (const PoolMemory* pool = slot.rx_in_place()) {
    slot.rx_policy.view = view_of(*slot.umem, *pool);
    slot.rx_policy.buffer_at = pool->data_offset();
  }
  slot.rx_policy.rearm = rearm_word(port.port_id);
}

// Known after bind: a device that sees the UMEM page by page takes no chunk that crosses pages.
Status set_tx_policy(const PmdPort& port, QueueSlot& slot) {
  const PoolList& pools = slot.umem->pools();
  const bool by_page =
      port.port->info().dma_translated ||
      std::any_of(pools.begin(), pools.end(), [](const auto& pool) { return pool->on_small_pages(); });
  const bool page_safe_only = slot.pair.outcome().mode == XskMode::kZeroCopy && by_page;
  if (Status s = slot.pools.make_tx_table(page_safe_only); !s) return s;
  slot.pair.tx().frames = slot.pools.tx_ledgers();
  slot.tx_policy.use(slot.pools.tx_table());
  slot.pair.tx().split_frames = slot.pools.tx_table()->split;
  return {};
}

// What the port can hold of a pool: its RX rings all the time, its TX rings until packets are sent. Not what
// other ports and the application hold.
std::string wanted_of_pool(const PmdPort& port, const struct rte_mempool& pool) {
  uint32_t queues = 0, receiving = 0, sending = 0;
  for (const auto& slot : port.slots) {
    const bool fills = slot->nb_rx != 0 && slot->rx_pool == &pool;
    queues += fills;
    receiving += fills ? slot->nb_rx : 0;
    sending += slot->nb_tx;
  }
  const uint32_t cached = pool.cache_size * 3 / 2 * rte_lcore_count();  // its flush threshold
  return "the RX rings of the port's " + std::to_string(queues) + " queues on this pool take " +
         std::to_string(receiving) + ", its TX rings up to " + std::to_string(sending) +
         ", the lcores' caches up to " + std::to_string(cached) + ": " +
         std::to_string(receiving + sending + cached) + " in all, the pool has " + std::to_string(pool.size);
}

// All frames of a queue that receives, before bind.
Status post_all(PmdPort& port, QueueSlot& slot) {
  while ((slot.rx_copy.on ? refill(slot.pair.rx(), slot.rx_copy.policy)
                          : refill(slot.pair.rx(), slot.rx_policy)) != 0) {
  }
  const uint32_t posted = slot.rx->state.posted.get();
  if (posted == slot.nb_rx) return {};
  const std::string have = std::string("mempool ") + slot.rx_pool->name + ": " + std::to_string(posted) +
                           " free buffers for a queue of " + std::to_string(slot.nb_rx) + " descriptors";
  if (posted < std::min(kLeastPosted, slot.nb_rx))
    return Error{ENOMEM, "fill ring",
                 have + ", at least " + std::to_string(kLeastPosted) + " are needed; " +
                     wanted_of_pool(port, *slot.rx_pool) + "; make the pool larger or nb_rx_desc smaller"};
  ZLOG(WARNING, "port %u (%s): %s; %u short, made good as buffers come free; %s", port.port_id,
       port.name.c_str(), have.c_str(), slot.nb_rx - posted, wanted_of_pool(port, *slot.rx_pool).c_str());
  return {};
}

// Frames of ours for a queue that copies what it receives.
void prepare_copy(PmdPort& port, QueueSlot& slot, uint16_t queue) {
  if (slot.nb_rx == 0 || slot.rx_in_place() != nullptr) return;
  const TailRange range = slot.umem->take_tail(slot.nb_rx);
  slot.rx_copy.start(*slot.umem, range, port.port_id);
  slot.pair.rx().frames = slot.umem->tail_ledger();
  ZLOG(NOTICE, "port %u RX queue %u (%s): packets are copied into mempool %s: %s", port.port_id, queue,
       port.name.c_str(), slot.rx_memory->name(),
       (slot.rx_copy.instead.empty() ? slot.rx_memory->why_not_in_place() : slot.rx_copy.instead).c_str());
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

uint32_t credit_window(const PmdPort& port, const QueueSlot& slot, uint16_t queue) {
  const uint32_t most = widest_window_of(port, queue);
  const uint32_t wanted = slot.control.tuned.window.value_or(port.config().window.value_or(most));
  if (wanted > most)
    ZLOG(WARNING, "port %u (%s): window=%u: only %u packets fit beside the NIC's own ring; using that",
         port.port_id, port.name.c_str(), wanted, most);
  return std::min(wanted, most);
}

Status bind_queue(PmdPort& port, QueueSlot& slot, uint16_t queue) {
  const uint32_t netdev_queue = port.config().start_queue + queue;
  const BindRequest request = port.port->bind_request(
      netdev_queue, pool_against_zero_copy(port, slot.rx_in_place()), segments_of(port, slot));
  if (Status s = slot.pair.bind(request); !s) return s;
  slot.umem->set_mode(slot.pair.outcome().mode, slot.pair.outcome().segments());
  bool busy_poll = false;
  const SchedChoice& sched = decide_sched(port, slot);
  slot.control.no_busy_poll_for_interrupts = busy_budget_of(port, queue) != 0 && sched.budget == 0;
  if (slot.control.no_busy_poll_for_interrupts) {
    ZLOG(NOTICE, "port %u queue %u (%s): %s", port.port_id, queue, port.name.c_str(), sched.why.c_str());
  } else if (sched.budget != 0) {
    const Status s = port.port->set_busy_poll(slot.pair, sched.budget);
    busy_poll = s.ok();
    if (!s) {
      ZLOG(WARNING, "port %u (%s): busy_budget=%u: %s; using wakeup mode", port.port_id, port.name.c_str(),
           sched.budget, s.error().text().c_str());
      slot.control.sched.choice.why += ": " + s.error().text();
    }
  }
  if (slot.nb_rx != 0) slot.pair.set_gate(port.port->gate(netdev_queue), credit_window(port, slot, queue));
  for (const std::string& refusal : slot.pair.outcome().refusals)
    ZLOG(DEBUG, "port %u queue %u: refused %s", port.port_id, queue, refusal.c_str());
  ZLOG(NOTICE, "port %u queue %u (%s queue %u): %s", port.port_id, queue, port.port->info().name.c_str(),
       netdev_queue, port.port->describe(slot.pair.outcome(), busy_poll).c_str());
  return {};
}

Status open_queue(PmdPort& port, uint16_t queue, const PoolList& pools, bool share) {
  QueueSlot& slot = *port.slots[queue];
  auto sizes = queue_sizes(port.config(), slot.nb_rx, slot.nb_tx);
  if (!sizes) return sizes.error();
  if (slot.nb_rx != 0 && slot.rx_memory->gone())
    return Error{EINVAL, "mempool",
                 std::string(slot.rx_memory->name()) + " of RX queue " + std::to_string(queue) +
                     " was freed; set the queue up again with another"};
  auto umem = umem_for(port, slot, pools, share);
  if (!umem) return umem.error();
  slot.umem = *umem;
  if (Status s = make_shared_state(port, slot, queue); !s) return s;
  slot.pools.join(slot.umem, slot.rx_in_place());
  std::vector<ChunkOffset> bounce;
  if (slot.nb_tx != 0) slot.bounce_frames = slot.umem->take_tail(bounce_frames(port, slot.nb_tx));
  for (uint32_t i = 0; i < slot.bounce_frames.count; ++i)
    bounce.push_back(slot.umem->tail_chunk(slot.bounce_frames.first + i));
  slot.fill_frames = slot.umem->take_tail(fill_frames_needed(port, slot));
  auto pair = QueuePair::create(port.port->kernel(), slot.umem->umem(), plan_for(port, slot, *sizes, bounce));
  if (!pair) return pair.error();
  // The port may be running: bursts find the doors shut, before the queue is in its place as after.
  pair->rx().door.shut();
  pair->tx().door.shut();
  slot.pair = std::move(*pair);
  set_rx_policy(port, slot);
  prepare_copy(port, slot, queue);
  if (slot.nb_rx != 0) {
    if (Status s = post_all(port, slot); !s) return s;
  } else {
    post_tail(slot);
  }
  if (Status s = bind_queue(port, slot, queue); !s) return s;
  start_kicks(port, slot, queue);
  return set_tx_policy(port, slot);
}

// Sharing a UMEM across queues needs Linux 5.10; a driver may refuse what its sibling took; and the socket to
// share through may be of a netdev that has just gone, with its port not told yet (EBADF, xsk_bind()).
bool sharing_was_refused(const QueueSlot& slot, const Error& error) {
  return slot.umem && slot.umem->umem().sharer() >= 0 &&
         (error.code == EINVAL || error.code == EOPNOTSUPP || error.code == EBADF) &&
         std::string_view(error.call) == "bind(XDP_SHARED_UMEM)";
}

Status open_queue_somehow(PmdPort& port, uint16_t queue, const PoolList& pools) {
  const bool share = port.config().shared_umem.value_or(true);
  Status s = open_queue(port, queue, pools, share);
  if (!s && std::string_view(s.error().call) == kSegmentsRefused) {
    ZLOG(WARNING, "port %u queue %u: %s; packets that do not fit a buffer are dropped", port.port_id, queue,
         s.error().text().c_str());
    close_queue(port, queue);
    port.slots[queue]->segments.refused =
        true;  // and again on memory registered anew: the bind has marked this
    s = open_queue(port, queue, pools, share);
  }
  if (s.ok() || !share || !sharing_was_refused(*port.slots[queue], s.error())) return s;
  ZLOG(NOTICE, "port %u queue %u: %s; the queue gets a UMEM of its own", port.port_id, queue,
       s.error().text().c_str());
  close_queue(port, queue);
  return open_queue(port, queue, pools, false);
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

// Queues of a stopped port whose UMEM does not have all pools that there are now: opened anew, they get one
// that has.
void close_outdated(PmdPort& port, const PoolList& pools) {
  for (uint16_t queue = 0; queue < port.queues(); ++queue) {
    const QueueSlot& slot = *port.slots[queue];
    if (!slot.pair || slot.pair.enabled() ||
        (slot.umem->covers_all(pools_of(port, slot, pools)) && !slot.umem->has_gone()))
      continue;
    ZLOG(NOTICE,
         "port %u queue %u (%s): mempools were made or freed since the last start; the queue gets a new UMEM",
         port.port_id, queue, port.name.c_str());
    close_queue(port, queue);
  }
}

}  // namespace

Status open_queues(PmdPort& port) {
  const PoolList pools = adoptable_pools(port.config().ledger);
  close_outdated(port, pools);
  close_without_segments(port);
  std::vector<uint16_t> opened;
  for (uint16_t queue = 0; queue < port.queues(); ++queue) {
    QueueSlot& slot = *port.slots[queue];
    if (slot.pair || (slot.nb_rx == 0 && slot.nb_tx == 0)) continue;
    opened.push_back(queue);
    warn_about_nodes(port, slot);
    if (Status s = open_queue_somehow(port, queue, pools); !s) {
      for (const uint16_t undo : opened) close_queue(port, undo);
      return s;
    }
  }
  return {};
}

// Busy polling cannot be taken off a socket, and RX interrupts are asked for anew by each configure.
void close_queues_of_other_wakeup(PmdPort& port) {
  for (uint16_t queue = 0; queue < port.queues(); ++queue) {
    const QueueSlot& slot = *port.slots[queue];
    if (slot.pair &&
        (slot.pair.rx().busy_poll ? wants_rx_interrupts(port)
                                  : slot.control.no_busy_poll_for_interrupts && !wants_rx_interrupts(port)))
      close_queue(port, queue);
  }
}

Status open_one_queue(PmdPort& port, uint16_t queue) {
  if (Status s = open_queue_somehow(port, queue, adoptable_pools(port.config().ledger)); !s) {
    close_queue(port, queue);
    return s;
  }
  return {};
}

uint32_t widest_window_of(const PmdPort& port, uint16_t queue) {
  const QueueSlot& slot = *port.slots[queue];
  const uint32_t nic_ring = netdev_rx_ring(port.port->info().name).value_or(0);
  return widest_window(slot.pair.outcome().mode, slot.nb_rx, nic_ring, buffers_each(port, slot));
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
    if (!unshare_queue(port, queue))
      ZLOG(WARNING, "port %u queue %u (%s): another process still has the socket", port.port_id, queue,
           port.name.c_str());
    if (slot.nb_tx != 0) drain(slot.pair.tx(), slot.tx_policy);
    keep_counts(port, queue);
  }
  slot.control.sched.napi.end();
  const bool proven = slot.pair.release();
  interrupts_follow(port, queue);
  if (slot.umem) {
    slot.pools.leave(proven, "port " + std::to_string(port.port_id) + " queue " + std::to_string(queue) + " (" +
                                 port.name + ")");
    slot.umem->put_tail(slot.bounce_frames, proven);
    slot.umem->put_tail(slot.fill_frames, proven);
    slot.umem->put_tail(slot.rx_copy.range, proven);
  }
  slot.bounce_frames = slot.fill_frames = slot.rx_copy.range = {};
  slot.rx_copy.on = false;
  slot.rx_copy.instead.clear();
  slot.tx_policy.use(nullptr);
  slot.timesync.tx.forget();
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
    ZLOG(NOTICE,
         "port %u TX queue %u (%s): packets go by bounce copy: only mbufs that are direct, of one segment, "
         "referred to once, and of a mempool that the UMEM covers are sent in place",
         port.port_id, queue, port.name.c_str());
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
      if (const FrameHistory* h = slot.rx_in_place() ? slot.rx_memory->ledger(0).history(v->frame) : nullptr)
        for (uint32_t i = h->count > FrameHistory::kDepth ? h->count - FrameHistory::kDepth : 0; i < h->count;
             ++i)
          ZLOG(ERR, "  frame %u move %u: owner %u -> %u", v->frame, i, h->from[i % FrameHistory::kDepth],
               h->to[i % FrameHistory::kDepth]);
    }
  }
}

}  // namespace zcnbrh::pmd
