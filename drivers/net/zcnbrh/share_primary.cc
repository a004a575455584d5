// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// The primary's half. One lock guards the list of processes and what they are told; it is never held while one
// of them is waited for. Three threads take it: whoever makes a control call, EAL's message thread (a process
// comes), EAL's interrupt thread (a process asks for a port, or has died).
#include <poll.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_interrupts.h>
#include <rte_malloc.h>
#include <rte_string_fns.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>
#include <mutex>
#include <set>

#include "drivers/net/zcnbrh/log.h"
#include "drivers/net/zcnbrh/share.h"
#include "drivers/net/zcnbrh/xstats.h"
#include "lib/base/clock.h"
#include "lib/xsk/quiesce.h"
#include "lib/xsk/repair.h"

namespace zcnbrh::pmd {
namespace {

constexpr uint32_t kSendTimeoutMs = 1000;
constexpr int kLookMs = 20;

// A secondary process.
struct Peer {
  FdChannel channel;
  uint32_t number = 0;
  std::set<uint16_t> ports;  // that it has
  uint32_t done = 0;         // the last request it has answered
  bool gone = false;
  struct rte_intr_handle* ear = nullptr;
};

class Sharing {
 public:
  static Sharing& instance() {
    static auto* sharing = new Sharing;  // outlives every thread of EAL
    return *sharing;
  }

  Status listen();
  void share(PmdPort& port, uint16_t queue);
  bool shut(PmdPort& port, uint16_t queue, bool rx, bool tx);
  bool unshare(PmdPort& port, uint16_t queue);
  uint32_t welcome(FdChannel& theirs);
  static void hear(void* peer) { instance().listen_to(static_cast<Peer*>(peer)); }
  void forget(Peer* peer);

 private:
  using Lock = std::unique_lock<std::mutex>;
  static constexpr uint32_t key(uint16_t port, uint16_t queue) { return uint32_t{port} << 16 | queue; }

  bool ask(Lock& lock, ShareMessage message, std::span<const int> fds = {});
  void take_messages(Peer& peer);
  void offer(Peer& peer, PmdPort& port, uint16_t queue);
  void bury(Peer& peer);
  void listen_to(Peer* peer);
  bool alive(uint32_t number) const;
  uint32_t free_number() const;
  void settle(PmdPort& port, uint16_t queue);

