// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// A thread that sleeps until packets come, as l3fwd-power's do, and what it cost.
#pragma once

#include <gtest/gtest.h>
#include <rte_epoll.h>
#include <rte_ethdev.h>
#include <rte_interrupts.h>
#include <rte_mbuf.h>
#include <sys/resource.h>
#include <time.h>

#include <atomic>
#include <cstdint>

namespace zcnbrh::testing {

struct Sleeper {
  std::atomic<bool> stop{false};
  std::atomic<bool> asleep{false};
  std::atomic<uint64_t> had{0};
  uint64_t wakes = 0;
  uint64_t stuck = 0;  // sleeps that ended by their time although the ring held a packet
  long voluntary_switches = 0;
  double cpu_seconds = 0;  // of the thread
};

inline double thread_seconds() {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

inline long thread_switches() {
  rusage usage{};
  ::getrusage(RUSAGE_THREAD, &usage);
  return usage.ru_nvcsw;
}

// l3fwd-power's loop. `most`: packets a burst.
inline void work(uint16_t port, uint16_t most, Sleeper& s) {
  ASSERT_EQ(rte_eth_dev_rx_intr_ctl_q(port, 0, RTE_EPOLL_PER_THREAD, RTE_INTR_EVENT_ADD, nullptr), 0);
  const double cpu = thread_seconds();
  const long switches = thread_switches();
  rte_mbuf* got[32];
  while (!s.stop) {
    const uint16_t n = rte_eth_rx_burst(port, 0, got, most);
    if (n != 0) {
      rte_pktmbuf_free_bulk(got, n);
      s.had += n;
    }
    ASSERT_EQ(rte_eth_dev_rx_intr_enable(port, 0), 0);
    rte_epoll_event event;
    s.asleep = true;
    const int woken = rte_epoll_wait(RTE_EPOLL_PER_THREAD, &event, 1, 500);
    s.asleep = false;
    s.wakes += woken == 1;
    // A packet may come in this moment; then the next look at the epoll set tells of it.
    if (woken == 0 && rte_eth_rx_queue_count(port, 0) > 0 &&
        rte_epoll_wait(RTE_EPOLL_PER_THREAD, &event, 1, 0) == 0)
      ++s.stuck;
    ASSERT_EQ(rte_eth_dev_rx_intr_disable(port, 0), 0);
  }
  s.voluntary_switches = thread_switches() - switches;
  s.cpu_seconds = thread_seconds() - cpu;
  EXPECT_EQ(rte_eth_dev_rx_intr_ctl_q(port, 0, RTE_EPOLL_PER_THREAD, RTE_INTR_EVENT_DEL, nullptr), 0);
}

}  // namespace zcnbrh::testing
