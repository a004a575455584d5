// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// A DPDK program that makes and frees what it shares, as it is told: EAL's arguments, then a command a line.
#include <poll.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_malloc.h>
#include <rte_mbuf.h>
#include <rte_mempool.h>
#include <rte_ring.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <iostream>
#include <set>
#include <sstream>
#include <string>

namespace {

constexpr unsigned kRing = 1024, kBurst = 32;
constexpr uint16_t kLength = 60;
constexpr size_t kOutside = 8 << 20;  // bytes
constexpr size_t kPage = 4096;

using Words = std::istringstream;

template <typename T = std::string>
T next(Words& words) {
  T out{};
  words >> out;
  return out;
}

struct rte_mempool* pool_of(Words& words) {
  return rte_mempool_lookup(next(words).c_str());
}
struct rte_ring* ring_of(Words& words) {
  return rte_ring_lookup(next(words).c_str());
}

void* plain_memory() {
  return mmap(nullptr, kOutside, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
}

const void* first_buffers(const struct rte_mempool* pool) { return STAILQ_FIRST(&pool->mem_list)->addr; }

// pool NAME MBUFS: its address, and that of its mbufs
void make_pool(Words& words) {
  const std::string name = next(words);
  struct rte_mempool* pool = rte_pktmbuf_pool_create(name.c_str(), next<unsigned>(words), 0, 0,
                                                     RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
  if (pool == nullptr)
    std::printf("no pool: %s\n", rte_strerror(rte_errno));
  else
    std::printf("pool %p %p\n", static_cast<void*>(pool), first_buffers(pool));
}

// free POOL
void free_pool(Words& words) {
  rte_mempool_free(pool_of(words));
  std::printf("freed\n");
}

// stamp POOL LETTER: fills all its packets
void stamp(Words& words) {
  struct rte_mempool* pool = pool_of(words);
  const char letter = next<char>(words);
  rte_mempool_obj_iter(
      pool,
      [](struct rte_mempool*, void* with, void* object, unsigned) {
        auto* mbuf = static_cast<struct rte_mbuf*>(object);
        std::memset(mbuf->buf_addr, *static_cast<const char*>(with), mbuf->buf_len);
      },
      const_cast<char*>(&letter));
  std::printf("stamped\n");
}

// ring NAME
void make_ring(Words& words) {
  const bool made = rte_ring_create(next(words).c_str(), kRing, SOCKET_ID_ANY, 0) != nullptr;
  std::printf("%s\n", made ? "ring" : rte_strerror(rte_errno));
}

// receive RING: what the packet in it begins with
void receive(Words& words) {
  void* object = nullptr;
  if (rte_ring_dequeue(ring_of(words), &object) != 0) {
    std::printf("nothing\n");
    return;
  }
  auto* mbuf = static_cast<struct rte_mbuf*>(object);
  std::printf("%u bytes of %c\n", mbuf->pkt_len, *rte_pktmbuf_mtod(mbuf, char*));
  rte_pktmbuf_free(mbuf);
}

// chain RING POOL...: one packet, a segment of each pool
void send_chain(Words& words) {
  struct rte_ring* ring = ring_of(words);
  struct rte_mbuf* head = nullptr;
  for (std::string name; words >> name;) {
    struct rte_mbuf* segment = rte_pktmbuf_alloc(rte_mempool_lookup(name.c_str()));
    if (segment == nullptr) return;
    std::memset(rte_pktmbuf_append(segment, kLength), 'd', kLength);
    if (head == nullptr)
      head = segment;
    else
      rte_pktmbuf_chain(head, segment);
  }
  std::printf("%s\n", rte_ring_enqueue(ring, head) == 0 ? "sent" : "full");
}

// own-memory POOL: a pool whose packets are in memory that EAL knows nothing of
void make_own_memory(Words& words) {
  const std::string name = next(words);
  struct rte_mempool* pool =
      rte_mempool_create_empty(name.c_str(), 512, sizeof(struct rte_mbuf) + RTE_MBUF_DEFAULT_BUF_SIZE, 0,
                               sizeof(struct rte_pktmbuf_pool_private), SOCKET_ID_ANY, 0);
  if (pool == nullptr) return;
  rte_mempool_set_ops_byname(pool, "ring_mp_mc", nullptr);
  rte_pktmbuf_pool_init(pool, nullptr);
  const int made =
      rte_mempool_populate_virt(pool, static_cast<char*>(plain_memory()), kOutside, kPage, nullptr, nullptr);
  rte_mempool_obj_iter(pool, rte_pktmbuf_init, nullptr);
  std::printf("%s\n", made > 0 ? "pool" : rte_strerror(-made));
}

// heap RING: a ring in a heap of memory of ours
void make_heap(Words& words) {
  const std::string name = next(words);
  int result = rte_malloc_heap_create("outside");
  if (result == 0)
    result = rte_malloc_heap_memory_add("outside", plain_memory(), kOutside, nullptr,
                                        static_cast<unsigned>(kOutside / kPage), kPage);
  const int socket = rte_malloc_heap_get_socket("outside");
  const bool made = result == 0 && rte_ring_create(name.c_str(), kRing, socket, 0) != nullptr;
  std::printf("%s\n", made ? "ring" : rte_strerror(rte_errno));
}

// count POOL
void count(Words& words) {
  const struct rte_mempool* pool = pool_of(words);
  std::printf("%u of %u\n", rte_mempool_avail_count(pool), pool->size);
}

unsigned enqueue(struct rte_ring* ring, struct rte_mbuf** packets, unsigned count) {
  return rte_ring_enqueue_burst(ring, reinterpret_cast<void**>(packets), count, nullptr);
}
unsigned dequeue(struct rte_ring* ring, struct rte_mbuf** packets) {
  return rte_ring_dequeue_burst(ring, reinterpret_cast<void**>(packets), kBurst, nullptr);
}

bool has_input() {
  struct pollfd input {
    STDIN_FILENO, POLLIN, 0
  };
  return poll(&input, 1, 0) != 0;
}

// circulate POOL TO FROM: until the next line comes, keeps TO full, of what comes by FROM and of the pool's;
// then says how many came
void circulate(Words& words) {
  struct rte_mempool* pool = pool_of(words);
  struct rte_ring* to = ring_of(words);
  struct rte_ring* from = ring_of(words);
  struct rte_mbuf* packets[kBurst];
  unsigned long came = 0;
  for (unsigned round = 1; round % 256 != 0 || !has_input(); ++round) {
    unsigned count = dequeue(from, packets);
    came += count;
    if (count == 0 && rte_ring_count(to) < kRing / 2 && rte_pktmbuf_alloc_bulk(pool, packets, kBurst) == 0)
      count = kBurst;
    const unsigned done = enqueue(to, packets, count);
    rte_pktmbuf_free_bulk(packets + done, count - done);
  }
  std::printf("%lu came\n", came);
}

// settle POOL RING...: empties the rings, then the pool: how many there are, and how many of them came more
// than once
void settle(Words& words) {
  struct rte_mempool* pool = pool_of(words);
  struct rte_mbuf* packets[kBurst];
  for (std::string name; words >> name;)
    while (const unsigned count = dequeue(rte_ring_lookup(name.c_str()), packets))
      rte_pktmbuf_free_bulk(packets, count);
  std::set<void*> seen;
  unsigned twice = 0;
  for (void* object = nullptr; rte_mempool_get(pool, &object) == 0;)
    twice += seen.insert(object).second ? 0 : 1;
  for (void* object : seen) rte_mempool_put(pool, object);
  std::printf("%zu and %u\n", seen.size(), twice);
}

constexpr struct {
  const char* word;
  void (*run)(Words& words);
} kCommands[] = {{"pool", make_pool},  {"free", free_pool},
                 {"stamp", stamp},     {"ring", make_ring},
                 {"receive", receive}, {"chain", send_chain},
                 {"count", count},     {"circulate", circulate},
                 {"settle", settle},   {"own-memory", make_own_memory},
                 {"heap", make_heap}};

}  // namespace

int main(int argc, char** argv) {
  if (rte_eal_init(argc, argv) < 0) {
    std::fprintf(stderr, "rte_eal_init: %s\n", rte_strerror(rte_errno));
    return 1;
  }
  std::printf("pid %d\n", static_cast<int>(getpid()));
  std::fflush(stdout);
  for (std::string line; std::getline(std::cin, line);) {
    Words words(line);
    const std::string command = next(words);
    for (const auto& one : kCommands)
      if (command == one.word) one.run(words);
    std::fflush(stdout);
  }
  return rte_eal_cleanup() == 0 ? 0 : 1;
}
