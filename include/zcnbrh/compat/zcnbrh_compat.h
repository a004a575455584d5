/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Z-CNBRH authors */
/*
 * What the headers of this folder have in common: the program's ports and lcores, and how it is told what is
 * wrong. Programs include the rte_ headers only; names with zcnbrh_compat_ may change with every version.
 *
 * The headers serve the programs skeleton and l2fwd of DPDK 22.11 (docs/compat.md): what those call is here,
 * with DPDK's documented meaning, and nothing else is. A call that is missing is an error by its name when the
 * program is compiled, which the pragma below sees to.
 */
#ifndef ZCNBRH_COMPAT_H
#define ZCNBRH_COMPAT_H

#ifndef _GNU_SOURCE
#error \
    "compile with what `pkg-config --cflags libzcnbrh-compat` says: -D_GNU_SOURCE has to come before any header"
#endif

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <net/if.h>
#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zcnbrh/iface.h>
#include <zcnbrh/memory.h>
#include <zcnbrh/zcnbrh.h>

#pragma GCC diagnostic error "-Wimplicit-function-declaration"

/* One for the whole program, however many of its sources include this. */
#define ZCNBRH_COMPAT_ONE __attribute__((weak))

#define RTE_MAX_ETHPORTS 32
#define RTE_MAX_LCORE 128

struct rte_mempool;

/* A port is queue 0 of an interface, or the queue named by start_queue=. */
struct zcnbrh_compat_port {
  struct zcnbrh_queue *queue; /* NULL: not started */
  struct rte_mempool *pool;   /* of its RX queue */
  struct zcnbrh_options options;
  char iface[IFNAMSIZ];
  char *devargs; /* what --vdev says beside iface=, or NULL */
  bool present;  /* until it is closed */
  bool configured, has_tx, promiscuous;
};

struct zcnbrh_compat_lcore {
  bool enabled;
  bool running; /* started, and not waited for yet */
  pthread_t thread;
  int (*work)(void *);
  void *argument;
  int result;
};

struct zcnbrh_compat_state {
  struct zcnbrh_compat_port ports[RTE_MAX_ETHPORTS];
  unsigned port_count; /* those that were closed included */
  struct zcnbrh_compat_lcore lcores[RTE_MAX_LCORE];
  unsigned main_lcore;
  struct rte_mempool *pools;
  uint64_t tsc_hz;
  bool initialized;
  bool complained;
};

ZCNBRH_COMPAT_ONE struct zcnbrh_compat_state zcnbrh_compat;
ZCNBRH_COMPAT_ONE __thread unsigned zcnbrh_compat_lcore_id = UINT_MAX;

/* A line for the user. */
__attribute__((format(printf, 1, 2))) static inline void zcnbrh_compat_say(const char *format, ...) {
  va_list arguments;

  fputs("zcnbrh compat: ", stderr);
  va_start(arguments, format);
  vfprintf(stderr, format, arguments);
  va_end(arguments);
  fputc('\n', stderr);
}

/* What the library says of a call on the data path that it refused; once, since there may be millions. */
__attribute__((cold, noinline, unused)) static void zcnbrh_compat_complain(const char *call) {
  if (__atomic_exchange_n(&zcnbrh_compat.complained, true, __ATOMIC_RELAXED)) return;
  zcnbrh_compat_say("%s: %s (said once)", call, zcnbrh_last_error());
}

/* NULL: no such port. */
static inline struct zcnbrh_compat_port *zcnbrh_compat_port_of(unsigned port) {
  if (port >= RTE_MAX_ETHPORTS || port >= zcnbrh_compat.port_count) return NULL;
  return zcnbrh_compat.ports[port].present ? &zcnbrh_compat.ports[port] : NULL;
}

#endif /* ZCNBRH_COMPAT_H */
