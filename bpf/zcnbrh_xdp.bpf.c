/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/* Copyright 2026 The Z-CNBRH authors */
/* The port's own XDP programs: every packet to the queue's socket, or to the kernel's stack without one. */
#include <xdp/xdp_helpers.h>

#include "zcnbrh_user.h"
/* Behind it, whose types it needs. */
#include "zcnbrh_rules.h"

SEC("xdp")
int zcnbrh_redirect(struct xdp_md *ctx) { return ZCNBRH_PASS(ctx); }

/* With flow rules; and the same where packets may have several buffers. The loader takes one of them. */
SEC("xdp")
int zcnbrh_filter(struct xdp_md *ctx) {
  ZCNBRH_RULES(ctx);
  return ZCNBRH_PASS(ctx);
}

SEC("xdp")
int zcnbrh_filter_frags(struct xdp_md *ctx) {
  ZCNBRH_RULES_FRAGS(ctx);
  return ZCNBRH_PASS(ctx);
}

/*
 * The same two without marks, for libxdp's dispatcher: since Linux 6.13 the kernel refuses an extension program
 * that may move a packet's metadata, since the dispatcher's own program does not (check_attach_btf_id() in
 * verifier.c).
 */
SEC("xdp")
int zcnbrh_joined(struct xdp_md *ctx) {
  ZCNBRH_RULES_OF(ctx, 0, 0);
  return ZCNBRH_PASS(ctx);
}

SEC("xdp")
int zcnbrh_joined_frags(struct xdp_md *ctx) {
  ZCNBRH_RULES_OF(ctx, 1, 0);
  return ZCNBRH_PASS(ctx);
}

/*
 * For libxdp's dispatcher, when we join one: before programs of the default priority (50), as libxdp's own
 * program for AF_XDP, and what we pass goes on to the next program.
 */
struct {
  __uint(priority, 20);
  __uint(XDP_PASS, 1);
} XDP_RUN_CONFIG(zcnbrh_redirect);
struct {
  __uint(priority, 20);
  __uint(XDP_PASS, 1);
} XDP_RUN_CONFIG(zcnbrh_filter);
struct {
  __uint(priority, 20);
  __uint(XDP_PASS, 1);
} XDP_RUN_CONFIG(zcnbrh_filter_frags);
struct {
  __uint(priority, 20);
  __uint(XDP_PASS, 1);
} XDP_RUN_CONFIG(zcnbrh_joined);
struct {
  __uint(priority, 20);
  __uint(XDP_PASS, 1);
} XDP_RUN_CONFIG(zcnbrh_joined_frags);

char _license[] SEC("license") = "GPL";
