// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// Who runs the kernel's part of receiving, and why: what is decided when a queue is bound (choose_sched), and
// what is found out while it runs (SchedPilot). Pure: they look at nothing and change nothing.
//
//   wakeup     softirqs, on the CPU where the NIC's interrupt comes, or a veth's packets are sent
//   busy       the burst, by a system call for each empty poll (preferred busy polling, SO_PREFER_BUSY_POLL)
//   threaded   a kernel thread for the queue's NAPI, on a CPU that no worker lcore has
//
// Wakeup is right unless softirqs take an lcore's time while another CPU is idle. Whether a thread then pays
// cannot be told beforehand: measured on veth it moved 1.3 to 1.8 times as much where a core forwards between
// two ports, and half as much where the packets' source is on the CPU that the thread would share. So it is
// tried, for some tenths of a second, and kept if more packets are moved. Busy polling is never chosen: it adds
// a system call to each empty poll, and where softirqs and burst share one CPU it was no faster.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "lib/config/port_config.h"

namespace zcnbrh {

struct SchedFacts {
  Sched asked = Sched::kWakeup;
  std::optional<uint32_t> busy_budget;
  bool loop = false;
  bool receives = true;  // there is an RX queue
  bool sleeps = false;   // the application asked for RX interrupts
  bool native = true;    // XDP program in the driver: the queue has a NAPI that is known
  bool free_cpu = true;  // there is a CPU without a worker lcore
};

enum class SchedDuty : uint8_t {
  kFixed,     // nothing is changed while it runs
  kTry,       // the pilot may try a thread
  kThreaded,  // a thread as soon as the NAPI is known
};

struct SchedChoice {
  SchedDuty duty = SchedDuty::kFixed;
  uint32_t budget = 0;  // 0: no busy polling
  std::string why;      // empty with kTry: the pilot's
};
SchedChoice choose_sched(const SchedFacts& facts);

// A window of time, of all queues that the pilot may change.
struct SchedWindow {
  uint64_t packets = 0;
  // Of CPUs; looked at only where may_matter(packets).
  double softirq = 0;  // the largest part of an lcore's CPU that softirqs took
  double idle = 0;     // the idlest CPU that no lcore has, its idle part
};

inline constexpr uint32_t kSchedWindowMs = 100;

class SchedPilot {
 public:
  enum class Step : uint8_t { kNone, kThreads, kSoftirqs };

  // Too few packets to be worth a look at the CPUs: 50,000 a second.
  static bool may_matter(uint64_t packets) { return packets >= 5000; }
  // Once a window, with what the window before saw. Returns what is to be done now.
  Step step(const SchedWindow& window);
  // Tried and found to pay.
  bool pays() const { return state_ == State::kThreads; }
  bool tries() const { return state_ == State::kTrial || state_ == State::kCheck; }
  bool threads() const { return state_ != State::kSoftirqs && state_ != State::kCheck; }
  // The step could not be taken.
  void refused(std::string why);
  const std::string& why() const { return why_; }

 private:
  enum class State : uint8_t {
    kSoftirqs,  // as the kernel does it
    kTrial,     // with threads, compared with what was before
    kThreads,   // they pay
    kCheck,     // for a moment without them: do they still?
  };
  Step enter(State state);
  Step watch(const SchedWindow& window);
  Step judge_trial(double packets);
  Step stay(const SchedWindow& window);
  Step judge_check(double packets);
  void back_off();
  void see_other_load(double packets);
  std::string compared(const char* what, double before, double after) const;

  State state_ = State::kSoftirqs;
  uint32_t windows_ = 0;     // in this state
  uint32_t conditions_ = 0;  // windows in a row that call for a trial
  uint32_t low_ = 0;         // windows in a row with far fewer packets than when threads were found to pay
  double sum_ = 0;           // packets of the windows that count
  double before_ = 0;        // a window, with softirqs
  double with_ = 0;          // a window, with threads
  uint32_t other_ = 0;       // windows in a row with another load than the one a thread was tried for
  uint32_t wait_ = 0;        // windows until the next trial
  uint32_t back_off_ = 0;
  std::string why_ = "no lcore's time goes into softirqs";
};

}  // namespace zcnbrh
