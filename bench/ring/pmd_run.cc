// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#include "bench/ring/pmd_run.h"

#include <string>

namespace zcnbrh::bench {
namespace {

Direction direction_of(Work work) {
  if (work == Work::kTx) return Direction::kSend;
  return work == Work::kIo ? Direction::kForward : Direction::kReceive;
}

// `run` is called with a loop.
template <bool kCheck, typename Port, typename Run>
RunResult choose(Work work, Port& port, struct rte_mempool* pool, Run&& run) {
  switch (work) {
    case Work::kRx:
      return run(RxOnly<false, kCheck, Port>(port, pool));
    case Work::kRxRaw:
      return run(RxOnly<true, kCheck, Port>(port, pool));
    case Work::kTx:
      return run(TxOnly<kCheck, Port>(port, pool));
    case Work::kIo:
      return run(Io<kCheck, Port>(port, pool));
  }
  throw std::logic_error("work");
}

}  // namespace

const char* to_string(Work work) {
  switch (work) {
    case Work::kRx:
      return "rxonly";
    case Work::kRxRaw:
      return "rxonly-rawput";
    case Work::kTx:
      return "txonly";
    case Work::kIo:
      return "io";
  }
  return "";
}

RunResult run_port(Work work, RingPort& port, PeerThread& peer, uint64_t cycles, bool check) {
  LoopSocket* const socket = port.socket();
  struct rte_mbuf* none = nullptr;
  const uint64_t calls = port.system_calls();
  const auto run = [&](auto loop) {
    return run_with_peer(std::move(loop), direction_of(work), {&socket, 1}, peer, cycles, check,
                         [&] { port.send(&none, 0); });
  };
  RunResult out =
      check ? choose<true>(work, port, port.pool(), run) : choose<false>(work, port, port.pool(), run);
  out.calls = port.system_calls() - calls;
  account(direction_of(work), std::string(to_string(port.driver())) + " " + to_string(work), out);
  return out;
}

RunResult run_null(Work work, struct rte_mempool* pool, uint32_t descriptors, uint64_t cycles) {
  NullPort port(pool, descriptors, work != Work::kIo);
  return choose<false>(work, port, pool, [cycles](auto loop) {
    RunResult out = timed(loop, cycles);
    loop.finish();
    return out;
  });
}

}  // namespace zcnbrh::bench
