/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/* Copyright 2026 The Z-CNBRH authors */
/* A user's program: UDP over IPv4 goes to the application, the rest to the kernel's stack. */
#include <bpf/bpf_endian.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>

#include "bpf/zcnbrh_user.h"
#ifdef RULES
#include "bpf/zcnbrh_rules.h"
#endif

SEC("xdp")
int udp_only(struct xdp_md *ctx) {
#ifdef RULES
  ZCNBRH_RULES(ctx);
#endif
  void *data = (void *)(long)ctx->data;
  void *end = (void *)(long)ctx->data_end;
  struct ethhdr *ethernet = data;
  struct iphdr *ip = (void *)(ethernet + 1);

  if ((void *)(ip + 1) > end || ethernet->h_proto != bpf_htons(ETH_P_IP)) return XDP_PASS;
  return ip->protocol == IPPROTO_UDP ? ZCNBRH_PASS(ctx) : XDP_PASS;
}

char _license[] SEC("license") = "GPL";
