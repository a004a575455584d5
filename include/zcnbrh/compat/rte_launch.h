/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Z-CNBRH authors */
#ifndef ZCNBRH_COMPAT_RTE_LAUNCH_H
#define ZCNBRH_COMPAT_RTE_LAUNCH_H

#include "rte_lcore.h"

enum rte_rmt_call_main_t { SKIP_MAIN = 0, CALL_MAIN };

typedef int(lcore_function_t)(void *);

static inline void zcnbrh_compat_pin(pthread_attr_t *attributes, unsigned cpu) {
  cpu_set_t set;

  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  if (attributes != NULL)
    pthread_attr_setaffinity_np(attributes, sizeof set, &set);
  else
    sched_setaffinity(0, sizeof set, &set);
}

static inline void *zcnbrh_compat_run_lcore(void *self) {
  struct zcnbrh_compat_lcore *lcore = (struct zcnbrh_compat_lcore *)self;

  zcnbrh_compat_lcore_id = (unsigned)(lcore - zcnbrh_compat.lcores);
  lcore->result = lcore->work(lcore->argument);
  return NULL;
}

static inline void zcnbrh_compat_launch(unsigned id, lcore_function_t *work, void *argument) {
  struct zcnbrh_compat_lcore *lcore = &zcnbrh_compat.lcores[id];
  pthread_attr_t attributes;
  int error;

  lcore->work = work;
  lcore->argument = argument;
  pthread_attr_init(&attributes);
  zcnbrh_compat_pin(&attributes, id);
  error = pthread_create(&lcore->thread, &attributes, zcnbrh_compat_run_lcore, lcore);
  pthread_attr_destroy(&attributes);
  if (error != 0) rte_exit(EXIT_FAILURE, "no thread for lcore %u: %s\n", id, strerror(error));
  lcore->running = true;
}

/* Runs work on every worker, and with CALL_MAIN then here. 0; -EBUSY: a worker was not waited for yet. */
static inline int rte_eal_mp_remote_launch(lcore_function_t *work, void *argument,
                                           enum rte_rmt_call_main_t call_main) {
  unsigned id;

  RTE_LCORE_FOREACH_WORKER(id) if (zcnbrh_compat.lcores[id].running) return -EBUSY;
  RTE_LCORE_FOREACH_WORKER(id) zcnbrh_compat_launch(id, work, argument);
  if (call_main == CALL_MAIN) work(argument);
  return 0;
}

/* Waits until a worker is through. What its function returned; 0 where none was launched. */
static inline int rte_eal_wait_lcore(unsigned id) {
  struct zcnbrh_compat_lcore *lcore;

  if (id >= RTE_MAX_LCORE) return -EINVAL;
  lcore = &zcnbrh_compat.lcores[id];
  if (!lcore->running) return 0;
  pthread_join(lcore->thread, NULL);
  lcore->running = false;
  return lcore->result;
}

#endif /* ZCNBRH_COMPAT_RTE_LAUNCH_H */
