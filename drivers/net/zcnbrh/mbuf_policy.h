// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// The bursts' view of mbufs. A pool element is a chunk: mempool header, struct rte_mbuf, private area, data
// buffer. So an mbuf is found from a UMEM address by adding a constant, and no per-packet table is read.
//
// Receive touches one cache line of an mbuf. Frames go into the fill ring straight from the mempool without
// being reset: a free mbuf is direct, has one segment, no next and a reference count of 1 (rte_mbuf.h), and
// what is left is written at receive. For the same reason a sent frame goes back to its mempool without
// being looked at: only such mbufs are sent by address.
//
// A queue receives into one pool and sends from any pool that its UMEM covers. The pool of an mbuf to send
// is found by mbuf->pool, that of a finished frame by its place in the UMEM; the last one found is kept.
#pragma once

#include <rte_mbuf.h>
#include <rte_mempool.h>

#include <cstring>

#include "drivers/net/zcnbrh/mbuf_avx2.h"
#include "drivers/net/zcnbrh/mempool_cache.h"
#include "lib/base/cacheline.h"
#include "lib/xsk/datapath.h"

namespace zcnbrh::pmd {

// Where a pool's mbufs are, seen from UMEM offsets.
struct PoolView {
  struct rte_mempool* pool = nullptr;
  uint8_t* mbufs = nullptr;  // application address of UMEM byte 0, plus the mempool header's size
  uint32_t header = 0;       // bytes of the mempool header
  uint32_t chunk_size = 0;   // bytes
  // For packets of several descriptors: an element longer than a chunk is lent by several (lib/xsk/segments.h).
  uint32_t element = 0;  // bytes of an element that can be lent
  uint32_t slots = 1;    // descriptors at most

  struct rte_mbuf* mbuf(ChunkOffset chunk) const {
    return reinterpret_cast<struct rte_mbuf*>(mbufs + raw(chunk));
  }
  ChunkOffset chunk(const void* mbuf) const {
    return ChunkOffset{static_cast<uint64_t>(static_cast<const uint8_t*>(mbuf) - mbufs)};
  }
};

// The 8 bytes of an mbuf that a driver rearms at receive: data_off, refcnt, nb_segs, port.
inline uint64_t rearm_word(uint16_t port) {
  struct rte_mbuf m {};
  m.data_off = 0;
  m.refcnt = 1;
  m.nb_segs = 1;
  m.port = port;
  uint64_t word;
  std::memcpy(&word, &m.rearm_data, sizeof word);
  return word;
}

// All that a received packet of one buffer is told by: rearm_data, ol_flags, packet_type, pkt_len, data_len,
// vlan_tci and hash.rss, 32 bytes side by side. `length` is below 64 K.
inline void write_received(struct rte_mbuf* m, uint64_t rearm, uint32_t length) {
  // Two registers: built in memory, they would be read back before they are written.
  using Pair [[gnu::vector_size(16)]] = uint64_t;
  const Pair first = {rearm, 0};
  const Pair second = {uint64_t{length} << 32, length};
  auto* to = reinterpret_cast<uint8_t*>(m) + offsetof(struct rte_mbuf, rearm_data);
  std::memcpy(to, &first, sizeof first);
  std::memcpy(to + sizeof first, &second, sizeof second);
}
static_assert(offsetof(struct rte_mbuf, rearm_data) == 16 && offsetof(struct rte_mbuf, ol_flags) == 24 &&
              offsetof(struct rte_mbuf, packet_type) == 32 && offsetof(struct rte_mbuf, pkt_len) == 36 &&
              offsetof(struct rte_mbuf, data_len) == 40 && offsetof(struct rte_mbuf, vlan_tci) == 42 &&
              offsetof(struct rte_mbuf, hash.rss) == 44);

// True if the bytes lie within `limit`. An offset before the chunk is a large number: the sum alone would wrap.
inline bool fits(uint64_t offset, uint32_t length, uint32_t limit) {
  return offset <= limit && offset + length <= limit;
}

struct RxMbufPolicy {
  using Packet = struct rte_mbuf*;

