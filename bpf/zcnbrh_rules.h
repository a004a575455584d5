/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/* Copyright 2026 The Z-CNBRH authors */
/*
 * Flow rules in the XDP program: the table as user space fills it (first part, plain data for both sides) and
 * the code that looks a packet up in it (BPF only). A packet's headers are copied once into a fixed key of
 * eleven 64-bit words; a rule is a value and a mask over that key. The first rule of the table that fits
 * decides, so user space sorts the table by priority.
 *
 * The table is one element of an array of maps: a new one is filled aside and put in by one store, and the
 * system call that does it returns when no program run looks at the old one any more (Linux 4.12; bpf(2) waits
 * for that since 4.18). So every packet meets the old rules or the new ones, never a mixture.
 *
 * Without rules nothing of this is left of a program: the switch in .rodata.zcrules is off, the verifier
 * deletes the branch (Linux 5.5), and the first rule puts a program with the switch on in its place.
 *
 * In a user's program (xdp_prog=): include zcnbrh_user.h, then this header, and begin with
 *
 *     ZCNBRH_RULES(ctx);
 *
 * which returns the verdict of a rule that takes the packet away from the application, and otherwise goes on.
 */
#ifndef ZCNBRH_RULES_H
#define ZCNBRH_RULES_H

#include <linux/types.h>

#ifdef __bpf__
#include "zcnbrh_user.h"
#else
#include "zcnbrh_bpf.h"
#endif

#define ZCNBRH_RULES_MAP "zcnbrh_rules" /* ARRAY_OF_MAPS, one entry: an ARRAY of one struct zcnbrh_rules */
#define ZCNBRH_RULE_COUNTS_MAP "zcnbrh_rulecnt" /* PERCPU_ARRAY, struct zcnbrh_rule_count a counter */

/* Every rule costs every packet that it does not fit; see docs/limits.md. */
#define ZCNBRH_MAX_RULES 256

/* Which headers were found: struct zcnbrh_flow_key::layers. */
enum zcnbrh_layer {
  ZCNBRH_LAYER_VLAN = 1 << 0,      /* an 802.1Q or 802.1ad tag */
  ZCNBRH_LAYER_VLAN2 = 1 << 1,     /* a second one inside */
  ZCNBRH_LAYER_VLAN_MORE = 1 << 2, /* and more; nothing behind them is looked at */
  ZCNBRH_LAYER_IPV4 = 1 << 3,
  ZCNBRH_LAYER_IPV6 = 1 << 4,
  ZCNBRH_LAYER_TCP = 1 << 5, /* its header is in this packet: never in a later fragment */
  ZCNBRH_LAYER_UDP = 1 << 6,
};

/* A packet's headers as they came, in network byte order; what is not there is 0. */
struct zcnbrh_flow_key {
  __u32 layers;    /* enum zcnbrh_layer, host byte order */
  __u8 l4[20];     /* TCP header without options, or UDP header */
  __u8 l3[40];     /* IPv4 header without options, or IPv6 header */
  __u8 eth[14];    /* destination, source, EtherType or TPID */
  __u8 vlan[2][4]; /* outer tag first: TCI, then the inner EtherType or TPID */
  __u8 pad[2];
};
#define ZCNBRH_KEY_WORDS 11

enum zcnbrh_rule_verdict {
  ZCNBRH_RULE_TO_PORT = 0,   /* as without rules: to the socket of the queue it came in on */
  ZCNBRH_RULE_TO_KERNEL = 1, /* to the kernel's stack */
  ZCNBRH_RULE_DROP = 2,
};

struct zcnbrh_rule {
  struct zcnbrh_flow_key value;
  struct zcnbrh_flow_key mask; /* bits that count; 0 elsewhere */
  __u32 first_queue;           /* the rule is for packets of these receive queues only */
  __u32 queue_count;
  __u32 verdict; /* enum zcnbrh_rule_verdict */
  __u32 counter; /* in zcnbrh_rulecnt; 0: not counted */
  __u32 marking; /* 0, or of enum zcnbrh_meta_field: what packets to the port are told by */
  __u32 mark;
};

struct zcnbrh_rules {
  __u32 count;
  __u32 marks; /* 1: packets to the port carry struct zcnbrh_meta, with or without a mark */
  struct zcnbrh_rule rule[ZCNBRH_MAX_RULES];
};

struct zcnbrh_rule_count {
  __u64 packets;
  __u64 bytes; /* without FCS */
};

ZCNBRH_ASSERT(sizeof(struct zcnbrh_flow_key) == 8 * ZCNBRH_KEY_WORDS);
ZCNBRH_ASSERT(sizeof(struct zcnbrh_rule) == 16 * ZCNBRH_KEY_WORDS + 24);

#ifdef __bpf__

#include <bpf/bpf_endian.h>
#include <linux/if_ether.h>
#include <linux/in.h>

#include "zcnbrh_meta.h"

