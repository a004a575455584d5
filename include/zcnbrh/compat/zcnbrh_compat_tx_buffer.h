/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Z-CNBRH authors */
/* Packets that are collected and sent a burst at a time. Included by rte_ethdev.h. */
#ifndef ZCNBRH_COMPAT_TX_BUFFER_H
#define ZCNBRH_COMPAT_TX_BUFFER_H

#include "zcnbrh_compat_burst.h"

typedef void (*buffer_tx_error_fn)(struct rte_mbuf **unsent, uint16_t count, void *argument);

struct rte_eth_dev_tx_buffer {
  buffer_tx_error_fn error_callback; /* gets what was not sent, and has to free it */
  void *error_userdata;
  uint16_t size; /* packets it takes before it sends */
  uint16_t length;
  struct rte_mbuf *pkts[];
};

/* Bytes of one for so many packets. */
#define RTE_ETH_TX_BUFFER_SIZE(packets) \
  (sizeof(struct rte_eth_dev_tx_buffer) + (packets) * sizeof(struct rte_mbuf *))

static inline void zcnbrh_compat_drop_unsent(struct rte_mbuf **unsent, uint16_t count, void *argument) {
  uint16_t i;

  (void)argument;
  for (i = 0; i < count; i++) rte_pktmbuf_free(unsent[i]);
}

/* Frees them and adds their number to the uint64_t that argument points to. */
static inline void rte_eth_tx_buffer_count_callback(struct rte_mbuf **unsent, uint16_t count, void *argument) {
  zcnbrh_compat_drop_unsent(unsent, count, NULL);
  *(uint64_t *)argument += count;
}

static inline int rte_eth_tx_buffer_set_err_callback(struct rte_eth_dev_tx_buffer *buffer,
                                                     buffer_tx_error_fn callback, void *argument) {
  if (buffer == NULL || callback == NULL) return -EINVAL;
  buffer->error_callback = callback;
  buffer->error_userdata = argument;
  return 0;
}

/* Empty; what will not be sent is freed unless another callback is set. */
static inline int rte_eth_tx_buffer_init(struct rte_eth_dev_tx_buffer *buffer, uint16_t size) {
  if (buffer == NULL) return -EINVAL;
  buffer->size = size;
  buffer->length = 0;
  return rte_eth_tx_buffer_set_err_callback(buffer, zcnbrh_compat_drop_unsent, NULL);
}

/* Sends what is in it; how many the port took. The others went to the callback. */
static inline uint16_t rte_eth_tx_buffer_flush(uint16_t port, uint16_t queue,
                                               struct rte_eth_dev_tx_buffer *buffer) {
  const uint16_t waiting = buffer->length;
  uint16_t sent;

  if (waiting == 0) return 0;
  sent = rte_eth_tx_burst(port, queue, buffer->pkts, waiting);
  buffer->length = 0;
  if (unlikely(sent < waiting))
    buffer->error_callback(buffer->pkts + sent, (uint16_t)(waiting - sent), buffer->error_userdata);
  return sent;
}

/* Adds a packet; the full buffer is sent. How many the port took, 0 mostly. */
static inline uint16_t rte_eth_tx_buffer(uint16_t port, uint16_t queue, struct rte_eth_dev_tx_buffer *buffer,
                                         struct rte_mbuf *packet) {
  buffer->pkts[buffer->length++] = packet;
  return buffer->length < buffer->size ? 0 : rte_eth_tx_buffer_flush(port, queue, buffer);
}

#endif /* ZCNBRH_COMPAT_TX_BUFFER_H */
