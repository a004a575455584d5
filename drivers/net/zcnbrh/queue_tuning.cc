// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#include "drivers/net/zcnbrh/queue_tuning.h"

#include <cerrno>
#include <string>

#include "drivers/net/zcnbrh/kick.h"
#include "drivers/net/zcnbrh/pmd.h"
#include "drivers/net/zcnbrh/share.h"
#include "lib/xsk/quiesce.h"

namespace zcnbrh::pmd {
namespace {

// Holds off a queue's bursts, in every process, while what they read is changed. They go on as they were.
class HeldOff {
 public:
  HeldOff(PmdPort& port, uint16_t queue, bool rx, bool tx)
      : port_(port),
        queue_(queue),
        pair_(port.slots[queue]->pair),
        rx_ran_(rx && !pair_.rx().door.is_shut()),
        tx_ran_(tx && !pair_.tx().door.is_shut()),
        out_(shut_everywhere(port, queue, rx, tx)) {}
  ~HeldOff() {
    if (rx_ran_) pair_.rx().door.open();
    if (tx_ran_) pair_.tx().door.open();
    share_queue(port_, queue_);
  }
  HeldOff(const HeldOff&) = delete;
  HeldOff& operator=(const HeldOff&) = delete;

  Status status() const {
    if (out_) return {};
    return Error{EBUSY, "queue",
                 "a thread has been inside a burst of queue " + std::to_string(queue_) +
                     " for seconds; is it stopped in a debugger, or starved? Nothing was changed"};
  }

