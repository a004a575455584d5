/* SPDX-License-Identifier: Apache-2.0
 * Copyright 2026 The Z-CNBRH authors
 *
 * A pipeline of three stages, of which the middle one is another program: receive, hand over by the ring
 * "to_stage", take back from the ring "from_stage", send. A plain DPDK program, and it stays one:
 *
 *   LD_PRELOAD=libzcnbrh_shim.so ZCNBRH_SHARE=1 ZCNBRH_MAP=net_af_packet0=eth0 \
 *     pipeline_dpdk --vdev=net_af_packet0,iface=eth0
 *   pipeline_stage PID
 *
 * It ends at the end of its input. */
#include <poll.h>
#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_ring.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define BURST 32
#define RING 1024
#define MBUFS 4095

static struct rte_ring *to_stage, *from_stage;
static struct rte_mempool *pool;

static int set_up(void) {
  struct rte_eth_conf conf;
  memset(&conf, 0, sizeof conf);
  pool = rte_pktmbuf_pool_create("packets", MBUFS, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
  to_stage = rte_ring_create("to_stage", RING, SOCKET_ID_ANY, 0);
  from_stage = rte_ring_create("from_stage", RING, SOCKET_ID_ANY, 0);
  if (pool == NULL || to_stage == NULL || from_stage == NULL) return -rte_errno;
  if (rte_eth_dev_configure(0, 1, 1, &conf) != 0 ||
      rte_eth_rx_queue_setup(0, 0, 512, SOCKET_ID_ANY, NULL, pool) != 0 ||
      rte_eth_tx_queue_setup(0, 0, 512, SOCKET_ID_ANY, NULL) != 0)
    return -EIO;
  return rte_eth_dev_start(0);
}

/* Moves what there is, and drops what finds no room. */
static void run_once(void) {
  struct rte_mbuf *packets[BURST];
  unsigned count = rte_eth_rx_burst(0, 0, packets, BURST), done;
  done = rte_ring_enqueue_burst(to_stage, (void **)packets, count, NULL);
  rte_pktmbuf_free_bulk(packets + done, count - done);
  count = rte_ring_dequeue_burst(from_stage, (void **)packets, BURST, NULL);
  done = rte_eth_tx_burst(0, 0, packets, (uint16_t)count);
  rte_pktmbuf_free_bulk(packets + done, count - done);
}

static int is_input_at_end(void) {
  struct pollfd input = {0, POLLIN, 0};
  char byte;
  return poll(&input, 1, 0) > 0 && read(0, &byte, 1) <= 0;
}

static void empty(struct rte_ring *ring) {
  void *packet = NULL;
  while (rte_ring_dequeue(ring, &packet) == 0) rte_pktmbuf_free(packet);
}

/* Ring by ring, so that the other stage can pass on what it has in hand. */
static void wind_up(void) {
  int ms;
  empty(to_stage);
  rte_ring_free(to_stage);
  for (ms = 0; ms < 1000 && rte_mempool_avail_count(pool) != MBUFS; ++ms) {
    empty(from_stage);
    rte_delay_us_sleep(1000);
  }
  rte_ring_free(from_stage);
}

int main(int argc, char **argv) {
  unsigned round = 0;
  int result = rte_eal_init(argc, argv);
  if (result >= 0) result = set_up();
  if (result < 0) {
    fprintf(stderr, "pipeline: %s\n", rte_strerror(-result));
    return 1;
  }
  printf("pid %d\n", (int)getpid());
  fflush(stdout);
  while (++round % 1024 != 0 || !is_input_at_end()) run_once();
  rte_eth_dev_stop(0);
  rte_eth_dev_close(0);
  wind_up();
  printf("%u of %u packets in the pool\n", rte_mempool_avail_count(pool), MBUFS);
  return rte_eal_cleanup() == 0 ? 0 : 1;
}
