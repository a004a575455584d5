// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// The C API beside the bare rings (frame_queues.h), with a peer on another core that plays the kernel. What the
// bare rings reach is the ceiling. Runs take turns.

#include "bench/ring/frame_loops.h"
#include "bench/ring/frame_queues.h"
#include "bench/ring/options.h"
#include "bench/ring/peer_run.h"
#include "bench/ring/results.h"

namespace zcnbrh::bench {
namespace {

constexpr Direction kDirections[] = {Direction::kReceive, Direction::kSend, Direction::kForward};

const char* to_string(Direction direction) {
  switch (direction) {
    case Direction::kReceive:
      return "receive";
    case Direction::kSend:
      return "send";
    case Direction::kForward:
      return "forward";
  }
  return "";
}

template <bool kCheck, typename Queue, typename Run>
RunResult choose(Direction direction, Queue& queue, uint32_t batch, Run&& run) {
  switch (direction) {
    case Direction::kReceive:
      return run(ReceiveFrames<kCheck, Queue>(queue, batch));
    case Direction::kSend:
      return run(SendFrames<kCheck, Queue>(queue, batch));
    case Direction::kForward:
      return run(ForwardFrames<kCheck, Queue>(queue, batch));
  }
  throw std::logic_error("direction");
}

template <typename Queue>
LoopTally run_queue(const char* who, Direction direction, Queue& queue, uint32_t batch, PeerThread& peer,
                    uint64_t cycles, bool check) {
  LoopSocket* const socket = queue.socket();
  const auto run = [&](auto loop) {
    return run_with_peer(std::move(loop), direction, {&socket, 1}, peer, cycles, check, [&] { queue.drain(); });
  };
  const RunResult out =
      check ? choose<true>(direction, queue, batch, run) : choose<false>(direction, queue, batch, run);
  account(direction, std::string(who) + " " + to_string(direction), out);
  queue.drain();
  queue.expect_at_rest();
  return out.timed;
}

void add(std::vector<Figure>& figures, const std::string& bench, const char* subject,
         const std::vector<LoopTally>& runs) {
  std::vector<double> rate, cycles, empty;
  for (const LoopTally& run : runs) {
    cycles.push_back(run.cycles_a_packet());
    rate.push_back(static_cast<double>(tsc_hz()) / run.cycles_a_packet() / 1e6);
    empty.push_back(run.empty_percent());
  }
  figures.push_back({bench, subject, "rate", "Mpps", rate});
  figures.push_back({bench, subject, "cycles", "per packet", cycles});
  figures.push_back({bench, subject, "empty bursts", "%", empty});
}

struct Queues {
  ApiQueue api{"native", {}};
  BareQueue<true> owners{"bare_owners", {}};
  BareQueue<false> bare{"bare", {}};
};

// 100: as fast as the other; of neighbours in time.
std::vector<double> percent_of(const std::vector<LoopTally>& other, const std::vector<LoopTally>& ours) {
  std::vector<double> out;
  for (size_t i = 0; i < ours.size(); ++i)
    out.push_back(100 * other[i].cycles_a_packet() / ours[i].cycles_a_packet());
  return out;
}

void run_batch(const Options& options, uint32_t batch, Queues& queues, PeerThread& peer,
               std::vector<Figure>& figures) {
  const uint64_t cycles = tsc_hz() / 1000 * options.milliseconds_or(100, 30);
  for (const Direction direction : kDirections) {
    std::vector<LoopTally> api, owners, bare;
    const auto one = [&](const char* who, auto& queue) {
      return run_queue(who, direction, queue, batch, peer, cycles, options.check);
    };
    for (unsigned i = 0; i < options.runs_or(10, 3); ++i) {
      if (i % 2 == 0) api.push_back(one("C API", queues.api));
      owners.push_back(one("bare rings with owners", queues.owners));
      if (i % 2 != 0) api.push_back(one("C API", queues.api));
      bare.push_back(one("bare rings", queues.bare));
    }
    const std::string bench =
        std::string("ring_native ") + to_string(direction) + " batch=" + std::to_string(batch);
    add(figures, bench, "C API", api);
    add(figures, bench, "bare rings with owners", owners);
    add(figures, bench, "bare rings", bare);
    figures.push_back({bench, "C API", "of the ceiling (with owners)", "%", percent_of(owners, api)});
    figures.push_back({bench, "C API", "of the bare rings", "%", percent_of(bare, api)});
  }
}

int run(int argc, char** argv) {
  CLI::App app("The C API over a peer that plays the kernel, beside the bare rings");
  Options options;
  add_options(app, options);
  std::vector<uint32_t> batches = {32, 64};
  app.add_option("--batch", batches, "packets a call, at most 64")->check(CLI::Range(1U, kMaxBatch));
  CLI11_PARSE(app, argc, argv);

  const Cores cores = choose_cores();
  pin_this_thread(cores.application);
  zcnbrh_set_log([](int, const char*) {});
  Queues queues;
  PeerThread peer(cores.peer);
  std::vector<Figure> figures;
  for (const uint32_t batch : batches) run_batch(options, batch, queues, peer, figures);
  hand_out(options.json, figures);
  return 0;
}

}  // namespace
}  // namespace zcnbrh::bench

int main(int argc, char** argv) {
  return zcnbrh::bench::run_program("ring_native", zcnbrh::bench::run, argc, argv);
}
