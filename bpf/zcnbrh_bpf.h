/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/* Copyright 2026 The Z-CNBRH authors */
/*
 * What the XDP program and user space agree on. C for the BPF target, C11 and C++ for user space; needs
 * nothing but the kernel's integer types. The maps named here are defined in zcnbrh_user.h.
 */
#ifndef ZCNBRH_BPF_H
#define ZCNBRH_BPF_H

#include <linux/types.h>

#define ZCNBRH_XSKS_MAP "xsks_map"             /* XSKMAP, key = receive queue */
#define ZCNBRH_GATES_MAP "zcnbrh_gates"        /* ARRAY, mmapable, struct zcnbrh_gate a queue */
#define ZCNBRH_COUNTS_MAP "zcnbrh_counts"      /* ARRAY, struct zcnbrh_counters a queue */
#define ZCNBRH_CPU_COUNTS_MAP "zcnbrh_cpucnts" /* PERCPU_ARRAY of the same */
#define ZCNBRH_CONFIG_MAP ".rodata.zcnbrh"     /* struct zcnbrh_config; also marks a program as ours */

#define ZCNBRH_CONFIG_MAGIC 0x5a434e42u /* "ZCNB" */
#define ZCNBRH_CACHE_LINE 64

/* What becomes of a packet for which the application has no room (struct zcnbrh_config::on_empty). */
enum zcnbrh_on_empty {
  ZCNBRH_ON_EMPTY_OFF = 0,  /* no gate: every packet goes to the socket, the kernel drops what does not fit */
  ZCNBRH_ON_EMPTY_DROP = 1, /* dropped in the driver, before any buffer is used up */
  ZCNBRH_ON_EMPTY_PASS = 2, /* handed to the kernel's stack */
};

/*
 * The gate of one queue: a packet may pass while (__s32)(limit - delivered) > 0. Both counters run freely
 * and wrap at 2^32. Each has one writer and a cache line of its own, so that neither side ever needs an
 * atomic instruction or takes the other's line for writing.
 */
struct zcnbrh_gate {
  __u32 delivered; /* packets redirected to the socket; written by the queue's NAPI only */
  __u32 pad0[ZCNBRH_CACHE_LINE / 4 - 1];
  __u32 limit; /* written by the core that polls the queue only, once a burst */
  __u32 pad1[ZCNBRH_CACHE_LINE / 4 - 1];
};

/* Packets of one queue by verdict. Written only when the configuration asks for counting. */
struct zcnbrh_counters {
  __u64 redirected;        /* sent to the queue's socket */
  __u64 passed;            /* no socket on this queue: to the kernel's stack */
  __u64 dropped_no_credit; /* the gate was shut, on_empty = drop */
  __u64 passed_no_credit;  /* the gate was shut, on_empty = pass */
  __u64 pad[4];            /* a cache line a queue: the queues have different writers */
};

/*
 * Set before the program is loaded and frozen with it: since Linux 5.5 the verifier takes the values for
 * constants and deletes every branch that they rule out. The owner is for the next start, which must tell
 * the leftover of a dead process from the program of a living one.
 */
struct zcnbrh_config {
  __u32 magic;
  __u32 on_empty;         /* enum zcnbrh_on_empty */
  __u32 counters;         /* 0 or 1 */
  __u32 per_cpu;          /* 1: several CPUs may run one queue (SKB mode); counters per CPU, no gate */
  __u32 owner_pid;        /* as the owner's own pid namespace numbers it */
  __u32 rules;            /* 0 or 1: ask the rule table (zcnbrh_rules.h) */
  __u64 owner_pid_ns;     /* inode of that namespace */
  __u64 owner_start_time; /* field 22 of /proc/PID/stat: clock ticks since boot */
};

#ifdef __cplusplus
#define ZCNBRH_ASSERT(condition) static_assert(condition, #condition)
#else
#define ZCNBRH_ASSERT(condition) _Static_assert(condition, #condition)
#endif
ZCNBRH_ASSERT(sizeof(struct zcnbrh_gate) == 2 * ZCNBRH_CACHE_LINE);
ZCNBRH_ASSERT(__builtin_offsetof(struct zcnbrh_gate, limit) == ZCNBRH_CACHE_LINE);
ZCNBRH_ASSERT(sizeof(struct zcnbrh_counters) == ZCNBRH_CACHE_LINE);
ZCNBRH_ASSERT(sizeof(struct zcnbrh_config) == 40);

#endif /* ZCNBRH_BPF_H */
