/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/* Copyright 2026 The Z-CNBRH authors */
/*
 * For XDP programs that feed a Z-CNBRH port: the port's own (zcnbrh_xdp.bpf.c) and yours (xdp_prog=).
 * Include it once in the .bpf.c, decide what you like about the packet, and end with
 *
 *     return ZCNBRH_PASS(ctx);
 *
 * for packets the application shall have. The maps and the gate come with this header and are filled in
 * when the port loads your object; do not define a map named xsks_map yourself. Your program may shrink or
 * grow the packet. Needs Linux 5.3 (lookup in an XSKMAP, default action of bpf_redirect_map), the gate 5.5
 * (mmapable arrays).
 *
 *     clang -O2 -g -target bpf -mcpu=v3 -c mine.bpf.c -o mine.bpf.o
 */
#ifndef ZCNBRH_USER_H
#define ZCNBRH_USER_H

/* In this order: bpf_helpers.h needs the types of linux/bpf.h. */
/* clang-format off */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
/* clang-format on */

#include "zcnbrh_bpf.h"

/* The sizes are the smallest in use: the loader sets them to the number of queues. */
struct {
  __uint(type, BPF_MAP_TYPE_XSKMAP);
  __uint(max_entries, 64);
  __type(key, __u32);
  __type(value, __u32);
} xsks_map SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(map_flags, BPF_F_MMAPABLE);
  __uint(max_entries, 64);
  __type(key, __u32);
  __type(value, struct zcnbrh_gate);
} zcnbrh_gates SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 64);
  __type(key, __u32);
  __type(value, struct zcnbrh_counters);
} zcnbrh_counts SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, 64);
  __type(key, __u32);
  __type(value, struct zcnbrh_counters);
} zcnbrh_cpucnts SEC(".maps");

/* volatile: the compiler must not fold the zeros it sees here; a section of its own, hence a map of its own. */
const volatile struct zcnbrh_config zcnbrh_config SEC(".rodata.zcnbrh") = {};

#define ZCNBRH_COUNT(queue, field)                                                             \
  do {                                                                                         \
    if (zcnbrh_config.counters) {                                                              \
      struct zcnbrh_counters *counters_ = zcnbrh_config.per_cpu                                \
                                              ? bpf_map_lookup_elem(&zcnbrh_cpucnts, &(queue)) \
                                              : bpf_map_lookup_elem(&zcnbrh_counts, &(queue)); \
      if (counters_) counters_->field++; /* one writer a record, so no atomic */               \
    }                                                                                          \
  } while (0)

/* Takes a credit of the queue. 0: there is none. Only called for a queue that has a socket. */
static __always_inline int zcnbrh_take_credit(__u32 queue) {
  struct zcnbrh_gate *gate = bpf_map_lookup_elem(&zcnbrh_gates, &queue);
  if (!gate) return 1; /* beyond the array: cannot be, it is as long as xsks_map */

  __u32 delivered = gate->delivered;
  __u32 limit = *(volatile __u32 *)&gate->limit; /* written by the polling core at any time */
  if ((__s32)(limit - delivered) <= 0) return 0;
  *(volatile __u32 *)&gate->delivered = delivered + 1;
  return 1;
}

static __always_inline int zcnbrh_pass(struct xdp_md *ctx) {
  __u32 queue = ctx->rx_queue_index;

  if (zcnbrh_config.on_empty != ZCNBRH_ON_EMPTY_OFF || zcnbrh_config.counters) {
    /* Ask first: without a socket the packet is the kernel's, costs no credit and is counted apart. */
    if (!bpf_map_lookup_elem(&xsks_map, &queue)) {
      ZCNBRH_COUNT(queue, passed);
      return XDP_PASS;
    }
    if (zcnbrh_config.on_empty != ZCNBRH_ON_EMPTY_OFF && !zcnbrh_take_credit(queue)) {
      if (zcnbrh_config.on_empty == ZCNBRH_ON_EMPTY_DROP) {
        ZCNBRH_COUNT(queue, dropped_no_credit);
        return XDP_DROP;
      }
      ZCNBRH_COUNT(queue, passed_no_credit);
      return XDP_PASS;
    }
    ZCNBRH_COUNT(queue, redirected);
  }
  /* The last argument is the verdict where the map has no socket: the host keeps its network. */
  return bpf_redirect_map(&xsks_map, queue, XDP_PASS);
}

/* The verdict for a packet that the application shall have. */
#define ZCNBRH_PASS(ctx) zcnbrh_pass(ctx)

#endif /* ZCNBRH_USER_H */
