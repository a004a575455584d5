// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// A small DPDK program that knows nothing of us: EAL's arguments, "--", and what to do, word by word. It prints
// what it finds, for the tests to compare.
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_mbuf_pool_ops.h>
#include <rte_mempool.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <initializer_list>

#if HAVE_VENDOR_LIBRARY
extern "C" int rte_pmd_ixgbe_ping_vf(uint16_t port, uint16_t vf);
extern "C" int rte_pmd_i40e_get_ddp_info(uint8_t* package, uint32_t bytes, uint8_t* info, uint32_t room,
                                         int kind);
#endif
// Of a library that is not linked: without the shim there is none.
extern "C" __attribute__((weak)) int rte_pmd_bnxt_reset_vf_stats(uint16_t port, uint16_t vf_id);
extern "C" __attribute__((weak)) int rte_pmd_mlx5_get_dyn_flag_names(char* names[], unsigned count);

namespace {

constexpr unsigned kMbufs = 2048;
constexpr unsigned kBurst = 32;
constexpr unsigned kPage = 4096;
constexpr unsigned kRounds = 4000;
constexpr unsigned kFrame = 60;  // bytes of a packet

void list_ports() {
  uint16_t port;
  RTE_ETH_FOREACH_DEV(port) {
    char name[RTE_ETH_NAME_MAX_LEN];
    struct rte_eth_dev_info info;
    if (rte_eth_dev_get_name_by_port(port, name) != 0 || rte_eth_dev_info_get(port, &info) != 0) continue;
    uint16_t found = UINT16_MAX;
    rte_eth_dev_get_port_by_name(name, &found);
    std::printf("port %u %s %s %u\n", port, name, info.driver_name, found);
  }
}

// A child that ends as children do, with exit(), while the parent goes on.
void fork_child() {
  std::fflush(stdout);
  const pid_t child = fork();
  if (child == 0) {
    list_ports();
    std::exit(3);
  }
  int status = 0;
  waitpid(child, &status, 0);
  std::printf("child ended with %d\n", WEXITSTATUS(status));
}

// Calls that succeed, by the names of all ports: errno is none of their business.
void keep_errno() {
  uint16_t port;
  RTE_ETH_FOREACH_DEV(port) {
    char name[RTE_ETH_NAME_MAX_LEN];
    uint16_t found = UINT16_MAX;
    struct rte_eth_conf conf {};
    conf.lpbk_mode = 1;  // the shim has something to say about it
    errno = E2BIG;
    rte_eth_dev_get_name_by_port(port, name);
    rte_eth_dev_get_port_by_name(name, &found);
    const int by_name = errno;
    errno = E2BIG;
    const int result = rte_eth_dev_configure(port, 1, 1, &conf);
    std::printf("errno of %s: %s, %s\n", name, by_name == E2BIG && found == port ? "kept" : "changed",
                result == 0 && errno == E2BIG ? "kept" : std::strerror(errno));
  }
}

struct rte_mempool* make_pool(const char* how, const char* name, int node = SOCKET_ID_ANY) {
  struct rte_pktmbuf_pool_private room {};
  room.mbuf_data_room_size = RTE_MBUF_DEFAULT_BUF_SIZE;
  if (std::strcmp(how, "create") == 0)
    return rte_pktmbuf_pool_create(name, kMbufs, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, node);
  if (std::strcmp(how, "ops") == 0)
    return rte_pktmbuf_pool_create_by_ops(name, kMbufs, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, node, "ring_sp_sc");
  if (std::strcmp(how, "stack") == 0)
    return rte_pktmbuf_pool_create_by_ops(name, kMbufs, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, node, "stack");
  // As programs did before rte_pktmbuf_pool_create().
  return rte_mempool_create(name, kMbufs, sizeof(struct rte_mbuf) + RTE_MBUF_DEFAULT_BUF_SIZE, 0, sizeof room,
                            rte_pktmbuf_pool_init, &room, rte_pktmbuf_init, nullptr, node, 0);
}

void count_crossing(struct rte_mempool* pool, void* count, void* object, unsigned /*index*/) {
  const auto first = reinterpret_cast<uintptr_t>(object) - pool->header_size;
  const uintptr_t last = reinterpret_cast<uintptr_t>(object) + pool->elt_size - 1;
  *static_cast<unsigned*>(count) += first / kPage != last / kPage;
}

// Each way to make a pool: its ops, and how many mbufs cross a page.
void show_pools() {
  for (const char* how : {"create", "ops", "stack", "old"}) {
    char name[32];
    std::snprintf(name, sizeof name, "pool_%s", how);
    struct rte_mempool* pool = make_pool(how, name);
    if (pool == nullptr) {
      std::printf("%s: %s\n", name, rte_strerror(rte_errno));
      continue;
    }
    unsigned crossing = 0;
    rte_mempool_obj_iter(pool, count_crossing, &crossing);
    std::printf("%s: %u mbufs, ops %s, %s\n", name, pool->populated_size,
                rte_mempool_get_ops(pool->ops_index)->name,
                crossing == 0 ? "none crosses a page" : "some cross a page");
    rte_mempool_free(pool);
  }
  struct rte_mempool* other =
      rte_mempool_create("other", 64, 3000, 0, 0, nullptr, nullptr, nullptr, nullptr, 0, 0);
  std::printf("other: %s\n", other != nullptr ? rte_mempool_get_ops(other->ops_index)->name : "none");
  rte_mempool_free(other);
}

int start_port(uint16_t port, struct rte_mempool* pool, const struct rte_eth_conf& conf, uint16_t descriptors) {
  int result = rte_eth_dev_configure(port, 1, 1, &conf);
  if (result == 0) result = rte_eth_rx_queue_setup(port, 0, descriptors, SOCKET_ID_ANY, nullptr, pool);
  if (result == 0) result = rte_eth_tx_queue_setup(port, 0, descriptors, SOCKET_ID_ANY, nullptr);
  return result == 0 ? rte_eth_dev_start(port) : result;
}

// Everything there is, as some programs do that were written for one NIC.
void ask_for_everything() {
  struct rte_eth_conf conf {};
  conf.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
  conf.rxmode.offloads = RTE_ETH_RX_OFFLOAD_CHECKSUM | RTE_ETH_RX_OFFLOAD_VLAN_STRIP |
                         RTE_ETH_RX_OFFLOAD_TCP_LRO | RTE_ETH_RX_OFFLOAD_SECURITY |
                         RTE_ETH_RX_OFFLOAD_MACSEC_STRIP;
  conf.txmode.offloads = RTE_ETH_TX_OFFLOAD_IPV4_CKSUM | RTE_ETH_TX_OFFLOAD_UDP_CKSUM |
                         RTE_ETH_TX_OFFLOAD_TCP_TSO | RTE_ETH_TX_OFFLOAD_VXLAN_TNL_TSO |
                         RTE_ETH_TX_OFFLOAD_SECURITY;
  conf.rx_adv_conf.rss_conf.rss_hf = RTE_ETH_RSS_PROTO_MASK;
  struct rte_mempool* pool = make_pool("create", "asked");
  std::printf("everything: %s\n", rte_strerror(-start_port(0, pool, conf, 65535 / 2 + 2)));
  struct rte_eth_conf now;
  if (rte_eth_dev_conf_get(0, &now) == 0)
    std::printf("left: rx 0x%" PRIx64 " tx 0x%" PRIx64 "\n", now.rxmode.offloads, now.txmode.offloads);
  std::printf("eeprom: %s\n", rte_strerror(-rte_eth_dev_set_eeprom(0, nullptr)));
  rte_eth_dev_stop(0);
}

void call_vendor() {
#if HAVE_VENDOR_LIBRARY
  for (uint16_t port = 0; port < 2; ++port)
    std::printf("vendor call on port %u: %s\n", port, rte_strerror(-rte_pmd_ixgbe_ping_vf(port, 0)));
  std::printf("vendor call without a port: %d\n", rte_pmd_i40e_get_ddp_info(nullptr, 0, nullptr, 0, 0));
#endif
  if (rte_pmd_bnxt_reset_vf_stats != nullptr)
    std::printf("other vendor's call: %s\n", rte_strerror(-rte_pmd_bnxt_reset_vf_stats(0, 0)));
  if (rte_pmd_mlx5_get_dyn_flag_names != nullptr)
    std::printf("another without a port: %s\n", rte_strerror(-rte_pmd_mlx5_get_dyn_flag_names(nullptr, 0)));
}

// noinline: what callgrind counts.
__attribute__((noinline)) unsigned forward(uint16_t port, struct rte_mbuf** burst, unsigned rounds) {
  unsigned moved = 0;
  for (unsigned i = 0; i < rounds; ++i) {
    const uint16_t got = rte_eth_rx_burst(port, 0, burst, kBurst);
    moved += got;
    uint16_t sent = 0;
    while (sent < got) sent = static_cast<uint16_t>(sent + rte_eth_tx_burst(port, 0, burst + sent, got - sent));
  }
  return moved;
}

// What a configuration can ask for outside the offload bits.
constexpr struct {
  const char* name;
  void (*ask)(struct rte_eth_conf& conf);
} kModes[] = {{"nothing", [](struct rte_eth_conf&) {}},
              {"rss", [](struct rte_eth_conf& conf) { conf.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS; }},
              {"rx dcb", [](struct rte_eth_conf& conf) { conf.rxmode.mq_mode = RTE_ETH_MQ_RX_DCB_RSS; }},
              {"rx vmdq", [](struct rte_eth_conf& conf) { conf.rxmode.mq_mode = RTE_ETH_MQ_RX_VMDQ_ONLY; }},
              {"tx dcb", [](struct rte_eth_conf& conf) { conf.txmode.mq_mode = RTE_ETH_MQ_TX_DCB; }},
              {"tx pvid", [](struct rte_eth_conf& conf) { conf.txmode.hw_vlan_insert_pvid = 1; }},
              {"loopback", [](struct rte_eth_conf& conf) { conf.lpbk_mode = 1; }},
              {"pfc", [](struct rte_eth_conf& conf) { conf.dcb_capability_en = RTE_ETH_DCB_PFC_SUPPORT; }},
              {"speed", [](struct rte_eth_conf& conf) { conf.link_speeds = RTE_ETH_LINK_SPEED_10G; }},
              {"rx interrupts", [](struct rte_eth_conf& conf) { conf.intr_conf.rxq = 1; }}};

// Each by itself, and what is in force then.
void ask_for_modes() {
  struct rte_mempool* pool = make_pool("create", "modes");
  for (const auto& mode : kModes) {
    struct rte_eth_conf conf {};
    mode.ask(conf);
    const int result = start_port(0, pool, conf, 512);
    rte_eth_dev_stop(0);
    struct rte_eth_conf now {};
    if (rte_eth_dev_conf_get(0, &now) != 0) continue;
    std::printf("%s: %s; rx %u tx %u pvid %u loopback %u dcb %u speeds %u rxq %u\n", mode.name,
                rte_strerror(-result), now.rxmode.mq_mode, now.txmode.mq_mode, now.txmode.hw_vlan_insert_pvid,
                now.lpbk_mode, now.dcb_capability_en, now.link_speeds, now.intr_conf.rxq);
  }
}

// What goes round at port 0 until now: how many are as they were sent, and how many in `memory`.
void count_intact(const uint8_t* memory, size_t bytes) {
  unsigned intact = 0, inside = 0;
  struct rte_mbuf* burst[kBurst];
  for (unsigned i = 0; i < kRounds; ++i) {
    const uint16_t got = rte_eth_rx_burst(0, 0, burst, kBurst);
    for (unsigned k = 0; k < got; ++k) {
      const auto* data = rte_pktmbuf_mtod(burst[k], const uint8_t*);
      bool same = burst[k]->pkt_len == kFrame && burst[k]->nb_segs == 1;
      for (unsigned at = 0; same && at < kFrame; ++at) same = data[at] == static_cast<uint8_t>(data[0] + at);
      intact += same;
      inside += data >= memory && data + kFrame <= memory + bytes;
      rte_pktmbuf_free(burst[k]);
    }
  }
  std::printf("%u intact, %u in the program's buffers\n", intact, inside);
}

// A port on which what is sent comes back: bursts go round and round.
void go_round(struct rte_mempool* pool, const uint8_t* memory, size_t bytes) {
  const struct rte_eth_conf conf {};
  if (pool == nullptr || start_port(0, pool, conf, 512) != 0) return;
  struct rte_mbuf* burst[kBurst];
  if (rte_pktmbuf_alloc_bulk(pool, burst, kBurst) != 0) return;
  for (unsigned number = 0; number < kBurst; ++number) {
    auto* data = reinterpret_cast<uint8_t*>(rte_pktmbuf_append(burst[number], kFrame));
    for (unsigned at = 0; at < kFrame; ++at) data[at] = static_cast<uint8_t>(number + at);
  }
  const unsigned sent = rte_eth_tx_burst(0, 0, burst, kBurst);
  forward(0, burst, 100);  // caches, first system calls
  const unsigned moved = forward(0, burst, kRounds);
  std::printf("bursts: %u sent, %s\n", sent, moved > 1000 ? "they go round" : "they are lost");
  std::fprintf(stderr, "moved %u\n", moved);
  count_intact(memory, bytes);
  rte_eth_dev_stop(0);
  rte_eth_dev_close(0);
}

void run_bursts() { go_round(make_pool("create", "bursts", 0), nullptr, 0); }

// Packets in memory that the program has from elsewhere.
void run_extbuf() {
  constexpr size_t kBytes = size_t{kMbufs} * RTE_MBUF_DEFAULT_BUF_SIZE;
  auto* memory = static_cast<uint8_t*>(std::aligned_alloc(kPage, (kBytes + kPage - 1) / kPage * kPage));
  const struct rte_pktmbuf_extmem whole = {memory, RTE_BAD_IOVA, kBytes, RTE_MBUF_DEFAULT_BUF_SIZE};
  go_round(rte_pktmbuf_pool_create_extbuf("extbuf", kMbufs, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY,
                                          &whole, 1),
           memory, kBytes);
}

void wait_for_input() {
  std::printf("waiting\n");
  std::fflush(stdout);
  std::getchar();
}

constexpr struct {
  const char* word;
  void (*run)();
} kWords[] = {{"ports", list_ports},    {"fork", fork_child},
              {"errno", keep_errno},    {"pools", show_pools},
              {"vendor", call_vendor},  {"bursts", run_bursts},
              {"extbuf", run_extbuf},   {"everything", ask_for_everything},
              {"modes", ask_for_modes}, {"wait", wait_for_input}};

}  // namespace

int main(int argc, char** argv) {
  const int used = rte_eal_init(argc, argv);
  if (used < 0) {
    std::printf("rte_eal_init: %s\n", rte_strerror(rte_errno));
    return 9;
  }
  for (int i = used + 1; i < argc; ++i)
    for (const auto& word : kWords)
      if (std::strcmp(argv[i], word.word) == 0) word.run();
  std::fflush(stdout);
  return 4;  // without rte_eal_cleanup(), as many do
}
