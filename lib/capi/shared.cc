// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// zcnbrh_ring_*, zcnbrh_pool_*, zcnbrh_mbuf_*: rings and pools of a DPDK process (lib/share/dpdk_peer.h).
#include <algorithm>
#include <cerrno>
#include <memory>
#include <utility>

#include "include/zcnbrh/zcnbrh.h"
#include "lib/capi/last_error.h"
#include "lib/share/dpdk_peer.h"

using zcnbrh::DpdkPeer;
using zcnbrh::kJournalBurst;
using zcnbrh::SharedPool;
using zcnbrh::SharedRing;
using zcnbrh::capi::fail;
using zcnbrh::dpdk::Mbuf;

struct zcnbrh_ring {
  std::shared_ptr<DpdkPeer> peer;
  SharedRing ring;
  uint32_t idle = 0;  // calls in a row that moved nothing
};
struct zcnbrh_pool {
  zcnbrh_ring of;
  SharedPool pool;
};

namespace {

constexpr uint32_t kIdleCalls = 1024;  // then one system call asks whether the process is still there
constexpr uint16_t kNoPort = UINT16_MAX;

const Mbuf* inside(const struct zcnbrh_mbuf* packet) { return reinterpret_cast<const Mbuf*>(packet); }
Mbuf* inside(struct zcnbrh_mbuf* packet) { return reinterpret_cast<Mbuf*>(packet); }

// Out of the noexcept functions: a failed new ends the process, and clang-tidy wants that said.
template <typename Handle, typename... Parts>
Handle* make(Parts&&... parts) {
  return new Handle{std::forward<Parts>(parts)...};
}

int no_argument(const char* call) { return fail(EINVAL, call, "an argument is NULL"); }

// Why did nothing move? 0: empty or full, no more.
int explain(struct zcnbrh_ring& ring, bool refused, const char* call) {
  if (refused)
    return fail(EBADMSG, call, "an element is no packet of an attached pool; zcnbrh_pool_attach() its pool");
  if (ring.ring.is_gone()) return fail(ENOENT, call, "its process has freed it");
  if (++ring.idle % kIdleCalls == 0 && !ring.peer->is_alive()) return fail(EPIPE, call, "its process is gone");
  return 0;
}

template <typename Move>
int move(struct zcnbrh_ring& ring, const char* call, Move move) {
  const uint64_t refused = ring.ring.entry().refused;
  const uint32_t count = move();
  if (count != 0) {
    ring.idle = 0;
    return static_cast<int>(count);
  }
  return explain(ring, ring.ring.entry().refused != refused, call);
}

// As rte_pktmbuf_alloc() leaves one.
void make_empty(Mbuf& mbuf) {
  mbuf.next = nullptr;
  mbuf.pkt_len = 0;
  mbuf.tx_offload = 0;
  mbuf.vlan_tci = mbuf.vlan_tci_outer = 0;
  mbuf.nb_segs = 1;
  mbuf.refcnt = 1;
  mbuf.port = kNoPort;
  mbuf.ol_flags = 0;
  mbuf.packet_type = 0;
  mbuf.data_off = std::min(zcnbrh::dpdk::kHeadroom, mbuf.buf_len);
  mbuf.data_len = 0;
}

// The segments of a packet that is this pool's alone, at most `room` of them; 0: it is not, or they are more.
uint32_t segments_of(const SharedPool& pool, Mbuf* packet, void** out, uint32_t room) {
  uint32_t count = 0;
  for (Mbuf* segment = packet; segment != nullptr; segment = segment->next) {
    if (count == room || !pool.has(segment) || segment->refcnt != 1) return 0;
    out[count++] = segment;
  }
  return count;
}

// All or none of them: a packet is not given back by halves.
bool put_segments(struct zcnbrh_pool& pool, void** segments, uint32_t count) {
  for (uint32_t i = 0; i < count; ++i) {
    auto* segment = static_cast<Mbuf*>(segments[i]);
    segment->next = nullptr;
    segment->nb_segs = 1;
  }
  uint32_t done = 0;
  while (done < count) {  // the pool's ring has room for all its buffers
    const uint32_t now = pool.of.ring.enqueue(segments + done, count - done);
    if (now == 0) return false;
    done += now;
  }
  return true;
}

}  // namespace

