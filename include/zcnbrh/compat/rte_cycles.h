/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Z-CNBRH authors */
#ifndef ZCNBRH_COMPAT_RTE_CYCLES_H
#define ZCNBRH_COMPAT_RTE_CYCLES_H

#include <time.h>

#include "rte_common.h"

#define US_PER_S 1000000

static inline uint64_t zcnbrh_compat_now_ns(void) {
  struct timespec now;

  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

/* The CPU's time stamp counter; where it has none of a kind known here, nanoseconds. */
static inline uint64_t rte_rdtsc(void) {
#if defined(__x86_64__) || defined(__i386__)
  return __builtin_ia32_rdtsc();
#else
  return zcnbrh_compat_now_ns();
#endif
}

/* Reads both clocks at one moment: between two looks at one of them that are as close as can be. */
static inline void zcnbrh_compat_read_clocks(uint64_t *ns, uint64_t *tsc) {
  uint64_t closest = UINT64_MAX;
  int i;

  for (i = 0; i < 20; i++) {
    const uint64_t before = zcnbrh_compat_now_ns();
    const uint64_t between = rte_rdtsc();
    const uint64_t after = zcnbrh_compat_now_ns();

    if (after - before >= closest) continue;
    closest = after - before;
    *ns = before + closest / 2;
    *tsc = between;
  }
}

/* Measured once, in rte_eal_init(). */
static inline void zcnbrh_compat_measure_tsc(void) {
  const struct timespec pause = {0, 20000000};
  uint64_t ns[2] = {0, 0}, tsc[2] = {0, 0};

  zcnbrh_compat_read_clocks(&ns[0], &tsc[0]);
  nanosleep(&pause, NULL);
  zcnbrh_compat_read_clocks(&ns[1], &tsc[1]);
  zcnbrh_compat.tsc_hz = (uint64_t)((double)(tsc[1] - tsc[0]) * 1e9 / (double)(ns[1] - ns[0]));
}

/* rte_rdtsc() counts up by so much a second. 0 before rte_eal_init(). */
static inline uint64_t rte_get_tsc_hz(void) { return zcnbrh_compat.tsc_hz; }
static inline uint64_t rte_get_timer_hz(void) { return zcnbrh_compat.tsc_hz; }

/* Returns after that many milliseconds, also when signals come. Sleeps, where DPDK keeps the core busy. */
static inline void rte_delay_ms(unsigned ms) {
  struct timespec left = {(time_t)(ms / 1000), (long)(ms % 1000) * 1000000};

  while (nanosleep(&left, &left) != 0 && errno == EINTR) {
  }
}

#endif /* ZCNBRH_COMPAT_RTE_CYCLES_H */
