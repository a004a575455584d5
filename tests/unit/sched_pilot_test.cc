// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// The scheduling autopilot's two halves, without a machine: the table of decisions at bind, and the pilot in a
// made-up world that answers it window by window.
#include "lib/xsk/sched_pilot.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "lib/base/cpu_times.h"

namespace zcnbrh {
namespace {

using Step = SchedPilot::Step;

SchedFacts facts(Sched asked, std::optional<uint32_t> budget = {}) {
  SchedFacts out;
  out.asked = asked;
  out.busy_budget = budget;
  return out;
}
SchedFacts but(SchedFacts facts, bool SchedFacts::*what, bool value) {
  facts.*what = value;
  return facts;
}

TEST(SchedChoice, Table) {
  constexpr auto kSleeps = &SchedFacts::sleeps, kLoop = &SchedFacts::loop, kReceives = &SchedFacts::receives,
                 kNative = &SchedFacts::native, kFree = &SchedFacts::free_cpu;
  const SchedFacts automatic = facts(Sched::kAuto), wakeup = facts(Sched::kWakeup), busy = facts(Sched::kBusy),
                   threaded = facts(Sched::kThreaded);
  struct Row {
    const char* name;
    SchedFacts facts;
    SchedDuty duty;
    uint32_t budget;
    const char* why;
  };
  const std::vector<Row> rows = {
      {"default", {}, SchedDuty::kFixed, 0, "sched=wakeup"},
      {"auto", automatic, SchedDuty::kTry, 0, ""},
      {"wakeup", wakeup, SchedDuty::kFixed, 0, "sched=wakeup"},
      {"busy", busy, SchedDuty::kFixed, 64, "sched=busy"},
      {"budget alone", facts(Sched::kWakeup, 7), SchedDuty::kFixed, 7, "busy_budget=7"},
      {"budget of busy", facts(Sched::kBusy, 9), SchedDuty::kFixed, 9, "busy_budget=9"},
      {"budget 0 alone", facts(Sched::kWakeup, 0), SchedDuty::kFixed, 0, "busy_budget=0"},
      {"budget 0", facts(Sched::kAuto, 0), SchedDuty::kFixed, 0, "busy_budget=0"},
      {"budget 0, thread", facts(Sched::kThreaded, 0), SchedDuty::kThreaded, 0, "sched=threaded"},
      {"thread", threaded, SchedDuty::kThreaded, 0, "sched=threaded"},
      {"thread, asleep", but(threaded, kSleeps, true), SchedDuty::kThreaded, 0, "sched=threaded"},
      {"thread without a free CPU", but(threaded, kFree, false), SchedDuty::kThreaded, 0, ""},
      {"loop", but(automatic, kLoop, true), SchedDuty::kFixed, 0, "loop"},
      {"loop, busy", but(facts(Sched::kAuto, 64), kLoop, true), SchedDuty::kFixed, 64, "busy_budget=64"},
      {"only sends", but(automatic, kReceives, false), SchedDuty::kFixed, 0, "does not receive"},
      {"only sends, thread", but(threaded, kReceives, false), SchedDuty::kFixed, 0, "not receive"},
      {"asleep", but(automatic, kSleeps, true), SchedDuty::kFixed, 0, "sleeps"},
      {"asleep, budget", but(facts(Sched::kAuto, 64), kSleeps, true), SchedDuty::kFixed, 0, "=64 is left out"},
      {"asleep, busy", but(busy, kSleeps, true), SchedDuty::kFixed, 0, "sched=busy is left out"},
      {"SKB mode", but(automatic, kNative, false), SchedDuty::kFixed, 0, "SKB mode"},
      {"SKB mode, thread", but(threaded, kNative, false), SchedDuty::kFixed, 0, "SKB mode"},
      {"no free CPU", but(automatic, kFree, false), SchedDuty::kFixed, 0, "no CPU is free"},
  };
  for (const Row& row : rows) {
    const SchedChoice choice = choose_sched(row.facts);
    EXPECT_EQ(choice.duty, row.duty) << row.name;
    EXPECT_EQ(choice.budget, row.budget) << row.name;
    EXPECT_NE(choice.why.find(row.why), std::string::npos) << row.name << ": " << choice.why;
    EXPECT_EQ(choice.why.empty(), choice.duty == SchedDuty::kTry) << row.name;
  }
}

// What the world moves a window, with softirqs and with threads.
struct World {
  uint64_t softirqs = 100'000, threads = 100'000;
  double softirq = 0.5, idle = 0.9;
};

class Pilot : public ::testing::Test {
 protected:
  // Runs some windows; what it did, as "windows:step" of those that were not kNone.
  std::string run(uint32_t windows) {
    std::string did;
    for (uint32_t i = 1; i <= windows; ++i) {
      const Step step =
          pilot.step({threads ? world.threads : world.softirqs, threads ? 0.0 : world.softirq, world.idle});
      if (step == Step::kNone) continue;
      EXPECT_NE(step == Step::kThreads, threads) << "a step that changes nothing";
      threads = step == Step::kThreads;
      EXPECT_EQ(pilot.threads(), threads);
      did += (did.empty() ? "" : " ") + std::to_string(i) + (threads ? ":threads" : ":softirqs");
    }
    return did;
  }

