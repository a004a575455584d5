// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// How often each intercepted call was made, in all and for each port, and how often the port said no; and what
// the program asked of ports, queues and pools. Counting is relaxed increments, the rest is under a lock:
// nothing here is on the data path. Any thread. In a process where the shim does nothing, nothing is counted.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "shim/next.h"
#include "shim/settings.h"

namespace zcnbrh::shim {

enum class Answer : uint8_t { kDone, kNotSupported, kFailed };

inline Answer answer_of(int result) {
  if (result >= 0) return Answer::kDone;
  return result == -ENOTSUP || result == -ENOSYS ? Answer::kNotSupported : Answer::kFailed;
}
// Calls that give a pointer leave the cause in rte_errno.
inline Answer answer_of(const void* result) {
  return result != nullptr ? Answer::kDone : answer_of(-get_rte_errno());
}

void count_call(Call call) noexcept;
void count_port_call(Call call, uint16_t port_id, Answer answer) noexcept;

struct CallCounts {
  uint32_t calls = 0, not_supported = 0, failed = 0;
};
uint64_t call_count(Call call) noexcept;
CallCounts port_call_counts(Call call, uint16_t port_id) noexcept;

// What was asked, and of that what the port does not have (masked, or refused).
struct Asked {
  uint64_t asked = 0, missing = 0;  // offload bits
};
// One by one: "RSS_HASH", or "bit 40" where DPDK has no name for it. `name_of`: one of DPDK's two functions.
using OffloadName = const char*(uint64_t);
std::vector<std::string> offload_names(uint64_t bits, OffloadName* name_of);

struct QueueAsked {
  uint32_t setups = 0;
  uint16_t descriptors = 0, given = 0;
  Asked offloads;
  std::string pool;
};
struct PortAsked {
  uint32_t configured = 0;
  uint16_t rx_queues = 0, tx_queues = 0;
  Asked rx, tx, rss;
  std::vector<std::string> missing_modes;  // shim/modes.h
  std::map<uint16_t, QueueAsked> rx_queue, tx_queue;
};
struct PoolAsked {
  std::string name, ops, how;
  uint32_t elements = 0;
  int node = -1;
  bool made = false;
};

void note_port(uint16_t port_id, const PortAsked& asked);  // the queues' entries stay
void note_rx_queue(uint16_t port_id, uint16_t queue, const QueueAsked& asked);
void note_tx_queue(uint16_t port_id, uint16_t queue, const QueueAsked& asked);
void note_pool(PoolAsked pool);
// Copies.
std::map<uint16_t, PortAsked> ports_asked();
std::vector<PoolAsked> pools_asked();

}  // namespace zcnbrh::shim