struct zcnbrh_rules_inner {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 1);
  __uint(key_size, sizeof(__u32)); /* by size: clang leaves types this deep out of the BTF */
  __uint(value_size, sizeof(struct zcnbrh_rules));
};

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
  __uint(max_entries, 1);
  __type(key, __u32);
  __array(values, struct zcnbrh_rules_inner);
} zcnbrh_rules SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, ZCNBRH_MAX_RULES + 1);
  __type(key, __u32);
  __type(value, struct zcnbrh_rule_count);
} zcnbrh_rulecnt SEC(".maps");

#define ZCNBRH_IPV6_EXTENSIONS 4 /* extension headers stepped over on the way to TCP or UDP */
/* In the C library's headers, and not in the kernel's. */
enum { ZCNBRH_NEXT_HOP = 0, ZCNBRH_NEXT_ROUTING = 43, ZCNBRH_NEXT_FRAGMENT = 44, ZCNBRH_NEXT_OPTIONS = 60 };

/*
 * Headers are copied 32 bits at a time: both sides lie at multiples of 2 at least, which every machine that XDP
 * is used on loads at once.
 */
struct zcnbrh_words2 {
  __u32 word[2];
};
struct zcnbrh_words3 {
  __u32 word[3];
};
struct zcnbrh_words5 {
  __u32 word[5];
};
struct zcnbrh_words10 {
  __u32 word[10];
};
#define ZCNBRH_COPY(words, to, from) \
  (*(struct zcnbrh_words##words *)(to) = *(struct zcnbrh_words##words *)(from))

static __always_inline int zcnbrh_is_tag(__u16 type) {
  return type == bpf_htons(ETH_P_8021Q) || type == bpf_htons(ETH_P_8021AD);
}

static __always_inline void zcnbrh_read_l4(struct zcnbrh_flow_key *key, void *at, void *end, __u32 protocol) {
  if (protocol == IPPROTO_TCP && at + 20 <= end) {
    ZCNBRH_COPY(5, key->l4, at);
    key->layers |= ZCNBRH_LAYER_TCP;
  } else if (protocol == IPPROTO_UDP && at + 8 <= end) {
    ZCNBRH_COPY(2, key->l4, at);
    key->layers |= ZCNBRH_LAYER_UDP;
  }
}

static __always_inline void zcnbrh_read_ipv4(struct zcnbrh_flow_key *key, void *at, void *end) {
  if (at + 20 > end) return;
  __u8 version_ihl = *(__u8 *)at;
  __u32 header = (version_ihl & 0xf) * 4;
  if (version_ihl >> 4 != 4 || header < 20) return;
  ZCNBRH_COPY(5, key->l3, at);
  key->layers |= ZCNBRH_LAYER_IPV4;
  if (*(__u16 *)(at + 6) & bpf_htons(0x1fff)) return; /* a later fragment has no layer 4 header */
  zcnbrh_read_l4(key, at + header, end, *(__u8 *)(at + 9));
}

static __always_inline void zcnbrh_read_ipv6(struct zcnbrh_flow_key *key, void *at, void *end) {
  if (at + 40 > end || *(__u8 *)at >> 4 != 6) return;
  ZCNBRH_COPY(10, key->l3, at);
  key->layers |= ZCNBRH_LAYER_IPV6;
  __u32 next = *(__u8 *)(at + 6);
  at += 40;
  for (int i = 0; i < ZCNBRH_IPV6_EXTENSIONS; i++) {
    if (next != ZCNBRH_NEXT_HOP && next != ZCNBRH_NEXT_ROUTING && next != ZCNBRH_NEXT_OPTIONS &&
        next != ZCNBRH_NEXT_FRAGMENT)
      break;
    if (at + 8 > end) return;
    __u32 length = 8;
    if (next == ZCNBRH_NEXT_FRAGMENT) {
      if (*(__u16 *)(at + 2) & bpf_htons(0xfff8)) return; /* a later fragment */
    } else {
      length += *(__u8 *)(at + 1) * 8;
    }
    next = *(__u8 *)at;
    at += length;
  }
  zcnbrh_read_l4(key, at, end, next);
}

static __always_inline void zcnbrh_read_key(struct xdp_md *ctx, struct zcnbrh_flow_key *key) {
  void *at = (void *)(long)ctx->data;
  void *end = (void *)(long)ctx->data_end;

  if (at + ETH_HLEN > end) return;
  ZCNBRH_COPY(3, key->eth, at);
  __u16 type = *(__u16 *)(at + 12);
  *(__u16 *)(key->eth + 12) = type;
  at += ETH_HLEN;
#pragma unroll
  for (int tag = 0; tag < 2; tag++) {
    if (!zcnbrh_is_tag(type)) break;
    if (at + 4 > end) return;
    *(__u16 *)key->vlan[tag] = *(__u16 *)at;
    type = *(__u16 *)(at + 2);
    *(__u16 *)(key->vlan[tag] + 2) = type;
    key->layers |= ZCNBRH_LAYER_VLAN << tag;
    at += 4;
  }
  if (type == bpf_htons(ETH_P_IP)) {
    zcnbrh_read_ipv4(key, at, end);
  } else if (type == bpf_htons(ETH_P_IPV6)) {
    zcnbrh_read_ipv6(key, at, end);
  } else if (zcnbrh_is_tag(type)) {
    key->layers |= ZCNBRH_LAYER_VLAN_MORE;
  }
}

#define ZCNBRH_DIFFERS(word) ((have[word] ^ value[word]) & mask[word])

/*
 * Layers and ports, and the words with the IPv4 addresses (and the IPv6 source) first: one of them tells most
 * rules apart. The rest without branches.
 */
static __always_inline int zcnbrh_rule_fits(const struct zcnbrh_rule *rule, const struct zcnbrh_flow_key *key) {
  const __u64 *have = (const __u64 *)key;
  const __u64 *value = (const __u64 *)&rule->value;
  const __u64 *mask = (const __u64 *)&rule->mask;

  if (ZCNBRH_DIFFERS(0) | ZCNBRH_DIFFERS(4) | ZCNBRH_DIFFERS(5)) return 0;
  return (ZCNBRH_DIFFERS(1) | ZCNBRH_DIFFERS(2) | ZCNBRH_DIFFERS(3) | ZCNBRH_DIFFERS(6) | ZCNBRH_DIFFERS(7) |
          ZCNBRH_DIFFERS(8) | ZCNBRH_DIFFERS(9) | ZCNBRH_DIFFERS(10)) == 0;
}

/* `frags`: the program is loaded for packets of several buffers, of which data..data_end is the first one only.
 * Then the kernel has bpf_xdp_get_buff_len() (both 5.18); others must not even name it. */
static __always_inline void zcnbrh_count_rule(struct xdp_md *ctx, __u32 counter, int frags) {
  if (counter == 0) return;
  struct zcnbrh_rule_count *count = bpf_map_lookup_elem(&zcnbrh_rulecnt, &counter);
  if (!count) return;
  count->packets++; /* this CPU's own */
  count->bytes += frags ? bpf_xdp_get_buff_len(ctx) : ctx->data_end - ctx->data;
}

/* The rule for a packet of this queue, counted; 0: none. */
static __always_inline const struct zcnbrh_rule *zcnbrh_find_rule(struct xdp_md *ctx,
                                                                  const struct zcnbrh_rules *rules, int frags) {
  __u32 count = rules->count;
  if (count == 0) return 0;

  struct zcnbrh_flow_key key = {};
  zcnbrh_read_key(ctx, &key);
  __u32 queue = ctx->rx_queue_index;
  for (__u32 i = 0; i < ZCNBRH_MAX_RULES; i++) { /* bounded loops: Linux 5.3 */
    if (i >= count) break;
    const struct zcnbrh_rule *rule = &rules->rule[i];
    if (queue - rule->first_queue >= rule->queue_count || !zcnbrh_rule_fits(rule, &key)) continue;
    zcnbrh_count_rule(ctx, rule->counter, frags);
    return rule;
  }
  return 0;
}

/* The verdict on a packet that is taken away from the application; -1: it is not. */
static __always_inline int zcnbrh_apply_rules(struct xdp_md *ctx, int frags, int marks) {
  __u32 zero = 0;
  void *table = bpf_map_lookup_elem(&zcnbrh_rules, &zero);
  if (!table) return -1;
  const struct zcnbrh_rules *rules = bpf_map_lookup_elem(table, &zero);
  if (!rules) return -1;
  const struct zcnbrh_rule *rule = zcnbrh_find_rule(ctx, rules, frags);
  if (rule && rule->verdict == ZCNBRH_RULE_DROP) return XDP_DROP;
  if (rule && rule->verdict == ZCNBRH_RULE_TO_KERNEL) return XDP_PASS;
  if (marks && rules->marks) {
    /* Every packet gets its metadata, so that none is taken for what an earlier packet left in the buffer. */
    if (rule && rule->marking) {
      zcnbrh_meta_mark(ctx, rule->marking, rule->mark);
    } else {
      zcnbrh_meta_of(ctx);
    }
  }
  return -1;
}

#define ZCNBRH_RULES_OF(ctx, frags, marks)                  \
  do {                                                      \
    if (zcnbrh_config.rules) {                              \
      int verdict_ = zcnbrh_apply_rules(ctx, frags, marks); \
      if (verdict_ >= 0) return verdict_;                   \
    }                                                       \
  } while (0)

/*
 * Returns from the caller where a rule takes the packet away from the application. Take pointers to the packet
 * behind it, not before: a mark may move its metadata. The second is for programs in a section "xdp.frags".
 */
#define ZCNBRH_RULES(ctx) ZCNBRH_RULES_OF(ctx, 0, 1)
#define ZCNBRH_RULES_FRAGS(ctx) ZCNBRH_RULES_OF(ctx, 1, 1)

#endif /* __bpf__ */

#endif /* ZCNBRH_RULES_H */
