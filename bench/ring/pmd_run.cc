// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#include "bench/ring/pmd_run.h"

#include <string>

namespace zcnbrh::bench {
namespace {

constexpr uint32_t kIdleBursts = 1000;  // in a row: nothing more comes

uint32_t peer_work(Work work) {
  if (work == Work::kTx) return kPeerSends;
  return work == Work::kIo ? kPeerReceives | kPeerSends : kPeerReceives;
}

template <typename Loop>
RunResult timed(Loop&& loop, uint64_t cycles) {
  RunResult out;
  out.timed = run_for(cycles, loop);
  out.packets = out.timed.packets;
  return out;
}

// What the rings still hold goes its way, so that every packet can be accounted for. The peer brings no more.
template <typename Loop>
void empty_rings(Loop& loop, RingPort& port, RunResult& out) {
  const uint64_t begin = rte_rdtsc(), limit = rte_get_tsc_hz();
  if constexpr (std::remove_reference_t<Loop>::kReceives)
    for (uint32_t idle = 0; idle < kIdleBursts && rte_rdtsc() - begin < limit;) {
      const uint32_t n = loop();
      out.packets += n;
      idle = n == 0 ? idle + 1 : 0;
    }
  loop.finish();
  const RingMap<struct xdp_desc>& tx = port.socket()->tx;
  const auto left = [&tx] {
    return std::atomic_ref(*tx.producer).load(std::memory_order_acquire) !=
           std::atomic_ref(*tx.consumer).load(std::memory_order_acquire);
  };
  struct rte_mbuf* none = nullptr;
  while (left() && rte_rdtsc() - begin < limit) port.send(&none, 0);
}

template <typename Loop>
RunResult with_peer(Loop loop, Work work, RingPort& port, PeerThread& peer, uint64_t cycles, uint32_t checks) {
  LoopSocket* socket = port.socket();
  peer.take({&socket, 1});
  const uint64_t calls = port.system_calls();
  peer.set(peer_work(work) | checks);
  RunResult out = timed(loop, cycles);
  out.calls = port.system_calls() - calls;
  peer.set(kPeerSends | checks);
  empty_rings(loop, port, out);
  out.wrong = loop.wrong();
  out.peer = peer.stop();
  return out;
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

void account(Work work, const RingPort& port, const RunResult& r) {
  const uint64_t in = work == Work::kTx ? r.packets : r.peer.received;
  const uint64_t out = work == Work::kRx || work == Work::kRxRaw ? r.packets : r.peer.sent;
  if (r.timed.packets != 0 && in == r.packets && out == r.packets && r.wrong == 0 && r.peer.wrong == 0) return;
  throw std::runtime_error(std::string(to_string(port.driver())) + " " + to_string(work) + ": application " +
                           std::to_string(r.packets) + " packets, " + std::to_string(r.wrong) +
                           " wrong; peer received " + std::to_string(r.peer.received) + ", sent " +
                           std::to_string(r.peer.sent) + ", " + std::to_string(r.peer.wrong) + " wrong");
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
  const uint32_t checks = check ? kPeerChecks : 0U;
  const auto run = [&](auto loop) { return with_peer(std::move(loop), work, port, peer, cycles, checks); };
  const RunResult out =
      check ? choose<true>(work, port, port.pool(), run) : choose<false>(work, port, port.pool(), run);
  account(work, port, out);
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
