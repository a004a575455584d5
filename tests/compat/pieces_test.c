/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Z-CNBRH authors */
/* The compat headers' pieces that need no interface (TAP). */
#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_ethdev.h>
#include <rte_launch.h>
#include <rte_malloc.h>
#include <rte_string_fns.h>

static unsigned tests;

static void row(bool good, const char *name) { printf("%sok %u - %s\n", good ? "" : "not ", ++tests, name); }

/* text, delimiter, most pieces; the pieces, joined by '|' */
static const struct {
  const char *text;
  char delimiter;
  int most;
  const char *pieces;
} splits[] = {
    {"0,1", ',', 2, "0|1"}, {"0", ',', 2, "0"},         {"0,1,2", ',', 2, "0|1,2"},
    {",1", ',', 2, "|1"},   {"1,", ',', 2, "1"},        {"", ',', 2, ""},
    {"a b", ',', 4, "a b"}, {"a,b,c", ',', 1, "a,b,c"}, {"a,,b", ',', 4, "a||b"},
};

static void split_rows(void) {
  size_t i;

  for (i = 0; i < sizeof splits / sizeof splits[0]; i++) {
    char text[32], joined[64] = "", name[64], *pieces[8];
    int found, at;

    snprintf(text, sizeof text, "%s", splits[i].text);
    found = rte_strsplit(text, sizeof text, pieces, splits[i].most, splits[i].delimiter);
    for (at = 0; at < found; at++) {
      if (at > 0) strcat(joined, "|");
      strcat(joined, pieces[at]);
    }
    snprintf(name, sizeof name, "rte_strsplit cuts '%s' at most into %d", splits[i].text, splits[i].most);
    row(strcmp(joined, splits[i].pieces) == 0, name);
  }
  errno = 0;
  row(rte_strsplit(NULL, 1, NULL, 1, ',') == -1 && errno == EINVAL, "rte_strsplit refuses NULL");
}

static bool link_reads(uint32_t speed, bool duplex, bool autoneg, bool up, const char *wanted) {
  struct rte_eth_link link = {speed, duplex, autoneg, up};
  char text[RTE_ETH_LINK_MAX_STR_LEN];
  const int length = rte_eth_link_to_str(text, sizeof text, &link);

  return strcmp(text, wanted) == 0 && length == (int)strlen(wanted);
}

static void link_rows(void) {
  row(link_reads(10000, true, true, true, "Link up at 10 Gbps FDX Autoneg"), "a link of 10 gigabits");
  row(link_reads(2500, true, false, true, "Link up at 2.5 Gbps FDX Fixed"), "one of 2.5");
  row(link_reads(100, false, true, true, "Link up at 100 Mbps HDX Autoneg"), "one of 100 megabits");
  row(link_reads(UINT32_MAX, true, true, true, "Link up at Unknown FDX Autoneg"),
      "one whose speed is not known");
  row(link_reads(UINT32_MAX - 1, true, true, true, "Link up at 4294967.2 Gbps FDX Autoneg"),
      "the longest text fits");
  row(link_reads(0, false, false, false, "Link down"), "one that is down");
  row(rte_eth_link_to_str(NULL, 1, NULL) == -EINVAL, "rte_eth_link_to_str refuses NULL");
}

static int counted(void *counter) { return __atomic_add_fetch((int *)counter, 1, __ATOMIC_RELAXED); }

static void clock_rows(void) {
  const uint64_t start_ns = zcnbrh_compat_now_ns(), start = rte_rdtsc();
  uint64_t ns, ticks;
  double by_tsc;

  rte_delay_ms(30);
  ticks = rte_rdtsc() - start;
  ns = zcnbrh_compat_now_ns() - start_ns;
  by_tsc = (double)ticks * 1e9 / (double)rte_get_timer_hz();
  row(ns >= 30000000, "rte_delay_ms takes that long");
  row(by_tsc > (double)ns * 0.8 && by_tsc < (double)ns * 1.2, "rte_rdtsc counts by rte_get_timer_hz");
  row(rte_get_timer_hz() == rte_get_tsc_hz(), "there is one clock");
}