  SchedPilot pilot;
  World world;
  bool threads = false;
};

TEST_F(Pilot, KeepsThreadsThatPay) {
  world.threads = 150'000;
  EXPECT_EQ(run(6), "2:threads");
  EXPECT_TRUE(pilot.pays());
  EXPECT_EQ(pilot.why(), "a thread pays: 1.50 million packets a second, in and out, 1.00 with softirqs");
  EXPECT_EQ(run(200), "");
}

TEST_F(Pilot, GivesUpThreadsThatDoNotPayAndTriesEverMoreSeldom) {
  world.threads = 105'000;
  EXPECT_EQ(run(24), "2:threads 5:softirqs");
  EXPECT_FALSE(pilot.pays());
  EXPECT_EQ(
      pilot.why(),
      "a thread was tried and does not pay: 1.05 million packets a second, in and out, 1.00 with softirqs");
  EXPECT_EQ(run(50), "3:threads 6:softirqs 48:threads");
  EXPECT_EQ(run(1), "1:softirqs");
  const std::string hour = run(36'000);
  EXPECT_LE(std::count(hour.begin(), hour.end(), ':'), 2 * 14) << hour;  // at last once in ten minutes
}

TEST_F(Pilot, TriesAnewForAnotherLoadButNeverAtOnce) {
  for (int i = 0; i < 5; ++i) run(1000);  // long pauses by now
  EXPECT_EQ(run(1), "");
  world = {300'000, 900'000, 0.5, 0.9};
  const std::string did = run(30);
  EXPECT_EQ(std::count(did.begin(), did.end(), ':'), 1) << did;
  EXPECT_TRUE(pilot.pays());
  world = {100'000, 0, 0.9, 0.9};
  EXPECT_EQ(run(2), "2:softirqs");
  uint32_t trials = 0;
  for (int i = 0; i < 100; ++i) {  // the worst it may meet: ever another load, and threads never pay
    world.softirqs = i % 2 == 0 ? 30'000 : 300'000;
    const std::string steps = run(10);
    trials += static_cast<uint32_t>(std::count(steps.begin(), steps.end(), 't')) / 2;
  }
  EXPECT_LE(trials, 1000U / 20);
}

TEST_F(Pilot, TriesNothingWithoutACause) {
  world.threads = 500'000;
  for (const World& calm : {World{4'999, 500'000, 0.9, 0.9}, World{100'000, 500'000, 0.19, 0.9},
                            World{100'000, 500'000, 0.9, 0.49}, World{0, 0, 0, 0}}) {
    world = calm;
    EXPECT_EQ(run(1000), "") << calm.softirqs << " " << calm.softirq << " " << calm.idle;
  }
}

TEST_F(Pilot, ASinglePeakIsNoCause) {
  for (int i = 0; i < 100; ++i) {
    world.softirq = i % 2 == 0 ? 0.9 : 0.1;
    ASSERT_EQ(run(1), "");
  }
}

TEST_F(Pilot, LetsGoWhenTheLoadChanges) {
  world.threads = 150'000;
  EXPECT_EQ(run(10), "2:threads");
  world.threads = 60'000;  // a packet source beside the thread, say
  world.softirqs = 200'000;
  world.softirq = 0.05;
  EXPECT_EQ(run(100), "2:softirqs");
  EXPECT_EQ(pilot.why(), "the load has changed since a thread paid");
}

TEST_F(Pilot, LetsGoWhenNothingComesAnyMore) {
  world.threads = 150'000;
  EXPECT_EQ(run(10), "2:threads");
  world = {0, 0, 0, 1};
  EXPECT_EQ(run(1000), "2:softirqs");
}

TEST_F(Pilot, ADipIsNoChange) {
  world.threads = 150'000;
  EXPECT_EQ(run(10), "2:threads");
  for (int i = 0; i < 100; ++i) {
    world.threads = i % 2 == 0 ? 10'000 : 150'000;
    ASSERT_EQ(run(1), "");
  }
}

TEST_F(Pilot, LooksAgainWhetherTheyStillPay) {
  world.threads = 150'000;
  EXPECT_EQ(run(305), "2:threads 305:softirqs");
  EXPECT_EQ(run(3), "3:threads");
  EXPECT_TRUE(pilot.pays());
  world.softirqs = 148'000;  // they hardly do
  EXPECT_EQ(run(303), "300:softirqs");
  EXPECT_FALSE(pilot.pays());
  EXPECT_NE(pilot.why().find("does not pay any more"), std::string::npos) << pilot.why();
}

TEST_F(Pilot, WhatCannotBeDoneIsNotTriedAgainSoon) {
  world.threads = 150'000;
  EXPECT_EQ(run(2), "2:threads");
  pilot.refused("EPERM");
  threads = false;
  EXPECT_FALSE(pilot.threads());
  EXPECT_EQ(pilot.why(), "EPERM");
  EXPECT_EQ(run(6000), "");
  EXPECT_EQ(run(2), "2:threads");
}

TEST(CpuTimes, AreReadFromProcStat) {
  const auto times = parse_cpu_times(
      "cpu  10 20 30 40 50 60 70 80 0 0\ncpu0 1 2 3 4 5 6 7 8 9 10\ncpu2 10 0 0 20 0 0 30 0 0 0\nintr 5 6\n"
      "cpu3 1 1 1 1 1 1 1 1 1 1\n");
  ASSERT_EQ(times.size(), 3U);
  EXPECT_EQ(times[0].softirq, 7U);
  EXPECT_EQ(times[0].idle, 9U);
  EXPECT_EQ(times[0].all, 36U);  // guest times are in user's
  EXPECT_EQ(times[1].all, 0U);
  EXPECT_EQ(times[2].softirq, 30U);
  EXPECT_EQ(times[2].all, 60U);
  EXPECT_TRUE(parse_cpu_times("").empty());
  EXPECT_TRUE(parse_cpu_times("cpu").empty());
  EXPECT_TRUE(parse_cpu_times("cpu99999999999999999999 1 2").empty());
  EXPECT_TRUE(parse_cpu_times("cpu4000000 1 2").empty());
}

TEST(CpuTimes, OfThisMachineGoOn) {
  const auto times = read_cpu_times();
  ASSERT_FALSE(times.empty());
  EXPECT_GT(times.back().all, 0U);
  EXPECT_GE(read_cpu_times().back().all, times.back().all);
}

}  // namespace
}  // namespace zcnbrh
