// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#include "bench/ring/peer_thread.h"

#include <immintrin.h>
#include <pthread.h>
#include <sched.h>

#include <cerrno>
#include <system_error>

namespace zcnbrh::bench {
namespace {

constexpr uint32_t kStop = 1U << 7;  // of an order
constexpr uint32_t kWorkMask = 0xff;
// Where both threads share a CPU the peer must not burn its time slice waiting.
constexpr uint32_t kSpinsBeforeYield = 1024;

}  // namespace

Cores choose_cores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (::sched_getaffinity(0, sizeof set, &set) != 0)
    throw std::system_error(errno, std::generic_category(), "sched_getaffinity");
  Cores out;
  int found = 0;
  for (int cpu = 0; cpu < CPU_SETSIZE && found < 2; ++cpu) {
    if (!CPU_ISSET(cpu, &set)) continue;
    (found++ == 0 ? out.application : out.peer) = cpu;
  }
  if (found == 1) out.peer = out.application;
  return out;
}

void pin_this_thread(int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  if (const int e = ::pthread_setaffinity_np(::pthread_self(), sizeof set, &set); e != 0)
    throw std::system_error(e, std::generic_category(), "pthread_setaffinity_np");
}

PeerThread::PeerThread(int cpu)
    : thread_([this, cpu] {
        pin_this_thread(cpu);
        run();
      }) {}

PeerThread::~PeerThread() {
  set(kStop);
  thread_.join();
}

void PeerThread::take(std::span<LoopSocket* const> sockets) {
  queues_.clear();
  for (LoopSocket* socket : sockets) queues_.emplace_back(*socket);
}

void PeerThread::set(uint32_t work) {
  const uint32_t order = ((order_.load(std::memory_order_relaxed) >> 8) + 1) << 8 | work;
  order_.store(order, std::memory_order_release);
  order_.notify_one();
  while (obeyed_.load(std::memory_order_acquire) != order) std::this_thread::yield();
}

PeerTally PeerThread::stop() {
  set(kPeerIdle);
  PeerTally all;
  for (PeerQueue& queue : queues_) {
    const PeerTally& one = queue.tally();
    all.received += one.received;
    all.sent += one.sent;
    all.wrong += one.wrong;
  }
  return all;
}

template <bool kCheck>
uint32_t PeerThread::serve(uint32_t work) {
  uint32_t moved = 0;
  for (PeerQueue& queue : queues_) {
    if ((work & kPeerReceives) != 0) moved += queue.receive<kCheck>(kPeerBatch);
    if ((work & kPeerSends) != 0) moved += queue.send<kCheck>(kPeerBatch);
  }
  return moved;
}

void PeerThread::run() {
  uint32_t work = kPeerIdle;
  uint32_t idle = 0;
  for (;;) {
    if (const uint32_t order = order_.load(std::memory_order_acquire);
        order != obeyed_.load(std::memory_order_relaxed)) {
      // Whoever sends no more has sent everything.
      if ((work & kPeerSends) != 0)
        while (((work & kPeerChecks) != 0 ? serve<true>(work & ~kPeerReceives)
                                          : serve<false>(work & ~kPeerReceives)) != 0) {
        }
      work = order & kWorkMask;
      obeyed_.store(order, std::memory_order_release);
      if (work == kStop) return;
      continue;
    }
    if (work == kPeerIdle) {
      order_.wait(obeyed_.load(std::memory_order_relaxed), std::memory_order_acquire);
      continue;
    }
    const uint32_t moved = (work & kPeerChecks) != 0 ? serve<true>(work) : serve<false>(work);
    if (moved != 0) {
      idle = 0;
    } else if (++idle % kSpinsBeforeYield != 0) {
      _mm_pause();
    } else {
      std::this_thread::yield();
    }
  }
}

}  // namespace zcnbrh::bench
