// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#include "drivers/net/zcnbrh/pool_events.h"

#include <rte_errno.h>
#include <rte_memory.h>

#include "drivers/net/zcnbrh/control_lock.h"
#include "drivers/net/zcnbrh/log.h"
#include "drivers/net/zcnbrh/ops.h"
#include "drivers/net/zcnbrh/share.h"
#include "lib/base/clock.h"
#include "lib/umem/umem.h"
#include "lib/xsk/quiesce.h"

namespace zcnbrh::pmd {
namespace {

constexpr char kName[] = "net_zcnbrh";
constexpr uint64_t kFlushMs = 50;  // for frames in flight; what takes longer comes back to nowhere

// All open queues of all ports of ours.
template <typename Visit>
void for_each_queue(Visit visit) {
  uint16_t id;
  RTE_ETH_FOREACH_DEV(id) {
    if (rte_eth_devices[id].dev_ops != ethdev_ops()) continue;
    PmdPort* port = port_of(&rte_eth_devices[id]);
    if (port == nullptr || port->port == nullptr) continue;
    for (uint16_t queue = 0; queue < port->queues(); ++queue)
      if (port->slots[queue]->pair) visit(*port, queue);
  }
}

// Its bursts are stopped, for good: what it works on is about to go.
bool stop_bursts(PmdPort& port, uint16_t queue) {
  port.slots[queue]->pair.disable(port.port->xsks_map());
  return shut_everywhere(port, queue, true, true);
}

// The queue receives into the pool. Its frames go back to it while it is there.
void close_receiver(PmdPort& port, uint16_t queue, const PoolMemory& memory) {
  QueueSlot& slot = *port.slots[queue];
  const bool running = !slot.pair.rx().door.is_shut() || !slot.pair.tx().door.is_shut();
  if (!stop_bursts(port, queue)) {
    ZLOG(CRIT,
         "port %u queue %u (%s): mempool %s is destroyed while a thread is inside a burst that uses it; its "
         "memory "
         "must not be freed now",
         port.port_id, queue, port.name.c_str(), memory.name());
    return;
  }
  close_queue(port, queue);
  slot.rx_pool = nullptr;
  if (running)
    ZLOG(ERR,
         "port %u queue %u (%s): mempool %s is destroyed, but the queue receives into it: the queue is closed; "
         "stop "
         "ports before their mempools are freed, or set the queue up again with another and start",
         port.port_id, queue, port.name.c_str(), memory.name());
}

// The queue sends from the pool. Most frames in flight are back soon; then nothing finds the pool any more.
void leave_sender(PmdPort& port, uint16_t queue, PoolMemory& memory, bool may_wait) {
  QueueSlot& slot = *port.slots[queue];
  BurstDoor& door = slot.pair.tx().door;
  const bool was_open = !door.is_shut();
  if (!shut_everywhere(port, queue, false, true)) {
    ZLOG(CRIT,
         "port %u queue %u (%s): mempool %s is destroyed while a thread is inside a TX burst; the queue stops",
         port.port_id, queue, port.name.c_str(), memory.name());
    return;  // the door stays shut
  }
  const uint64_t give_up = monotonic_ms() + (may_wait ? kFlushMs : 0);
  while (slot.pools.in_flight(memory) != 0) {
    kick(slot.pair.tx());
    give_back_sent(slot, UINT32_MAX);
    if (slot.pools.in_flight(memory) == 0 || monotonic_ms() >= give_up) break;
    sleep_ms(1);
  }
  if (const uint32_t lost = slot.pools.in_flight(memory); lost != 0)
    ZLOG(WARNING,
         "port %u TX queue %u (%s): %u buffers of mempool %s, which is destroyed, are still being sent",
         port.port_id, queue, port.name.c_str(), lost, memory.name());
  slot.pools.forget(memory);
  slot.pair.tx().frames = slot.pools.tx_ledgers();
  slot.tx_policy.use(slot.pools.tx_table());
  if (!was_open) return;
  door.open();
  share_queue(port, queue);
}

void pool_destroyed(const struct rte_mempool* pool) {
  const std::shared_ptr<PoolMemory> memory = PoolMemory::find(pool);
  if (memory == nullptr) return;
  for_each_queue([&memory](PmdPort& port, uint16_t queue) {
    QueueSlot& slot = *port.slots[queue];
    if (slot.rx_memory == memory)
      close_receiver(port, queue, *memory);
    else if (slot.pools.has(*memory))
      leave_sender(port, queue, *memory, true);
  });
  memory->set_gone();
}

// While a port runs, so that its UMEM is as it is.
void pool_made(const struct rte_mempool* pool) {
  if (!is_packet_pool(pool) || pool->elt_size + pool->header_size < kMinChunk) return;
  bool running = false;
  for_each_queue(
      [&running](PmdPort& port, uint16_t) { running |= rte_eth_devices[port.port_id].data->dev_started != 0; });
  if (running)
    ZLOG(NOTICE,
         "mempool %s was made while ports run: its mbufs are sent by copy (bounce_copies) until a port is "
         "stopped "
         "and started again",
         pool->name);
}

void on_pool_event(enum rte_mempool_event event, struct rte_mempool* pool, void* /*unused*/) {
  const ControlLock lock;
  if (event == RTE_MEMPOOL_EVENT_DESTROY) {
    pool_destroyed(pool);
    PoolMemory::destroyed(pool);
  }
  if (event == RTE_MEMPOOL_EVENT_READY) pool_made(pool);
}

// EAL's memory is locked: nothing here may allocate from it or give back to it.
void memory_freed(const uint8_t* base, size_t bytes) {
  const std::shared_ptr<PoolMemory> memory = PoolMemory::find(base, bytes);
  if (memory == nullptr) return;
  ZLOG(ERR, "memory of mempool %s is given back to the system though the mempool was not destroyed",
       memory->name());
  for_each_queue([&memory](PmdPort& port, uint16_t queue) {
    QueueSlot& slot = *port.slots[queue];
    if (slot.rx_memory == memory) {
      stop_bursts(port, queue);
      ZLOG(ERR, "port %u queue %u (%s): it receives into that mempool and is stopped", port.port_id, queue,
           port.name.c_str());
    } else if (slot.pools.has(*memory)) {
      leave_sender(port, queue, *memory, false);
    }
  });
  memory->set_lost();
}

void on_memory_event(enum rte_mem_event event, const void* base, size_t bytes, void* /*unused*/) {
  if (event != RTE_MEM_EVENT_FREE) return;
  // The usual case by far: no pool of ours is there (any more), and no lock is asked for.
  if (!PoolMemory::any_in(static_cast<const uint8_t*>(base), bytes)) return;
  // Not to be waited for: its holder may be waiting for EAL's memory lock, which this thread has.
  const TryControlLock lock;
  if (lock)
    memory_freed(static_cast<const uint8_t*>(base), bytes);
  else
    ZLOG(CRIT, "memory of a mempool is given back to the system while a port is being configured");
}

}  // namespace

void watch_pools() {
  static bool watching = false;
  if (watching) return;
  watching = true;
  if (rte_mempool_event_callback_register(on_pool_event, nullptr) != 0)
    ZLOG(WARNING, "mempool events: %s; do not free a mempool while a port runs", rte_strerror(rte_errno));
  // Refused where EAL never gives memory back (--legacy-mem, --no-huge).
  rte_mem_event_callback_register(kName, on_memory_event, nullptr);
}

}  // namespace zcnbrh::pmd
