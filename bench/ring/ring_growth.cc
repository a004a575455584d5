// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// What a packet costs net_zcnbrh as things grow: queues, ports, mbufs in the pool, descriptors. io over all
// queues in turn, by one application core, with one peer for all. Each point is made and taken down anew every
// round, since ports that exist share one UMEM, and points take turns. "growth" is the last point's cycles by
// the first one's, of the same round.
#include <algorithm>
#include <iostream>
#include <memory>

#include "bench/ring/options.h"
#include "bench/ring/peer_run.h"
#include "bench/ring/pmd_loops.h"
#include "bench/ring/pmd_port.h"
#include "bench/ring/results.h"

namespace zcnbrh::bench {
namespace {

constexpr unsigned kMegabytesFull = 4700;  // a million mbufs, one a page
constexpr unsigned kMegabytesQuick = 640;

struct Point {
  uint32_t size;  // what grows
  unsigned ports = 1;
  PmdPlan plan;
};

// The io loop of each queue, one burst a turn.
template <bool kCheck>
class EachQueue {
 public:
  static constexpr bool kReceives = true;
  explicit EachQueue(std::vector<PortQueue>& queues) {
    for (PortQueue& queue : queues) loops_.emplace_back(queue, nullptr);
  }
  uint32_t operator()() {
    at_ = at_ + 1 < loops_.size() ? at_ + 1 : 0;
    return loops_[at_]();
  }
  bool pending() const {
    return std::any_of(loops_.begin(), loops_.end(), [](const auto& loop) { return loop.pending(); });
  }
  void finish() {
    for (auto& loop : loops_) loop.finish();
  }
  uint64_t wrong() const {
    uint64_t sum = 0;
    for (const auto& loop : loops_) sum += loop.wrong();
    return sum;
  }

 private:
  std::vector<Io<kCheck, PortQueue>> loops_;
  size_t at_ = 0;
};

class Ports {
 public:
  explicit Ports(const Point& point) {
    for (unsigned i = 0; i < point.ports; ++i) {
      ports_.push_back(std::make_unique<RingPort>(PmdDriver::kZcnbrh, point.plan));
      for (uint16_t q = 0; q < point.plan.queues; ++q) {
        queues_.push_back(ports_.back()->at(q));
        sockets_.push_back(ports_.back()->sockets()[q]);
      }
    }
  }
  LoopTally run(PeerThread& peer, uint64_t cycles, bool check) {
    struct rte_mbuf* none = nullptr;
    const auto drain = [&] {
      for (const PortQueue& queue : queues_) queue.send(&none, 0);
    };
    const RunResult out = check ? run_with_peer(EachQueue<true>(queues_), Direction::kForward, sockets_, peer,
                                                cycles, true, drain)
                                : run_with_peer(EachQueue<false>(queues_), Direction::kForward, sockets_, peer,
                                                cycles, false, drain);
    account(Direction::kForward, "net_zcnbrh", out);
    return out.timed;
  }
  void close() {
    for (auto& port : ports_)
      if (const uint32_t lost = port->close(); lost != 0)
        throw std::runtime_error("net_zcnbrh: " + std::to_string(lost) + " mbufs did not come back");
  }

 private:
  std::vector<std::unique_ptr<RingPort>> ports_;
  std::vector<PortQueue> queues_;
  std::vector<LoopSocket*> sockets_;
};

class Bench {
 public:
  Bench(const Options& options, int peer_cpu)
      : options_(options), cycles_(tsc_hz() / 1000 * options.milliseconds_or(60, 20)), peer_(peer_cpu) {}

  void row(const std::string& what, const std::vector<Point>& points) {
    std::vector<std::vector<double>> cycles(points.size());
    std::vector<double> growth;
    std::cerr << "ring_growth: " << what << "\n";
    for (unsigned round = 0; round < options_.runs_or(5, 2); ++round) {
      for (size_t i = 0; i < points.size(); ++i) cycles[i].push_back(measure(points[i]));
      growth.push_back(cycles.back().back() / cycles.front().back());
    }
    for (size_t i = 0; i < points.size(); ++i)
      figures.push_back({"ring_growth " + what + "=" + std::to_string(points[i].size), "net_zcnbrh", "cycles",
                         "per packet", std::move(cycles[i])});
    figures.push_back({"ring_growth " + what, "net_zcnbrh", "growth", "ratio", std::move(growth)});
  }
  std::vector<Figure> figures;

 private:
  double measure(const Point& point) {
    Ports ports(point);
    if (!options_.check) ports.run(peer_, cycles_ / 4, false);  // caches
    const LoopTally tally = ports.run(peer_, cycles_, options_.check);
    ports.close();
    return tally.cycles_a_packet();
  }

  const Options& options_;
  uint64_t cycles_;
  PeerThread peer_;
};

// Powers of `step` times `first`, up to `last`, and that.
std::vector<uint32_t> sizes(uint32_t first, uint32_t last, uint32_t step) {
  std::vector<uint32_t> out;
  for (uint64_t size = first; size < last; size *= step) out.push_back(static_cast<uint32_t>(size));
  out.push_back(last);
  return out;
}

std::vector<Point> queue_points(uint32_t most) {
  std::vector<Point> out;
  for (const uint32_t n : sizes(1, most, 2))
    out.push_back({n, 1, {16384, 256, 0, static_cast<uint16_t>(n), {}}});
  return out;
}
std::vector<Point> port_points(uint32_t most) {
  std::vector<Point> out;
  for (const uint32_t n : sizes(1, most, 2)) out.push_back({n, n, {2048, 256, 0, 1, {}}});
  return out;
}
std::vector<Point> pool_points(uint32_t most) {
  std::vector<Point> out;
  for (const uint32_t n : sizes(1024, most, 4)) out.push_back({n, 1, {n, 256, 0, 1, {}}});
  return out;
}
// The largest number of descriptors is 32768, since DPDK counts them in 16 bits; the rings take twice as many.
std::vector<Point> ring_points(uint32_t most) {
  std::vector<Point> out;
  for (const uint32_t n : sizes(64, most, 4)) {
    const std::string size = std::to_string(n);
    const auto descriptors = static_cast<uint16_t>(std::min(n, 32768U));
    out.push_back({n,
                   1,
                   {131072, descriptors, 0, 1,
                    ",fill_ring=" + size + ",rx_ring=" + size + ",tx_ring=" + size + ",comp_ring=" + size}});
  }
  return out;
}

int run(int argc, char** argv) {
  CLI::App app("What a packet costs as queues, ports, pools and rings grow");
  Options options;
  add_options(app, options);
  CLI11_PARSE(app, argc, argv);

  const bool few = options.quick || options.check;
  const Cores cores = choose_cores();
  start_eal(cores.application, few ? kMegabytesQuick : kMegabytesFull);
  Bench bench(options, cores.peer);
  bench.row("queues", queue_points(few ? 4 : 16));
  bench.row("ports", port_points(few ? 2 : 8));
  bench.row("mbufs", pool_points(few ? 16384 : 1U << 20));
  bench.row("ring", ring_points(few ? 4096 : 65536));
  hand_out(options.json, bench.figures);
  return 0;
}

}  // namespace
}  // namespace zcnbrh::bench

int main(int argc, char** argv) {
  return zcnbrh::bench::run_program("ring_growth", zcnbrh::bench::run, argc, argv);
}
