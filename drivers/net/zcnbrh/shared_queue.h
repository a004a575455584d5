// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// What another process makes a queue's local half from: copies of the primary's, in EAL memory. Pointers in
// them are to EAL memory, which every process has at the same addresses; the few that are not are made anew
// (QueuePair::adopt()).
#pragma once

#include <atomic>
#include <cstdint>
#include <type_traits>

#include "drivers/net/zcnbrh/mbuf_policy.h"
#include "drivers/net/zcnbrh/offload_rx.h"
#include "drivers/net/zcnbrh/offload_tx.h"
#include "lib/xsk/queue_state.h"
#include "lib/xsk/socket.h"

namespace zcnbrh::pmd {

struct SharedRxQueue;
struct SharedTxQueue;

struct SharedQueue {
  uint32_t generation = 0;  // of the socket; 0: the queue is not open
  uint32_t nb_rx = 0;
  uint32_t nb_tx = 0;
  bool rx_open = false;  // its door
  bool tx_open = false;
  struct rte_mempool* rx_pool = nullptr;
  SharedRxQueue* rx = nullptr;
  SharedTxQueue* tx = nullptr;
  RingSizes rings;
  RxLocal rx_local;
  TxLocal tx_local;
  RxMbufPolicy rx_policy;
  OffloadTxPolicy tx_policy;
  uint64_t rx_offloads = 0;
  uint32_t packet_types = 0;
  uint32_t metadata = 0;
  const SoftRss* hash = nullptr;
  TxOffload tx_offload;
  uint64_t tail_offset = 0;  // UMEM byte where the frames of ours begin
  uint32_t gate = 0;         // index in the gates
};
static_assert(std::is_trivially_destructible_v<RxLocal> && std::is_trivially_destructible_v<TxLocal> &&
              std::is_trivially_copyable_v<RxMbufPolicy> && std::is_trivially_copyable_v<OffloadTxPolicy> &&
              std::is_trivially_copyable_v<TxOffload>);

}  // namespace zcnbrh::pmd
