// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// A native process that does what it should not: ring_peer PID attach ring|pool NAME | occupied | foreign | die
// WHERE.
#include <sys/mman.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>

#include "include/zcnbrh/zcnbrh.h"
#include "lib/share/dpdk_peer.h"

namespace zcnbrh {
namespace {

constexpr uint32_t kBurst = 8;

int g_pid;

int say_error() {
  std::printf("%s\n", zcnbrh_last_error());
  return 1;
}

int attach(const std::string& what, const char* name) {
  struct zcnbrh_ring* ring = nullptr;
  struct zcnbrh_pool* pool = nullptr;
  const int result =
      what == "ring" ? zcnbrh_ring_attach(g_pid, name, &ring) : zcnbrh_pool_attach(g_pid, name, &pool);
  if (result != 0) return say_error();
  std::printf("attached\n");
  return 0;
}

// Something is at the addresses of the program's shared memory already.
int occupied() {
  std::ifstream maps("/proc/" + std::to_string(g_pid) + "/maps");
  for (std::string line; std::getline(maps, line);) {
    unsigned long start = 0;
    char mode[5] = "";
    if (std::sscanf(line.c_str(), "%lx-%*x %4s", &start, mode) != 2 || std::strcmp(mode, "rw-s") != 0) continue;
    ::mmap(reinterpret_cast<void*>(start), 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE,
           -1, 0);
  }
  return attach("ring", "to_stage");
}

bool is_refused(struct zcnbrh_ring* ring, void* element) {
  auto* packet = static_cast<struct zcnbrh_mbuf*>(element);
  return zcnbrh_ring_enqueue(ring, &packet, 1) == -EBADMSG;
}

// Packets that begin well and go on where they must not, or not as far as they say.
bool broken_chains(struct zcnbrh_ring* ring, struct zcnbrh_mbuf* packet, void* elsewhere) {
  auto* mbuf = reinterpret_cast<dpdk::Mbuf*>(packet);
  const struct {
    uint16_t segments;
    void* next;
  } chains[] = {{2, elsewhere}, {2, mbuf}, {2, nullptr}, {1, mbuf}, {0, nullptr}, {UINT16_MAX, mbuf}};
  bool all = true;
  for (const auto& chain : chains) {
    mbuf->nb_segs = chain.segments;
    mbuf->next = static_cast<dpdk::Mbuf*>(chain.next);
    all = all && is_refused(ring, packet);
  }
  mbuf->nb_segs = 1;
  mbuf->next = nullptr;
  return all;
}

int foreign() {
  struct zcnbrh_ring* ring = nullptr;
  struct zcnbrh_pool* pool = nullptr;
  struct zcnbrh_mbuf* packet = nullptr;
  if (zcnbrh_ring_attach(g_pid, "from_stage", &ring) != 0) return say_error();
  if (zcnbrh_ring_attach(g_pid, "to_stage", &ring) != 0 || zcnbrh_ring_attach(g_pid, "from_stage", &ring) != 0)
    return say_error();
  int here = 0;
  const bool unattached = is_refused(ring, &here);
  if (zcnbrh_pool_attach(g_pid, "packets", &pool) != 0 || zcnbrh_pool_get(pool, &packet, 1) != 1)
    return say_error();
  const bool all = unattached && is_refused(ring, &here) &&
                   is_refused(ring, reinterpret_cast<char*>(packet) + 64) &&
                   is_refused(ring, zcnbrh_mbuf_data(packet)) && is_refused(ring, nullptr);
  const bool chains = broken_chains(ring, packet, &here);
  const bool long_one = zcnbrh_mbuf_set_length(packet, 1 << 20) == -EMSGSIZE;
  const bool back = zcnbrh_pool_put(pool, &packet, 1) == 1;
  std::printf("%s\n", all && chains && long_one && back ? "refused as they should be" : "something crossed");
  return 0;
}

// At the worst moment: the place is taken, and the ring waits.
[[noreturn]] void die() {
  ::kill(::getpid(), SIGKILL);
  for (;;) ::pause();
}

// Takes a place at the ring's end as SharedRing does, up to the point where it would be released.
void claim(SharedRing& ring, dpdk::RingEnd& end, uint32_t count, bool producing) {
  JournalEntry& entry = ring.entry();
  entry.producing = producing ? 1 : 0;
  entry.phase = Phase::kClaiming;
  uint32_t head = end.head;
  do {
    entry.old_head = head;
    entry.count = count;
  } while (!end.head.compare_exchange_strong(head, head + count));
}

// As if it had died right after `count` objects had gone, before it could say so; then others go on at that
// end.
void unsay(JournalEntry& entry, std::atomic<uint64_t>& moved, uint32_t count) {
  moved -= count;
  entry.phase = Phase::kClaimed;
}

int die_where(const std::string& where) {
  auto peer = DpdkPeer::meet(g_pid);
  if (!peer) return 1;
  SharedPool info;
  auto pool = (*peer)->attach_pool("packets", info);
  auto in = (*peer)->attach_ring("to_stage");
  auto out = (*peer)->attach_ring("from_stage");
  auto in_again = (*peer)->attach_ring("to_stage");
  auto out_again = (*peer)->attach_ring("from_stage");
  if (!pool || !in || !out || !in_again || !out_again) return 1;
  std::printf("ready\n");
  std::fflush(stdout);
  void* packets[kBurst];
  if (where == "inside-a-pool") {
    claim(*pool, pool->ring()->cons, kBurst, false);
    die();  // before it could say that the place is its own
  }
  if (where == "inside-an-enqueue" || where == "unsaid-enqueue") {
    if (pool->dequeue(packets, kBurst) != kBurst) return 1;
    for (void* packet : packets) {
      auto* mbuf = static_cast<dpdk::Mbuf*>(packet);
      mbuf->next = nullptr;
      mbuf->nb_segs = mbuf->refcnt = 1;
      mbuf->ol_flags = 0;
      mbuf->data_off = dpdk::kHeadroom;
      mbuf->pkt_len = mbuf->data_len = 60;
      std::memset(static_cast<char*>(mbuf->buf_addr) + mbuf->data_off, 0x11, 60);
    }
    if (where == "unsaid-enqueue") {
      if (out->enqueue(packets, kBurst / 2) != kBurst / 2) return 1;
      unsay(out->entry(), out->entry().given, kBurst / 2);
      if (out_again->enqueue(packets + kBurst / 2, kBurst / 2) != kBurst / 2) return 1;
      die();
    }
    std::memcpy(out->entry().objects, packets, sizeof packets);
    claim(*out, out->ring()->prod, kBurst, true);
    out->entry().phase = Phase::kClaimed;
    die();
  }
  while (in->ring()->prod.tail - in->ring()->cons.tail < kBurst) ::usleep(100);
  if (where == "dequeue-inside") {
    claim(*in, in->ring()->cons, kBurst, false);
    in->entry().phase = Phase::kClaimed;
    die();
  }
  if (where == "dequeue-unsaid") {
    if (in->dequeue(packets, kBurst / 2) != kBurst / 2) return 1;
    unsay(in->entry(), in->entry().taken, kBurst / 2);
    if (in_again->dequeue(packets, kBurst / 2) != kBurst / 2) return 1;
    die();
  }
  if (in->dequeue(packets, kBurst) != kBurst) return 1;
  die();
}

int run(int argc, char** argv) {
  const std::string what = argc > 2 ? argv[2] : "";
  g_pid = argc > 1 ? std::atoi(argv[1]) : 0;
  if (what == "attach" && argc > 4) return attach(argv[3], argv[4]);
  if (what == "occupied") return occupied();
  if (what == "foreign") return foreign();
  if (what == "die" && argc > 3) return die_where(argv[3]);
  return 2;
}

}  // namespace
}  // namespace zcnbrh

int main(int argc, char** argv) {
  const int status = zcnbrh::run(argc, argv);
  std::fflush(stdout);
  return status;
}
