/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/* Copyright 2026 The Z-CNBRH authors */
/*
 * Receive metadata: what is known of a packet beside its bytes, written right before them by the XDP program
 * and read by the port that takes the packet from its socket. The struct is for both sides; the code below it
 * is for BPF programs.
 *
 * The kernel carries metadata along: in zero-copy mode it lies in the buffer, in copy mode it is copied with
 * the packet (__xsk_rcv() in net/xdp/xsk.c). What the device knows comes from kernel functions that want a
 * program loaded for its netdev (BPF_F_XDP_DEV_BOUND_ONLY, Linux 6.3): define ZCNBRH_META_OF_DEVICE before
 * this header to have them.
 */
#ifndef ZCNBRH_META_H
#define ZCNBRH_META_H

#include <linux/types.h>

#define ZCNBRH_META_MAP ".rodata.zcnmeta" /* struct zcnbrh_meta_config */

/* Bits of zcnbrh_meta_config::wanted and zcnbrh_meta::have. The first three are the kernel's own numbers
 * (NETDEV_XDP_RX_METADATA_* of linux/netdev.h). */
enum zcnbrh_meta_field {
  ZCNBRH_META_TIMESTAMP = 1 << 0, /* 6.3 */
  ZCNBRH_META_HASH = 1 << 1,      /* 6.3 */
  ZCNBRH_META_VLAN = 1 << 2,      /* 6.8 */
  ZCNBRH_META_MARK = 1 << 16,     /* of a flow rule; of no device */
  ZCNBRH_META_FLAG = 1 << 17,     /* the same, without a number */
};
#define ZCNBRH_META_DEVICE (ZCNBRH_META_TIMESTAMP | ZCNBRH_META_HASH | ZCNBRH_META_VLAN)

/* Who has read the struct takes the magic away, since the buffer is used again. */
#define ZCNBRH_META_MAGIC 0x5a4d4554u /* "ZMET" */

/* 32 bytes: kernels before 6.0 take no more (xdp_metalen_invalid() in include/net/xdp.h). */
struct zcnbrh_meta {
  __u64 timestamp; /* of the device's clock, nanoseconds */
  __u32 hash;
  __u32 mark;
  __u16 vlan_tci;
  __u16 vlan_protocol; /* in network order, as on the wire */
  __u32 have;          /* enum zcnbrh_meta_field */
  __u32 pad;
  __u32 magic;
};

/* Frozen with the program, so that the verifier deletes the code for what is not wanted. */
struct zcnbrh_meta_config {
  __u32 wanted; /* enum zcnbrh_meta_field */
  __u32 pad;
};

#ifdef __cplusplus
static_assert(sizeof(struct zcnbrh_meta) == 32, "layout");
#else
_Static_assert(sizeof(struct zcnbrh_meta) == 32, "layout");
#endif

#ifdef __bpf__

/* The packet's struct, made if it has none yet; 0: there is no room before the packet. */
static __always_inline struct zcnbrh_meta *zcnbrh_meta_of(struct xdp_md *ctx) {
  struct zcnbrh_meta *meta = (void *)(long)ctx->data_meta;

  if ((void *)(meta + 1) <= (void *)(long)ctx->data && meta->magic == ZCNBRH_META_MAGIC) return meta;
  if (bpf_xdp_adjust_meta(ctx, -(int)sizeof(*meta))) return 0;
  meta = (void *)(long)ctx->data_meta;
  if ((void *)(meta + 1) > (void *)(long)ctx->data) return 0; /* cannot be; for the verifier */
  __builtin_memset(meta, 0, sizeof(*meta));
  meta->magic = ZCNBRH_META_MAGIC;
  return meta;
}

/* `have`: ZCNBRH_META_MARK, with `mark`, or ZCNBRH_META_FLAG. */
static __always_inline void zcnbrh_meta_mark(struct xdp_md *ctx, __u32 have, __u32 mark) {
  struct zcnbrh_meta *meta = zcnbrh_meta_of(ctx);

  if (!meta) return;
  meta->mark = mark;
  meta->have |= have;
}

#ifdef ZCNBRH_META_OF_DEVICE

const volatile struct zcnbrh_meta_config zcnbrh_meta_config SEC(".rodata.zcnmeta") = {};

enum xdp_rss_hash_type { ZCNBRH_RSS_TYPE_NONE }; /* the kernel's, of which no value is looked at */

extern int bpf_xdp_metadata_rx_timestamp(const struct xdp_md *ctx, __u64 *timestamp) __ksym __weak;
extern int bpf_xdp_metadata_rx_hash(const struct xdp_md *ctx, __u32 *hash,
                                    enum xdp_rss_hash_type *type) __ksym __weak;
extern int bpf_xdp_metadata_rx_vlan_tag(const struct xdp_md *ctx, __be16 *protocol, __u16 *tci) __ksym __weak;

/* Each function says no (-ENODATA, -EOPNOTSUPP) for a packet of which the device does not know the thing. */
static __always_inline void zcnbrh_meta_from_device(struct xdp_md *ctx) {
  __u32 have = 0;
  __u64 timestamp = 0;
  __u32 hash = 0;
  enum xdp_rss_hash_type type;
  __be16 protocol = 0;
  __u16 tci = 0;

  if (zcnbrh_meta_config.wanted & ZCNBRH_META_TIMESTAMP)
    if (!bpf_xdp_metadata_rx_timestamp(ctx, &timestamp)) have |= ZCNBRH_META_TIMESTAMP;
  if (zcnbrh_meta_config.wanted & ZCNBRH_META_HASH)
    if (!bpf_xdp_metadata_rx_hash(ctx, &hash, &type)) have |= ZCNBRH_META_HASH;
  if (zcnbrh_meta_config.wanted & ZCNBRH_META_VLAN)
    if (!bpf_xdp_metadata_rx_vlan_tag(ctx, &protocol, &tci)) have |= ZCNBRH_META_VLAN;

  struct zcnbrh_meta *meta = zcnbrh_meta_of(ctx);
  if (!meta) return;
  meta->timestamp = timestamp;
  meta->hash = hash;
  meta->vlan_protocol = protocol;
  meta->vlan_tci = tci;
  meta->have |= have;
}

#endif /* ZCNBRH_META_OF_DEVICE */
#endif /* __bpf__ */

#endif /* ZCNBRH_META_H */
