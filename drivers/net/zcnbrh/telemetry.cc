// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// Telemetry commands (dpdk-telemetry.py, or the socket itself): what the ports, queues and buffers of a running
// program are and why. Counts are in ethdev's own /ethdev/xstats. Commands run on telemetry's threads, so each
// holds the control lock.
//   /zcnbrh/list              port numbers
//   /zcnbrh/port,PORT         configuration, program, queues with mode and why
//   /zcnbrh/queue,PORT,QUEUE  one of them
//   /zcnbrh/ledger,PORT       whose the buffers are, a pool a line
//   /zcnbrh/features          what the running kernel has
#include <rte_telemetry.h>
#include <sys/utsname.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <set>
#include <string_view>

#include "drivers/net/zcnbrh/control_lock.h"
#include "drivers/net/zcnbrh/ledger_view.h"
#include "drivers/net/zcnbrh/ops.h"
#include "lib/xdp/features.h"

namespace zcnbrh::pmd {
namespace {

constexpr uint16_t kMostQueuesListed = 64;  // an answer is at most 16 KiB

// Texts in a dictionary are at most 127 characters long; a longer one is cut, and seen to be.
std::string cut(std::string text) {
  constexpr size_t kMost = RTE_TEL_MAX_STRING_LEN - 1;
  if (text.size() > kMost) text = text.substr(0, kMost - 3) + "...";
  return text;
}

class Dictionary {
 public:
  explicit Dictionary(struct rte_tel_data* data) : data_(data) { rte_tel_data_start_dict(data); }
  void text(const char* name, const std::string& value) {
    rte_tel_data_add_dict_string(data_, name, cut(value).c_str());
  }
  void number(const char* name, uint64_t value) { rte_tel_data_add_dict_u64(data_, name, value); }
  void small(const char* name, int value) { rte_tel_data_add_dict_int(data_, name, value); }
  void child(const char* name, struct rte_tel_data* value) {
    rte_tel_data_add_dict_container(data_, name, value, 0);
  }

 private:
  struct rte_tel_data* data_;
};

// "3,1" -> 3, 1. Nothing if it is not exactly `count` numbers.
std::vector<uint16_t> numbers_in(const char* params, size_t count) {
  std::vector<uint16_t> out;
  std::string_view rest = params != nullptr ? params : "";
  while (!rest.empty()) {
    uint16_t number = 0;
    const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), number);
    if (error != std::errc() || (end != rest.data() + rest.size() && *end != ',')) return {};
    out.push_back(number);
    rest.remove_prefix(static_cast<size_t>(end - rest.data()));
    if (!rest.empty()) rest.remove_prefix(1);
  }
  if (out.size() != count) return {};
  return out;
}

bool is_ours(uint16_t id) {
  return rte_eth_dev_is_valid_port(id) != 0 && rte_eth_devices[id].dev_ops == ethdev_ops();
}

// The port of a command's first number, with sockets in this process; else null.
PmdPort* port_in(const std::vector<uint16_t>& numbers) {
  if (numbers.empty() || !is_ours(numbers[0])) return nullptr;
  PmdPort* port = port_of(&rte_eth_devices[numbers[0]]);
  return port != nullptr && port->port ? port : nullptr;
}

int list(const char* /*command*/, const char* /*params*/, struct rte_tel_data* out) noexcept {
  const ControlLock lock;
  rte_tel_data_start_array(out, RTE_TEL_INT_VAL);
  for (uint16_t id = 0; id < RTE_MAX_ETHPORTS; ++id)
    if (is_ours(id)) rte_tel_data_add_array_int(out, id);
  return 0;
}

const char* state_name(uint8_t state) { return state == RTE_ETH_QUEUE_STATE_STARTED ? "started" : "stopped"; }

struct rte_tel_data* queue_lines(const PmdPort& port) {
  struct rte_tel_data* lines = rte_tel_data_alloc();
  if (lines == nullptr) return nullptr;
  rte_tel_data_start_array(lines, RTE_TEL_STRING_VAL);
  for (uint16_t q = 0; q < std::min(port.queues(), kMostQueuesListed); ++q)
    rte_tel_data_add_array_string(lines, cut(describe_queue(port, q)).c_str());
  return lines;
}

void tell_program(const PmdPort& port, Dictionary& d) {
  const XdpProgram* program = port.port->program();
  d.text("program", program == nullptr                     ? "none"
                    : program->mode() == ProgramMode::kSkb ? "SKB XDP"
                                                           : "native XDP");
  d.text("program_attached_by", program != nullptr ? program->attach_kind() : "");
  d.number("program_id", program != nullptr ? program->program_id() : 0);
}

int port(const char* /*command*/, const char* params, struct rte_tel_data* out) noexcept {
  const ControlLock lock;
  PmdPort* const port = port_in(numbers_in(params, 1));
  if (port == nullptr) return -EINVAL;
  struct rte_eth_dev* dev = &rte_eth_devices[port->port_id];
  Dictionary d(out);
  d.text("name", port->name);
  d.text("iface", port->port->info().name);
  d.number("ifindex", static_cast<uint64_t>(port->port->ifindex()));
  d.text("driver", port->port->info().driver);
  d.small("numa_node", port->node());
  d.text("config", print_port_config(port->config()));
  d.small("started", dev->data->dev_started);
  d.number("rx_queues", dev->data->nb_rx_queues);
  d.number("tx_queues", dev->data->nb_tx_queues);
  d.text("unserved_rx_queues", unserved_queues(*port));
  d.text("rx_burst", rx_burst_name(dev));
  d.text("tx_burst", tx_burst_name(dev));
  d.small("rx_interrupts", port->interrupts.handle != nullptr);
  tell_program(*port, d);
  std::set<const PortUmem*> umems;
  uint64_t zero_copy = 0;
  for (const auto& slot : port->slots) {
    if (slot->umem) umems.insert(slot->umem.get());
    zero_copy += slot->pair.outcome().mode == XskMode::kZeroCopy;
  }
  d.number("umems", umems.size());
  d.number("zero_copy_queues", zero_copy);
  d.child("queues", queue_lines(*port));
  return 0;
}

