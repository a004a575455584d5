// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#include "lib/xsk/sched_pilot.h"

#include <algorithm>
#include <cstdio>
#include <utility>

namespace zcnbrh {
namespace {

constexpr double kMuchSoftirq = 0.2;   // of an lcore's CPU
constexpr double kMuchIdle = 0.5;      // of a free CPU
constexpr uint32_t kSettle = 1;        // windows after a change that do not count
constexpr uint32_t kCount = 2;         // windows that do
constexpr double kPays = 1.1;          // times as many packets, to begin with threads
constexpr double kStillPays = 1.05;    // to go on with them
constexpr double kFarFewer = 0.7;      // than when they were found to pay: the load has changed
constexpr uint32_t kCheckEvery = 300;  // windows
constexpr uint32_t kFirstBackOff = 20, kLongestBackOff = 6000;
constexpr double kOtherLoad = 1.5;  // times as many packets as when a thread was tried, or as few

// As asked, where that decides it.
SchedChoice busy_polling(const SchedFacts& facts) {
  SchedChoice out{SchedDuty::kFixed, facts.busy_budget.value_or(kBusyBudget), "sched=busy"};
  if (facts.busy_budget) out.why = "busy_budget=" + std::to_string(out.budget);
  if (!facts.sleeps) return out;
  return {SchedDuty::kFixed, 0, out.why + " is left out: the application asked for RX interrupts"};
}

}  // namespace

// In this order: the first that holds.
SchedChoice choose_sched(const SchedFacts& facts) {
  if (facts.asked == Sched::kBusy || facts.busy_budget.value_or(0) != 0) return busy_polling(facts);
  if (facts.loop) return {SchedDuty::kFixed, 0, "iface=loop has no NAPI"};
  if (facts.asked == Sched::kWakeup)
    return {SchedDuty::kFixed, 0, facts.busy_budget ? "busy_budget=0" : "sched=wakeup"};
  if (!facts.receives) return {SchedDuty::kFixed, 0, "it does not receive"};
  if (!facts.native) return {SchedDuty::kFixed, 0, "in SKB mode the kernel does not tell its NAPI"};
  if (facts.asked == Sched::kThreaded) return {SchedDuty::kThreaded, 0, "sched=threaded"};
  if (facts.busy_budget) return {SchedDuty::kFixed, 0, "busy_budget=0"};
  if (facts.sleeps) return {SchedDuty::kFixed, 0, "the application sleeps until an interrupt"};
  if (!facts.free_cpu) return {SchedDuty::kFixed, 0, "no CPU is free of worker lcores"};
  return {SchedDuty::kTry, 0, ""};
}

std::string SchedPilot::compared(const char* what, double before, double after) const {
  char text[128];
  const double per_second = 1000.0 / kSchedWindowMs / 1e6;
  std::snprintf(text, sizeof text, "%s: %.2f million packets a second, in and out, %.2f with softirqs", what,
                after * per_second, before * per_second);
  return text;
}

SchedPilot::Step SchedPilot::enter(State state) {
  const bool before = threads();
  state_ = state;
  windows_ = conditions_ = low_ = other_ = 0;
  sum_ = 0;
  if (before == threads()) return Step::kNone;
  return threads() ? Step::kThreads : Step::kSoftirqs;
}

void SchedPilot::back_off() {
  back_off_ = std::min(std::max(back_off_ * 2, kFirstBackOff), kLongestBackOff);
  wait_ = back_off_;
}

void SchedPilot::refused(std::string why) {
  why_ = std::move(why);
  before_ = 0;
  enter(State::kSoftirqs);
  wait_ = back_off_ = kLongestBackOff;
}

// What was found out was of another load. Even so trials are never closer than the first pause.
void SchedPilot::see_other_load(double packets) {
  const bool other = packets > before_ * kOtherLoad || packets * kOtherLoad < before_;
  other_ = other ? other_ + 1 : 0;
  if (other_ < kCount || before_ == 0) return;
  wait_ = std::min(wait_, kFirstBackOff - std::min(windows_, kFirstBackOff));
}

SchedPilot::Step SchedPilot::watch(const SchedWindow& window) {
  if (wait_ != 0) {
    --wait_;
    see_other_load(static_cast<double>(window.packets));
    return Step::kNone;
  }
  if (!may_matter(window.packets) || window.softirq < kMuchSoftirq || window.idle < kMuchIdle) {
    conditions_ = 0;
    sum_ = 0;
    return Step::kNone;
  }
  sum_ += static_cast<double>(window.packets);
  if (++conditions_ < kCount) return Step::kNone;
  before_ = sum_ / kCount;
  why_ = "a thread is being tried";
  return enter(State::kTrial);
}

SchedPilot::Step SchedPilot::judge_trial(double packets) {
  with_ = packets;
  if (packets >= before_ * kPays) {
    back_off_ = 0;
    why_ = compared("a thread pays", before_, with_);
    return enter(State::kThreads);
  }
  why_ = compared("a thread was tried and does not pay", before_, with_);
  back_off();
  return enter(State::kSoftirqs);
}

// Far fewer packets: other work than that which was measured. Back to what is right for most, and to a new
// look.
SchedPilot::Step SchedPilot::stay(const SchedWindow& window) {
  const auto packets = static_cast<double>(window.packets);
  low_ = packets < with_ * kFarFewer ? low_ + 1 : 0;
  if (low_ >= kCount) {
    why_ = "the load has changed since a thread paid";
    return enter(State::kSoftirqs);
  }
  if (windows_ < kCheckEvery) return Step::kNone;
  with_ = packets;
  return enter(State::kCheck);
}

SchedPilot::Step SchedPilot::judge_check(double packets) {
  before_ = packets;
  if (with_ >= before_ * kStillPays) {
    why_ = compared("a thread pays", before_, with_);
    return enter(State::kThreads);
  }
  why_ = compared("a thread does not pay any more", before_, with_);
  back_off();
  return enter(State::kSoftirqs);
}

SchedPilot::Step SchedPilot::step(const SchedWindow& window) {
  ++windows_;
  if (state_ == State::kSoftirqs) return watch(window);
  if (state_ == State::kThreads) return stay(window);
  if (windows_ > kSettle) sum_ += static_cast<double>(window.packets);
  if (windows_ < kSettle + kCount) return Step::kNone;
  return state_ == State::kTrial ? judge_trial(sum_ / kCount) : judge_check(sum_ / kCount);
}

}  // namespace zcnbrh