static void port_rows(void) {
  struct rte_eth_dev_info info;
  struct rte_ether_addr address;
  struct rte_eth_link link;
  struct rte_eth_conf conf;
  uint16_t port = 0, seen = 0;

  memset(&conf, 0, sizeof conf);
  RTE_ETH_FOREACH_DEV(port) seen++;
  row(seen == 0 && rte_eth_dev_count_avail() == 0 && !rte_eth_dev_is_valid_port(0), "there are no ports");
  row(rte_eth_dev_info_get(0, &info) == -ENODEV && rte_eth_macaddr_get(0, &address) == -ENODEV &&
          rte_eth_link_get_nowait(0, &link) == -ENODEV && rte_eth_dev_configure(0, 1, 1, &conf) == -ENODEV &&
          rte_eth_promiscuous_enable(0) == -ENODEV && rte_eth_dev_start(0) == -ENODEV &&
          rte_eth_dev_stop(0) == -ENODEV && rte_eth_dev_close(0) == -ENODEV &&
          rte_eth_rx_queue_setup(0, 0, 64, 0, NULL, NULL) == -ENODEV &&
          rte_eth_tx_queue_setup(0, 0, 64, 0, NULL) == -ENODEV &&
          rte_eth_dev_adjust_nb_rx_tx_desc(RTE_MAX_ETHPORTS, NULL, NULL) == -ENODEV &&
          rte_eth_dev_set_ptypes(0, RTE_PTYPE_UNKNOWN, NULL, 0) == -ENODEV && rte_eth_dev_socket_id(0) == -1,
      "every call says so");
}

static void pool_rows(void) {
  struct rte_mempool *pool = rte_pktmbuf_pool_create("small", 64, 0, 0, 1920, -1);

  row(pool != NULL && pool->frame_size == 2048, "frames of 2048 bytes where the data room fits");
  pool = rte_pktmbuf_pool_create("large", 64, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, -1);
  row(pool != NULL && pool->frame_size == 4096, "else of a page");
  errno = 0;
  row(rte_pktmbuf_pool_create("huge", 64, 0, 0, 3969, -1) == NULL && errno == EINVAL,
      "larger ones are refused");
  row(rte_pktmbuf_pool_create("private", 64, 0, 8, 2176, -1) == NULL, "so is a private area");
  row(rte_pktmbuf_pool_create("few", 63, 0, 0, 2176, -1) == NULL && errno == EINVAL,
      "and what the library refuses");
}

static void other_rows(void) {
  int count = 0, first = 1;
  unsigned id, workers = 0;
  unsigned char *memory = (unsigned char *)rte_zmalloc_socket("x", 100, 256, 0);

  row(memory != NULL && (uintptr_t)memory % 256 == 0 && memory[0] == 0 && memory[99] == 0,
      "zeroed, aligned memory");
  free(memory);
  row(RTE_MAX(first++, 1) == 1 && first == 2, "RTE_MAX evaluates its arguments once");
  RTE_LCORE_FOREACH_WORKER(id) workers++;
  row(rte_lcore_count() == workers + 1 && rte_lcore_id() == rte_get_main_lcore(), "one lcore is the main one");
  row(rte_eal_mp_remote_launch(counted, &count, SKIP_MAIN) == 0, "the workers are launched");
  row(workers == 0 || rte_eal_mp_remote_launch(counted, &count, SKIP_MAIN) == -EBUSY, "once, until waited for");
  RTE_LCORE_FOREACH_WORKER(id) first += rte_eal_wait_lcore(id) > 0;
  row(count == (int)workers && first == (int)workers + 2, "each has run, and its result is here");
  row(rte_eal_mp_remote_launch(counted, &count, CALL_MAIN) == 0 && count > 0,
      "the main one takes part if asked");
  RTE_LCORE_FOREACH_WORKER(id) rte_eal_wait_lcore(id);
  row(count == 2 * (int)workers + 1 && rte_eal_wait_lcore(RTE_MAX_LCORE) == -EINVAL, "then all have run again");
}

int main(void) {
  char program[] = "pieces", end[] = "--", own[] = "-p";
  char *argv[] = {program, end, own, NULL};

  row(rte_get_timer_hz() == 0, "no frequency before rte_eal_init");
  row(rte_eal_init(3, argv) == 1 && argv[1] == program && argv[2] == own && optind == 1,
      "rte_eal_init takes what is before --");
  row(rte_eal_init(3, argv) == -1 && errno == EALREADY, "once a process");
  split_rows();
  link_rows();
  clock_rows();
  port_rows();
  pool_rows();
  other_rows();
  row(rte_eal_cleanup() == 0 && zcnbrh_compat.pools == NULL, "rte_eal_cleanup closes the pools");
  printf("1..%u\n", tests);
  return 0;
}
