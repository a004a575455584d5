// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#include "shim/counts.h"

#include <atomic>
#include <bit>
#include <mutex>
#include <string_view>

namespace zcnbrh::shim {
namespace {

constexpr size_t kCalls = static_cast<size_t>(Call::kCount);
constexpr size_t kMaxPools = 1024;  // remembered

struct Cell {
  std::atomic<uint32_t> calls, not_supported, failed;
};
constinit std::atomic<uint64_t> g_calls[kCalls] = {};
constinit Cell g_ports[RTE_MAX_ETHPORTS][kCalls] = {};

struct Records {
  std::map<uint16_t, PortAsked> ports;
  std::vector<PoolAsked> pools;
};
constinit std::mutex g_lock;
constinit Records* g_records = nullptr;  // made when first needed, never freed

Records& records() {
  if (g_records == nullptr) g_records = new Records;
  return *g_records;
}

void note_queue(QueueAsked& kept, const QueueAsked& asked) {
  const uint32_t setups = kept.setups + 1;
  kept = asked;
  kept.setups = setups;
}

}  // namespace

void count_call(Call call) noexcept {
  if (doing() != Doing::kIdle) g_calls[static_cast<size_t>(call)].fetch_add(1, std::memory_order_relaxed);
}

void count_port_call(Call call, uint16_t port_id, Answer answer) noexcept {
  if (doing() == Doing::kIdle) return;
  count_call(call);
  if (port_id >= RTE_MAX_ETHPORTS) return;
  Cell& cell = g_ports[port_id][static_cast<size_t>(call)];
  cell.calls.fetch_add(1, std::memory_order_relaxed);
  if (answer == Answer::kNotSupported) cell.not_supported.fetch_add(1, std::memory_order_relaxed);
  if (answer == Answer::kFailed) cell.failed.fetch_add(1, std::memory_order_relaxed);
}

uint64_t call_count(Call call) noexcept { return g_calls[static_cast<size_t>(call)]; }

CallCounts port_call_counts(Call call, uint16_t port_id) noexcept {
  const Cell& cell = g_ports[port_id][static_cast<size_t>(call)];
  return {cell.calls, cell.not_supported, cell.failed};
}

std::vector<std::string> offload_names(uint64_t bits, OffloadName* name_of) {
  std::vector<std::string> out;
  for (; bits != 0; bits &= bits - 1) {
    const std::string_view name = name_of != nullptr ? name_of(bits & -bits) : "UNKNOWN";
    out.push_back(name != "UNKNOWN" ? std::string(name) : "bit " + std::to_string(std::countr_zero(bits)));
  }
  return out;
}

void note_port(uint16_t port_id, const PortAsked& asked) {
  const std::lock_guard lock(g_lock);
  PortAsked& kept = records().ports[port_id];
  PortAsked next = asked;
  next.configured = kept.configured + 1;
  next.rx_queue = std::move(kept.rx_queue);
  next.tx_queue = std::move(kept.tx_queue);
  kept = std::move(next);
}

void note_rx_queue(uint16_t port_id, uint16_t queue, const QueueAsked& asked) {
  const std::lock_guard lock(g_lock);
  note_queue(records().ports[port_id].rx_queue[queue], asked);
}

void note_tx_queue(uint16_t port_id, uint16_t queue, const QueueAsked& asked) {
  const std::lock_guard lock(g_lock);
  note_queue(records().ports[port_id].tx_queue[queue], asked);
}

void note_pool(PoolAsked pool) {
  const std::lock_guard lock(g_lock);
  if (records().pools.size() < kMaxPools) records().pools.push_back(std::move(pool));
}

std::map<uint16_t, PortAsked> ports_asked() {
  const std::lock_guard lock(g_lock);
  return records().ports;
}

std::vector<PoolAsked> pools_asked() {
  const std::lock_guard lock(g_lock);
  return records().pools;
}

}  // namespace zcnbrh::shim
