/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Z-CNBRH authors */
/* Ports: their life. What packets go through is in zcnbrh_compat_burst.h. A port has one RX and one TX queue.
 */
#ifndef ZCNBRH_COMPAT_RTE_ETHDEV_H
#define ZCNBRH_COMPAT_RTE_ETHDEV_H

#include "rte_errno.h"
#include "rte_ether.h"
#include "rte_log.h"
#include "rte_mbuf.h"
#include "zcnbrh_compat_burst.h"

#define RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE (UINT64_C(1) << 16)
#define RTE_PTYPE_UNKNOWN 0

enum rte_eth_tx_mq_mode { RTE_ETH_MQ_TX_NONE };

struct rte_eth_rxmode {
  uint64_t offloads; /* there are none */
};
struct rte_eth_txmode {
  enum rte_eth_tx_mq_mode mq_mode;
  uint64_t offloads; /* RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE */
};
struct rte_eth_conf {
  struct rte_eth_rxmode rxmode;
  struct rte_eth_txmode txmode;
};
struct rte_eth_rxconf {
  uint64_t offloads;
};
struct rte_eth_txconf {
  uint64_t offloads;
};

struct rte_eth_dev_info {
  uint64_t tx_offload_capa;
  struct rte_eth_rxconf default_rxconf;
  struct rte_eth_txconf default_txconf;
};

static inline unsigned zcnbrh_compat_next_port(unsigned from) {
  while (from < RTE_MAX_ETHPORTS && zcnbrh_compat_port_of(from) == NULL) from++;
  return from;
}

#define RTE_ETH_FOREACH_DEV(port)                                                \
  for ((port) = zcnbrh_compat_next_port(0); (unsigned)(port) < RTE_MAX_ETHPORTS; \
       (port) = zcnbrh_compat_next_port((unsigned)(port) + 1))

static inline int rte_eth_dev_is_valid_port(uint16_t port) { return zcnbrh_compat_port_of(port) != NULL; }

static inline uint16_t rte_eth_dev_count_avail(void) {
  uint16_t port, count = 0;

  RTE_ETH_FOREACH_DEV(port) count++;
  return count;
}

/* What the kernel knows of a port's interface: 0, -ENODEV for no such port, or an error of
 * zcnbrh_iface_query(). */
static inline int zcnbrh_compat_ask(unsigned port, struct zcnbrh_iface *info) {
  struct zcnbrh_compat_port *p = zcnbrh_compat_port_of(port);

  info->size = sizeof *info;
  return p != NULL ? zcnbrh_iface_query(p->iface, info) : -ENODEV;
}

/* The NUMA node of the interface; -1: none, or not known. */
static inline int rte_eth_dev_socket_id(uint16_t port) {
  struct zcnbrh_iface info;

  return zcnbrh_compat_ask(port, &info) == 0 ? info.numa_node : -1;
}

static inline int rte_eth_dev_info_get(uint16_t port, struct rte_eth_dev_info *info) {
  if (zcnbrh_compat_port_of(port) == NULL) return -ENODEV;
  if (info == NULL) return -EINVAL;
  memset(info, 0, sizeof *info);
  info->tx_offload_capa = RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE; /* frames come back by address, always */
  return 0;
}

static inline int rte_eth_macaddr_get(uint16_t port, struct rte_ether_addr *address) {
  struct zcnbrh_iface info;
  const int error = zcnbrh_compat_ask(port, &info);

  if (error == 0) memcpy(address->addr_bytes, info.mac, sizeof address->addr_bytes);
  return error;
}

/* -EINVAL: another number of queues than 1 and 1, or an offload that the port does not have; -EBUSY: it is
 * started. */
static inline int rte_eth_dev_configure(uint16_t port, uint16_t rx_queues, uint16_t tx_queues,
                                        const struct rte_eth_conf *conf) {
  struct zcnbrh_compat_port *p = zcnbrh_compat_port_of(port);

  if (p == NULL) return -ENODEV;
  if (p->queue != NULL) return -EBUSY;
  if (rx_queues != 1 || tx_queues != 1 || conf == NULL || conf->rxmode.offloads != 0 ||
      (conf->txmode.offloads & ~RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE) != 0) {
    zcnbrh_compat_say("port %u: takes one RX and one TX queue and no offload but MBUF_FAST_FREE", port);
    return -EINVAL;
  }
  zcnbrh_options_init(&p->options);
  p->options.iface = p->iface;
  p->options.devargs = p->devargs;
  p->pool = NULL;
  p->has_tx = false;
  p->configured = true;
  return 0;
}

static inline uint16_t zcnbrh_compat_within(uint16_t wanted) {
  return wanted < 64 ? 64 : wanted > 32768 ? 32768 : wanted;
}

/* Brings both within what a queue takes. */
static inline int rte_eth_dev_adjust_nb_rx_tx_desc(uint16_t port, uint16_t *rx_desc, uint16_t *tx_desc) {
  if (zcnbrh_compat_port_of(port) == NULL) return -ENODEV;
  if (rx_desc != NULL) *rx_desc = zcnbrh_compat_within(*rx_desc);
  if (tx_desc != NULL) *tx_desc = zcnbrh_compat_within(*tx_desc);
  return 0;
}

