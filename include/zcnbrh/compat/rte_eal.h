/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Z-CNBRH authors */
#ifndef ZCNBRH_COMPAT_RTE_EAL_H
#define ZCNBRH_COMPAT_RTE_EAL_H

#include "rte_cycles.h"
#include "rte_mempool.h"
#include "zcnbrh_compat_args.h"

/* Reads what is before "--", or all. Its index, or -1 with the reason said. */
static inline int zcnbrh_compat_read_args(struct zcnbrh_compat_args *args, int argc, char **argv) {
  enum { I = ZCNBRH_COMPAT_IGNORED };
  static const struct option longs[] = {{"allow", 1, NULL, I},
                                        {"base-virtaddr", 1, NULL, I},
                                        {"block", 1, NULL, I},
                                        {"create-uio-dev", 0, NULL, I},
                                        {"file-prefix", 1, NULL, I},
                                        {"force-max-simd-bitwidth", 1, NULL, I},
                                        {"help", 0, NULL, 'h'},
                                        {"huge-dir", 1, NULL, I},
                                        {"huge-unlink", 2, NULL, I},
                                        {"huge-worker-stack", 2, NULL, I},
                                        {"iface", 1, NULL, ZCNBRH_COMPAT_IFACE},
                                        {"in-memory", 0, NULL, I},
                                        {"iova-mode", 1, NULL, I},
                                        {"lcores", 1, NULL, ZCNBRH_COMPAT_LCORES},
                                        {"legacy-mem", 0, NULL, I},
                                        {"log-level", 1, NULL, I},
                                        {"main-lcore", 1, NULL, ZCNBRH_COMPAT_MAIN_LCORE},
                                        {"match-allocations", 0, NULL, I},
                                        {"mbuf-pool-ops-name", 1, NULL, I},
                                        {"no-hpet", 0, NULL, I},
                                        {"no-huge", 0, NULL, I},
                                        {"no-pci", 0, NULL, I},
                                        {"no-shconf", 0, NULL, I},
                                        {"no-telemetry", 0, NULL, I},
                                        {"proc-type", 1, NULL, ZCNBRH_COMPAT_PROC_TYPE},
                                        {"single-file-segments", 0, NULL, I},
                                        {"socket-limit", 1, NULL, I},
                                        {"socket-mem", 1, NULL, I},
                                        {"syslog", 1, NULL, I},
                                        {"telemetry", 0, NULL, I},
                                        {"trace", 1, NULL, I},
                                        {"trace-bufsz", 1, NULL, I},
                                        {"trace-dir", 1, NULL, I},
                                        {"trace-mode", 1, NULL, I},
                                        {"vdev", 1, NULL, ZCNBRH_COMPAT_VDEV},
                                        {"vfio-intr", 1, NULL, I},
                                        {"vfio-vf-token", 1, NULL, I},
                                        {"vmware-tsc-map", 0, NULL, I},
                                        {NULL, 0, NULL, 0}};
  int option, index = 0, at;

  optind = 1;
  while ((option = getopt_long(argc, argv, "a:b:c:d:hl:m:n:r:s:S:v", longs, &index)) != -1) {
    const char letter[2] = {(char)option, '\0'};

    if (zcnbrh_compat_take(args, option, option >= I ? longs[index].name : letter, argv[0]) != 0) return -1;
  }
  at = optind - 1;
  argv[at] = argv[0]; /* the program's own arguments follow its name again */
  optind = 1;
  return at;
}

static inline int zcnbrh_compat_choose_lcores(struct zcnbrh_compat_args *args) {
  unsigned id, lowest = RTE_MAX_LCORE;

  for (id = 0; id < RTE_MAX_LCORE; id++) {
    if (!args->has_lcores && CPU_ISSET(id, &args->allowed)) zcnbrh_compat.lcores[id].enabled = true;
    if (zcnbrh_compat.lcores[id].enabled && lowest == RTE_MAX_LCORE) lowest = id;
  }
  zcnbrh_compat.main_lcore = args->main_lcore >= 0 ? (unsigned)args->main_lcore : lowest;
  if (!rte_lcore_is_enabled(zcnbrh_compat.main_lcore)) {
    zcnbrh_compat_say("main lcore %u is none of the lcores; see -l", zcnbrh_compat.main_lcore);
    return -1;
  }
  zcnbrh_compat_lcore_id = zcnbrh_compat.main_lcore;
  zcnbrh_compat_pin(NULL, zcnbrh_compat.main_lcore);
  return 0;
}

/*
 * Makes ports and lcores out of arguments and environment; nothing is attached to an interface yet.
 * Returns how many arguments it took, or -1 with the reason on stderr and errno set. Once a process.
 */
static inline int rte_eal_init(int argc, char **argv) {
  struct zcnbrh_compat_args args;
  const char *ifaces = getenv("ZCNBRH_IFACES");
  int taken;

  errno = EALREADY;
  if (zcnbrh_compat.initialized) return -1;
  memset(&args, 0, sizeof args);
  args.main_lcore = -1;
  sched_getaffinity(0, sizeof args.allowed, &args.allowed);
  taken = zcnbrh_compat_read_args(&args, argc, argv);
  errno = EINVAL;
  if (taken < 0 || zcnbrh_compat_choose_lcores(&args) != 0) return -1;
  if (zcnbrh_compat.port_count == 0 && ifaces != NULL && zcnbrh_compat_read_ifaces(ifaces) != 0) return -1;
  if (args.ignored[0] != '\0')
    zcnbrh_compat_say("there is no EAL here, so these arguments have no effect:%s", args.ignored);
  if (zcnbrh_compat.port_count == 0)
    zcnbrh_compat_say("no ports; give --iface eth0, --vdev net_zcnbrh0,iface=eth0 or ZCNBRH_IFACES=eth0,eth1");
  zcnbrh_compat_measure_tsc();
  zcnbrh_compat.initialized = true;
  return taken;
}

/* Closes what is open: queues, then pools. The workers are through. 0. */
static inline int rte_eal_cleanup(void) {
  unsigned i;

  for (i = 0; i < zcnbrh_compat.port_count; i++) {
    struct zcnbrh_compat_port *port = &zcnbrh_compat.ports[i];

    if (port->queue != NULL) zcnbrh_close(port->queue);
    port->queue = NULL;
    port->present = false;
    free(port->devargs);
    port->devargs = NULL;
  }
  while (zcnbrh_compat.pools != NULL) {
    struct rte_mempool *pool = zcnbrh_compat.pools;

    zcnbrh_compat.pools = pool->next;
    zcnbrh_memory_close(pool->memory);
    free(pool);
  }
  zcnbrh_compat.port_count = 0;
  return 0;
}

#endif /* ZCNBRH_COMPAT_RTE_EAL_H */
