/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Z-CNBRH authors */
/*
 * A packet lies in one frame, and its struct rte_mbuf in the frame's first bytes, which the kernel leaves free:
 *
 *   | rte_mbuf | headroom          | data ...                  |
 *   frame      128 (buf_addr)      256                         frame_size
 */
#ifndef ZCNBRH_COMPAT_RTE_MBUF_H
#define ZCNBRH_COMPAT_RTE_MBUF_H

#include "rte_mempool.h"

#define ZCNBRH_COMPAT_BUF_AT 128

#define RTE_PKTMBUF_HEADROOM 128
#define RTE_MBUF_DEFAULT_BUF_SIZE (2048 + RTE_PKTMBUF_HEADROOM)

struct rte_mbuf {
  void *buf_addr;           /* the buffer, headroom first */
  struct rte_mempool *pool; /* where it goes when it is freed */
  uint64_t zcnbrh_cookie;   /* the library's */
  uint32_t pkt_len;         /* bytes, as data_len: a packet has one segment */
  uint16_t data_off;        /* bytes from buf_addr to the packet */
  uint16_t data_len;        /* bytes of the packet; what is sent */
  uint16_t buf_len;         /* bytes from buf_addr to the frame's end */
  uint16_t port;            /* that it came in by */
} __rte_cache_aligned;

_Static_assert(sizeof(struct rte_mbuf) <= ZCNBRH_COMPAT_BUF_AT, "an mbuf lies before its buffer");
_Static_assert(ZCNBRH_COMPAT_BUF_AT + RTE_PKTMBUF_HEADROOM == ZCNBRH_HEADROOM,
               "where the kernel puts a packet");

#define rte_pktmbuf_mtod(m, type) ((type)(void *)((char *)(m)->buf_addr + (m)->data_off))

static inline struct zcnbrh_frame zcnbrh_compat_frame_of(const struct rte_mbuf *m) {
  struct zcnbrh_frame frame;

  frame.data = (char *)m->buf_addr + m->data_off;
  frame.length = m->data_len;
  frame.room = 0;
  frame.timestamp_ns = 0;
  frame.cookie = m->zcnbrh_cookie;
  return frame;
}

/* The mbuf in a frame that was just received. */
static inline struct rte_mbuf *zcnbrh_compat_mbuf_in(const struct zcnbrh_frame *frame, struct rte_mempool *pool,
                                                     uint16_t port) {
  char *const first = (char *)frame->data + frame->room - pool->frame_size;
  struct rte_mbuf *const m = (struct rte_mbuf *)(void *)first;

  m->buf_addr = first + ZCNBRH_COMPAT_BUF_AT;
  m->pool = pool;
  m->zcnbrh_cookie = frame->cookie;
  m->pkt_len = frame->length;
  m->data_off = (uint16_t)((char *)frame->data - first - ZCNBRH_COMPAT_BUF_AT);
  m->data_len = (uint16_t)frame->length;
  m->buf_len = (uint16_t)(pool->frame_size - ZCNBRH_COMPAT_BUF_AT);
  m->port = port;
  return m;
}

/* Gives a packet's frame back; any thread. NULL: nothing. */
static inline void rte_pktmbuf_free(struct rte_mbuf *m) {
  struct zcnbrh_frame frame;

  if (m == NULL) return;
  frame = zcnbrh_compat_frame_of(m);
  frame.data = m->buf_addr; /* in the frame, whatever the program did to data_off */
  if (zcnbrh_memory_release(m->pool->memory, &frame) != 0) zcnbrh_compat_complain("rte_pktmbuf_free");
}

/*
 * Makes a pool of `count` packets with room for data_room bytes each, headroom included. cache: taken, and not
 * needed, the pool has no lock. private_size: 0. NULL when it cannot, with errno set and a line on stderr.
 */
static inline struct rte_mempool *rte_pktmbuf_pool_create(const char *name, unsigned count, unsigned cache,
                                                          uint16_t private_size, uint16_t data_room,
                                                          int socket) {
  const unsigned bytes = ZCNBRH_COMPAT_BUF_AT + (unsigned)data_room;
  struct rte_mempool *pool = (struct rte_mempool *)calloc(1, sizeof *pool);
  struct zcnbrh_memory_options options;
  int error = pool == NULL ? -ENOMEM : private_size != 0 || bytes > 4096 ? -EINVAL : 0;

  (void)cache;
  zcnbrh_memory_options_init(&options);
  options.frames = count;
  options.frame_size = bytes <= 2048 ? 2048 : 4096;
  options.numa_node = socket;
  if (error == 0) {
    pool->frame_size = options.frame_size;
    error = zcnbrh_memory_open(&options, &pool->memory);
    if (error != 0) zcnbrh_compat_say("pool %s: %s", name, zcnbrh_last_error());
  } else {
    zcnbrh_compat_say("pool %s: private_size %u, data room %u: takes 0 and up to %d bytes", name, private_size,
                      data_room, 4096 - ZCNBRH_COMPAT_BUF_AT);
  }
  if (error != 0) {
    free(pool);
    errno = -error;
    return NULL;
  }
  pool->next = zcnbrh_compat.pools;
  zcnbrh_compat.pools = pool;
  return pool;
}

#endif /* ZCNBRH_COMPAT_RTE_MBUF_H */