  PoolView view;
  uint64_t rearm = 0;      // rearm_word() with data_off 0, which is its lowest 16 bits
  uint32_t buffer_at = 0;  // of the data buffer in a chunk

  void prefetch(ChunkOffset chunk) const { __builtin_prefetch(view.mbuf(chunk), 1); }

  void deliver(Packet& out, ChunkOffset chunk, uint64_t data, uint32_t length) {
    out = view.mbuf(chunk);
    write_received(out, rearm + (data - raw(chunk) - buffer_at), length);
  }
  template <Simd kSimd>
  uint64_t deliver_run(SimdTag<kSimd> /*wide*/, Packet* out, const struct xdp_desc* descs,
                       const ChunkOffset* chunks, uint32_t count) const {
    uint8_t* const mbufs = view.mbufs;
    const uint64_t word = rearm - buffer_at;
    uint64_t bytes = 0;
    uint32_t i = 0;
    if constexpr (kSimd == Simd::kAvx2) {
      const avx2::Done done = avx2::deliver(mbufs, word, out, descs, chunks, count);
      i = done.count;
      bytes = done.bytes;
    }
#pragma GCC unroll 4
    for (; i < count; ++i) {
      out[i] = reinterpret_cast<struct rte_mbuf*>(mbufs + raw(chunks[i]));
      write_received(out[i], word + (AddressFormat::data(descs[i].addr) - raw(chunks[i])), descs[i].len);
      bytes += descs[i].len;
    }
    return bytes;
  }
  // The next segment. A free mbuf has no next one, so the last of a packet needs nothing.
  void append(Packet& packet, ChunkOffset last_chunk, ChunkOffset chunk, uint64_t data, uint32_t length) {
    Packet segment;
    deliver(segment, chunk, data, length);
    view.mbuf(last_chunk)->next = segment;
    packet->nb_segs = static_cast<uint16_t>(packet->nb_segs + 1);
    packet->pkt_len += length;
  }
  void give_back(ChunkOffset chunk) { rte_mempool_put(view.pool, view.mbuf(chunk)); }

  uint32_t allocate(ChunkOffset* chunks, uint32_t count) {
    return take_elements<kRefillChunk>(view.pool, view.mbufs, chunks, count);
  }
};
static_assert(RTE_BYTE_ORDER == RTE_LITTLE_ENDIAN, "data_off is the lowest 16 bits of the rearm word");
static_assert(offsetof(struct rte_mbuf, data_off) == offsetof(struct rte_mbuf, rearm_data) &&
              offsetof(struct rte_mbuf, refcnt) == offsetof(struct rte_mbuf, rearm_data) + 2 &&
              offsetof(struct rte_mbuf, nb_segs) == offsetof(struct rte_mbuf, rearm_data) + 4);

// The pools a queue may send from in place: plain data in one block of EAL memory. A pool that was destroyed
// stays as an entry without its pool, for its frames that are still to come back from the kernel.
struct TxPools {
  uint32_t pools = 0;
  uint32_t regions = 0;
  PoolView* view = nullptr;        // `pools` of them
  LedgerRegion* region = nullptr;  // `regions` of them, ascending; LedgerRegion::pool is an index of `view`
  bool by_page = false;            // a device maps the UMEM page by page: no descriptor crosses one
  bool split = false;              // some elements may be lent by several descriptors
};

struct TxMbufPolicy {
  using Packet = struct rte_mbuf*;

  const TxPools* table = nullptr;
  PoolView last;  // of the last mbuf looked up; of a pool that is not in the table with no bytes a chunk

  // Forgets what it found: the table is a new one or was changed.
  void use(const TxPools* pools) {
    table = pools;
    last = {};
  }

  [[gnu::noinline]] void look_up(struct rte_mempool* pool) {
    last = {};
    last.pool = pool;
    for (uint32_t i = 0; table != nullptr && i < table->pools; ++i)
      if (table->view[i].pool == pool) last = table->view[i];
  }

