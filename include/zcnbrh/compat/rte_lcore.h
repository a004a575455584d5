/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Z-CNBRH authors */
/* An lcore is a thread on the CPU of its number. */
#ifndef ZCNBRH_COMPAT_RTE_LCORE_H
#define ZCNBRH_COMPAT_RTE_LCORE_H

#include "rte_common.h"

/* The calling thread's; UINT_MAX for a thread that is no lcore. */
static inline unsigned rte_lcore_id(void) { return zcnbrh_compat_lcore_id; }
static inline unsigned rte_get_main_lcore(void) { return zcnbrh_compat.main_lcore; }

static inline int rte_lcore_is_enabled(unsigned lcore) {
  return lcore < RTE_MAX_LCORE && zcnbrh_compat.lcores[lcore].enabled;
}

static inline unsigned rte_lcore_count(void) {
  unsigned i, count = 0;

  for (i = 0; i < RTE_MAX_LCORE; i++) count += zcnbrh_compat.lcores[i].enabled;
  return count;
}

/* The NUMA node the calling thread runs on; 0 where the kernel does not say. */
static inline unsigned rte_socket_id(void) {
  unsigned cpu = 0, node = 0;

  return getcpu(&cpu, &node) == 0 ? node : 0;
}

/* The next worker behind lcore `after`; RTE_MAX_LCORE behind the last one. */
static inline unsigned zcnbrh_compat_next_worker(unsigned after) {
  unsigned next = after + 1; /* UINT_MAX: the first one */

  while (next < RTE_MAX_LCORE && (!rte_lcore_is_enabled(next) || next == rte_get_main_lcore())) next++;
  return next;
}

#define RTE_LCORE_FOREACH_WORKER(lcore)                                        \
  for ((lcore) = zcnbrh_compat_next_worker(UINT_MAX); (lcore) < RTE_MAX_LCORE; \
       (lcore) = zcnbrh_compat_next_worker(lcore))

#endif /* ZCNBRH_COMPAT_RTE_LCORE_H */
