// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// A secondary process's half: a reader thread does what the primary says, one message after the other. One
// lock guards the ports against this process's own control calls; the bursts know nothing of it, they meet
// doors. Control operations but a few are not served here, and ethdev answers -ENOTSUP by itself.
#include <poll.h>
#include <pthread.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_lcore.h>
#include <rte_string_fns.h>

#include <cerrno>
#include <condition_variable>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>

#include "drivers/net/zcnbrh/log.h"
#include "drivers/net/zcnbrh/ops.h"
#include "drivers/net/zcnbrh/share.h"
#include "drivers/net/zcnbrh/xstats.h"
#include "lib/base/cacheline.h"
#include "lib/xsk/quiesce.h"

namespace zcnbrh::pmd {
namespace {

// What holds a queue's local half, beside its slot.
struct Holding {
  uint32_t generation = 0;
  Mapping tail;
  Mapping gates;
};

struct JoinedPort {
  struct rte_eth_dev* dev = nullptr;
  std::unique_ptr<PmdPort> port;
  std::vector<Holding> holdings;
  uint16_t queues() const { return static_cast<uint16_t>(holdings.size()); }  // as the port's
  // What ethdev hands the bursts in this process: memory that stays, whatever the primary frees.
  std::vector<QueueAddress> addresses;
  std::vector<void*> handles;
  struct rte_eth_dev_info info {};
  bool all_taken = false;
};

class Primary {
 public:
  static Primary& instance() {
    static auto* primary = new Primary;  // its thread goes with the process
    return *primary;
  }

  Status join(JoinedPort& port);
  void leave(uint16_t port);
  JoinedPort* find(uint16_t port) {
    const auto at = ports_.find(port);
    return at != ports_.end() ? at->second.get() : nullptr;
  }
  std::mutex& lock() { return lock_; }
  void add(std::unique_ptr<JoinedPort> port) { ports_[port->port->port_id] = std::move(port); }

 private:
  Status connect();
  static void* run(void* self) {
    static_cast<Primary*>(self)->read();
    return nullptr;
  }
  void read();
  void obey(const ShareMessage& message, FdChannel::Message& carrier);
  Status take(JoinedPort& joined, uint16_t queue, FdChannel::Message& carrier);
  void shut(JoinedPort& joined, const ShareMessage& message);
  void drop(JoinedPort& joined, uint16_t queue);
  void lose();

