// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#include "drivers/net/zcnbrh/kick.h"

#include <pthread.h>
#include <rte_lcore.h>

#include "drivers/net/zcnbrh/log.h"
#include "drivers/net/zcnbrh/pmd.h"

namespace zcnbrh::pmd {
namespace {

void* read_own_cpus(void* out) {
  ::pthread_getaffinity_np(::pthread_self(), sizeof(cpu_set_t), static_cast<cpu_set_t*>(out));
  return nullptr;
}

// EAL has no call that tells: all CPUs of the process but those of lcores, or the main lcore's where that
// leaves none (compute_ctrl_threads_cpuset() in lib/eal, 22.11).
cpu_set_t control_cpus() {
  cpu_set_t out;
  CPU_ZERO(&out);
  pthread_t thread;
  if (rte_ctrl_thread_create(&thread, "zcnbrh-cpus", nullptr, read_own_cpus, &out) == 0)
    pthread_join(thread, nullptr);
  return out;
}

void take_away(cpu_set_t& from, const cpu_set_t& what) {
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu)
    if (CPU_ISSET(cpu, &what)) CPU_CLR(cpu, &from);
}

KickChoice choose(Kick kick, const FreeCpus& free) {
  if (kick == Kick::kInline) return {false, "kick=inline"};
  if (kick == Kick::kAuto) return {false, "a thread was not asked for"};
  if (CPU_COUNT(&free.cpus) == 0) return {false, "no CPU is free of worker lcores"};
  return {true, free.main_lcore ? "kick=thread, on the main lcore's CPU" : "kick=thread"};
}

}  // namespace

FreeCpus free_cpus() {
  FreeCpus out;
  out.cpus = control_cpus();
  unsigned lcore;
  RTE_LCORE_FOREACH_WORKER(lcore) { take_away(out.cpus, rte_lcore_cpuset(lcore)); }
  cpu_set_t main = rte_lcore_cpuset(rte_get_main_lcore());
  CPU_AND(&main, &main, &out.cpus);
  out.main_lcore = CPU_COUNT(&main) != 0;
  return out;
}

void start_kicks(PmdPort& port, QueueSlot& slot, uint16_t queue) {
  if (slot.nb_tx == 0 || port.port->is_loop()) return;
  const FreeCpus free = free_cpus();
  const Kick kick = kick_of(port, queue);
  KickChoice choice = choose(kick, free);
  if (!choice.by_thread && kick == Kick::kThread)
    ZLOG(WARNING, "port %u TX queue %u (%s): kick=thread: %s; its bursts make the system calls", port.port_id,
         queue, port.name.c_str(), choice.why.c_str());
  if (choice.by_thread) {
    const Status s = slot.pair.start_kicks(KickDuty::kAll, free.cpus);
    if (s) {
      slot.control.kick = std::move(choice);
      return;
    }
    ZLOG(WARNING, "port %u TX queue %u (%s): %s; its bursts make the system calls", port.port_id, queue,
         port.name.c_str(), s.error().text().c_str());
    choice = {false, s.error().text()};
  }
  // Zero-copy drivers see to it by themselves that what is in their ring is sent.
  if (slot.pair.outcome().mode == XskMode::kCopy)
    if (const Status s = slot.pair.start_kicks(KickDuty::kLeftBehind, cpu_set_t{}); !s)
      ZLOG(WARNING,
           "port %u TX queue %u (%s): %s; a packet that the kernel puts off waits until the next burst",
           port.port_id, queue, port.name.c_str(), s.error().text().c_str());
  slot.control.kick = std::move(choice);
}

}  // namespace zcnbrh::pmd
