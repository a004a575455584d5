// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#include "drivers/net/zcnbrh/trace.h"

#include <rte_cycles.h>

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <cstring>

#include "drivers/net/zcnbrh/ops.h"
#include "drivers/net/zcnbrh/report.h"

namespace zcnbrh::pmd {
namespace {

constexpr uint32_t kShown = 24;  // packets a queue and direction: a screen

void note(TraceEvent& event, const struct rte_mbuf* packet) {
  event.mbuf = reinterpret_cast<uintptr_t>(packet);
  event.length = packet->pkt_len;
  event.segments = packet->nb_segs;
  event.bytes_noted = std::min<uint32_t>(packet->data_len, event.head.size());
  std::memcpy(event.head.data(), rte_pktmbuf_mtod(packet, const uint8_t*), event.bytes_noted);
}

uint16_t traced_receive(void* queue, struct rte_mbuf** packets, uint16_t count) noexcept {
  const QueueAddress& at = *static_cast<QueueAddress*>(queue);
  const PmdPort& port = *port_of(&rte_eth_devices[at.port]);
  const uint16_t n = port.trace.receive.load(std::memory_order_acquire)(queue, packets, count);
  TraceRing* ring = n != 0 ? port.slots[at.queue]->trace.rx.load(std::memory_order_acquire) : nullptr;
  if (ring == nullptr) return n;
  TraceEvent event;
  event.tsc = rte_rdtsc();
  event.burst = n;
  event.offered = count;
  for (event.place = 0; event.place < n; ++event.place) {
    note(event, packets[event.place]);
    ring->add(event);
  }
  return n;
}

// A packet that was copied is freed within the burst, so what is told of it is read before.
uint16_t traced_send(void* queue, struct rte_mbuf** packets, uint16_t count) noexcept {
  const QueueAddress& at = *static_cast<QueueAddress*>(queue);
  const PmdPort& port = *port_of(&rte_eth_devices[at.port]);
  TraceRing* ring = port.slots[at.queue]->trace.tx.load(std::memory_order_acquire);
  const auto noted = static_cast<uint16_t>(ring != nullptr ? std::min<uint32_t>(count, TraceRing::kEvents) : 0);
  for (uint16_t i = 0; i < noted; ++i) note(ring->scratch[i], packets[i]);
  const uint16_t n = port.trace.send.load(std::memory_order_acquire)(queue, packets, count);
  const uint64_t now = noted != 0 ? rte_rdtsc() : 0;
  for (uint16_t i = 0; i < std::min(n, noted); ++i) {
    TraceEvent& event = ring->scratch[i];
    event.tsc = now;
    event.burst = n;
    event.offered = count;
    event.place = i;
    ring->add(event);
  }
  return n;
}

void make_ring(std::atomic<TraceRing*>& ring) {
  if (ring.load(std::memory_order_relaxed) == nullptr)
    ring.store(new TraceRing, std::memory_order_release);
  else
    ring.load(std::memory_order_relaxed)->forget();
}

std::string head_text(const TraceEvent& event) {
  const auto& b = event.head;
  char out[80];
  if (event.bytes_noted < 14) return "a packet without an Ethernet header";
  std::snprintf(out, sizeof out, "%02x:%02x:%02x:%02x:%02x:%02x > %02x:%02x:%02x:%02x:%02x:%02x 0x%02x%02x",
                b[6], b[7], b[8], b[9], b[10], b[11], b[0], b[1], b[2], b[3], b[4], b[5], b[12], b[13]);
  return out;
}

// "frame 37 of mb_pool_0": where the packet lay.
std::string frame_text(const QueueSlot& slot, uint64_t mbuf) {
  const auto* at = reinterpret_cast<const uint8_t*>(mbuf);  // NOLINT(performance-no-int-to-ptr)
  if (slot.umem)
    for (const auto& pool : slot.umem->pools())
      if (!pool->gone() && at >= pool->first() && at < pool->first() + pool->bytes())
        return "frame " + std::to_string(static_cast<uint64_t>(at - pool->first()) / pool->element_bytes()) +
               " of " + pool->name();
  return "a buffer outside the UMEM";
}

std::string event_text(const QueueSlot& slot, const TraceEvent& event, uint64_t now) {
  const uint64_t past = now > event.tsc ? now - event.tsc : 0;
  char out[64];
  std::snprintf(out, sizeof out, "  -%.6f s  %2u of %2u/%-3u  %5u bytes",
                static_cast<double>(past) / static_cast<double>(rte_get_tsc_hz()), event.place + 1U,
                event.burst, event.offered, event.length);
  std::string line = out;
  if (event.segments > 1) line += " in " + std::to_string(event.segments) + " segments";
  return line + "  " + head_text(event) + "  " + frame_text(slot, event.mbuf) + "\n";
}

std::string ring_text(const QueueSlot& slot, uint16_t queue, const char* side, const TraceRing* ring) {
  if (ring == nullptr) return {};
  const std::vector<TraceEvent> events = ring->last(kShown);
  std::string out = std::string(side) + " queue " + std::to_string(queue) + ": " +
                    std::to_string(ring->count()) + " packets noted" +
                    (events.empty() ? "" : ", the last " + std::to_string(events.size())) + "\n";
  const uint64_t now = rte_rdtsc();
  for (const TraceEvent& event : events) out += event_text(slot, event, now);
  return out;
}

}  // namespace

void TraceRing::add(const TraceEvent& event) {
  uint64_t words[kWords];
  std::memcpy(words, &event, sizeof words);
  const uint64_t at = written_.load(std::memory_order_relaxed);
  begun_.store(at + 1, std::memory_order_relaxed);
  std::atomic_thread_fence(std::memory_order_release);  // begun_ before the words: pairs with the one in last()
  auto& slot = slots_[at % kEvents];
  for (size_t i = 0; i < kWords; ++i) slot[i].store(words[i], std::memory_order_relaxed);
  written_.store(at + 1, std::memory_order_release);
}

std::vector<TraceEvent> TraceRing::last(uint32_t most) const {
  const uint64_t end = written_.load(std::memory_order_acquire);
  uint64_t from = std::max(forgotten_, end - std::min<uint64_t>(end, std::min(most, kEvents)));
  std::vector<TraceEvent> out(end - from);
  for (uint64_t at = from; at < end; ++at) {
    uint64_t words[kWords];
    for (size_t i = 0; i < kWords; ++i) words[i] = slots_[at % kEvents][i].load(std::memory_order_relaxed);
    std::memcpy(static_cast<void*>(&out[at - from]), words, sizeof words);
  }
  std::atomic_thread_fence(std::memory_order_acquire);
  const uint64_t begun = begun_.load(std::memory_order_relaxed);
  const uint64_t whole = begun > kEvents ? begun - kEvents : 0;  // older ones are or were being written over
  if (whole > from) out.erase(out.begin(), out.begin() + static_cast<ptrdiff_t>(std::min(whole, end) - from));
  return out;
}

QueueTrace::~QueueTrace() {
  delete rx.load(std::memory_order_relaxed);
  delete tx.load(std::memory_order_relaxed);
}

void trace_bursts(struct rte_eth_dev* dev) {
  PortTrace& trace = port_of(dev)->trace;
  if (!trace.on) return;
  trace.receive.store(dev->rx_pkt_burst, std::memory_order_release);
  trace.send.store(dev->tx_pkt_burst, std::memory_order_release);
  dev->rx_pkt_burst = traced_receive;
  dev->tx_pkt_burst = traced_send;
}

void set_trace(struct rte_eth_dev* dev, bool on) {
  PmdPort& port = *port_of(dev);
  if (on)
    for (const auto& slot : port.slots) {
      if (slot->nb_rx != 0) make_ring(slot->trace.rx);
      if (slot->nb_tx != 0) make_ring(slot->trace.tx);
    }
  port.trace.on = on;
  switch_bursts(dev);
}

std::string trace_report(const PmdPort& port) {
  std::string out;
  for (uint16_t q = 0; q < port.queues(); ++q) {
    const QueueSlot& slot = *port.slots[q];
    out += ring_text(slot, q, "RX", slot.trace.rx.load(std::memory_order_acquire));
    out += ring_text(slot, q, "TX", slot.trace.tx.load(std::memory_order_acquire));
  }
  if (!port.trace.on && out.empty()) return "the port is not traced; `zcnbrh PORT trace on` begins\n";
  return out + (port.trace.on ? "tracing\n" : "tracing has ended\n");
}

}  // namespace zcnbrh::pmd
