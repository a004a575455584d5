// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#include "drivers/net/zcnbrh/autopilot.h"

#include <rte_alarm.h>
#include <rte_lcore.h>
#include <sys/socket.h>

#include <algorithm>
#include <vector>

#include "drivers/net/zcnbrh/control_lock.h"
#include "drivers/net/zcnbrh/log.h"
#include "drivers/net/zcnbrh/pmd.h"
#include "lib/base/clock.h"
#include "lib/base/cpu_times.h"

namespace zcnbrh::pmd {
namespace {

// The process's; everything under the control lock. Never destroyed: EAL's interrupt thread may outlast main().
struct Autopilot {
  SchedPilot pilot;
  std::vector<PmdPort*> ports;  // started ones
  cpu_set_t free{};             // CPUs that no worker lcore has
  cpu_set_t lcores{};           // the others' that lcores have
  bool alarm = false;
  bool told_pays = false;
  uint64_t looked_ns = 0;
  std::vector<CpuTimes> times;  // at the last look; empty: there was none
};

Autopilot& autopilot() {
  static auto* the = new Autopilot;
  return *the;
}

template <typename F>
void for_queues(SchedDuty duty, F&& f) {
  for (PmdPort* port : autopilot().ports)
    for (const auto& slot : port->slots)
      if (slot->pair && slot->nb_rx != 0 && slot->control.sched.choice.duty == duty) f(*port, *slot);
}

// The kernel tells a socket the NAPI of its first packet, where the driver had it before it made its XDP
// queues; veth has not, from 6.14 on. There a port that has all RX queues of a netdev with a NAPI for each has
// all of its NAPIs. 0: not known, or no packet has come in yet.
uint32_t napi_id(const PmdPort& port, const QueueSlot& slot) {
  int id = 0;
  socklen_t length = sizeof id;
  const XskSocket& socket = slot.pair.socket();
  if (socket.kernel().getsockopt(socket.fd(), SOL_SOCKET, SO_INCOMING_NAPI_ID, &id, &length) == 0 && id > 0)
    return static_cast<uint32_t>(id);
  if (slot.control.sched.packets == 0 || port.config().start_queue != 0 ||
      port.port->info().rx_queues != port.queues())
    return 0;
  const std::vector<uint32_t> all = napis_of(port.port->ifindex());
  const auto queue = std::find_if(port.slots.begin(), port.slots.end(),
                                  [&](const auto& other) { return other.get() == &slot; });
  return all.size() == port.slots.size() ? all[static_cast<size_t>(queue - port.slots.begin())] : 0;
}

uint64_t packets_since_last_look(QueueSlot& slot) {
  uint64_t now = slot.rx->state.count.packets.get();
  if (slot.nb_tx != 0) now += slot.tx->state.count.packets.get();
  const uint64_t before = std::exchange(slot.control.sched.packets, now);
  return now >= before ? now - before : 0;
}

// Largest part of a CPU's time since the last look.
double most_of(const cpu_set_t& cpus, const std::vector<CpuTimes>& before, const std::vector<CpuTimes>& now,
               uint64_t CpuTimes::*what) {
  double most = 0;
  for (size_t cpu = 0; cpu < std::min(before.size(), now.size()); ++cpu) {
    const uint64_t all = now[cpu].all - before[cpu].all;
    if (!CPU_ISSET(cpu, &cpus) || all == 0) continue;
    most = std::max(most, static_cast<double>(now[cpu].*what - before[cpu].*what) / static_cast<double>(all));
  }
  return most;
}

SchedWindow look() {
  Autopilot& a = autopilot();
  SchedWindow out;
  for_queues(SchedDuty::kTry, [&](PmdPort&, QueueSlot& slot) { out.packets += packets_since_last_look(slot); });
  const uint64_t now = monotonic_ns();
  const uint64_t took = now - std::exchange(a.looked_ns, now);
  // An alarm on a busy machine comes late.
  out.packets = static_cast<uint64_t>(static_cast<double>(out.packets) * kSchedWindowMs * 1e6 /
                                      static_cast<double>(std::max<uint64_t>(took, 1)));
  if (!SchedPilot::may_matter(out.packets)) {
    a.times.clear();
    return out;
  }
  std::vector<CpuTimes> times = read_cpu_times();
  out.softirq = most_of(a.lcores, a.times, times, &CpuTimes::softirq);
  out.idle = most_of(a.free, a.times, times, &CpuTimes::idle);
  a.times = std::move(times);
  return out;
}

// Of all queues whose NAPI is known. Two queues may share one.
Status give_threads() {
  Error last{ENOENT, "threaded NAPI", "no NAPI of a queue is known yet"};
  bool any = false;
  for_queues(SchedDuty::kTry, [&](PmdPort& port, QueueSlot& slot) {
    const uint32_t id = napi_id(port, slot);
    if (slot.control.sched.napi || id == 0) return;
    auto napi = ThreadedNapi::start(id, autopilot().free);
    if (!napi) {
      last = napi.error();
      return;
    }
    slot.control.sched.napi = std::move(*napi);
    any = true;
  });
  return any ? Status() : Status(last);
}

void take_threads() {
  for_queues(SchedDuty::kTry, [](PmdPort&, QueueSlot& slot) { slot.control.sched.napi.end(); });
}

// sched=threaded: as soon as its NAPI is known.
void give_thread_asked_for(PmdPort& port, QueueSlot& slot) {
  QueueSched& sched = slot.control.sched;
  packets_since_last_look(slot);
  const uint32_t id = sched.napi || sched.refused ? 0 : napi_id(port, slot);
  if (id == 0) return;
  auto napi = ThreadedNapi::start(id, autopilot().free);
  if (napi) {
    sched.napi = std::move(*napi);
    return;
  }
  sched.refused = true;
  sched.choice.why += ": " + napi.error().text();
  ZLOG(WARNING, "port %u (%s): %s; its packets come by softirqs", port.port_id, port.name.c_str(),
       sched.choice.why.c_str());
}

void pilot_once() {
  Autopilot& a = autopilot();
  const SchedPilot::Step step = a.pilot.step(look());
  if (step == SchedPilot::Step::kSoftirqs) take_threads();
  if (step == SchedPilot::Step::kThreads)
    if (const Status s = give_threads(); !s) a.pilot.refused("a thread was not to be had: " + s.error().text());
  if (a.pilot.tries() || a.pilot.pays() == a.told_pays) return;
  a.told_pays = a.pilot.pays();
  ZLOG(NOTICE, "packets come in by %s: %s", a.told_pays ? "kernel threads for NAPI" : "softirqs",
       a.pilot.why().c_str());
}

// Runs while there is a started port with something to look at. Nobody waits for it.
void tick(void* /*unused*/) {
  if (const TryControlLock lock; lock) {
    Autopilot& a = autopilot();
    if (a.ports.empty()) {
      a.alarm = false;
      return;
    }
    for_queues(SchedDuty::kThreaded, give_thread_asked_for);
    pilot_once();
  }
  rte_eal_alarm_set(uint64_t{kSchedWindowMs} * 1000, tick, nullptr);
}

cpu_set_t cpus_of_lcores(const cpu_set_t& but) {
  cpu_set_t out;
  CPU_ZERO(&out);
  unsigned lcore;
  RTE_LCORE_FOREACH(lcore) {
    const cpu_set_t cpus = rte_lcore_cpuset(lcore);
    for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu)
      if (CPU_ISSET(cpu, &cpus) && !CPU_ISSET(cpu, &but)) CPU_SET(cpu, &out);
  }
  return out;
}

}  // namespace