/* A configured, stopped port, for the set-up of queue 0; or NULL with the error. */
static inline struct zcnbrh_compat_port *zcnbrh_compat_for_setup(unsigned port, unsigned queue, int *error) {
  struct zcnbrh_compat_port *p = zcnbrh_compat_port_of(port);

  *error = p == NULL ? -ENODEV : p->queue != NULL ? -EBUSY : queue != 0 || !p->configured ? -EINVAL : 0;
  return *error == 0 ? p : NULL;
}

/* conf: NULL or without offloads. pool: where its packets come from; what it received, every port sends in
 * place. */
static inline int rte_eth_rx_queue_setup(uint16_t port, uint16_t queue, uint16_t descriptors, unsigned socket,
                                         const struct rte_eth_rxconf *conf, struct rte_mempool *pool) {
  int error;
  struct zcnbrh_compat_port *p = zcnbrh_compat_for_setup(port, queue, &error);

  (void)socket;
  if (p == NULL) return error;
  if (pool == NULL || (conf != NULL && conf->offloads != 0)) return -EINVAL;
  p->options.rx_desc = descriptors;
  p->options.memory = pool->memory;
  p->pool = pool;
  return 0;
}

static inline int rte_eth_tx_queue_setup(uint16_t port, uint16_t queue, uint16_t descriptors, unsigned socket,
                                         const struct rte_eth_txconf *conf) {
  int error;
  struct zcnbrh_compat_port *p = zcnbrh_compat_for_setup(port, queue, &error);

  (void)socket;
  if (p == NULL) return error;
  if (conf != NULL && (conf->offloads & ~RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE) != 0) return -EINVAL;
  p->options.tx_desc = descriptors;
  p->has_tx = true;
  return 0;
}

/* As long as the port is there; before its start the wish is kept. 0, -ENODEV, or an error of
 * zcnbrh_set_promiscuous(). */
static inline int rte_eth_promiscuous_enable(uint16_t port) {
  struct zcnbrh_compat_port *p = zcnbrh_compat_port_of(port);

  if (p == NULL) return -ENODEV;
  p->promiscuous = true;
  return p->queue != NULL ? zcnbrh_set_promiscuous(p->queue, 1) : 0;
}

/* Opens the port's queue. The interface is up. 0, -EINVAL without both queues, or an error of zcnbrh_open(). */
static inline int rte_eth_dev_start(uint16_t port) {
  struct zcnbrh_compat_port *p = zcnbrh_compat_port_of(port);
  struct zcnbrh_queue *queue;
  int error;

  if (p == NULL) return -ENODEV;
  if (p->queue != NULL) return 0;
  if (p->pool == NULL || !p->has_tx) return -EINVAL;
  error = zcnbrh_open(&p->options, &queue);
  if (error == 0 && p->promiscuous) error = zcnbrh_set_promiscuous(queue, 1);
  if (error != 0) {
    zcnbrh_compat_say("port %u: %s", port, zcnbrh_last_error());
    if (queue != NULL) zcnbrh_close(queue);
    return error;
  }
  p->queue = queue;
  zcnbrh_compat_say("port %u on %s: %s", port, p->iface, zcnbrh_mode(queue));
  return 0;
}

/* Sends what waits, for a tenth of a second at most, and closes the queue; nobody uses it. Its packets stay
 * good. */
static inline int rte_eth_dev_stop(uint16_t port) {
  struct zcnbrh_compat_port *p = zcnbrh_compat_port_of(port);
  int i, error;

  if (p == NULL) return -ENODEV;
  if (p->queue == NULL) return 0;
  for (i = 0; i < 100 && zcnbrh_flush(p->queue) > 0; i++) usleep(1000);
  error = zcnbrh_close(p->queue);
  p->queue = NULL;
  return error;
}

/* The port is gone; -EBUSY: stop it first. */
static inline int rte_eth_dev_close(uint16_t port) {
  struct zcnbrh_compat_port *p = zcnbrh_compat_port_of(port);

  if (p == NULL) return -ENODEV;
  if (p->queue != NULL) return -EBUSY;
  p->present = false;
  return 0;
}

/* Packet types are never looked for, so there are none to choose from: all of them can be switched off. */
static inline int rte_eth_dev_set_ptypes(uint16_t port, uint32_t mask, uint32_t *types, unsigned count) {
  if (zcnbrh_compat_port_of(port) == NULL) return -ENODEV;
  if (mask != RTE_PTYPE_UNKNOWN) return -ENOTSUP;
  if (types != NULL && count > 0) types[0] = RTE_PTYPE_UNKNOWN;
  return 0;
}

#include "zcnbrh_compat_link.h"
#include "zcnbrh_compat_tx_buffer.h"

#endif /* ZCNBRH_COMPAT_RTE_ETHDEV_H */