  // By address: a direct mbuf of a pool in the table with one segment, that nobody else refers to, whose data
  // lies within its chunk. Everything else is copied. Lengths are taken from the segments, never from pkt_len.
  TxPlan plan(const Packet& packet, uint32_t max_length) {
    const struct rte_mbuf* m = packet;
    if (m->pool != last.pool) [[unlikely]]
      look_up(m->pool);
    const PoolView& view = last;
    if (m->nb_segs == 1 && RTE_MBUF_DIRECT(m) && rte_mbuf_refcnt_read(m) == 1) [[likely]] {
      const uint8_t* chunk_at = reinterpret_cast<const uint8_t*>(m) - view.header;
      const uint8_t* data = static_cast<const uint8_t*>(m->buf_addr) + m->data_off;
      const auto offset = static_cast<uint64_t>(data - chunk_at);
      const uint32_t length = m->data_len;
      if (length == 0) return {TxVerdict::kInvalid, 0, {}, 0};
      if (fits(offset, length, view.chunk_size)) [[likely]]
        return {TxVerdict::kByAddress, length, view.chunk(m), static_cast<uint32_t>(offset)};
    }
    return plan_copy(m, max_length);
  }

  template <Simd kSimd>
  PlannedRun plan_run(SimdTag<kSimd> wide, const Packet* packets, uint32_t count, const AddressFormat& format,
                      struct xdp_desc* slots, ChunkOffset* chunks) {
    return plan_run_without(wide, 0, packets, count, format, slots, chunks);
  }
  // Also up to the first with one of these flags. plan()'s questions, of two fields at a time.
  template <Simd kSimd>
  PlannedRun plan_run_without(SimdTag<kSimd> /*wide*/, uint64_t flags, const Packet* packets, uint32_t count,
                              const AddressFormat& format, struct xdp_desc* slots, ChunkOffset* chunks) {
    constexpr uint64_t kAlone = uint64_t{1} << 32 | 1U << 16;  // nb_segs and refcnt in the rearm word
    constexpr uint64_t kAloneMask = 0xffffffff0000;
    if (packets[0]->pool != last.pool) [[unlikely]]
      look_up(packets[0]->pool);
    const PoolView view = last;
    flags |= RTE_MBUF_F_INDIRECT | RTE_MBUF_F_EXTERNAL;
    PlannedRun run{};
    if constexpr (kSimd == Simd::kAvx2) {
      const avx2::Wanted wanted{kAlone,     kAloneMask,  flags,           view.pool,
                                view.mbufs, view.header, view.chunk_size, format.offset_shift()};
      const avx2::Done done = avx2::plan(wanted, packets, count, slots, chunks);
      run = {done.count, done.bytes};
    }
    for (; run.count < count; ++run.count) {
      const struct rte_mbuf* m = packets[run.count];
      uint64_t word;
      std::memcpy(&word, &m->rearm_data, sizeof word);
      if ((word & kAloneMask) != kAlone || (m->ol_flags & flags) != 0 || m->pool != view.pool) [[unlikely]]
        break;
      const auto* data = static_cast<const uint8_t*>(m->buf_addr) + (word & 0xffff);
      const auto offset = static_cast<uint64_t>(data - (reinterpret_cast<const uint8_t*>(m) - view.header));
      const uint32_t length = m->data_len;
      if (length == 0 || !fits(offset, length, view.chunk_size)) [[unlikely]]
        break;
      const ChunkOffset chunk = chunks[run.count] = view.chunk(m);
      slots[run.count] = {format.encode(chunk, static_cast<uint32_t>(offset)), length, 0};
      run.bytes += length;
    }
    return run;
  }

  static TxPlan plan_copy(const struct rte_mbuf* m, uint32_t max_length) {
    uint64_t length = 0;
    for (const struct rte_mbuf* segment = m; segment != nullptr; segment = segment->next) {
      length += segment->data_len;
      if (segment->data_off + segment->data_len > segment->buf_len) return {TxVerdict::kInvalid, 0, {}, 0};
    }
    if (length == 0 || length > max_length) return {TxVerdict::kInvalid, 0, {}, 0};
    return {TxVerdict::kBounce, static_cast<uint32_t>(length), {}, 0};
  }

  void copy_out(const Packet& packet, uint8_t* to) const {
    for (const struct rte_mbuf* segment = packet; segment != nullptr; segment = segment->next) {
      std::memcpy(to, rte_pktmbuf_mtod(segment, const void*), segment->data_len);
      to += segment->data_len;
    }
  }
  void done(Packet& packet) const { rte_pktmbuf_free(packet); }

