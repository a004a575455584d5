// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// The public layout of DPDK's rings, pool objects and mbufs, as far as a process without DPDK has to know it to
// work on those of another process. It is that of ABI 23 (DPDK 22.11). The other process compares it with
// DPDK's own headers when it is built (shim/share_server.cc), and both compare kDpdkLayout when they meet.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace zcnbrh::dpdk {

#if defined(__aarch64__)
inline constexpr size_t kLine = 128;  // RTE_CACHE_LINE_SIZE of DPDK's generic build
#else
inline constexpr size_t kLine = 64;
#endif
inline constexpr char kDpdkLayout[] = "DPDK_23";

enum class Sync : uint32_t { kMany = 0, kOne = 1 };  // RTE_RING_SYNC_MT, _ST; others are not served

struct RingEnd {
  std::atomic<uint32_t> head, tail;
  Sync sync;
};

struct Ring {
  char name[29];
  int flags;
  const void* memzone;
  uint32_t size, mask, capacity;
  alignas(kLine) char pad0;
  alignas(kLine) RingEnd prod;
  alignas(kLine) char pad1;
  alignas(kLine) RingEnd cons;
  alignas(kLine) char pad2;

  void** slots() { return reinterpret_cast<void**>(this + 1); }
};

// What stands before each object of a mempool.
struct ObjectHeader {
  void* next;
  void* pool;
  uint64_t iova;
};

struct Mbuf {
  void* buf_addr;
  uint64_t buf_iova;
  uint16_t data_off;
  uint16_t refcnt;
  uint16_t nb_segs;
  uint16_t port;
  uint64_t ol_flags;
  uint32_t packet_type;
  uint32_t pkt_len;
  uint16_t data_len;
  uint16_t vlan_tci;
  uint32_t hash[2];
  uint16_t vlan_tci_outer;
  uint16_t buf_len;
  void* pool;
  alignas(64) Mbuf* next;
  uint64_t tx_offload;
  void* shinfo;
  uint8_t more[40];
};
inline constexpr uint64_t kExternal = 1ULL << 61, kIndirect = 1ULL << 62;
inline constexpr uint16_t kHeadroom = 128;

}  // namespace zcnbrh::dpdk
