// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#include "bench/ring/insns_inside.h"

#include <valgrind/callgrind.h>

#include <stdexcept>

#include "bench/ring/frame_loops.h"
#include "bench/ring/frame_queues.h"
#include "bench/ring/peer_thread.h"
#include "bench/ring/pmd_loops.h"
#include "bench/ring/pmd_port.h"

namespace zcnbrh::bench {
namespace {

constexpr unsigned kMegabytes = 128;
constexpr uint32_t kBatch = 32;
constexpr uint32_t kWarmUp = 512;  // bursts: the rings have gone round

uint64_t calls;  // collected since the last dump or zero

template <typename Call>
auto collected(Call&& call) {
  ++calls;
  CALLGRIND_TOGGLE_COLLECT;
  const auto result = call();
  CALLGRIND_TOGGLE_COLLECT;
  return result;
}

void zero() {
  calls = 0;
  CALLGRIND_ZERO_STATS;
}

void dump(const std::string& bench, const std::string& subject, uint64_t packets) {
  const std::string label =
      bench + " | " + subject + " | " + std::to_string(packets) + " | " + std::to_string(calls);
  CALLGRIND_DUMP_STATS_AT(label.c_str());
}

// `step`: one burst and what the application does around it; returns its packets. `in`, `out`: packets that
// step took from the peer and gave to it.
template <typename Step>
void measure(const std::string& bench, const std::string& subject, PeerQueue& peer, uint32_t bursts, bool in,
             bool out, Step&& step) {
  peer.restart();
  uint64_t all = 0, counted = 0;
  for (uint32_t i = 0; i < kWarmUp + bursts; ++i) {
    if (i == kWarmUp) {
      zero();
      all += counted;
      counted = 0;
    }
    if (in) peer.receive<true>(kPeerBatch);
    counted += step();
    if (out) peer.send<true>(kPeerBatch);
  }
  dump(bench, subject, counted);
  all += counted;
  if (in)
    while (const uint32_t n = step()) {
      all += n;
      if (out) peer.send<true>(kPeerBatch);
    }
  const PeerTally& seen = peer.tally();
  if (counted != uint64_t{bursts} * kBatch || (in && seen.received != all) || (out && seen.sent != all) ||
      seen.wrong != 0)
    throw std::runtime_error(subject + ", " + bench + ": " + std::to_string(all) + " packets, the peer has " +
                             std::to_string(seen.received) + " in, " + std::to_string(seen.sent) + " out, " +
                             std::to_string(seen.wrong) + " wrong");
}

void must_be_right(uint64_t wrong, const std::string& subject) {
  if (wrong != 0) throw std::runtime_error(subject + ": " + std::to_string(wrong) + " packets are wrong");
}

void measure_pmd(PmdDriver driver, uint32_t bursts) {
  RingPort port(driver, {});
  PeerQueue peer(*port.socket());
  const std::string subject = to_string(driver);
  NumberCheck rx_check, io_check;
  struct rte_mbuf* packets[kBatch];
  measure("rx", subject, peer, bursts, true, false, [&] {
    const uint16_t n = collected([&] { return port.receive(packets, kBatch); });
    for (uint32_t i = 0; i < n; ++i) rx_check.look(packets[i]);
    rte_pktmbuf_free_bulk(packets, n);
    return n;
  });
  uint64_t number = 0;
  measure("tx", subject, peer, bursts, false, true, [&]() -> uint16_t {
    if (rte_pktmbuf_alloc_bulk(port.pool(), packets, kBatch) != 0) return 0;
    for (auto* m : packets) {
      m->data_len = kPacketBytes;
      m->pkt_len = kPacketBytes;
      std::memcpy(rte_pktmbuf_mtod(m, void*), &number, sizeof number), ++number;
    }
    return collected([&] { return port.send(packets, kBatch); });
  });
  measure("io", subject, peer, bursts, true, true, [&] {
    const uint16_t n = collected([&] { return port.receive(packets, kBatch); });
    for (uint32_t i = 0; i < n; ++i) io_check.look(packets[i]);
    return n == 0 ? n : collected([&] { return port.send(packets, n); });
  });
  must_be_right(rx_check.wrong() + io_check.wrong(), subject);
}

template <typename Queue>
void measure_frames(const std::string& subject, Queue& queue, uint32_t bursts) {
  PeerQueue peer(*queue.socket());
  struct zcnbrh_frame frames[kBatch];
  FrameCheck rx_check, io_check;
  measure("rx", subject, peer, bursts, true, false, [&] {
    const uint32_t n = collected([&] { return queue.poll(frames, kBatch); });
    for (uint32_t i = 0; i < n; ++i) rx_check.look(frames[i]);
    if (n != 0) collected([&] { return queue.release(frames, n), n; });
    return n;
  });
  uint64_t number = 0;
  measure("tx", subject, peer, bursts, false, true, [&] {
    const uint32_t n = collected([&] { return queue.alloc(frames, kBatch); });
    for (uint32_t i = 0; i < n; ++i) {
      frames[i].length = kPacketBytes;
      std::memcpy(frames[i].data, &number, sizeof number), ++number;
    }
    return collected([&] { return queue.send(frames, n); });
  });
  measure("io", subject, peer, bursts, true, true, [&] {
    const uint32_t n = collected([&] { return queue.poll(frames, kBatch); });
    for (uint32_t i = 0; i < n; ++i) io_check.look(frames[i]);
    return n == 0 ? n : collected([&] { return queue.send(frames, n); });
  });
  must_be_right(rx_check.wrong() + io_check.wrong(), subject);
}

}  // namespace

void run_inside(uint32_t bursts, const std::string& eal_argument) {
  start_eal(choose_cores().application, kMegabytes, eal_argument, true);
  zero();
  for (uint32_t i = 0; i < bursts; ++i) collected([] { return 0; });
  dump("nothing", "", 0);
  measure_pmd(PmdDriver::kZcnbrh, bursts);
  measure_pmd(PmdDriver::kAfXdp, bursts);
  zcnbrh_set_log([](int, const char*) {});
  ApiQueue api("native", {});
  measure_frames("C API", api, bursts);
  BareQueue<true> owners("bare_owners", {});
  measure_frames("bare rings with owners", owners, bursts);
  BareQueue<false> bare("bare", {});
  measure_frames("bare rings", bare, bursts);
}

}  // namespace zcnbrh::bench