void tell_rings(const QueueSlot& slot, Dictionary& d) {
  const RxLocal& rx = slot.pair.rx();
  const TxLocal& tx = slot.pair.tx();
  d.number("fill_ring", rx.fill.descs != nullptr ? rx.fill.size() : 0);
  d.number("rx_ring", rx.rx.descs != nullptr ? rx.rx.size() : 0);
  d.number("tx_ring", tx.tx.descs != nullptr ? tx.tx.size() : 0);
  d.number("comp_ring", tx.completion.descs != nullptr ? tx.completion.size() : 0);
  d.number("bounce_frames", slot.bounce_frames.count);
  d.number("posted", slot.rx->state.posted.get());
  d.number("waiting", packets_waiting(slot));
  d.number("in_flight", slot.tx->state.in_flight.get());
}

int queue(const char* /*command*/, const char* params, struct rte_tel_data* out) noexcept {
  const ControlLock lock;
  const auto numbers = numbers_in(params, 2);
  const PmdPort* const port = port_in(numbers);
  if (port == nullptr || numbers[1] >= port->queues()) return -EINVAL;
  const uint16_t q = numbers[1];
  const struct rte_eth_dev_data* data = rte_eth_devices[port->port_id].data;
  const QueueSlot& slot = *port->slots[q];
  const BindOutcome& outcome = slot.pair.outcome();
  Dictionary d(out);
  d.number("netdev_queue", port->config().start_queue + q);
  d.text("mode", slot.pair.bound() ? to_string(outcome.mode) : "not open");
  d.small("zero_copy", outcome.mode == XskMode::kZeroCopy);
  d.text("not_zero_copy_because", outcome.mode == XskMode::kZeroCopy ? "" : outcome.reason);
  d.text("wakeup", slot.pair.rx().busy_poll ? "busy poll" : "wakeup");
  d.text("sched", sched_name(slot));
  d.text("sched_because", sched_reason(slot));
  d.text("kick", slot.nb_tx == 0 ? "none" : slot.control.kick.by_thread ? "thread" : "inline");
  d.text("kick_because", slot.control.kick.why);
  d.text("rx_state", q < data->nb_rx_queues ? state_name(data->rx_queue_state[q]) : "none");
  d.text("tx_state", q < data->nb_tx_queues ? state_name(data->tx_queue_state[q]) : "none");
  d.number("nb_rx_desc", slot.nb_rx);
  d.number("nb_tx_desc", slot.nb_tx);
  d.text("mempool", slot.rx_pool != nullptr ? slot.rx_pool->name : "");
  if (slot.pair) tell_rings(slot, d);
  return 0;
}

struct rte_tel_data* tell_pool(const PoolOwners& owners) {
  struct rte_tel_data* out = rte_tel_data_alloc();
  if (out == nullptr) return nullptr;
  Dictionary d(out);
  d.number("buffers", owners.buffers);
  d.number("rx_posted", owners.posted);
  d.number("tx_in_flight", owners.in_flight);
  d.number("quarantined", owners.quarantined);
  d.number("in_pool", owners.in_pool);
  d.number("application", owners.application());
  return out;
}

int ledger(const char* /*command*/, const char* params, struct rte_tel_data* out) noexcept {
  const ControlLock lock;
  const PmdPort* const port = port_in(numbers_in(params, 1));
  if (port == nullptr) return -EINVAL;
  const PortOwners owners = owners_of(*port);
  Dictionary d(out);
  d.number("rx_posted", owners.posted);
  d.number("tx_in_flight", owners.in_flight);
  for (const PoolOwners& pool : owners.pools) d.child(pool.pool->pool()->name, tell_pool(pool));
  return 0;
}

int features(const char* /*command*/, const char* /*params*/, struct rte_tel_data* out) noexcept {
  struct utsname kernel {};
  ::uname(&kernel);
  Dictionary d(out);
  d.text("kernel", kernel.release);
  for (size_t i = 0; i < kFeatureCount; ++i) {
    const auto feature = static_cast<Feature>(i);
    const Probe probe = kernel_features().get(feature);
    d.text(feature_info(feature).name, (probe.supported ? "yes: " : "no: ") + probe.reason);
  }
  return 0;
}

}  // namespace

void register_telemetry() {
  rte_telemetry_register_cmd("/zcnbrh/list", list, "Returns the numbers of net_zcnbrh ports. No parameters");
  rte_telemetry_register_cmd("/zcnbrh/port", port,
                             "Returns a port's configuration, XDP program and queues. Parameters: int port_id");
  rte_telemetry_register_cmd(
      "/zcnbrh/queue", queue,
      "Returns a queue's mode and why, rings and gauges. Parameters: int port_id, int queue_id");
  rte_telemetry_register_cmd("/zcnbrh/ledger", ledger,
                             "Returns whose the buffers of a port's mempools are. Parameters: int port_id");
  rte_telemetry_register_cmd("/zcnbrh/features", features,
                             "Returns what the running kernel has, and how that was found. No parameters");
}

}  // namespace zcnbrh::pmd