  std::mutex lock_;
  std::condition_variable taken_;
  FdChannel channel_;
  bool lost_ = false;
  std::map<uint16_t, std::unique_ptr<JoinedPort>> ports_;
};

Status Primary::connect() {
  struct rte_mp_msg request {};
  rte_strscpy(request.name, kShareAction, sizeof request.name);
  struct rte_mp_reply reply {};
  const struct timespec limit { kShareTimeoutMs / 1000, 0 };
  if (rte_mp_request_sync(&request, &reply, &limit) != 0) return Error{rte_errno, "rte_mp_request_sync", {}};
  ShareWelcome welcome;
  UniqueFd end;
  if (reply.nb_received == 1 && reply.msgs[0].len_param == sizeof welcome) {
    std::memcpy(&welcome, reply.msgs[0].param, sizeof welcome);
    if (reply.msgs[0].num_fds == 1) end.reset(reply.msgs[0].fds[0]);
  }
  std::free(reply.msgs);
  if (!end || welcome.process_number == 0)
    return Error{ECONNREFUSED, "primary process", "it does not answer, or runs another version of the driver"};
  auto channel = FdChannel::adopt(std::move(end), kShareTimeoutMs);
  if (!channel) return channel.error();
  channel_ = std::move(*channel);
  if (!join_barriers())
    return Error{ENOSYS, "membarrier",
                 "the kernel or a seccomp filter refuses it; processes need it to share queues"};
  g_process_number = welcome.process_number;
  pthread_t reader;
  const int error = -rte_ctrl_thread_create(&reader, "zcnbrh-share", nullptr, run, this);
  return error == 0 ? Status() : Status(Error{error, "rte_ctrl_thread_create", {}});
}

// At probe: waits until all queues are here that the primary has open.
Status Primary::join(JoinedPort& joined) {
  if (!channel_)
    if (Status s = connect(); !s) return s;
  ShareMessage want;
  want.kind = ShareMessage::kWant;
  want.port = joined.port->port_id;
  if (Status s = send_share(channel_, want); !s) return s;
  std::unique_lock lock(lock_);
  const bool all = taken_.wait_for(lock, std::chrono::milliseconds(kShareTimeoutMs),
                                   [&] { return joined.all_taken || lost_; });
  if (all && !lost_) return {};
  return Error{ETIMEDOUT, "primary process", "it has not handed its queues over"};
}

void Primary::leave(uint16_t port) {
  const std::lock_guard lock(lock_);
  JoinedPort* joined = find(port);
  if (joined == nullptr) return;
  for (uint16_t queue = 0; queue < joined->queues(); ++queue) drop(*joined, queue);
  ShareMessage goodbye;
  goodbye.kind = ShareMessage::kGoodbye;
  goodbye.port = port;
  if (channel_ && !lost_ && !send_share(channel_, goodbye))
    ZLOG(DEBUG, "port %u: the primary process is gone", port);
  ports_.erase(port);
}

void Primary::read() {
  for (;;) {
    struct pollfd look {
      channel_.fd(), POLLIN, 0
    };
    if (::poll(&look, 1, -1) < 0 && errno != EINTR) return lose();
    auto got = channel_.receive();
    if (!got && got.error().code == ETIMEDOUT) continue;
    auto message = got ? read_share(*got) : Result<ShareMessage>(got.error());
    if (!message) return lose();
    obey(*message, *got);
  }
}

void Primary::obey(const ShareMessage& message, FdChannel::Message& carrier) {
  const std::lock_guard lock(lock_);
  JoinedPort* joined = find(message.port);
  if (joined != nullptr) {
    switch (message.kind) {
      case ShareMessage::kTake:
        if (Status s = take(*joined, message.queue, carrier); !s)
          ZLOG(ERR, "port %u queue %u (%s): not to be had in this process: %s", message.port, message.queue,
               joined->port->name.c_str(), s.error().text().c_str());
        break;
      case ShareMessage::kShut:
        shut(*joined, message);
        break;
      case ShareMessage::kDrop:
        drop(*joined, message.queue);
        break;
      case ShareMessage::kAllTaken:
        joined->all_taken = true;
        taken_.notify_all();
        break;
      default:
        break;
    }
  }
  if (message.number == 0) return;
  ShareMessage done = message;
  done.kind = ShareMessage::kDone;
  if (!send_share(channel_, done)) ZLOG(DEBUG, "port %u: the primary process is gone", message.port);
}

void set_policies(QueueSlot& slot, const SharedQueue& shared) {
  slot.rx_policy = shared.rx_policy;
  slot.tx_policy = shared.tx_policy;
  slot.tx_policy.use(shared.tx_policy.table);
  slot.tx_policy.stamp = nullptr;  // time stamps are the primary's
  slot.pair.tx().frames = shared.tx_local.frames;
  slot.pair.tx().frames.forget();
  slot.tx_offload = shared.tx_offload;
  slot.rx_offload.offloads.store(shared.rx_offloads, std::memory_order_relaxed);
  slot.rx_offload.metadata.store(shared.metadata, std::memory_order_relaxed);
  slot.rx_offload.hash.store(shared.hash, std::memory_order_relaxed);
  slot.rx_offload.packet_types.store(shared.packet_types, std::memory_order_relaxed);
  if ((shared.rx_offloads & RTE_ETH_RX_OFFLOAD_TIMESTAMP) != 0) register_rx_timestamp();
}

// The primary starts the port, which is when ethdev fills in rte_eth_fp_ops there; each process has its own.
void use_bursts(struct rte_eth_dev* dev) {
  choose_bursts(dev);
  struct rte_eth_fp_ops& used = rte_eth_fp_ops[dev->data->port_id];
  if (used.rxq.data == nullptr) return;  // not at its probe's end yet
  used.rx_pkt_burst = dev->rx_pkt_burst;
  used.tx_pkt_burst = dev->tx_pkt_burst;
  used.tx_pkt_prepare = dev->tx_pkt_prepare;
}

Result<Mapping> map_tail(const UniqueFd& file) {
  const off_t bytes = ::lseek(file.get(), 0, SEEK_END);
  if (bytes <= 0) return Error{EPROTO, "lseek of the frames' file", {}};
  return Mapping::create(nullptr, static_cast<size_t>(bytes), PROT_READ | PROT_WRITE, MAP_SHARED, file.get(), 0,
                         "mmap of the frames of ours");
}

Result<Mapping> map_gates(const UniqueFd& file, uint32_t gate) {
  return Mapping::create(nullptr, align_up((gate + 1) * sizeof(zcnbrh_gate), kPageSize), PROT_READ | PROT_WRITE,
                         MAP_SHARED, file.get(), 0, "mmap of the XDP gate");
}

// A queue that is new here, or that has changed in something but its socket.
Status Primary::take(JoinedPort& joined, uint16_t queue, FdChannel::Message& carrier) {
  const SharedPort& port = *shared_of(joined.dev);
  if (queue >= joined.holdings.size() || port.queues == nullptr) return Error{EINVAL, "queue", {}};
  const SharedQueue& shared = port.queues[queue];
  Holding& holding = joined.holdings[queue];
  QueueSlot& slot = *joined.port->slots[queue];
  if (slot.pair && holding.generation == shared.generation) {
    if (!shut_and_wait({&slot.pair.rx().door, &slot.pair.tx().door})) return Error{EBUSY, "a burst", {}};
    slot.pair.follow_wakeup(shared.rx_local);  // busy polling may have been switched
  } else {
    drop(joined, queue);
    auto tail = map_tail(carrier.fds[kShareTail]);
    if (!tail) return tail.error();
    holding.tail = std::move(*tail);
    auto pair = QueuePair::adopt(Kernel::real(), std::move(carrier.fds[kShareSocket]), shared.rings,
                                 shared.rx_local, shared.tx_local, holding.tail.data() - shared.tail_offset);
    if (!pair) return pair.error();
    if (carrier.fds[kShareGates]) {
      auto gates = map_gates(carrier.fds[kShareGates], shared.gate);
      if (!gates) return gates.error();
      holding.gates = std::move(*gates);
      auto* gate = reinterpret_cast<zcnbrh_gate*>(holding.gates.data()) + shared.gate;
      pair->rx().gate = CreditGate{&gate->delivered, &gate->limit};
    }
    slot.pair = std::move(*pair);
    holding.generation = shared.generation;
    slot.nb_rx = shared.nb_rx;
    slot.nb_tx = shared.nb_tx;
    slot.rx_pool = shared.rx_pool;
    slot.rx = shared.rx;
    slot.tx = shared.tx;
  }
  set_policies(slot, shared);
  use_bursts(joined.dev);
  if (shared.rx_open) slot.pair.rx().door.open();
  if (shared.tx_open) slot.pair.tx().door.open();
  return {};
}

void Primary::shut(JoinedPort& joined, const ShareMessage& message) {
  std::vector<BurstDoor*> doors;
  for (uint16_t queue = 0; queue < joined.queues(); ++queue) {
    if (message.queue != kEveryQueue && message.queue != queue) continue;
    QueueSlot& slot = *joined.port->slots[queue];
    if (message.rx != 0) doors.push_back(&slot.pair.rx().door);
    if (message.tx != 0) doors.push_back(&slot.pair.tx().door);
  }
  if (!shut_and_wait(doors))
    ZLOG(ERR, "port %u (%s): a thread of this process does not come out of a burst", message.port,
         joined.port->name.c_str());
}

void Primary::drop(JoinedPort& joined, uint16_t queue) {
  if (queue >= joined.holdings.size()) return;
  QueueSlot& slot = *joined.port->slots[queue];
  if (slot.pair) {
    // What a burst uses that has not come out stays mapped; the primary finds that the kernel does not let go.
    if (!shut_and_wait({&slot.pair.rx().door, &slot.pair.tx().door})) return;
    slot.pair.drop();
  }
  slot.rx = nullptr;
  slot.tx = nullptr;
  slot.nb_rx = slot.nb_tx = 0;
  joined.holdings[queue] = {};
}

// The primary died. What it had goes back to the kernel, so that the next one can have the queues.
void Primary::lose() {
  const std::lock_guard lock(lock_);
  lost_ = true;
  taken_.notify_all();
  for (auto& [number, joined] : ports_) {
    ZLOG(ERR, "port %u (%s): the primary process is gone; this process gives its queues up", number,
         joined->port->name.c_str());
    for (uint16_t queue = 0; queue < joined->queues(); ++queue) drop(*joined, queue);
  }
}

int close_op(struct rte_eth_dev* dev) noexcept {
  Primary::instance().leave(dev->data->port_id);
  dev->process_private = nullptr;
  return 0;
}

int infos_get_op(struct rte_eth_dev* dev, struct rte_eth_dev_info* info) noexcept {
  const std::lock_guard lock(Primary::instance().lock());
  const JoinedPort* joined = Primary::instance().find(dev->data->port_id);
  if (joined == nullptr) return -ENODEV;
  struct rte_device* device = info->device;
  *info = joined->info;
  info->device = device;
  return 0;
}

int stats_get_op(struct rte_eth_dev* dev, struct rte_eth_stats* stats) noexcept {
  const auto told = ask_stats(dev->data->port_id);
  if (!told) return -told.error().code;
  *stats = told->basic;
  return 0;
}

// The primary keeps the link's state where ethdev looks for it.
int link_update_op(struct rte_eth_dev* /*dev*/, int /*wait*/) noexcept { return 0; }

struct eth_dev_ops make_ops() {
  struct eth_dev_ops ops {};
  add_stats_ops(ops);
  ops.stats_reset = nullptr;
  ops.xstats_reset = nullptr;
  ops.queue_stats_mapping_set = nullptr;
  ops.dev_close = close_op;
  ops.dev_infos_get = infos_get_op;
  ops.stats_get = stats_get_op;
  ops.link_update = link_update_op;
  return ops;
}

}  // namespace

const struct eth_dev_ops* secondary_ops() {
  static const struct eth_dev_ops ops = make_ops();
  return &ops;
}

int join_primary(struct rte_eth_dev* dev, const char* name) {
  const SharedPort& shared = *shared_of(dev);
  auto joined = std::make_unique<JoinedPort>();
  JoinedPort& port = *joined;
  port.dev = dev;
  port.info = shared.info;
  port.port = std::make_unique<PmdPort>();
  port.port->name = name;
  port.port->port_id = dev->data->port_id;
  port.holdings.resize(shared.queue_count);
  for (uint16_t queue = 0; queue < shared.queue_count; ++queue) {
    port.port->slots.push_back(std::make_unique<QueueSlot>());
    port.addresses.push_back({dev->data->port_id, queue});
  }
  for (QueueAddress& address : port.addresses) port.handles.push_back(&address);
  dev->process_private = port.port.get();
  dev->dev_ops = secondary_ops();
  set_queue_functions(dev);
  {
    const std::lock_guard lock(Primary::instance().lock());
    Primary::instance().add(std::move(joined));
  }
  if (shared.loop) {
    ZLOG(NOTICE, "port %u (%s): iface=loop lives in the primary process; here it has no packets",
         port.port->port_id, name);
  } else if (Status s = Primary::instance().join(port); !s) {
    ZLOG(ERR, "port %u (%s): no packets in this process: %s", port.port->port_id, name,
         s.error().text().c_str());
  }
  choose_bursts(dev);
  rte_eth_dev_probing_finish(dev);  // makes rte_eth_fp_ops of dev
  rte_eth_fp_ops[port.port->port_id].rxq.data = port.handles.data();
  rte_eth_fp_ops[port.port->port_id].txq.data = port.handles.data();
  return 0;
}

}  // namespace zcnbrh::pmd
