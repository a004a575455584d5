// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// The driver's own structs. A port's state is split as a queue's is (lib/xsk/queue_state.h):
//   SharedRxQueue, SharedTxQueue, SharedPort   in EAL memory, no pointers to anything else: what a secondary
//                                              process sees too;
//   PmdPort, QueueSlot                         this process's sockets, mappings and pool views, hung on
//                                              dev->process_private.
// ethdev hands a burst the shared queue; it finds the local half by port and queue number, one load a burst.
//
// Threads: everything but the bursts runs under the control lock (control_lock.h): ethdev's control thread of
// each port, EAL's interrupt thread, telemetry's.
#pragma once

#include <ethdev_driver.h>
#include <rte_ethdev.h>

#include <memory>
#include <string>
#include <vector>

#include "drivers/net/zcnbrh/burst_user.h"
#include "drivers/net/zcnbrh/cycle_sample.h"
#include "drivers/net/zcnbrh/flow.h"
#include "drivers/net/zcnbrh/interrupts.h"
#include "drivers/net/zcnbrh/mbuf_policy.h"
#include "drivers/net/zcnbrh/offload_rx.h"
#include "drivers/net/zcnbrh/offload_tx.h"
#include "drivers/net/zcnbrh/port_control.h"
#include "drivers/net/zcnbrh/port_umem.h"
#include "drivers/net/zcnbrh/queue_control.h"
#include "drivers/net/zcnbrh/queue_pools.h"
#include "drivers/net/zcnbrh/queue_segments.h"
#include "drivers/net/zcnbrh/rate_limit.h"
#include "drivers/net/zcnbrh/rx_copy.h"
#include "drivers/net/zcnbrh/shared_queue.h"
#include "drivers/net/zcnbrh/soft_rss.h"
#include "drivers/net/zcnbrh/stats.h"
#include "drivers/net/zcnbrh/timesync.h"
#include "drivers/net/zcnbrh/trace.h"
#include "lib/config/port_config.h"
#include "lib/netdev/netdev.h"
#include "lib/xsk/port.h"
#include "lib/xsk/queue_pair.h"

namespace zcnbrh::pmd {

struct QueueAddress {
  uint16_t port = 0;
  uint16_t queue = 0;
};

// In a queue's place ethdev has its address, which is what the bursts need to find the local half. In a primary
// process that is the start of the queue's shared state, in a secondary memory of its own.
struct SharedRxQueue {
  QueueAddress address;
  BurstUser user;
  CycleCounters cycles;
  Counter dropped_vlan;  // packets of VLANs that are not let in; not among the packets received
  Counter flushed;       // packets received but given back unread when the port stopped or started
  RxShared state;
};

struct SharedTxQueue {
  QueueAddress address;
  BurstUser user;
  CycleCounters cycles;
  Counter rate_limited;  // bursts cut by the rate limit
  RateLimit rate;
  TxShared state;  // last: the stack of bounce frames lies behind it
};

constexpr uint32_t kMaxAddresses = 64;  // of a port; the netdev's filter may hold fewer

struct SharedPort {
  struct rte_ether_addr mac[kMaxAddresses];
  uint8_t rx_variant = 0;  // of the bursts in rxtx.cc, chosen at start
  uint8_t tx_variant = 0;
  uint16_t queue_count = 0;
  bool loop = false;                // no other process can have its queues
  SharedQueue* queues = nullptr;    // queue_count of them, in EAL memory
  struct rte_eth_dev_info info {};  // as the primary's dev_infos_get() fills it in
  SoftRss rss;
};

// Queue i of the port: netdev queue start_queue + i, RX queue i and TX queue i on one socket.
struct QueueSlot {
  // What the application asked for.
  struct rte_mempool* rx_pool = nullptr;
  std::shared_ptr<PoolMemory> rx_memory;  // of rx_pool
  uint32_t nb_rx = 0;                     // 0: no RX queue
  uint32_t nb_tx = 0;
  SharedRxQueue* rx = nullptr;  // EAL memory; also made for a queue that only sends
  SharedTxQueue* tx = nullptr;
  // What is open. Data path: pair, the policies, what the offloads are.
  QueuePair pair;
  RxMbufPolicy rx_policy;
  RxCopy rx_copy;             // instead of rx_policy, where the pool cannot be received into in place
  OffloadTxPolicy tx_policy;  // a burst without offloads sees the base alone
  RxOffload rx_offload;
  TxOffload tx_offload;
  QueueTimesync timesync;
  std::shared_ptr<PortUmem> umem;
  QueuePools pools;
  TailRange bounce_frames;
  TailRange fill_frames;  // of a queue that only sends
  bool bounces_reported = false;

