// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// Receiving into a mempool whose memory cannot be part of a UMEM (external buffers, memory without a file,
// memory that is scattered): into frames of ours, and copied from there. Slower than in place, said at start
// and counted, but it works.
//
// Buffers are taken from the mempool before packets are taken from the ring, so an empty mempool leaves
// packets where they are: back-pressure, as with any other queue, and none is lost here.
#pragma once

#include <rte_mbuf.h>

#include <cstring>
#include <string>
#include <vector>

#include "drivers/net/zcnbrh/port_umem.h"
#include "lib/umem/frame_pool.h"
#include "lib/xsk/datapath.h"

namespace zcnbrh::pmd {

struct RxCopyPolicy {
  using Packet = struct rte_mbuf*;
  // What an XDP program may leave right before a packet (bpf/zcnbrh_meta.h) comes along.
  static constexpr uint32_t kMetadata = 64;
  static_assert(kMetadata <= RTE_PKTMBUF_HEADROOM && kMetadata <= uapi::kXdpPacketHeadroom);

  FramePool* frames = nullptr;
  const uint8_t* umem = nullptr;      // its first byte
  struct rte_mbuf** ready = nullptr;  // mbufs to copy into; null: the packets are thrown away
  uint16_t port = 0;

  void prefetch(ChunkOffset chunk) const { __builtin_prefetch(umem + raw(chunk) + uapi::kXdpPacketHeadroom); }
  void deliver(Packet& out, ChunkOffset chunk, uint64_t data, uint32_t length) {
    out = nullptr;
    if (ready != nullptr) {
      out = *ready++;
      out->port = port;
      out->pkt_len = length;
      out->data_len = static_cast<uint16_t>(length);
      std::memcpy(rte_pktmbuf_mtod(out, uint8_t*) - kMetadata, umem + data - kMetadata, kMetadata + length);
    }
    give_back(chunk);
  }
  void give_back(ChunkOffset chunk) { frames->give(&chunk, 1); }
  uint32_t allocate(ChunkOffset* chunks, uint32_t count) { return frames->take(chunks, count); }
};

// A queue's part in it; off for a queue that receives in place.
struct RxCopy {
  bool on = false;
  std::string instead;  // why, of a pool that could be received into in place
  TailRange range;      // the frames of ours
  std::vector<ChunkOffset> stack;
  FramePool frames;
  RxCopyPolicy policy;

  // Frames that nobody else has: all of `taken`, free.
  void start(const PortUmem& umem, TailRange taken, uint16_t port);
  void stop() { on = false; }
};

// The burst of such a queue, through its door. `pool`: where its mbufs come from.
uint16_t receive_by_copy(RxLocal& rx, RxCopy& copy, struct rte_mempool* pool, struct rte_mbuf** packets,
                         uint16_t count) noexcept;

}  // namespace zcnbrh::pmd
