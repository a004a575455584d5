/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Z-CNBRH authors */
/* The data path: mbufs to frames and back. Receiving and sending on a port may be two threads, one each. */
#ifndef ZCNBRH_COMPAT_BURST_H
#define ZCNBRH_COMPAT_BURST_H

#include "rte_mbuf.h"

#define ZCNBRH_COMPAT_BURST 64

/*
 * Takes up to count packets of a started port, in the order they came; how many. Each is the program's until
 * rte_pktmbuf_free() or a send takes it.
 */
static inline uint16_t rte_eth_rx_burst(uint16_t port, uint16_t queue, struct rte_mbuf **packets,
                                        const uint16_t count) {
  struct zcnbrh_compat_port *const p = &zcnbrh_compat.ports[port];
  struct zcnbrh_frame frames[ZCNBRH_COMPAT_BURST];
  uint16_t taken = 0;

  (void)queue;
  while (taken < count) {
    const uint32_t most = count - taken < ZCNBRH_COMPAT_BURST ? count - taken : ZCNBRH_COMPAT_BURST;
    const int got = zcnbrh_poll_batch(p->queue, frames, most);
    int i;

    if (unlikely(got < 0)) zcnbrh_compat_complain("rte_eth_rx_burst");
    for (i = 0; i < got; i++) packets[taken + i] = zcnbrh_compat_mbuf_in(&frames[i], p->pool, port);
    if (got > 0) taken = (uint16_t)(taken + got);
    if (got < (int)most) break;
  }
  return taken;
}

/* A packet that is not sent from where it lies. False: there is no room for it now. */
__attribute__((noinline, unused)) static bool zcnbrh_compat_send_odd(struct zcnbrh_compat_port *p,
                                                                     struct rte_mbuf *m) {
  const bool fits = m->data_len != 0 && m->data_off + m->data_len <= m->buf_len;

  if (fits) { /* of a pool that the port does not receive into: its memory is not shared with the port */
    const int sent = zcnbrh_send_copy(p->queue, rte_pktmbuf_mtod(m, void *), m->data_len);

    if (sent == 0) return false;
    if (sent < 0) zcnbrh_compat_complain("rte_eth_tx_burst");
  } else if (!__atomic_exchange_n(&zcnbrh_compat.complained, true, __ATOMIC_RELAXED)) {
    zcnbrh_compat_say(
        "rte_eth_tx_burst: dropped a packet whose data_len is 0 or beyond its buffer (said once)");
  }
  rte_pktmbuf_free(m);
  return true;
}

/*
 * Sends packets in order; how many were taken, which are the port's then. The rest stays the program's: so many
 * descriptors are being sent already, try again or free them.
 */
static inline uint16_t rte_eth_tx_burst(uint16_t port, uint16_t queue, struct rte_mbuf **packets,
                                        uint16_t count) {
  struct zcnbrh_compat_port *const p = &zcnbrh_compat.ports[port];
  struct zcnbrh_frame frames[ZCNBRH_COMPAT_BURST];
  uint16_t done = 0;

  (void)queue;
  while (done < count) {
    uint16_t ready = 0;
    int sent;

    while (ready < ZCNBRH_COMPAT_BURST && done + ready < count) {
      const struct rte_mbuf *m = packets[done + ready];

      if (unlikely(m->pool != p->pool || m->data_len == 0 || m->data_off + m->data_len > m->buf_len)) break;
      frames[ready++] = zcnbrh_compat_frame_of(m);
    }
    if (unlikely(ready == 0)) {
      if (!zcnbrh_compat_send_odd(p, packets[done])) break;
      done++;
      continue;
    }
    sent = zcnbrh_send_batch(p->queue, frames, ready);
    if (unlikely(sent < 0)) zcnbrh_compat_complain("rte_eth_tx_burst");
    if (sent > 0) done = (uint16_t)(done + sent);
    if (sent < (int)ready) break;
  }
  return done;
}

#endif /* ZCNBRH_COMPAT_BURST_H */
