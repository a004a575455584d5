// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// From the moment the peer publishes a packet to the moment the application has it in hand, that is when the
// receive call has returned: C API, net_zcnbrh and net_af_xdp, at a steady rate and as fast as it goes.
#include <stdexcept>

#include "bench/ring/frame_queues.h"
#include "bench/ring/latency_histogram.h"
#include "bench/ring/options.h"
#include "bench/ring/paced_peer.h"
#include "bench/ring/pmd_port.h"
#include "bench/ring/results.h"
#include "bench/ring/timed_loop.h"

namespace zcnbrh::bench {
namespace {

constexpr unsigned kMegabytes = 128;
constexpr uint32_t kBatch = 32;
constexpr uint64_t kPatienceSeconds = 60;  // with a peer that others keep off its core

struct LatencyOptions : Options {
  double mpps = 10;
};

// One run's figures, microseconds.
struct Sample {
  double p50, p99, p999, rate;
};

// A subject's two calls.
struct ApiReader {
  ApiQueue& queue;
  struct zcnbrh_frame frames[kBatch];
  uint32_t read() { return queue.poll(frames, kBatch); }
  void give_back(uint32_t count) { queue.release(frames, count); }
  LoopSocket& socket() { return *queue.socket(); }
};
struct PmdReader {
  RingPort& port;
  struct rte_mbuf* packets[kBatch];
  uint32_t read() { return port.receive(packets, kBatch); }
  void give_back(uint32_t count) { rte_pktmbuf_free_bulk(packets, count); }
  LoopSocket& socket() { return *port.socket(); }
};

template <typename Reader>
Sample run_reader(const char* who, Reader reader, int cpu, uint64_t interval, uint64_t cycles) {
  PacedPeer peer(reader.socket(), cpu, interval);
  LatencyHistogram histogram;
  uint64_t number = 0;
  const auto step = [&] {
    const uint32_t n = reader.read();
    if (n == 0) return n;
    const uint64_t now = __rdtsc();
    for (const uint64_t end = number + n; number < end; ++number) {
      if (!PacedPeer::noted(number)) continue;
      const uint64_t then = peer.published_at(number);
      histogram.add(now > then ? now - then : 0);
    }
    reader.give_back(n);
    return n;
  };
  const uint64_t begin = __rdtsc(), limit = kPatienceSeconds * tsc_hz();
  LoopTally tally = run_for(cycles, step);
  while (tally.packets == 0 && __rdtsc() - begin < limit) tally = run_for(cycles, step);
  const uint64_t published = peer.stop();
  while (number != published && __rdtsc() - begin < limit) step();
  if (tally.packets == 0 || histogram.count() == 0 || number != published)
    throw std::runtime_error(std::string(who) + ": " + std::to_string(published) + " packets published, " +
                             std::to_string(number) + " read");
  const double us = 1e6 / static_cast<double>(tsc_hz());
  const auto at = [&](double part) { return us * static_cast<double>(histogram.percentile(part)); };
  return {at(0.5), at(0.99), at(0.999), 1 / (us * tally.cycles_a_packet())};
}

void add(std::vector<Figure>& figures, const std::string& bench, const char* subject,
         const std::vector<Sample>& samples) {
  std::vector<double> p50, p99, p999, rate;
  for (const Sample& s : samples) {
    p50.push_back(s.p50);
    p99.push_back(s.p99);
    p999.push_back(s.p999);
    rate.push_back(s.rate);
  }
  figures.push_back({bench, subject, "p50", "us", p50});
  figures.push_back({bench, subject, "p99", "us", p99});
  figures.push_back({bench, subject, "p99.9", "us", p999});
  figures.push_back({bench, subject, "rate", "Mpps", rate});
}

int run(int argc, char** argv) {
  CLI::App app("Latency from the peer's publish to the application's read");
  LatencyOptions options;
  add_options(app, options);
  app.add_option("--mpps", options.mpps, "the steady rate, million packets a second");
  CLI11_PARSE(app, argc, argv);

  const Cores cores = choose_cores();
  start_eal(cores.application, kMegabytes);
  zcnbrh_set_log([](int, const char*) {});
  ApiQueue api("latency", {});
  RingPort ours(PmdDriver::kZcnbrh, {}), rival(PmdDriver::kAfXdp, {});
  const uint64_t cycles = tsc_hz() / 1000 * options.milliseconds_or(200, 50);
  const auto steady = static_cast<uint64_t>(static_cast<double>(tsc_hz()) / options.mpps / 1e6);
  std::vector<Figure> figures;
  for (const uint64_t interval : {steady, uint64_t{0}}) {
    std::vector<Sample> of_api, of_ours, of_rival;
    for (unsigned i = 0; i < options.runs_or(10, 3); ++i) {
      of_api.push_back(run_reader("C API", ApiReader{api, {}}, cores.peer, interval, cycles));
      of_ours.push_back(run_reader("net_zcnbrh", PmdReader{ours, {}}, cores.peer, interval, cycles));
      of_rival.push_back(run_reader("net_af_xdp", PmdReader{rival, {}}, cores.peer, interval, cycles));
    }
    std::ostringstream bench;
    bench << "ring_latency ";
    if (interval != 0)
      bench << options.mpps << " Mpps";
    else
      bench << "saturation";
    add(figures, bench.str(), "C API", of_api);
    add(figures, bench.str(), "net_zcnbrh", of_ours);
    add(figures, bench.str(), "net_af_xdp", of_rival);
  }
  hand_out(options.json, figures);
  return 0;
}

}  // namespace
}  // namespace zcnbrh::bench

int main(int argc, char** argv) {
  return zcnbrh::bench::run_program("ring_latency", zcnbrh::bench::run, argc, argv);
}
