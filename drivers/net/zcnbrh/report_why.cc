// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// The XDP program of a port, and the screen that says why the port is as it is: each choice with what it was
// made by and what would change it, each kind of loss with cause and cure.
#include <cinttypes>
#include <string_view>

#include "drivers/net/zcnbrh/report.h"

namespace zcnbrh::pmd {
namespace {

// One line of the screen: what is, because of what, and how it would be otherwise.
std::string point(const char* what, const std::string& is, const std::string& because,
                  const std::string& cure) {
  std::string out = text_of("%-8s", what) + is + "\n";
  if (!because.empty()) out += "         because " + because + "\n";
  if (!cure.empty()) out += "         to change it: " + cure + "\n";
  return out;
}

bool says(const std::string& text, std::string_view words) { return text.find(words) != std::string::npos; }

std::string zero_copy_cure(const PmdPort& port, const std::string& reason) {
  if (port.config().force_copy) return "leave force_copy=1 out";
  if (port.config().zc == ZeroCopy::kOff) return "leave zc=off out";
  if (says(reason, "loop backend")) return "a netdev instead of iface=loop";
  if (says(reason, "SKB mode")) return "leave mode=skb out, on a netdev whose driver has native XDP";
  if (says(reason, "has no AF_XDP zero-copy"))
    return "a NIC whose driver has it (ice, i40e, ixgbe, igb, mlx5, ...)";
  if (says(reason, "another AF_XDP socket")) return "end the other user of the queue";
  if (says(reason, "shares its UMEM")) return "stop and start the port once the first queue's reason is mended";
  return "mend what the reason names, then stop and start the port";
}

bool any_open(const PmdPort& port) {
  for (const auto& slot : port.slots)
    if (slot->pair.bound()) return true;
  return false;
}

// A point for each run of open queues that it is the same for; `text` puts the label behind what is.
std::string point_by_queues(const PmdPort& port,
                            const std::function<std::string(uint16_t, const std::string& label)>& text) {
  const auto said = [&](uint16_t q) { return port.slots[q]->pair.bound() ? text(q, "") : std::string(); };
  std::string out;
  for (uint16_t first = 0, next; first < port.queues(); first = next) {
    const std::string same = said(first);
    for (next = first + 1; next < port.queues() && said(next) == same;) ++next;
    if (same.empty()) continue;
    const bool all = first == 0 && next == port.queues();
    out += text(first, all                 ? ""
                       : next - first == 1 ? text_of(" (queue %u)", first)
                                           : text_of(" (queues %u-%u)", first, next - 1U));
  }
  return out;
}

// "window=N (while it runs: set zcnbrh 0 QUEUE window N)"
std::string key_or_set(const PmdPort& port, const char* key, const char* set) {
  return std::string(key) + text_of(" (while it runs: set zcnbrh %u QUEUE %s)", port.port_id, set);
}

std::string mode_point(const PmdPort& port, uint16_t queue, const std::string& label) {
  const BindOutcome& outcome = port.slots[queue]->pair.outcome();
  if (outcome.mode == XskMode::kZeroCopy)
    return point("mode", "zero-copy" + label, "the driver has it and nothing stands against it", "");
  return point("mode", "copy" + label, outcome.reason, zero_copy_cure(port, outcome.reason));
}

std::string wakeup_point(const PmdPort& port, uint16_t queue, const std::string& label) {
  const QueueSlot& slot = *port.slots[queue];
  const uint32_t budget = busy_budget_of(port, queue);
  const bool tuned = slot.control.tuned.busy_budget.has_value();
  if (slot.pair.rx().busy_poll)
    return point("wakeup", text_of("busy polling, %u packets a call", budget) + label,
                 tuned ? "it was set at run time" : "busy_budget= or sched=busy asks for it",
                 key_or_set(port, "busy_budget=0", "busy 0"));
  if (slot.control.no_busy_poll_for_interrupts)
    return point("wakeup", "by interrupt" + label,
                 "the application asked for RX interrupts, so busy polling was left out",
                 "configure the port without RX interrupts");
  if (budget != 0)
    return point("wakeup", "by interrupt and need_wakeup" + label,
                 "the kernel refused busy polling; the log has its answer", "CAP_NET_ADMIN and Linux 5.11");
  return point(
      "wakeup",
      (slot.pair.outcome().need_wakeup ? "by interrupt; a system call only where the ring asks for it"
                                       : "by interrupt; the kernel has no need_wakeup flag (Linux 5.4)") +
          label,
      tuned ? "busy polling was switched off at run time" : "busy_budget= was not given",
      key_or_set(port, "busy_budget=64", "busy 64"));
}

std::string kick_point(const PmdPort& port, uint16_t queue, const std::string& label) {
  const QueueSlot& slot = *port.slots[queue];
  if (slot.nb_tx == 0) return point("kick", "none" + label, "the queue sends nothing", "");
  if (slot.control.kick.by_thread)
    return point("kick", "a thread makes the kernel send" + label, slot.control.kick.why,
                 key_or_set(port, "kick=inline", "kick inline"));
  return point("kick", "the burst makes the kernel send" + label, slot.control.kick.why,
               key_or_set(port, "kick=thread", "kick thread"));
}

std::string attach_point(const PmdPort& port) {
  const PortConfig& config = port.config();
  const XdpProgram* program = port.port->program();
  if (port.port->is_loop()) return point("XDP", "none", "iface=loop has no kernel under it", "");
  if (config.foreign_map())
    return point("XDP", "somebody else's program", config.use_cni ? "use_cni=1" : "use_pinned_map=1", "");
  if (program == nullptr) return point("XDP", "not attached", "the port was not started yet", "start it");
  std::string is = program->describe();
  const bool skb = program->mode() == ProgramMode::kSkb;
  std::string because = !skb                           ? "the driver takes native XDP programs"
                        : config.mode == XdpMode::kSkb ? "mode=skb"
                                                       : "the driver refuses native XDP (the log says how)";
  because +=
      config.attach == Attach::kAuto ? "; attach=auto took what fits the netdev" : "; attach= names the way";
  return point("XDP", is, because, skb ? "mode=drv, a driver with native XDP, a smaller MTU" : "");
}

std::string gate_point(const PmdPort& port, uint16_t queue, const std::string& label) {
  const OnEmpty on_empty = port.config().on_empty;
  const CreditState& credit = port.slots[queue]->rx->state.credit;
  if (on_empty == OnEmpty::kOff)
    return point(
        "gate", "none: what does not fit the RX ring is dropped by the kernel" + label, "on_empty= is off",
        text_of("on_empty=drop or pass (on the stopped port: set zcnbrh %u 0 on_empty drop)", port.port_id));
  if (!port.slots[queue]->pair.rx().gate.on())
    return point("gate", "none" + label, "the XDP program runs in SKB mode, or the queue receives nothing",
                 "mode=drv");
  return point("gate",
               text_of("%u packets ahead of the application, others %s", credit.window,
                       on_empty == OnEmpty::kDrop ? "dropped" : "to the kernel's stack") +
                   label,
               port.slots[queue]->control.tuned.window ? "the window was set at run time"
               : port.config().window                  ? "window= asks for it"
                                                       : "on_empty= asks for a gate; the window is the widest",
               key_or_set(port, "window=", "window N"));
}

struct Loss {
  uint64_t count = 0;
  const char* what;
  const char* cause;
  const char* cure;
};

// Packets first, then what costs time.
std::vector<Loss> losses_of(PmdPort& port) {
  QueueCounts all;
  GateCounts gate;
  uint64_t flushed = 0, vlan = 0, limited = 0;
  for (uint16_t q = 0; q < port.queues(); ++q) {
    const QueueCounts c = counts_of(*port.slots[q]);
#define RX(name, unit, text) all.rx.name.add(c.rx.name.get());
#define TX(name, unit, text) all.tx.name.add(c.tx.name.get());
#include "lib/xsk/counters.def"
    all.kernel.rx_dropped += c.kernel.rx_dropped;
    all.kernel.rx_ring_full += c.kernel.rx_ring_full;
    all.kernel.tx_invalid_descs += c.kernel.tx_invalid_descs;
    all.kernel.rx_invalid_descs += c.kernel.rx_invalid_descs;
    flushed += c.flushed;
    vlan += c.dropped_vlan;
    limited += c.rate_limited;
    gate.dropped += gate_counts(port, q).dropped;
    gate.passed += gate_counts(port, q).passed;
  }
  return {
      {all.kernel.rx_dropped, "packets dropped by the kernel",
       "no buffer was posted, or a packet is longer than one",
       "a larger mempool and nb_rx_desc, more queues; scattered RX for long packets"},
      {all.kernel.rx_ring_full, "packets dropped by the kernel",
       "the RX ring was full: the application polls too seldom",
       "a larger nb_rx_desc or rx_ring=, more queues, or on_empty=pass"},
      {gate.dropped, "packets dropped by the gate", "the application was a whole window behind",
       "a larger window, more queues, on_empty pass"},
      {gate.passed, "packets to the kernel's stack by the gate", "the application was a whole window behind",
       "a larger window, more queues"},
      {all.rx.dropped_too_long.get(), "packets dropped", "longer than a buffer of the mempool",
       "a larger data room, or scattered RX (Linux 6.6)"},
      {all.rx.dropped_segments.get(), "parts of packets dropped", "the packet came in several buffers",
       "scattered RX (RTE_ETH_RX_OFFLOAD_SCATTER)"},
      {vlan, "packets dropped", "of VLANs that the port's filter does not let in",
       "rx_vlan add, or the filter off"},
      {flushed, "packets given back unread", "a queue or the port was stopped while they waited",
       "read before stopping"},
      {all.tx.invalid.get() + all.kernel.tx_invalid_descs, "packets dropped at transmit",
       "empty, or longer than a frame", "MTU and data room; RTE_ETH_TX_OFFLOAD_MULTI_SEGS"},
      {all.kernel.rx_invalid_descs, "buffers refused by the kernel", "a bad address in the fill ring",
       "a bug: run with ledger=1 and report it"},
      {all.rx.violations.get() + all.tx.violations.get(), "frames left alone",
       "they came back though the kernel did not have them",
       "docs/limits.md (igb); else a bug: run with ledger=1 and report it"},
      {all.rx.alloc_failed.get(), "refills found no buffer", "the mempool is empty", "a larger mempool"},
      {all.tx.no_credit.get(), "TX bursts cut", "nb_tx_desc frames are in flight; nothing is lost",
       "the link is the limit; a larger nb_tx_desc for bursts"},
      {all.tx.no_bounce.get(), "TX bursts cut", "no frame for a copy was free; nothing is lost",
       "tx_bounce=, or buffers that go by address"},
      {limited, "TX bursts cut", "the queue's rate limit; nothing is lost", "a higher limit"},
      {all.tx.bounce_copies.get(), "packets copied at transmit",
       "shared, chained, or of a mempool outside the UMEM", "one pool for the port, made before it starts"},
      {all.tx.kick_down.get(), "system calls failed", "the netdev is down or gone", "ip link set NETDEV up"},
      {all.tx.kick_errors.get() + all.rx.wake_errors.get(), "system calls failed", "for another reason",
       "the kernel's log"},
      {all.rx.contended.get() + all.tx.contended.get(), "bursts refused",
       "two threads or processes poll one queue", "one lcore a queue"},
  };
}

std::string loss_lines(PmdPort& port) {
  std::string out;
  for (const Loss& loss : losses_of(port))
    if (loss.count != 0)
      out += text_of("  %" PRIu64 " %s: %s\n", loss.count, loss.what, loss.cause) +
             "         cure: " + loss.cure + "\n";
  if (out.empty()) return "losses  none\n";
  return "losses  and what costs time, since the port was made\n" + out;
}

std::string map_lines(const PmdPort& port) {
  return by_queues(port, "  ", [&port](uint16_t q) {
    const QueueSlot& slot = *port.slots[q];
    if (!slot.pair.bound()) return std::string("no socket");
    return std::string(slot.pair.enabled() ? "in the XSKMAP: its packets come to the port"
                                           : "not in the XSKMAP: its packets go to the kernel's stack") +
           (slot.nb_rx == 0 ? " (it only sends)" : "");
  });
}

}  // namespace

std::string bpf_report(const PmdPort& port) {
  std::string out = port_title(port) + "\n";
  const XdpProgram* program = port.port->program();
  if (port.port->is_loop()) return out + "no XDP program: the loop backend is no netdev\n";
  if (program == nullptr)
    return out +
           (port.config().foreign_map() ? "the XDP program is somebody else's; his XSKMAP feeds the port\n"
                                        : "no XDP program yet; it is attached when the port starts\n") +
           map_lines(port);
  out += program->describe() + "\n";
  out += text_of("several buffers a packet: %s; flow rules: %s (%zu of this port); metadata written: 0x%x\n",
                 program->frags() ? "yes" : "no", program->rules() ? "yes" : "no", port.flow.rules.size(),
                 program->metadata());
  if (const std::string now = program->displaced_by(); !now.empty())
    out += "NOT in force: its place is taken by " + now + "; stop and start the port\n";
  return out + map_lines(port);
}

std::string why_report(PmdPort& port) {
  std::string out = port_title(port) + "\n";
  if (port.control.absent)
    return out +
           point("netdev", "gone", "it was deleted or moved to another namespace",
                 port.config().reattach ? "wait: the port goes on with one of its name" : "close the port");
  const struct rte_eth_dev* dev = &rte_eth_devices[port.port_id];
  if (!any_open(port)) {
    out += point("mode", "none", "no queue is open: the port was not started yet", "start it") +
           attach_point(port);
    return out + loss_lines(port);
  }
  const auto each = [&port](auto what) {
    return point_by_queues(port, [&](uint16_t q, const std::string& label) { return what(port, q, label); });
  };
  out += each(mode_point) + each(wakeup_point) + each(kick_point) + attach_point(port) + each(gate_point);
  if (dev->data->dev_started != 0)
    out += point(
        "bursts", std::string("RX ") + rx_burst_name(dev) + ", TX " + tx_burst_name(dev),
        port.trace.on ? "what was configured; each packet is noted, too (trace on)" : "what was configured",
        "");
  return out + loss_lines(port);
}

}  // namespace zcnbrh::pmd