  std::mutex lock_;
  bool listening_ = false;
  std::vector<std::unique_ptr<Peer>> peers_;
  std::map<uint32_t, PmdPort*> open_;  // queues that others may have
  uint32_t last_request_ = 0;
  uint32_t last_generation_ = 0;
};

SharedQueue& shared_queue(const PmdPort& port, uint16_t queue) {
  return shared_of(&rte_eth_devices[port.port_id])->queues[queue];
}

template <typename Desc>
uint32_t size_of(const RingMap<Desc>& ring) {
  return ring.descs != nullptr ? ring.size() : 0;
}

void fill(SharedQueue& shared, PmdPort& port, uint16_t queue) {
  QueueSlot& slot = *port.slots[queue];
  const XskSocket& socket = slot.pair.socket();
  shared.nb_rx = slot.nb_rx;
  shared.nb_tx = slot.nb_tx;
  // The frames that it copies from are kept in this process's own memory.
  shared.rx_open = !slot.pair.rx().door.is_shut() && !slot.rx_copy.on;
  shared.tx_open = !slot.pair.tx().door.is_shut();
  shared.rx_pool = slot.rx_pool;
  shared.rx = slot.rx;
  shared.tx = slot.tx;
  shared.rings = {size_of(socket.fill()), size_of(socket.completion()), size_of(socket.rx()),
                  size_of(socket.tx())};
  shared.rx_local = slot.pair.rx();
  shared.tx_local = slot.pair.tx();
  shared.rx_policy = slot.rx_policy;
  shared.tx_policy = slot.tx_policy;
  shared.rx_offloads = slot.rx_offload.offloads.load(std::memory_order_relaxed);
  shared.packet_types = slot.rx_offload.packet_types.load(std::memory_order_relaxed);
  shared.metadata = slot.rx_offload.metadata.load(std::memory_order_relaxed);
  shared.hash = slot.rx_offload.hash.load(std::memory_order_relaxed);
  shared.tx_offload = slot.tx_offload;
  shared.tail_offset = slot.umem->tail_offset();
  shared.gate = port.config().start_queue + queue;
}

// The queue's user died inside a burst, and nobody else can be there.
void repair(PmdPort& port, uint16_t queue, uint32_t number) {
  QueueSlot& slot = *port.slots[queue];
  if (slot.rx->user.bury(number)) {
    const Repaired done = repair_rx(slot.pair.rx());
    ZLOG(NOTICE, "port %u RX queue %u (%s): its process died inside a burst; repaired, %u packets went with it",
         port.port_id, queue, port.name.c_str(), done.lost);
    slot.rx->user.bury(number, true);
  }
  if (slot.tx->user.bury(number)) {
    repair_tx(slot.pair.tx(), slot.tx_policy);
    ZLOG(NOTICE, "port %u TX queue %u (%s): its process died inside a burst; repaired", port.port_id, queue,
         port.name.c_str());
    slot.tx->user.bury(number, true);
  }
}

int on_hello(const struct rte_mp_msg* request, const void* from) {
  struct rte_mp_msg reply {};
  rte_strscpy(reply.name, request->name, sizeof reply.name);
  ShareWelcome welcome;
  FdChannel theirs;
  welcome.process_number = Sharing::instance().welcome(theirs);
  std::memcpy(reply.param, &welcome, sizeof welcome);
  reply.len_param = sizeof welcome;
  if (theirs) {
    reply.fds[0] = theirs.fd();
    reply.num_fds = 1;
  }
  return rte_mp_reply(&reply, static_cast<const char*>(from));
}

void after_unregister(struct rte_intr_handle* /*ear*/, void* peer) {
  Sharing::instance().forget(static_cast<Peer*>(peer));
}

// ENOTSUP: EAL was told to have no other processes (--in-memory, --no-shconf).
Status Sharing::listen() {
  const Lock lock(lock_);
  if (listening_) return {};
  if (rte_mp_action_register(kShareAction, on_hello) != 0 && rte_errno != ENOTSUP && rte_errno != EEXIST)
    return Error{rte_errno, "rte_mp_action_register", {}};
  listening_ = true;
  return {};
}

// 0: there are too many.
uint32_t Sharing::free_number() const {
  for (uint32_t number = 2; number < kMaxProcesses; ++number)
    if (std::none_of(peers_.begin(), peers_.end(), [number](const auto& p) { return p->number == number; }))
      return number;
  return 0;
}

// A process comes: the channel's end for it, and its number; 0: it could not be.
uint32_t Sharing::welcome(FdChannel& theirs) {
  if (!join_barriers()) {
    ZLOG(ERR, "a process comes, but membarrier(2) is refused here: processes cannot share queues without it");
    return 0;
  }
  auto ends = FdChannel::pair(kSendTimeoutMs);
  if (!ends) return 0;
  auto peer = std::make_unique<Peer>();
  peer->channel = std::move(ends->first);
  peer->ear = rte_intr_instance_alloc(RTE_INTR_INSTANCE_F_PRIVATE);
  if (peer->ear == nullptr) return 0;
  rte_intr_fd_set(peer->ear, peer->channel.fd());
  rte_intr_type_set(peer->ear, RTE_INTR_HANDLE_EXT);
  const Lock lock(lock_);
  const uint32_t number = peer->number = free_number();
  if (number == 0 || rte_intr_callback_register(peer->ear, hear, peer.get()) != 0) {
    if (number == 0) ZLOG(ERR, "a process comes, but there are %u already", kMaxProcesses - 2);
    rte_intr_instance_free(peer->ear);
    return 0;
  }
  theirs = std::move(ends->second);
  peers_.push_back(std::move(peer));
  return number;
}

void Sharing::forget(Peer* peer) {
  const Lock lock(lock_);
  rte_intr_instance_free(peer->ear);
  std::erase_if(peers_, [peer](const auto& known) { return known.get() == peer; });
}

void Sharing::listen_to(Peer* peer) {
  const Lock lock(lock_);
  take_messages(*peer);
  // From within its own callback it can only be ordered; EAL does it when all callbacks have returned.
  if (peer->gone) rte_intr_callback_unregister_pending(peer->ear, hear, peer, after_unregister);
}

void Sharing::take_messages(Peer& peer) {
  struct pollfd look {
    peer.channel.fd(), POLLIN, 0
  };
  while (!peer.gone && ::poll(&look, 1, 0) > 0) {
    auto got = peer.channel.receive();
    if (!got && got.error().code == ETIMEDOUT) return;
    auto message = got ? read_share(*got) : Result<ShareMessage>(got.error());
    if (!message) return bury(peer);
    if (message->kind == ShareMessage::kDone) {
      peer.done = message->number;
    } else if (message->kind == ShareMessage::kGoodbye) {
      peer.ports.erase(message->port);
    } else if (message->kind == ShareMessage::kWant) {
      peer.ports.insert(message->port);
      for (const auto& [at, port] : open_)
        if (at >> 16 == message->port) offer(peer, *port, static_cast<uint16_t>(at));
      ShareMessage all;
      all.kind = ShareMessage::kAllTaken;
      all.port = message->port;
      if (!send_share(peer.channel, all)) return bury(peer);
    }
  }
}

void Sharing::offer(Peer& peer, PmdPort& port, uint16_t queue) {
  ShareMessage message;
  message.kind = ShareMessage::kTake;
  message.port = port.port_id;
  message.queue = queue;
  const QueueSlot& slot = *port.slots[queue];
  const int fds[] = {slot.pair.socket().fd(), slot.umem->tail_fd(), port.port->gates_fd()};
  if (!send_share(peer.channel, message, {fds, fds[kShareGates] >= 0 ? 3U : 2U}))
    ZLOG(WARNING, "port %u queue %u (%s): process %u does not take it", port.port_id, queue, port.name.c_str(),
         peer.number);
}

// It died, or left in order: then there is nothing to repair.
void Sharing::bury(Peer& peer) {
  peer.gone = true;
  for (const auto& [at, port] : open_) repair(*port, static_cast<uint16_t>(at), peer.number);
}

bool Sharing::alive(uint32_t number) const {
  return std::any_of(peers_.begin(), peers_.end(),
                     [number](const auto& peer) { return peer->number == number && !peer->gone; });
}

// All doors of living processes are shut: whoever is still said to be inside is dead.
void Sharing::settle(PmdPort& port, uint16_t queue) {
  QueueSlot& slot = *port.slots[queue];
  if (!slot.pair || slot.rx == nullptr || slot.tx == nullptr) return;
  for (uint32_t number = 2; number < kMaxProcesses; ++number)
    if (!alive(number)) repair(port, queue, number);
}

// Tells all processes that have the port and waits for their answers. False: one has not given any.
bool Sharing::ask(Lock& lock, ShareMessage message, std::span<const int> fds) {
  message.number = ++last_request_;
  std::vector<Peer*> asked;
  for (const auto& peer : peers_) {
    if (peer->gone || !peer->ports.contains(message.port)) continue;
    if (send_share(peer->channel, message, fds)) asked.push_back(peer.get());
  }
  const uint64_t give_up = monotonic_ms() + kShareTimeoutMs;
  for (;;) {
    std::erase_if(asked, [&](Peer* peer) {
      const bool there =
          std::any_of(peers_.begin(), peers_.end(), [peer](const auto& p) { return p.get() == peer; });
      if (there) take_messages(*peer);
      return !there || peer->gone || static_cast<int32_t>(peer->done - message.number) >= 0;
    });
    if (asked.empty()) return true;
    if (monotonic_ms() >= give_up) break;
    struct pollfd look {
      asked.front()->channel.fd(), POLLIN, 0
    };
    lock.unlock();
    ::poll(&look, 1, kLookMs);
    lock.lock();
  }
  for (const Peer* peer : asked)
    ZLOG(WARNING, "port %u (%s): process %u has not answered for %u ms; is it stopped in a debugger?",
         message.port, rte_eth_devices[message.port].device->name, peer->number, kShareTimeoutMs);
  return false;
}

void Sharing::share(PmdPort& port, uint16_t queue) {
  Lock lock(lock_);
  SharedQueue& shared = shared_queue(port, queue);
  fill(shared, port, queue);
  if (open_.try_emplace(key(port.port_id, queue), &port).second) shared.generation = ++last_generation_;
  ShareMessage message;
  message.kind = ShareMessage::kTake;
  message.port = port.port_id;
  message.queue = queue;
  const QueueSlot& slot = *port.slots[queue];
  const int fds[] = {slot.pair.socket().fd(), slot.umem->tail_fd(), port.port->gates_fd()};
  ask(lock, message, {fds, fds[kShareGates] >= 0 ? 3U : 2U});
}

bool Sharing::shut(PmdPort& port, uint16_t queue, bool rx, bool tx) {
  Lock lock(lock_);
  ShareMessage message;
  message.kind = ShareMessage::kShut;
  message.port = port.port_id;
  message.queue = queue;
  message.rx = rx;
  message.tx = tx;
  bool answered = true;
  for (uint16_t q = 0; q < port.queues(); ++q) {
    if (queue != kEveryQueue && q != queue) continue;
    SharedQueue& shared = shared_queue(port, q);
    shared.rx_open = shared.rx_open && !rx;
    shared.tx_open = shared.tx_open && !tx;
  }
  answered = ask(lock, message);
  for (uint16_t q = 0; q < port.queues(); ++q)
    if (queue == kEveryQueue || q == queue) settle(port, q);
  return answered;
}

bool Sharing::unshare(PmdPort& port, uint16_t queue) {
  Lock lock(lock_);
  if (open_.erase(key(port.port_id, queue)) == 0) return true;
  shared_queue(port, queue).generation = 0;
  ShareMessage message;
  message.kind = ShareMessage::kDrop;
  message.port = port.port_id;
  message.queue = queue;
  const bool answered = ask(lock, message);
  settle(port, queue);
  return answered;
}

}  // namespace

Status share_port(struct rte_eth_dev* dev) {
  const PmdPort& port = *port_of(dev);
  SharedPort& shared = *shared_of(dev);
  shared.queue_count = port.queues();
  shared.loop = port.port->is_loop();
  shared.queues = static_cast<SharedQueue*>(rte_zmalloc_socket(
      "zcnbrh_share", port.queues() * sizeof(SharedQueue), RTE_CACHE_LINE_SIZE, port.node()));
  if (shared.queues == nullptr)
    return Error{ENOMEM, "rte_zmalloc_socket", "no EAL memory for the queues' state"};
  if (Status s = answer_stats(); !s) return s;
  return Sharing::instance().listen();
}

void unshare_port(PmdPort& port) {
  SharedPort& shared = *shared_of(&rte_eth_devices[port.port_id]);
  rte_free(shared.queues);
  shared.queues = nullptr;
}

void share_queue(PmdPort& port, uint16_t queue) {
  // Private memory is in this process alone.
  if (!port.port->is_loop() && !port.slots[queue]->umem->at_own_addresses())
    Sharing::instance().share(port, queue);
}

bool shut_everywhere(PmdPort& port, uint16_t queue, bool rx, bool tx) {
  std::vector<BurstDoor*> doors;
  for (uint16_t q = 0; q < port.queues(); ++q) {
    QueueSlot& slot = *port.slots[q];
    if (!slot.pair || (queue != kEveryQueue && q != queue)) continue;
    if (rx) doors.push_back(&slot.pair.rx().door);
    if (tx) doors.push_back(&slot.pair.tx().door);
  }
  const bool here = shut_and_wait(doors);
  return (port.port->is_loop() || Sharing::instance().shut(port, queue, rx, tx)) && here;
}

bool unshare_queue(PmdPort& port, uint16_t queue) {
  return port.port->is_loop() || Sharing::instance().unshare(port, queue);
}

}  // namespace zcnbrh::pmd
