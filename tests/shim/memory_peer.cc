// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// A native process that stays while the DPDK program it works with changes: memory_peer PID, then a command a
// line.
#include <zcnbrh/zcnbrh.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <map>
#include <sstream>
#include <string>

namespace {

constexpr uint32_t kLength = 60;

int g_pid;
std::map<std::string, struct zcnbrh_ring*> g_rings;
std::map<std::string, struct zcnbrh_pool*> g_pools;

void say(int result) {
  if (result < 0)
    std::printf("%d %s\n", result, zcnbrh_last_error());
  else
    std::printf("%d\n", result);
}

// The first byte of a packet's buffer that no packet has been in: what the pool's maker has put there.
char first_byte(const struct zcnbrh_mbuf* packet) {
  return *static_cast<const char*>(zcnbrh_mbuf_data(packet));
}

// peek POOL: what its next packet's buffer holds
void peek(struct zcnbrh_pool* pool) {
  struct zcnbrh_mbuf* packet = nullptr;
  const int got = zcnbrh_pool_get(pool, &packet, 1);
  if (got != 1) return say(got);
  const char byte = first_byte(packet);
  const int back = zcnbrh_pool_put(pool, &packet, 1);
  std::printf("%d %c\n", back, byte);
}

// hold POOL: a packet that is not given back
void hold(struct zcnbrh_pool* pool) {
  struct zcnbrh_mbuf* packet = nullptr;
  say(zcnbrh_pool_get(pool, &packet, 1));
}

// give POOL RING LETTER: a packet full of it
void give(struct zcnbrh_pool* pool, struct zcnbrh_ring* ring, char letter) {
  struct zcnbrh_mbuf* packet = nullptr;
  const int got = zcnbrh_pool_get(pool, &packet, 1);
  if (got != 1) return say(got);
  std::memset(zcnbrh_mbuf_data(packet), letter, kLength);
  zcnbrh_mbuf_set_length(packet, kLength);
  say(zcnbrh_ring_enqueue(ring, &packet, 1));
}

// pass RING RING: a packet from one to the other, and what it holds in all its segments
void pass(struct zcnbrh_ring* from, struct zcnbrh_ring* to) {
  struct zcnbrh_mbuf* packet = nullptr;
  const int got = zcnbrh_ring_dequeue(from, &packet, 1);
  if (got != 1) return say(got);
  uint32_t bytes = 0;
  for (struct zcnbrh_mbuf* segment = packet; segment != nullptr; segment = zcnbrh_mbuf_next(segment))
    bytes += first_byte(segment) == 'd' ? zcnbrh_mbuf_length(segment) : 0;
  std::printf("%d of %u bytes\n", zcnbrh_ring_enqueue(to, &packet, 1), bytes);
}

void run(std::istringstream& words) {
  std::string command, name, other;
  char letter = 0;
  words >> command >> name >> other >> letter;
  if (command == "ring") return say(zcnbrh_ring_attach(g_pid, name.c_str(), &g_rings[name]));
  if (command == "pool") return say(zcnbrh_pool_attach(g_pid, name.c_str(), &g_pools[name]));
  if (command == "leave") return say(zcnbrh_pool_detach(g_pools[name]));
  if (command == "peek") return peek(g_pools[name]);
  if (command == "hold") return hold(g_pools[name]);
  if (command == "give") return give(g_pools[name], g_rings[other], letter);
  if (command == "pass") return pass(g_rings[name], g_rings[other]);
  std::printf("'%s' is not understood\n", command.c_str());
}

}  // namespace

int main(int argc, char** argv) {
  g_pid = argc > 1 ? std::atoi(argv[1]) : 0;
  std::printf("ready\n");
  std::fflush(stdout);
  for (std::string line; std::getline(std::cin, line);) {
    std::istringstream words(line);
    run(words);
    std::fflush(stdout);
  }
  return 0;
}