extern "C" {

int zcnbrh_ring_attach(int pid, const char* name, struct zcnbrh_ring** out) noexcept {
  if (name == nullptr || out == nullptr) return no_argument("zcnbrh_ring_attach");
  *out = nullptr;
  auto peer = DpdkPeer::meet(pid);
  if (!peer) return fail(peer.error());
  auto ring = (*peer)->attach_ring(name);
  if (!ring) return fail(ring.error());
  *out = make<struct zcnbrh_ring>(std::move(*peer), *ring);
  return 0;
}

int zcnbrh_ring_detach(struct zcnbrh_ring* ring) noexcept {
  if (ring == nullptr) return no_argument("zcnbrh_ring_detach");
  ring->peer->detach(ring->ring);
  delete ring;
  return 0;
}

int zcnbrh_ring_dequeue(struct zcnbrh_ring* ring, struct zcnbrh_mbuf** packets, uint32_t count) noexcept {
  if (ring == nullptr || packets == nullptr) return no_argument("zcnbrh_ring_dequeue");
  return move(*ring, "zcnbrh_ring_dequeue",
              [&] { return ring->ring.dequeue(reinterpret_cast<void**>(packets), count); });
}

int zcnbrh_ring_enqueue(struct zcnbrh_ring* ring, struct zcnbrh_mbuf* const* packets, uint32_t count) noexcept {
  if (ring == nullptr || packets == nullptr) return no_argument("zcnbrh_ring_enqueue");
  return move(*ring, "zcnbrh_ring_enqueue",
              [&] { return ring->ring.enqueue(reinterpret_cast<void* const*>(packets), count); });
}

int zcnbrh_pool_attach(int pid, const char* name, struct zcnbrh_pool** out) noexcept {
  if (name == nullptr || out == nullptr) return no_argument("zcnbrh_pool_attach");
  *out = nullptr;
  auto peer = DpdkPeer::meet(pid);
  if (!peer) return fail(peer.error());
  SharedPool pool;
  auto ring = (*peer)->attach_pool(name, pool);
  if (!ring) return fail(ring.error());
  *out = make<struct zcnbrh_pool>(zcnbrh_ring{std::move(*peer), *ring}, std::move(pool));
  return 0;
}

int zcnbrh_pool_detach(struct zcnbrh_pool* pool) noexcept {
  if (pool == nullptr) return no_argument("zcnbrh_pool_detach");
  pool->of.peer->detach(pool->of.ring);
  delete pool;
  return 0;
}

int zcnbrh_pool_get(struct zcnbrh_pool* pool, struct zcnbrh_mbuf** packets, uint32_t count) noexcept {
  if (pool == nullptr || packets == nullptr) return no_argument("zcnbrh_pool_get");
  const int got = move(pool->of, "zcnbrh_pool_get",
                       [&] { return pool->of.ring.dequeue(reinterpret_cast<void**>(packets), count); });
  for (int i = 0; i < got; ++i) make_empty(*inside(packets[i]));
  return got;
}

int zcnbrh_pool_put(struct zcnbrh_pool* pool, struct zcnbrh_mbuf* const* packets, uint32_t count) noexcept {
  if (pool == nullptr || packets == nullptr) return no_argument("zcnbrh_pool_put");
  void* segments[kJournalBurst];
  uint32_t collected = 0, ready = 0;  // segments, and the packets they are of
  for (; ready < count; ++ready) {
    const uint32_t more = segments_of(pool->pool, inside(packets[ready]), segments + collected,
                                      static_cast<uint32_t>(kJournalBurst) - collected);
    if (more == 0) break;
    collected += more;
  }
  if (ready == 0 && count != 0)
    return fail(EBADMSG, "zcnbrh_pool_put", "a packet is not this pool's, or is shared");
  return move(pool->of, "zcnbrh_pool_put",
              [&] { return put_segments(*pool, segments, collected) ? ready : 0; });
}

void* zcnbrh_mbuf_data(const struct zcnbrh_mbuf* packet) noexcept {
  return static_cast<char*>(inside(packet)->buf_addr) + inside(packet)->data_off;
}
uint32_t zcnbrh_mbuf_length(const struct zcnbrh_mbuf* packet) noexcept { return inside(packet)->data_len; }
struct zcnbrh_mbuf* zcnbrh_mbuf_next(const struct zcnbrh_mbuf* packet) noexcept {
  return reinterpret_cast<struct zcnbrh_mbuf*>(inside(packet)->next);
}

int zcnbrh_mbuf_set_length(struct zcnbrh_mbuf* packet, uint32_t length) noexcept {
  Mbuf* mbuf = inside(packet);
  if (mbuf->nb_segs != 1) return fail(ENOTSUP, "zcnbrh_mbuf_set_length", "the packet is a chain of segments");
  if (length > static_cast<uint32_t>(mbuf->buf_len - mbuf->data_off))
    return fail(EMSGSIZE, "zcnbrh_mbuf_set_length", "more than the buffer has behind the packet's first byte");
  mbuf->data_len = static_cast<uint16_t>(length);
  mbuf->pkt_len = length;
  return 0;
}

}  // extern "C"
