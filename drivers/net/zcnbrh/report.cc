// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#include "drivers/net/zcnbrh/report.h"

#include <algorithm>
#include <cinttypes>
#include <cstdarg>
#include <cstdio>

namespace zcnbrh::pmd {
namespace {

struct RingState {
  uint32_t size = 0;
  uint32_t producer = 0;
  uint32_t filled = 0;
  bool needs_wakeup = false;
};

// Acquire: the consumer is read after the producer, so a ring seems to hold rather less than it did.
template <typename Desc>
RingState look_at(const RingMap<Desc>& ring) {
  RingState out;
  if (ring.descs == nullptr) return out;
  out.size = ring.size();
  out.producer = std::atomic_ref(*ring.producer).load(std::memory_order_acquire);
  const uint32_t consumer = std::atomic_ref(*ring.consumer).load(std::memory_order_relaxed);
  const auto filled = static_cast<int32_t>(out.producer - consumer);
  out.filled = std::min(static_cast<uint32_t>(std::max(filled, 0)), out.size);
  out.needs_wakeup = (std::atomic_ref(*ring.flags).load(std::memory_order_relaxed) & XDP_RING_NEED_WAKEUP) != 0;
  return out;
}

std::string ring_line(uint16_t queue, const char* name, const RingState& ring, const char* waiting_for) {
  if (ring.size == 0) return text_of("%5u  %-10s  none\n", queue, name);
  return text_of("%5u  %-10s  %6u  %6u  %10u  %s\n", queue, name, ring.size, ring.filled, ring.producer,
                 ring.needs_wakeup ? waiting_for : "");
}

// The limit is the RX core's, `delivered` the queue's NAPI's.
std::string gate_text(const CreditGate& gate) {
  if (!gate.on()) return "         -     -";
  const uint32_t delivered = std::atomic_ref(*gate.delivered).load(std::memory_order_acquire);
  const uint32_t limit = std::atomic_ref(*gate.limit).load(std::memory_order_acquire);
  return text_of("%10u  %5d", delivered, static_cast<int32_t>(limit - delivered));
}

std::string credit_line(PmdPort& port, uint16_t queue) {
  const QueueSlot& slot = *port.slots[queue];
  const RxShared& rx = slot.rx->state;
  const CreditGate& gate = slot.pair.rx().gate;
  const GateCounts gone = gate_counts(port, queue);
  const std::string window =
      gate.on() ? text_of("%u of %u", rx.credit.window, widest_window_of(port, queue)) : "-";
  return text_of("%5u  %6u  %7u  %-14s  %17s  %9" PRIu64 "  %9" PRIu64 "  %7" PRIu64 "\n", queue,
                 rx.posted.get(), rx.target - std::min(rx.target, rx.posted.get()), window.c_str(),
                 gate_text(gate).c_str(), gone.dropped, gone.passed, counts_of(slot).rebased);
}

const char* on_empty_text(OnEmpty on_empty) {
  switch (on_empty) {
    case OnEmpty::kDrop:
      return "packets beyond the delivery window are dropped by the XDP program";
    case OnEmpty::kPass:
      return "packets beyond the delivery window go to the kernel's stack";
    case OnEmpty::kOff:
      break;
  }
  return "no delivery gate (on_empty=off): what an RX ring has no room for is dropped by the kernel";
}

}  // namespace

std::string text_of(const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  char out[512];
  std::vsnprintf(out, sizeof out, format, arguments);
  va_end(arguments);
  return out;
}

std::string port_title(const PmdPort& port) {
  const NetdevInfo& netdev = port.port->info();
  return text_of("port %u %s on %s (driver %s)", port.port_id, port.name.c_str(), netdev.name.c_str(),
                 netdev.driver.empty() ? "unknown" : netdev.driver.c_str());
}

std::string by_queues(const PmdPort& port, const char* indent,
                      const std::function<std::string(uint16_t)>& text) {
  std::string out;
  for (uint16_t first = 0, next; first < port.queues(); first = next) {
    const std::string line = text(first);
    for (next = first + 1; next < port.queues() && text(next) == line;) ++next;
    const std::string which = next - first == 1
                                  ? "queue " + std::to_string(first)
                                  : "queues " + std::to_string(first) + "-" + std::to_string(next - 1);
    if (!line.empty()) out += indent + which + ": " + line + "\n";
  }
  return out;
}

std::string mode_report(const PmdPort& port) {
  const struct rte_eth_dev* dev = &rte_eth_devices[port.port_id];
  std::string out = port_title(port) + (port.control.absent           ? ": the netdev is gone\n"
                                        : dev->data->dev_started != 0 ? ": started\n"
                                                                      : ": stopped\n");
  out += by_queues(port, "  ", [&port](uint16_t q) {
    const QueueSlot& slot = *port.slots[q];
    if (slot.nb_rx == 0 && slot.nb_tx == 0) return std::string("not set up");
    std::string line = describe_queue(port, q);
    if (!slot.pair.bound()) return line;
    if (slot.pair.rx().busy_poll) line += text_of("; busy budget %u", busy_budget_of(port, q));
    if (slot.nb_tx != 0)
      line += std::string("; ") + (slot.control.kick.by_thread ? "a thread" : "the burst") +
              " makes the kernel send (" + slot.control.kick.why + ")";
    return line;
  });
  if (dev->data->dev_started != 0)
    out += std::string("  bursts: RX ") + rx_burst_name(dev) + ", TX " + tx_burst_name(dev) +
           (port.trace.on ? ", both traced\n" : "\n");
  return out;
}

std::string credits_report(PmdPort& port) {
  std::string out = port_title(port) + "\n" + on_empty_text(port.config().on_empty) + "\n";
  out += "queue  posted  missing  window           delivered   left    dropped     passed  rebased\n";
  for (uint16_t q = 0; q < port.queues(); ++q)
    if (const QueueSlot& slot = *port.slots[q]; slot.nb_rx != 0)
      out += slot.pair ? credit_line(port, q) : text_of("%5u  not open\n", q);
  return out;
}

std::string rings_report(const PmdPort& port) {
  std::string out = port_title(port) + "\nqueue  ring          size  filled    produced  waits\n";
  for (uint16_t q = 0; q < port.queues(); ++q) {
    const QueueSlot& slot = *port.slots[q];
    if (slot.nb_rx == 0 && slot.nb_tx == 0) continue;
    if (!slot.pair) {
      out += text_of("%5u  not open\n", q);
      continue;
    }
    out += ring_line(q, "fill", look_at(slot.pair.socket().fill()), "the driver, to be woken");
    if (slot.nb_rx != 0) out += ring_line(q, "RX", look_at(slot.pair.socket().rx()), "");
    if (slot.nb_tx == 0) continue;
    out += ring_line(q, "TX", look_at(slot.pair.socket().tx()), "the kernel, to be kicked");
    out += ring_line(q, "completion", look_at(slot.pair.socket().completion()), "");
    out += text_of("%5u  %u of at most %u frames in flight, %u of %u bounce frames free\n", q,
                   slot.tx->state.in_flight.get(), slot.nb_tx, slot.tx->state.bounce_count,
                   slot.tx->state.bounce_total);
  }
  return out;
}

}  // namespace zcnbrh::pmd
