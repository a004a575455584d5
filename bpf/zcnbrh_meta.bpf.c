/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/* Copyright 2026 The Z-CNBRH authors */
/*
 * The port's own XDP program where the device's metadata is wanted: as zcnbrh_xdp.bpf.c, with or without flow
 * rules, and the metadata before each packet that goes to a socket. Loaded for one netdev; no dispatcher
 * takes it. An object of its own, since the kernel refuses the metadata functions in any other program, also
 * where they would never be called (add_kfunc_call() in kernel/bpf/verifier.c).
 */
#define ZCNBRH_META_OF_DEVICE

#include "zcnbrh_user.h"
/* Behind it, whose types they need. */
#include "zcnbrh_meta.h"
#include "zcnbrh_rules.h"

SEC("xdp")
int zcnbrh_meta_redirect(struct xdp_md *ctx) {
  ZCNBRH_RULES_FRAGS(ctx);
  int verdict = ZCNBRH_PASS(ctx);
  if (verdict == XDP_REDIRECT) zcnbrh_meta_from_device(ctx);
  return verdict;
}

char _license[] SEC("license") = "GPL";