  // A packet as descriptors of up to `longest` bytes, no more than `most`. 0: a segment cannot be lent.
  uint32_t parts(const Packet& packet, TxPart* out, uint32_t most, uint32_t longest) {
    uint32_t count = 0;
    for (const struct rte_mbuf* m = packet; m != nullptr; m = m->next) {
      if (m->pool != last.pool) [[unlikely]]
        look_up(m->pool);
      const auto* data = static_cast<const uint8_t*>(m->buf_addr) + m->data_off;
      const auto offset = static_cast<uint64_t>(data - (reinterpret_cast<const uint8_t*>(m) - last.header));
      const bool ours_alone = RTE_MBUF_DIRECT(m) && rte_mbuf_refcnt_read(m) == 1;
      if (!ours_alone || m->data_len == 0 || !fits(offset, m->data_len, last.element)) return 0;
      const uint32_t added = cut(last.chunk(m), static_cast<uint32_t>(offset), m->data_len, out + count,
                                 most - count < last.slots ? most - count : last.slots, longest);
      if (added == 0) return 0;
      count += added;
    }
    return count;
  }
  // Its frames are the kernel's, which gives each back alone: fresh mbufs again by then.
  void sent(Packet& packet) const {
    for (struct rte_mbuf* m = packet; m != nullptr;) {
      struct rte_mbuf* next = m->next;
      m->next = nullptr;
      m->nb_segs = 1;
      m = next;
    }
  }
  void copy_part(const Packet& packet, uint32_t from, uint8_t* to, uint32_t length) const {
    for (const struct rte_mbuf* m = packet; m != nullptr && length != 0; m = m->next) {
      if (from >= m->data_len) {
        from -= m->data_len;
        continue;
      }
      const uint32_t part = m->data_len - from < length ? m->data_len - from : length;
      std::memcpy(to, rte_pktmbuf_mtod_offset(m, const void*, from), part);
      to += part;
      length -= part;
      from = 0;
    }
  }
  uint32_t frame_slots(ChunkOffset frame) const {
    const LedgerRegion* region = find_region(table->region, table->regions, frame);
    return region != nullptr ? table->view[region->pool].slots : 1;
  }

  // In bulk for each run of frames of one pool. Frames of a pool that is gone go nowhere.
  void completed(const ChunkOffset* chunks, uint32_t count) const {
    void* objects[kDrainChunk];
    for (uint32_t i = 0; i < count;) {
      const LedgerRegion* region = find_region(table->region, table->regions, chunks[i]);
      if (region == nullptr) [[unlikely]]
        return;  // cannot be: the ledger has taken the frame back
      const PoolView& from = table->view[region->pool];
      uint32_t n = 0;
      for (; i < count && region->holds(chunks[i]); ++i) objects[n++] = from.mbuf(chunks[i]);
      if (from.pool != nullptr) [[likely]]
        rte_mempool_put_bulk(from.pool, objects, n);
    }
  }
  template <Simd kSimd>
  void completed_in(SimdTag<kSimd> /*wide*/, uint32_t pool, const ChunkOffset* chunks, uint32_t count) const {
    const PoolView& from = table->view[pool];
    if (from.pool != nullptr) [[likely]]
      put_elements<kDrainChunk>(from.pool, from.mbufs, chunks, count);
  }

 private:
  // One segment as up to `most` descriptors; 0: more are needed.
  uint32_t cut(ChunkOffset frame, uint32_t offset, uint32_t length, TxPart* out, uint32_t most,
               uint32_t longest) const {
    uint32_t count = 0;
    for (uint32_t part = 0; length != 0; length -= part, offset += part, ++count) {
      if (count == most) return 0;
      part = length < longest ? length : longest;
      if (table->by_page) {
        const auto left = static_cast<uint32_t>(kPageSize - (raw(frame) + offset) % kPageSize);
        part = part < left ? part : left;
      }
      out[count] = {frame, offset, part, count};
    }
    return count;
  }
};

}  // namespace zcnbrh::pmd