 private:
  PmdPort& port_;
  const uint16_t queue_;
  QueuePair& pair_;
  const bool rx_ran_, tx_ran_, out_;
};

std::string queue_text(uint16_t queue) { return "queue " + std::to_string(queue); }

Status check_queue(const PmdPort& port, uint16_t queue, bool wants_rx, bool wants_tx) {
  if (queue >= port.queues())
    return Error{EINVAL, "queue",
                 "port " + std::to_string(port.port_id) + " has queues 0.." +
                     std::to_string(port.queues() - 1) + ", no " + queue_text(queue) +
                     "; queue_count= gives it more"};
  const QueueSlot& slot = *port.slots[queue];
  if ((!wants_rx || slot.nb_rx == 0) && (!wants_tx || slot.nb_tx == 0))
    return Error{
        EINVAL, "queue",
        queue_text(queue) + " is not set up" +
            (wants_rx && wants_tx ? ""
             : wants_rx           ? " to receive"
                                  : " to send") +
            "; set it up by testpmd's `port config all rxq` and `txq`, or the application's own means"};
  return {};
}

// A queue that a thread kicks for has a copy of the calls to make; so it is asked anew.
Status change_busy_poll(PmdPort& port, QueueSlot& slot, uint16_t queue, uint32_t packets) {
  if (!slot.pair.stop_kicks())
    return Error{EBUSY, "kick=thread", "the thread is stuck in a system call; try again"};
  Status s = packets != 0 ? port.port->set_busy_poll(slot.pair, packets) : slot.pair.clear_busy_poll();
  start_kicks(port, slot, queue);
  return s;
}

const char* on_empty_name(OnEmpty on_empty) {
  return on_empty == OnEmpty::kDrop ? "drop" : on_empty == OnEmpty::kPass ? "pass" : "off";
}

GateMode gate_mode(OnEmpty on_empty) {
  return on_empty == OnEmpty::kDrop   ? GateMode::kDrop
         : on_empty == OnEmpty::kPass ? GateMode::kPass
                                      : GateMode::kOff;
}

// With another kind of gate the program and its queues are made anew, by the next start.
Status change_program(PmdPort& port, OnEmpty on_empty) {
  if (port.control.started)
    return Error{
        EBUSY, "on_empty",
        std::string(
            "the gate is built into the XDP program when that is loaded; stop the port, set on_empty ") +
            on_empty_name(on_empty) + ", start it"};
  if (on_empty != OnEmpty::kOff && port.config().mode == XdpMode::kSkb)
    return Error{ENOTSUP, "on_empty",
                 "mode=skb: several CPUs may run one queue, so nobody could count for a gate; mode=drv"};
  PortConfig wanted = port.config();
  wanted.on_empty = on_empty;
  if (on_empty == OnEmpty::kOff) wanted.window.reset();
  if (Status s = validate(wanted); !s) return s;
  see_gate_counts(port);
  for (uint16_t queue = 0; queue < port.queues(); ++queue) close_queue(port, queue);
  port.port->detach();
  port.port->set_gate(on_empty);
  return {};
}

}  // namespace

uint32_t busy_budget_of(const PmdPort& port, uint16_t queue) {
  return port.slots[queue]->control.tuned.busy_budget.value_or(port.config().busy_polling());
}

Kick kick_of(const PmdPort& port, uint16_t queue) {
  return port.slots[queue]->control.tuned.kick.value_or(port.config().kick);
}

Status tune_window(PmdPort& port, uint16_t queue, uint32_t packets) {
  if (Status s = check_queue(port, queue, true, false); !s) return s;
  QueueSlot& slot = *port.slots[queue];
  if (packets == 0)
    return Error{EINVAL, "window", "0 packets would shut the gate for ever; at least 1, or on_empty off"};
  if (port.config().on_empty == OnEmpty::kOff)
    return Error{ENOTSUP, "window",
                 "the port has no delivery gate (on_empty=off); stop it, set on_empty drop or pass, start it"};
  if (slot.pair.bound()) {
    if (!slot.pair.rx().gate.on())
      return Error{ENOTSUP, "window", "the XDP program runs in SKB mode, which has no gate; mode=drv"};
    const uint32_t most = widest_window_of(port, queue);
    if (packets > most)
      return Error{ERANGE, "window",
                   std::to_string(packets) + " packets: " + queue_text(queue) + " takes 1.." +
                       std::to_string(most) +
                       ", which its frames and the NIC's own ring allow; more need a larger nb_rx_desc"};
    const HeldOff held(port, queue, true, false);
    if (Status s = held.status(); !s) return s;
    slot.rx->state.credit.window = packets;
    publish_credits(slot.pair.rx().gate, slot.rx->state.credit);
  }
  slot.control.tuned.window = packets;
  return {};
}

Status tune_busy_budget(PmdPort& port, uint16_t queue, uint32_t packets) {
  if (Status s = check_queue(port, queue, true, true); !s) return s;
  QueueSlot& slot = *port.slots[queue];
  if (packets != 0 && port.port->is_loop())
    return Error{ENOTSUP, "busy", "the loop backend has no driver that could be polled; use a netdev"};
  if (packets != 0 && wants_rx_interrupts(port))
    return Error{
        ENOTSUP, "busy",
        "the application asked for RX interrupts, so its core sleeps and polls nothing; configure the port "
        "without them"};
  if (slot.pair.bound() && (packets != 0 || slot.pair.rx().busy_poll)) {
    const HeldOff held(port, queue, true, true);
    if (Status s = held.status(); !s) return s;
    if (Status s = change_busy_poll(port, slot, queue, packets); !s) return s;
  }
  slot.control.tuned.busy_budget = packets;
  slot.control.sched.napi.end();
  decide_sched(port, slot);
  return {};
}

Status tune_kick(PmdPort& port, uint16_t queue, Kick kick) {
  if (Status s = check_queue(port, queue, false, true); !s) return s;
  QueueSlot& slot = *port.slots[queue];
  if (kick == Kick::kThread && port.port->is_loop())
    return Error{ENOTSUP, "kick", "the loop backend sends without a system call; use a netdev"};
  const auto before = slot.control.tuned.kick;
  slot.control.tuned.kick = kick;
  if (!slot.pair.bound()) return {};
  const HeldOff held(port, queue, true, true);  // the RX burst looks after what is left behind
  Status s = held.status();
  if (s && !slot.pair.stop_kicks()) s = Error{EBUSY, "kick", "the thread is stuck in a system call; try again"};
  if (!s) {
    slot.control.tuned.kick = before;
    return s;
  }
  start_kicks(port, slot, queue);
  if (kick != Kick::kThread || slot.control.kick.by_thread) return {};
  Error refused{ENOTSUP, "kick",
                slot.control.kick.why + "; the bursts make the calls as before. Leave a CPU free of lcores"};
  slot.control.tuned.kick = before;
  slot.pair.stop_kicks();
  start_kicks(port, slot, queue);
  return refused;
}

Status tune_on_empty(PmdPort& port, OnEmpty on_empty) {
  if (port.port->is_loop())
    return Error{ENOTSUP, "on_empty", "the loop backend has no XDP program, and so no gate; use a netdev"};
  if (!port.config().own_program())
    return Error{ENOTSUP, "on_empty",
                 "the XDP program is not the driver's own; leave xdp_prog=, use_cni= and use_pinned_map= out"};
  const OnEmpty now = port.config().on_empty;
  if (on_empty == now) return {};
  const XdpProgram* program = port.port->program();
  if (program == nullptr || on_empty == OnEmpty::kOff || now == OnEmpty::kOff)
    return change_program(port, on_empty);
  if (Status s = port.port->use_gate(gate_mode(on_empty)); !s) return s;
  port.port->set_gate(on_empty);
  return {};
}

}  // namespace zcnbrh::pmd
