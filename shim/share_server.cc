// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#include "shim/share_server.h"

#include <rte_mempool.h>
#include <rte_ring.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <charconv>
#include <cstring>
#include <memory>
#include <mutex>
#include <sstream>
#include <string_view>

#include "lib/base/clock.h"
#include "lib/base/mapping.h"
#include "lib/share/dpdk_layout.h"
#include "lib/share/fd_channel.h"
#include "lib/share/ring_journal.h"
#include "lib/share/share_name.h"
#include "shim/counts.h"
#include "shim/interrupt.h"
#include "shim/next.h"
#include "shim/ring_repair.h"
#include "shim/say.h"

namespace zcnbrh::shim {
namespace {

static_assert(sizeof(dpdk::Ring) == sizeof(struct rte_ring) && sizeof(dpdk::Mbuf) == sizeof(struct rte_mbuf) &&
              sizeof(dpdk::ObjectHeader) == sizeof(struct rte_mempool_objhdr));
#define SAME(ours, member, theirs, field) \
  static_assert(offsetof(dpdk::ours, member) == offsetof(struct theirs, field))
SAME(Ring, size, rte_ring, size);
SAME(Ring, mask, rte_ring, mask);
SAME(Ring, capacity, rte_ring, capacity);
SAME(Ring, prod, rte_ring, prod);
SAME(Ring, cons, rte_ring, cons);
SAME(RingEnd, tail, rte_ring_headtail, tail);
SAME(RingEnd, sync, rte_ring_headtail, sync_type);
SAME(ObjectHeader, pool, rte_mempool_objhdr, mp);
SAME(Mbuf, data_off, rte_mbuf, data_off);
SAME(Mbuf, refcnt, rte_mbuf, refcnt);
SAME(Mbuf, nb_segs, rte_mbuf, nb_segs);
SAME(Mbuf, ol_flags, rte_mbuf, ol_flags);
SAME(Mbuf, pkt_len, rte_mbuf, pkt_len);
SAME(Mbuf, data_len, rte_mbuf, data_len);
SAME(Mbuf, buf_len, rte_mbuf, buf_len);
SAME(Mbuf, pool, rte_mbuf, pool);
SAME(Mbuf, next, rte_mbuf, next);
SAME(Mbuf, tx_offload, rte_mbuf, tx_offload);
#undef SAME
#define TEXT_OF(number) #number
#define TEXT(macro) TEXT_OF(macro)
static_assert(std::string_view(dpdk::kDpdkLayout) == "DPDK_" TEXT(ZCNBRH_DPDK_ABI));
#undef TEXT
#undef TEXT_OF
static_assert(dpdk::kHeadroom == RTE_PKTMBUF_HEADROOM && dpdk::kExternal == RTE_MBUF_F_EXTERNAL &&
              dpdk::kIndirect == RTE_MBUF_F_INDIRECT);

constexpr uint32_t kPatienceMs = 500;  // for a peer that does not take its answer

struct Attached {
  bool in_use = false;
  std::string kind, name;
  const void* object = nullptr;  // the ring or pool
  struct rte_ring* ring = nullptr;
  Repair repair = Repair::kNothing;
};

struct Peer {
  pid_t pid = 0;
  FdChannel channel;
  UniqueFd journal_fd;
  Mapping journal;
  std::vector<Attached> attached = std::vector<Attached>(kJournalEntries);
  bool met = false;  // of our version and layout
  bool gone = false;
  uint64_t earlier = 0;  // taken less given of what was attached in entries that are another's now
  JournalEntry& entry(size_t i) { return reinterpret_cast<Journal*>(journal.data())->entries[i]; }
};

using Peers = std::vector<std::unique_ptr<Peer>>;
constinit std::mutex g_lock;
constinit Peers* g_peers = nullptr;  // those that are gone, too: they are in the report

Peers& peers() {
  if (g_peers == nullptr) g_peers = new Peers;
  return *g_peers;
}

std::string hex(uint64_t value) {
  char text[24];
  return std::string(text, std::to_chars(text, text + sizeof text, value, 16).ptr);
}
std::string hex(const void* address) { return hex(reinterpret_cast<uintptr_t>(address)); }
std::string no(int code, const std::string& why) {
  return "no " + hex(static_cast<uint64_t>(code)) + " " + why;
}

// EAL's memory as runs of one descriptor.
struct Run {
  uintptr_t base;
  size_t bytes, offset;
  int fd;
};

int add_segment(const struct rte_memseg_list* list, const struct rte_memseg* segment, void* runs) {
  auto& out = *static_cast<std::vector<Run>*>(runs);
  size_t offset = 0;
  const int fd = NEXT(rte_memseg_get_fd_thread_unsafe)(segment);
  if (list->external != 0 || fd < 0 || NEXT(rte_memseg_get_fd_offset_thread_unsafe)(segment, &offset) != 0)
    return 0;
  const auto base = reinterpret_cast<uintptr_t>(segment->addr);
  if (!out.empty() && out.back().fd == fd && out.back().base + out.back().bytes == base &&
      out.back().offset + out.back().bytes == offset)
    out.back().bytes += segment->len;
  else
    out.push_back({base, segment->len, offset, fd});
  return 0;
}

std::vector<Run> shared_runs() {
  std::vector<Run> runs;
  NEXT(rte_memseg_walk)(add_segment, &runs);
  return runs;
}

// Not external memory, and not what has no file.
bool is_shared(const std::vector<Run>& runs, const void* base, size_t bytes) {
  auto at = reinterpret_cast<uintptr_t>(base);
  const uintptr_t end = at + bytes;
  for (uintptr_t before = 0; at < end && at != before;) {
    before = at;
    for (const Run& run : runs)
      if (run.base <= at && at < run.base + run.bytes) at = run.base + run.bytes;
  }
  return at >= end;
}

bool is_shared(const std::vector<Run>& runs, const struct rte_ring* ring) {
  return is_shared(runs, ring, sizeof *ring + size_t{ring->size} * sizeof(void*));
}

bool is_shared(const struct rte_mempool* pool, const struct rte_ring* ring) {
  const std::vector<Run> runs = shared_runs();
  bool all = is_shared(runs, ring);
  const struct rte_mempool_memhdr* chunk;
  STAILQ_FOREACH(chunk, &pool->mem_list, next) all = all && is_shared(runs, chunk->addr, chunk->len);
  return all;
}

std::string not_shared(const std::string& what) {
  return no(ENOTSUP, what +
                         " is in memory that cannot be handed over: the program's own, not EAL's, or memory "
                         "without a file; make it on a socket of EAL's");
}

Status send_segments(Peer& peer) {
  const std::vector<Run> runs = shared_runs();
  for (const Run& run : runs) {
    const int fds[] = {run.fd};
    if (Status s =
            peer.channel.send("segment " + hex(run.base) + " " + hex(run.bytes) + " " + hex(run.offset), fds);
        !s)
      return s;
  }
  return peer.channel.send("end " + hex(runs.size()));
}

Status greet(Peer& peer, const std::string& text) {
  const std::string hello = "hello " + hex(kShareVersion) + " " + dpdk::kDpdkLayout;
  peer.met = text == hello;
  if (!peer.met) return peer.channel.send(hello);
  const int fds[] = {peer.journal_fd.get()};
  return peer.channel.send(hello, fds);
}

bool is_served(const struct rte_ring* ring) {
  const auto served = [](enum rte_ring_sync_type type) {
    return type == RTE_RING_SYNC_MT || type == RTE_RING_SYNC_ST;
  };
  return served(ring->prod.sync_type) && served(ring->cons.sync_type);
}

std::string attach(Peer& peer, size_t at, Attached attached, std::string answer) {
  JournalEntry& entry = peer.entry(at);
  peer.earlier += entry.taken - entry.given;
  entry.phase = Phase::kIdle;
  entry.taken = entry.given = entry.refused = 0;
  entry.gone = 0;
  attached.in_use = true;
  peer.attached[at] = std::move(attached);
  return answer;
}

std::string attach_ring(Peer& peer, size_t at, const std::string& name) {
  struct rte_ring* ring = NEXT(rte_ring_lookup)(name.c_str());
  if (ring == nullptr) return no(ENOENT, "there is no ring '" + name + "'");
  if (!is_served(ring)) return no(ENOTSUP, "ring '" + name + "' is of a kind (RTS, HTS) that is not served");
  if (!is_shared(shared_runs(), ring)) return not_shared("ring '" + name + "'");
  return attach(peer, at, {true, "ring", name, ring, ring}, "ring " + hex(ring));
}

std::string attach_pool(Peer& peer, size_t at, const std::string& name) {
  struct rte_mempool* pool = NEXT(rte_mempool_lookup)(name.c_str());
  if (pool == nullptr) return no(ENOENT, "there is no pool '" + name + "'");
  // A pool on DPDK's ring has that in pool_data (drivers/mempool/ring); a ring is known by its own name,
  // RG_MP_...
  auto* ring = static_cast<struct rte_ring*>(pool->pool_data);
  const std::string ring_name = "MP_" + name;
  if (pool->private_data_size < sizeof(struct rte_pktmbuf_pool_private) ||
      NEXT(rte_ring_lookup)(ring_name.c_str()) != ring || !is_served(ring))
    return no(ENOTSUP, "pool '" + name + "' is not one of packets on DPDK's ring ops");
  const auto* room = reinterpret_cast<const struct rte_pktmbuf_pool_private*>(
      reinterpret_cast<const char*>(pool) + RTE_MEMPOOL_HEADER_SIZE(pool, pool->cache_size));
  if ((room->flags & RTE_PKTMBUF_POOL_F_PINNED_EXT_BUF) != 0)
    return no(ENOTSUP, "the buffers of pool '" + name + "' are the program's own");
  if (!is_shared(pool, ring)) return not_shared("pool '" + name + "'");
  const struct rte_mempool_memhdr* chunk;
  STAILQ_FOREACH(chunk, &pool->mem_list, next) {
    if (!peer.channel.send("chunk " + hex(chunk->addr) + " " + hex(chunk->len)))
      return no(EIO, "a lost answer");
  }
  return attach(peer, at, {true, "pool", name, pool, ring},
                "pool " + hex(pool) + " " + hex(ring) + " " +
                    hex(sizeof(struct rte_mbuf) + room->mbuf_priv_size) + " " + hex(room->mbuf_data_room_size));
}

Status answer(Peer& peer, const std::string& text) {
  std::istringstream in(text);
  std::string what, name;
  uint64_t at = 0;
  in >> what >> std::hex >> at >> name;
  if (what == "hello") return greet(peer, text);
  if (!peer.met) return peer.channel.send(no(EPROTO, "it has not said which version and layout it is of"));
  if (what == "segments") return send_segments(peer);
  if (at >= kJournalEntries) return peer.channel.send(no(EINVAL, "no such entry"));
  if (what == "ring") return peer.channel.send(attach_ring(peer, at, name));
  if (what == "pool") return peer.channel.send(attach_pool(peer, at, name));
  if (what != "detach") return peer.channel.send(no(EINVAL, "'" + text + "' is not understood"));
  return peer.channel.send("ok");  // its counts stay in the report
}

uint64_t held_by(Peer& peer) {
  auto held = static_cast<int64_t>(peer.earlier);
  for (size_t i = 0; i < kJournalEntries; ++i)
    held += static_cast<int64_t>(peer.entry(i).taken - peer.entry(i).given);
  return held > 0 ? static_cast<uint64_t>(held) : 0;
}

void settle(Peer& peer) {
  peer.gone = true;
  peer.channel.close();
  for (size_t i = 0; i < kJournalEntries; ++i) {
    Attached& attached = peer.attached[i];
    if (!attached.in_use || peer.entry(i).gone != 0) continue;
    uint32_t packets = 0;
    attached.repair = repair_ring(attached.ring, peer.entry(i), packets);
    if (attached.repair == Repair::kNothing) continue;
    say(attached.repair == Repair::kStuck ? Say::kError : Say::kWarning,
        "native process %d died inside %s '%s', with %u packets: %s", peer.pid, attached.kind.c_str(),
        attached.name.c_str(), packets, repair_name(attached.repair));
  }
  if (const uint64_t held = held_by(peer); held != 0)
    say(Say::kWarning, "native process %d is gone with %llu packets in hand: they are lost to their pools",
        peer.pid, static_cast<unsigned long long>(held));
}

// False: the peer is gone.
bool serve(void* argument) noexcept {
  auto& peer = *static_cast<Peer*>(argument);
  const ErrnoGuard guard;
  const std::lock_guard lock(g_lock);
  auto message = peer.channel.receive();
  if (message && answer(peer, message->text)) return true;
  settle(peer);
  return false;
}

Status set_up(Peer& peer, UniqueFd fd) {
  ucred who{};
  socklen_t length = sizeof who;
  if (::getsockopt(fd.get(), SOL_SOCKET, SO_PEERCRED, &who, &length) != 0 ||
      (who.uid != 0 && who.uid != ::geteuid()))
    return Error{EPERM, "native process", "of another user"};
  peer.pid = who.pid;
  peer.journal_fd.reset(::memfd_create("zcnbrh-journal", MFD_CLOEXEC));
  if (!peer.journal_fd || ::ftruncate(peer.journal_fd.get(), sizeof(Journal)) != 0)
    return Error{errno, "memfd_create", {}};
  auto map =
      Mapping::create(nullptr, sizeof(Journal), PROT_READ | PROT_WRITE, MAP_SHARED, peer.journal_fd.get(), 0);
  if (!map) return map.error();
  peer.journal = std::move(*map);
  auto channel = FdChannel::adopt(std::move(fd), kPatienceMs);
  if (!channel) return channel.error();
  peer.channel = std::move(*channel);
  return {};
}

bool accept_peer(void* argument) noexcept {
  const ErrnoGuard guard;
  UniqueFd fd(
      ::accept4(static_cast<int>(reinterpret_cast<intptr_t>(argument)), nullptr, nullptr, SOCK_CLOEXEC));
  if (!fd) return true;
  auto peer = std::make_unique<Peer>();
  Status s = set_up(*peer, std::move(fd));
  if (s) s = watch_fd(peer->channel.fd(), serve, peer.get());
  if (!s) {
    say(Say::kWarning, "a native process is refused: %s", s.error().text().c_str());
    return true;
  }
  const std::lock_guard lock(g_lock);
  peers().push_back(std::move(peer));
  return true;
}

// Nobody begins anything with it from now on, and nobody is inside.
void shut_out(const void* object) noexcept {
  const ErrnoGuard guard;
  const std::lock_guard lock(g_lock);
  if (g_peers == nullptr) return;
  for (const auto& peer : *g_peers) {
    for (size_t i = 0; i < kJournalEntries; ++i) {
      Attached& attached = peer->attached[i];
      if (peer->gone || !attached.in_use || attached.object != object || peer->entry(i).gone != 0) continue;
      JournalEntry& entry = peer->entry(i);
      entry.gone.store(1, std::memory_order_seq_cst);
      const uint64_t until = monotonic_ms() + kPatienceMs;
      while (entry.phase.load(std::memory_order_seq_cst) != Phase::kIdle && monotonic_ms() < until) sleep_ms(1);
      say(Say::kWarning, "%s '%s' is freed while native process %d has it attached: that one is shut out",
          attached.kind.c_str(), attached.name.c_str(), peer->pid);
    }
  }
}

}  // namespace

void open_share() noexcept {
  const ErrnoGuard guard;
  UniqueFd listener = listen_abstract(share_socket_name(::getpid()), SOCK_SEQPACKET);
  auto* argument = reinterpret_cast<void*>(static_cast<intptr_t>(listener.get()));
  Status s = listener ? watch_fd(listener.get(), accept_peer, argument) : Status(Error{errno, "socket", {}});
  if (s)
    listener.release();  // for the life of the process
  else
    say(Say::kWarning, "ZCNBRH_SHARE: no native process can come: %s", s.error().text().c_str());
}

std::vector<PeerReport> peers_report() {
  const std::lock_guard lock(g_lock);
  std::vector<PeerReport> out;
  if (g_peers == nullptr) return out;
  for (const auto& peer : *g_peers) {
    PeerReport one{peer->pid, peer->gone, held_by(*peer), {}};
    for (size_t i = 0; i < kJournalEntries; ++i) {
      const Attached& attached = peer->attached[i];
      const JournalEntry& entry = peer->entry(i);
      if (attached.in_use)
        one.attached.push_back({attached.kind, attached.name, repair_name(attached.repair), entry.taken,
                                entry.given, entry.refused});
    }
    out.push_back(std::move(one));
  }
  return out;
}

}  // namespace zcnbrh::shim

using namespace zcnbrh::shim;  // NOLINT(google-build-using-namespace)

ZCNBRH_INTERCEPTED void rte_ring_free(struct rte_ring* r) {
  count_call(Call::rte_ring_free);
  if (r != nullptr) shut_out(r);
  NEXT(rte_ring_free)(r);
}

ZCNBRH_INTERCEPTED void rte_mempool_free(struct rte_mempool* mp) {
  count_call(Call::rte_mempool_free);
  if (mp != nullptr) shut_out(mp);
  NEXT(rte_mempool_free)(mp);
}