  // The pool whose elements it receives into; null for a queue that only sends, or copies.
  PoolMemory* rx_in_place() const {
    return rx_memory && rx_memory->in_place() && rx_copy.instead.empty() ? rx_memory.get() : nullptr;
  }
  QueueControl control;
  QueueSegments segments;
  QueueTrace trace;
};

struct PmdPort {
  std::string name;  // of the device, for messages
  uint16_t port_id = 0;
  std::unique_ptr<Port> port;
  std::vector<std::unique_ptr<QueueSlot>> slots;  // queue_count of them
  OffloadPort offloads;
  PortTimesync timesync;
  PortFlows flow;
  PortControl control;
  PortStats stats;
  RxInterrupts interrupts;
  PortTrace trace;
  bool threshold_alarm = false;    // rx_threshold.cc looks every millisecond
  uint64_t nic_missed_before = 0;  // the NIC's own count when the port was made

  const PortConfig& config() const { return port->config(); }
  int node() const { return port->info().numa_node; }
  uint16_t queues() const { return static_cast<uint16_t>(slots.size()); }  // queue_count=, at most 1024
};

// Bounce frames of a TX queue. 512 are one huge page; more are for programs that send little else.
inline uint32_t bounce_frames(const PmdPort& port, uint32_t nb_tx) {
  constexpr uint32_t kMost = 512;
  return port.config().tx_bounce.value_or(nb_tx < kMost ? nb_tx : kMost);
}

inline PmdPort* port_of(const struct rte_eth_dev* dev) { return static_cast<PmdPort*>(dev->process_private); }
inline SharedPort* shared_of(const struct rte_eth_dev* dev) {
  return static_cast<SharedPort*>(dev->data->dev_private);
}
inline QueueSlot* slot_of(const QueueAddress& address) {
  return port_of(&rte_eth_devices[address.port])->slots[address.queue].get();
}

// rxtx.cc
void choose_bursts(struct rte_eth_dev* dev);               // by what the port is configured for; in dev_start
const char* rx_burst_name(const struct rte_eth_dev* dev);  // of the one chosen, for people
const char* tx_burst_name(const struct rte_eth_dev* dev);

// At most `most` frames that the kernel is done with; returns how many. Inside the TX door, or with it shut.
uint32_t give_back_sent(QueueSlot& slot, uint32_t most);

// queue.cc: a queue's life within a port.
Status open_queues(PmdPort& port);                 // those not open yet; on error the new ones are closed again
void close_queues_of_other_wakeup(PmdPort& port);  // their sockets do not fit what the port is configured for
Status open_one_queue(PmdPort& port, uint16_t queue);  // both doors shut
void close_queue(PmdPort& port, uint16_t queue);       // frames come back; idempotent
void report_violations(PmdPort& port);
void report_bounces(PmdPort& port);
XskStatistics kernel_statistics(const QueueSlot& slot);
uint32_t widest_window_of(const PmdPort& port, uint16_t queue);  // the delivery window, packets

// queue_info.cc
std::string describe_queue(const PmdPort& port, uint16_t queue);  // its mode and why, as the start-up line
uint32_t packets_waiting(const QueueSlot& slot);                  // in the RX ring

// unserved.cc: receive queues of the netdev that no port of this process serves.
std::string unserved_queues(const PmdPort& port);  // "1, 2, 3"; empty: none
void tell_unserved_queues(const PmdPort& port);    // one line, where there are any

// queue_run.cc: which of the open queues run. None is inside a burst when a stop has returned without error.
Status enable_queues(PmdPort& port);  // those that ethdev has as started
bool disable_queues(PmdPort& port);   // all; packets received are given back. False: a burst is stuck inside
Status start_rx(PmdPort& port, uint16_t queue);
void let_rx_run_dry(PmdPort& port, uint16_t queue);  // before stop_rx(), so that nothing unread is given back
Status stop_rx(PmdPort& port, uint16_t queue);
void start_tx(PmdPort& port, uint16_t queue);
Status stop_tx(PmdPort& port, uint16_t queue);
void set_queue_states(struct rte_eth_dev* dev, bool started);  // ethdev's; not those with deferred start

// stats.cc
QueueCounts counts_of(const QueueSlot& slot);     // since the port was made
void keep_counts(PmdPort& port, uint16_t queue);  // of a queue whose socket is about to go; no burst is running
int stats_reset(struct rte_eth_dev* dev);
// What the XDP program's gate did with packets beyond the delivery window.
struct GateCounts {
  uint64_t dropped = 0;
  uint64_t passed = 0;
};
GateCounts gate_counts(PmdPort& port, uint16_t queue);
void see_gate_counts(PmdPort& port);  // of a program that is about to go

int log_error(const PmdPort& port, const char* doing, const Error& error);  // logs one line, returns -errno

}  // namespace zcnbrh::pmd
