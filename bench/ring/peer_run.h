// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// A timed run of an application's loop with the peer playing the kernel, and the proof that it moved what it
// says. A loop has: operator(), one burst, which returns the packets it moved; finish(), which gives back what
// it holds; pending(), whether it holds any; wrong(), the packets that were not what they must be; kReceives.
#pragma once

#include <span>
#include <stdexcept>
#include <string>
#include <type_traits>

#include "bench/ring/peer_thread.h"
#include "bench/ring/timed_loop.h"

namespace zcnbrh::bench {

inline constexpr uint64_t kPatienceSeconds = 60;  // with a peer that others keep off its core

enum class Direction { kReceive, kSend, kForward };

struct RunResult {
  LoopTally timed;
  uint64_t packets = 0;  // also those after the clock had stopped
  uint64_t wrong = 0;    // looked at only in a checked run
  uint64_t calls = 0;    // system calls, where they are counted
  PeerTally peer;
};

inline uint32_t peer_work(Direction direction) {
  if (direction == Direction::kSend) return kPeerSends;
  return direction == Direction::kForward ? kPeerReceives | kPeerSends : kPeerReceives;
}

// Again, should the peer not have been on its core at all.
template <typename Loop>
RunResult timed(Loop&& loop, uint64_t cycles) {
  RunResult out;
  const uint64_t begin = __rdtsc();
  do {
    out.timed = run_for(cycles, loop);
  } while (out.timed.packets == 0 && __rdtsc() - begin < kPatienceSeconds * tsc_hz());
  out.packets = out.timed.packets;
  return out;
}

inline bool all_taken(const RingMap<struct xdp_desc>& ring) {
  return std::atomic_ref(*ring.producer).load(std::memory_order_acquire) ==
         std::atomic_ref(*ring.consumer).load(std::memory_order_acquire);
}

// What the rings still hold goes its way, so that every packet can be accounted for. The peer brings no more.
// `drain` takes completions out, so that the peer has room for what it still sends.
template <typename Loop, typename Drain>
void empty_rings(Loop& loop, std::span<LoopSocket* const> sockets, Drain&& drain, RunResult& out) {
  const uint64_t begin = __rdtsc(), limit = kPatienceSeconds * tsc_hz();
  if constexpr (std::remove_reference_t<Loop>::kReceives)
    for (const LoopSocket* socket : sockets)
      while ((!all_taken(socket->rx) || loop.pending()) && __rdtsc() - begin < limit) out.packets += loop();
  loop.finish();
  for (const LoopSocket* socket : sockets)
    while (!all_taken(socket->tx) && __rdtsc() - begin < limit) drain();
}

template <typename Loop, typename Drain>
RunResult run_with_peer(Loop loop, Direction direction, std::span<LoopSocket* const> sockets, PeerThread& peer,
                        uint64_t cycles, bool check, Drain&& drain) {
  const uint32_t checks = check ? kPeerChecks : 0U;
  peer.take(sockets);
  peer.set(peer_work(direction) | checks);
  RunResult out = timed(loop, cycles);
  peer.set(kPeerSends | checks);
  empty_rings(loop, sockets, drain, out);
  out.wrong = loop.wrong();
  out.peer = peer.stop();
  return out;
}

// Throws unless each packet is accounted for.
inline void account(Direction direction, const std::string& who, const RunResult& r) {
  const uint64_t in = direction == Direction::kSend ? r.packets : r.peer.received;
  const uint64_t out = direction == Direction::kReceive ? r.packets : r.peer.sent;
  if (r.timed.packets != 0 && in == r.packets && out == r.packets && r.wrong == 0 && r.peer.wrong == 0) return;
  throw std::runtime_error(who + ": application " + std::to_string(r.packets) + " packets, " +
                           std::to_string(r.wrong) + " wrong; peer received " +
                           std::to_string(r.peer.received) + ", sent " + std::to_string(r.peer.sent) + ", " +
                           std::to_string(r.peer.wrong) + " wrong");
}

}  // namespace zcnbrh::bench
