/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/* Copyright 2026 The Z-CNBRH authors */
/* Users' programs that know nothing of our header; which one is chosen at compile time. */
/* In this order: bpf_helpers.h needs the types of linux/bpf.h. */
/* clang-format off */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
/* clang-format on */

#define XSKMAP(name)                   \
  struct {                             \
    __uint(type, BPF_MAP_TYPE_XSKMAP); \
    __uint(max_entries, 4);            \
    __type(key, __u32);                \
    __type(value, __u32);              \
  } name SEC(".maps")

#ifndef NO_MAP
XSKMAP(my_sockets);
#endif
#ifdef TWO_MAPS
XSKMAP(my_other_sockets);
#endif

#ifdef OLD_SECTION
SEC("xdp_sock")
#else
SEC("xdp")
#endif
int plain(struct xdp_md *ctx) {
#ifdef REJECTED
  if (*(volatile char *)(long)ctx->data == 1) return XDP_DROP; /* not checked against data_end */
#endif
#ifdef TWO_MAPS
  if (ctx->rx_queue_index == 3) return bpf_redirect_map(&my_other_sockets, 3, XDP_PASS);
#endif
#ifdef NO_MAP
  return XDP_PASS;
#else
  return bpf_redirect_map(&my_sockets, ctx->rx_queue_index, XDP_PASS);
#endif
}

char _license[] SEC("license") = "GPL";
