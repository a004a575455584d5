// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// net_zcnbrh and net_af_xdp through rte_eth_rx_burst() and rte_eth_tx_burst(), with a peer on another core that
// plays the kernel. The same application, the same peer, the same ring memory; how it is built is told in
// bench/README.md. Runs take turns, so that a machine that slows down harms both alike.
#include <cstdio>
#include <iostream>
#include <map>

#include "bench/ring/options.h"
#include "bench/ring/pmd_run.h"
#include "bench/ring/results.h"

namespace zcnbrh::bench {
namespace {

constexpr unsigned kPoolMegabytes = 640;  // two pools of 64 k mbufs and change

struct PmdOptions : Options {
  std::vector<uint32_t> pools = {8192, 65536};
  std::vector<uint32_t> budgets = {0, 64};
  uint16_t descriptors = 2048;
  std::string eal;  // an argument more
};

// One run's figures.
struct Sample {
  double cycles = 0;  // a packet
  double empty = 0;   // percent of bursts
  double calls = 0;   // system calls a packet
};
using Samples = std::vector<Sample>;

Sample sample_of(const RunResult& run) {
  return {run.timed.cycles_a_packet(), run.timed.empty_percent(),
          static_cast<double>(run.calls) / static_cast<double>(run.timed.packets)};
}

template <typename Value>
std::vector<double> each(const Samples& samples, Value value) {
  std::vector<double> out;
  for (const Sample& sample : samples) out.push_back(value(sample));
  return out;
}

// What all runs of a work over both ports and the null port gave.
struct WorkSamples {
  Samples ours, rival, null;
};

class Report {
 public:
  void add(const std::string& bench, const WorkSamples& samples) {
    const double own = median(each(samples.null, [](const Sample& s) { return s.cycles; }));
    add_subject(bench, "net_zcnbrh", samples.ours, own);
    add_subject(bench, "net_af_xdp", samples.rival, own);
    put(bench, "application alone", "cycles", "per packet",
        each(samples.null, [](const Sample& s) { return s.cycles; }));
    add_ratios(bench, samples, own);
  }
  const std::vector<Figure>& figures() const { return figures_; }

 private:
  void put(const std::string& bench, const std::string& subject, const char* metric, const char* unit,
           std::vector<double> values) {
    figures_.push_back({bench, subject, metric, unit, std::move(values)});
  }
  void add_subject(const std::string& bench, const std::string& subject, const Samples& samples, double own) {
    const auto hz = static_cast<double>(tsc_hz());
    put(bench, subject, "cycles", "per packet", each(samples, [](const Sample& s) { return s.cycles; }));
    put(bench, subject, "driver's share", "cycles per packet",
        each(samples, [own](const Sample& s) { return s.cycles - own; }));
    put(bench, subject, "rate", "Mpps", each(samples, [hz](const Sample& s) { return hz / s.cycles / 1e6; }));
    put(bench, subject, "empty bursts", "%", each(samples, [](const Sample& s) { return s.empty; }));
    put(bench, subject, "system calls, answered for free", "per packet",
        each(samples, [](const Sample& s) { return s.calls; }));
  }
  // Of neighbours in time, so that what disturbs a round disturbs both sides of its ratio.
  void add_ratios(const std::string& bench, const WorkSamples& samples, double own) {
    std::vector<double> total, share;
    for (size_t i = 0; i < samples.ours.size(); ++i) {
      total.push_back(samples.ours[i].cycles / samples.rival[i].cycles);
      share.push_back((samples.ours[i].cycles - own) / (samples.rival[i].cycles - own));
    }
    put(bench, "net_zcnbrh", "cycles to net_af_xdp's", "ratio", total);
    put(bench, "net_zcnbrh", "driver's share to net_af_xdp's", "ratio", share);
  }

  std::vector<Figure> figures_;
};

void run_cell(const PmdOptions& options, const PmdPlan& plan, PeerThread& peer, const std::string& pages,
              Report& report) {
  RingPort ours(PmdDriver::kZcnbrh, plan), rival(PmdDriver::kAfXdp, plan);
  const uint64_t cycles = tsc_hz() / 1000 * options.milliseconds_or(100, 30);
  std::map<Work, WorkSamples> samples;
  for (unsigned i = 0; i < options.runs_or(10, 3); ++i)
    for (const Work work : kWorks) {
      WorkSamples& s = samples[work];
      const auto one = [&](RingPort& port) {
        return sample_of(run_port(work, port, peer, cycles, options.check));
      };
      if (i % 2 == 0) s.ours.push_back(one(ours));
      s.rival.push_back(one(rival));
      if (i % 2 != 0) s.ours.push_back(one(ours));
      s.null.push_back(sample_of(run_null(work, rival.pool(), plan.descriptors, cycles / 4)));
    }
  const std::string where = " pool=" + std::to_string(plan.mbufs) +
                            " busy_budget=" + std::to_string(plan.busy_budget) +
                            " descriptors=" + std::to_string(plan.descriptors) + ", " + pages;
  for (const Work work : kWorks) report.add(std::string("ring_pmd ") + to_string(work) + where, samples[work]);
  rival.close();  // leaves what it posted with the kernel; its pool goes with it
  if (const uint32_t lost = ours.close(); lost != 0)
    throw std::runtime_error("net_zcnbrh: " + std::to_string(lost) + " mbufs did not come back");
}

int run(int argc, char** argv) {
  CLI::App app("net_zcnbrh and net_af_xdp over a peer that plays the kernel");
  PmdOptions options;
  add_options(app, options);
  app.add_option("--pool", options.pools, "mbufs a pool");
  app.add_option("--budget", options.budgets, "busy_budget of both drivers");
  app.add_option("--descriptors", options.descriptors, "nb_rx_desc and nb_tx_desc");
  app.add_option("--eal", options.eal, "one more argument for EAL, such as --force-max-simd-bitwidth=64");
  CLI11_PARSE(app, argc, argv);

  const Cores cores = choose_cores();
  const Pages pages = start_eal(cores.application, kPoolMegabytes, options.eal);
  if (options.check) options.pools = {8192};
  Report report;
  {
    PeerThread peer(cores.peer);
    for (const uint32_t mbufs : options.pools)
      for (const uint32_t budget : options.budgets) {
        std::cerr << "ring_pmd: pool of " << mbufs << ", busy_budget=" << budget << "\n";
        run_cell(options, {mbufs, options.descriptors, budget, 1, {}}, peer, to_string(pages), report);
      }
  }
  hand_out(options.json, report.figures());
  return 0;
}

}  // namespace
}  // namespace zcnbrh::bench

int main(int argc, char** argv) {
  return zcnbrh::bench::run_program("ring_pmd", zcnbrh::bench::run, argc, argv);
}
