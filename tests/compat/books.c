/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Z-CNBRH authors */
/*
 * books COUNT one|two -- Receives COUNT packets on port 0 and frees, holds or forwards each to port 1, whose
 * pool is the same or another one; then stops both ports and says where all frames are. Half of it is in
 * books_other.c: the headers serve programs of several sources. Exits 0 when all is as it should be.
 */
#include <rte_eal.h>
#include <rte_ethdev.h>

#include "tests/compat/books_other.h"

#define HELD 16

static struct rte_mempool *pools[2];

static void start_port(uint16_t port, struct rte_mempool *pool) {
  struct rte_eth_conf conf;

  memset(&conf, 0, sizeof conf);
  if (rte_eth_dev_configure(port, 1, 1, &conf) != 0 ||
      rte_eth_rx_queue_setup(port, 0, 256, 0, NULL, pool) != 0 ||
      rte_eth_tx_queue_setup(port, 0, 256, 0, NULL) != 0 || rte_eth_dev_start(port) != 0)
    rte_exit(3, "port %u does not start\n", port);
}

/* Each packet's fate goes by its number. */
static void handle(struct rte_mbuf *m, unsigned number, struct rte_mbuf **held, unsigned *holding) {
  if (number % 3 == 0) {
    rte_pktmbuf_free(m);
  } else if (number % 3 == 1) {
    if (other_send(1, m) != 1) rte_pktmbuf_free(m);
  } else {
    held[(*holding)++] = m;
    while (*holding == HELD || (number % 7 == 0 && *holding > 0)) rte_pktmbuf_free(held[--*holding]);
  }
}

static void receive(unsigned count) {
  struct rte_mbuf *held[HELD], *burst[100]; /* more than the headers take at a time */
  unsigned number = 0, holding = 0;
  uint16_t i, got;

  while (number < count) {
    got = rte_eth_rx_burst(0, 0, burst, (uint16_t)(count - number < 100 ? count - number : 100));
    for (i = 0; i < got; i++) {
      if (burst[i]->port != 0 || burst[i]->pkt_len != burst[i]->data_len) rte_exit(4, "a packet is torn\n");
      handle(burst[i], number++, held, &holding);
    }
  }
  while (holding > 0) rte_pktmbuf_free(held[--holding]);
}

/* A packet that says it is empty is dropped and given back; one that is freed twice is refused. */
static void misuse(void) {
  struct rte_mbuf *m = NULL;

  while (rte_eth_rx_burst(0, 0, &m, 1) == 0) {
  }
  m->data_len = 0;
  if (rte_eth_tx_burst(1, 0, &m, 1) != 1) rte_exit(5, "an empty packet was not taken\n");
  rte_pktmbuf_free(m);
  rte_pktmbuf_free(NULL);
}

static void count_frames(void) {
  unsigned i;

  for (i = 0; i < 2 && pools[i] != NULL; i++) {
    struct zcnbrh_ledger ledger;

    ledger.size = sizeof ledger;
    if (zcnbrh_memory_ledger(pools[i]->memory, &ledger) != 0) rte_exit(6, "%s\n", zcnbrh_last_error());
    printf("pool %u: %u of %u frames, %u held, %u discrepancies\n", i, ledger.pool, ledger.frames,
           ledger.application, ledger.discrepancies);
    if (ledger.pool != ledger.frames || ledger.discrepancies != 0) rte_exit(7, "frames are missing\n");
  }
}

int main(int argc, char **argv) {
  const int taken = rte_eal_init(argc, argv);

  if (taken < 0 || argc - taken != 3) return 2;
  if (rte_eth_dev_count_avail() != 2 || other_ports() != 2) rte_exit(8, "two sources, two lists of ports\n");
  pools[0] = rte_pktmbuf_pool_create("first", 2048, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, -1);
  if (strcmp(argv[taken + 2], "two") == 0)
    pools[1] = rte_pktmbuf_pool_create("second", 2048, 0, 0, 1500 + 128, -1);
  start_port(0, pools[0]);
  start_port(1, pools[1] != NULL ? pools[1] : pools[0]);
  printf("ready\n");
  fflush(stdout);
  receive((unsigned)atoi(argv[taken + 1]) - 1);
  misuse();
  if (rte_eth_dev_stop(0) != 0 || rte_eth_dev_stop(1) != 0) rte_exit(9, "a port does not stop\n");
  count_frames();
  return rte_eal_cleanup();
}