const SchedChoice& decide_sched(const PmdPort& port, QueueSlot& slot) {
  SchedFacts facts;
  facts.asked = port.config().sched;
  facts.busy_budget = port.config().busy_budget;
  if (const auto& tuned = slot.control.tuned.busy_budget; tuned) {  // at run time
    facts.asked = Sched::kAuto;
    facts.busy_budget = tuned;
  }
  facts.loop = port.port->is_loop();
  facts.receives = slot.nb_rx != 0;
  facts.sleeps = wants_rx_interrupts(port);
  facts.native = port.port->program() == nullptr || port.port->program()->mode() != ProgramMode::kSkb;
  const bool asked = facts.loop || facts.busy_budget || facts.asked != Sched::kAuto;
  const FreeCpus free = asked ? FreeCpus{} : free_cpus();
  facts.free_cpu = CPU_COUNT(&free.cpus) != 0;
  slot.control.sched.refused = false;
  return slot.control.sched.choice = choose_sched(facts);
}

void watch_sched(PmdPort& port) {
  const bool any = std::any_of(port.slots.begin(), port.slots.end(), [](const auto& slot) {
    return slot->pair && slot->control.sched.choice.duty != SchedDuty::kFixed;
  });
  if (const unsigned orphans = put_back_orphans(); orphans != 0)
    ZLOG(NOTICE, "%u NAPI threads of a process that was killed: taken back", orphans);
  if (!any) return;
  Autopilot& a = autopilot();
  a.ports.push_back(&port);
  a.free = free_cpus().cpus;
  a.lcores = cpus_of_lcores(a.free);
  if (a.alarm) return;
  a.pilot = SchedPilot();
  a.told_pays = false;
  a.looked_ns = monotonic_ns();
  a.alarm = rte_eal_alarm_set(uint64_t{kSchedWindowMs} * 1000, tick, nullptr) == 0;
}

void leave_sched(PmdPort& port) {
  std::erase(autopilot().ports, &port);
  for (const auto& slot : port.slots) slot->control.sched.napi.end();
}

const char* sched_name(const QueueSlot& slot) {
  return slot.pair.rx().busy_poll ? "busy" : slot.control.sched.napi ? "threaded" : "wakeup";
}

std::string sched_reason(const QueueSlot& slot) {
  const SchedChoice& choice = slot.control.sched.choice;
  return choice.why.empty() && choice.duty == SchedDuty::kTry ? autopilot().pilot.why() : choice.why;
}

}  // namespace zcnbrh::pmd
