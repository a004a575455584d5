// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// A queue from options to packets and back. Order of set-up: everything that can be refused without touching
// the interface first; frames in the fill ring before bind, since drivers take buffers from it while they
// bind; the XSKMAP entry last, since packets for a socket that is not bound yet are dropped.
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <mutex>
#include <new>
#include <vector>

#include "lib/base/cacheline.h"
#include "lib/base/log.h"
#include "lib/capi/frame_policy.h"
#include "lib/capi/frame_queue.h"
#include "lib/xsk/credit_window.h"

namespace zcnbrh::capi {
namespace {

constexpr uint32_t kSlot = 1;  // in the ledger; a ledger of the C API has one queue

// Kernels from mid-2026 refuse zero-copy when mtu + 26 bytes exceed the frame less 256, rounded down to 128
// (net/xdp/xsk_buff_pool.c, 6.18.44).
uint32_t frame_size_for(uint32_t mtu) { return mtu + 26 <= kMinChunk - 256 ? kMinChunk : kMaxChunk; }

// Places arrays one after the other, each on a cache line of its own; with no memory it only adds up.
class Carver {
 public:
  explicit Carver(uint8_t* memory) : memory_(memory) {}
  template <typename T>
  T* take(size_t count, size_t bytes = sizeof(T)) {
    T* out = memory_ != nullptr ? reinterpret_cast<T*>(memory_ + used_) : nullptr;
    used_ += align_up(count * bytes, kCacheLine);
    return out;
  }
  size_t used() const { return used_; }

 private:
  uint8_t* memory_;
  size_t used_ = 0;
};

struct StateParts {
  RxShared* rx;
  TxShared* tx;
  uint8_t* owners;
  FrameHistory* history;
  FrameTag* tags;
  ChunkOffset* stack;
  size_t bytes;
};

// Not inlined: GCC 12 would follow the null pointer of the call that only counts into the other one and warn.
[[gnu::noinline]] StateParts carve(uint8_t* memory, uint32_t ledger_bytes, uint32_t frames, bool history) {
  Carver c(memory);
  StateParts out{};
  out.rx = c.take<RxShared>(1);
  out.tx = c.take<TxShared>(1, TxShared::bytes(0));
  out.owners = c.take<uint8_t>(ledger_bytes);
  if (history) out.history = c.take<FrameHistory>(ledger_bytes);
  out.tags = c.take<FrameTag>(ledger_bytes);
  out.stack = c.take<ChunkOffset>(frames);
  out.bytes = c.used();
  return out;
}

// Those that the process may use (as its first thread may), less the calling thread's if that is bound to some.
cpu_set_t cpus_of_others() {
  cpu_set_t all, mine;
  CPU_ZERO(&all);
  CPU_ZERO(&mine);
  ::sched_getaffinity(::getpid(), sizeof all, &all);
  ::sched_getaffinity(0, sizeof mine, &mine);
  CPU_OR(&all, &all, &mine);
  if (CPU_COUNT(&all) == 1) CPU_ZERO(&all);
  if (!CPU_EQUAL(&all, &mine)) CPU_XOR(&all, &all, &mine);
  return all;
}

// Memory that a device may still write to: mapped until the process ends.
void keep_for_ever(NumaMemory memory) {
  static std::mutex lock;
  static std::vector<NumaMemory>* kept = new std::vector<NumaMemory>;
  const std::lock_guard guard(lock);
  kept->push_back(std::move(memory));
}

}  // namespace

Result<std::unique_ptr<FrameQueue>> FrameQueue::open(const OpenPlan& plan) {
  std::unique_ptr<FrameQueue> out(new FrameQueue);
  if (Status s = out->set_up(plan); !s) return s.error();
  return out;
}

Status FrameQueue::set_up(const OpenPlan& plan) {
  auto port = Port::open(plan.config, plan.loop_name);
  if (!port) return port.error();
  port_ = std::move(*port);
  const NetdevInfo& info = port_->info();
  if (!info.admin_up)
    return Error{ENETDOWN, "zcnbrh_open",
                 "iface " + info.name + " is down; `ip link set " + info.name + " up`"};
  timestamps_ = plan.timestamps;
  for (const auto step : {&FrameQueue::make_memory, &FrameQueue::make_pair})
    if (Status s = (this->*step)(plan); !s) return s;
  if (Status s = post_frames(); !s) return s;
  if (Status s = port_->attach(); !s) return s;
  if (Status s = bind(); !s) return s;
  port_->settle();
  return pair_.enable(port_->xsks_map());
}

Status FrameQueue::make_memory(const OpenPlan& plan) {
  const NetdevInfo& info = port_->info();
  const uint32_t size = plan.frame_size != 0 ? plan.frame_size : frame_size_for(info.mtu);
  const bool unaligned = plan.unaligned(size);
  auto grid = FrameGrid::lay_out(size, plan.frames, unaligned, info.dma_translated);
  if (!grid) return grid.error();
  grid_ = *grid;
  const int node = plan.numa_node.value_or(info.numa_node);
  auto frames = NumaMemory::allocate(grid_.bytes(), node);
  if (!frames) return frames.error();
  const auto ledger_bytes = static_cast<uint32_t>(Ledger::frames_for(grid_.bytes()));
  const bool history = plan.config.ledger;
  auto state = NumaMemory::allocate(carve(nullptr, ledger_bytes, grid_.frames, history).bytes, node);
  if (!state) return state.error();
  frames_ = std::move(*frames);
  state_ = std::move(*state);
  const StateParts parts = carve(state_.data(), ledger_bytes, grid_.frames, history);
  rx_ = new (parts.rx) RxShared;
  tx_ = new (parts.tx) TxShared;
  ledger_ = Ledger(parts.owners, parts.history, 0, ledger_bytes);
  book_.open(frames_.data(), grid_, {parts.tags, ledger_bytes}, {parts.stack, grid_.frames});
  UmemLayout layout;
  layout.base = frames_.data();
  layout.size = grid_.bytes();
  layout.chunk_size = grid_.frame_size;
  layout.unaligned = unaligned;
  umem_.emplace(layout);
  return check_layout(layout);
}

Status FrameQueue::make_pair(const OpenPlan& plan) {
  QueuePlan queue;
  queue.rings = {plan.rings.fill, plan.rings.comp, plan.rings.rx, plan.rings.tx};
  queue.nb_rx = plan.rx_desc;
  queue.nb_tx = plan.tx_desc;
  queue.slot = kSlot;
  queue.rx_shared = rx_;
  queue.tx_shared = tx_;
  queue.frames = ledger_;
  queue.rx_max_length = umem_->layout().rx_room();
  queue.stop_at_violation = plan.config.ledger;
  auto pair = QueuePair::create(port_->kernel(), *umem_, queue);
  if (!pair) return pair.error();
  pair_ = std::move(*pair);
  return {};
}

Status FrameQueue::post_frames() {
  FrameRxPolicy policy{book_, pair_.tx()};
  while (refill(pair_.rx(), policy) != 0) {
  }
  const uint32_t posted = rx_->posted.get();
  if (posted < kLeastFrames)
    return Error{ENOBUFS, "zcnbrh_open", "fewer than 64 frames to receive into; raise frames"};
  if (const uint32_t deficit = rx_->target - posted; deficit != 0)
    log_line(LogLevel::kWarning,
             "%s: frames=%u are %u short of rx_desc=%u, and none is left to send; made good as "
             "frames come free",
             place().c_str(), grid_.frames, deficit, rx_->target);
  return {};
}

Status FrameQueue::bind() {
  if (Status s = pair_.bind(port_->bind_request(port_->config().start_queue, {})); !s) return s;
  std::string why_not;
  const bool busy_poll = try_busy_poll(&why_not);
  why_not += start_kicks();
  open_gate();
  mode_ = port_->describe(pair_.outcome(), busy_poll) + why_not;
  log_line(LogLevel::kInfo, "%s: %s", place().c_str(), mode_.c_str());
  return {};
}

bool FrameQueue::try_busy_poll(std::string* why_not) {
  const uint32_t budget = port_->config().busy_budget.value_or(0);
  if (budget == 0 || port_->is_loop()) return false;
  const Status s = port_->set_busy_poll(pair_, budget);
  if (s) return true;
  *why_not = "; not busy poll: " + s.error().text();
  log_line(LogLevel::kWarning, "%s: busy_budget=%u: %s; using wakeup mode", place().c_str(), budget,
           s.error().text().c_str());
  return false;
}

// What the mode says of it. A packet that the kernel puts off is looked after in any case; a zero-copy driver
// does so by itself.
std::string FrameQueue::start_kicks() {
  if (port_->is_loop()) return {};
  std::string why_not;
  if (port_->config().kick == Kick::kThread) {
    const cpu_set_t free = cpus_of_others();
    const Status s = CPU_COUNT(&free) != 0
                         ? pair_.start_kicks(KickDuty::kAll, free)
                         : Status(Error{ENOSPC, "kick=thread", "the process may use no CPU but the caller's"});
    if (s) return ", kicks by thread";
    why_not = "; no kicks by thread: " + s.error().text();
    log_line(LogLevel::kWarning, "%s: %s; send makes the system calls", place().c_str(),
             s.error().text().c_str());
  }
  if (pair_.outcome().mode == XskMode::kZeroCopy) return why_not;
  if (const Status s = pair_.start_kicks(KickDuty::kLeftBehind, cpu_set_t{}); !s)
    log_line(LogLevel::kWarning, "%s: %s; what the kernel puts off waits for the next call", place().c_str(),
             s.error().text().c_str());
  return why_not;
}

void FrameQueue::open_gate() {
  const CreditGate gate = port_->gate(port_->config().start_queue);
  if (!gate.on()) return;
  const uint32_t nic_ring = netdev_rx_ring(port_->info().name).value_or(0);
  const uint32_t widest = widest_window(pair_.outcome().mode, rx_->target, nic_ring);
  const uint32_t wanted = port_->config().window.value_or(widest);
  if (wanted > widest)
    log_line(LogLevel::kWarning, "%s: window=%u is more than the frames posted allow; using %u",
             place().c_str(), wanted, widest);
  pair_.set_gate(gate, std::min(wanted, widest));
}

std::string FrameQueue::place() const {
  return "queue " + std::to_string(port_->config().start_queue) + " of " + port_->info().name;
}

// The kernel has let go: what the ledger still marks as its own is ours again.
void FrameQueue::take_back_frames() {
  for (uint32_t i = 0; i < grid_.frames; ++i) {
    const ChunkOffset chunk = grid_.at(i);
    const Owner owner = ledger_.owner(chunk);
    if (owner != rx_posted(kSlot) && owner != tx_in_flight(kSlot)) continue;
    ledger_.move(chunk, owner, Owner::kOurs);
    book_.pool().give(&chunk, 1);
  }
  rx_->posted.set(0);
  tx_->in_flight.set(0);
  if (const uint32_t held = book_.application(); held != 0)
    log_line(LogLevel::kNotice, "%s: closed while the application held %u of its frames", place().c_str(),
             held);
  if (book_.pool().available() + book_.application() != grid_.frames)
    log_line(LogLevel::kWarning, "%s: %u of %u frames came back: %s", place().c_str(),
             book_.pool().available() + book_.application(), grid_.frames, violation_text().c_str());
}

bool FrameQueue::close() {
  if (port_ == nullptr) return true;
  if (pair_.enabled()) pair_.disable(port_->xsks_map());
  const bool was_made = static_cast<bool>(pair_);
  const bool free = pair_.release();
  if (free && was_made) take_back_frames();
  if (!free) {
    log_line(LogLevel::kWarning,
             "%s: the kernel has not let go of it in time; %zu bytes of frames stay mapped until "
             "the process ends, since a device may still write to them",
             place().c_str(), frames_.size());
    keep_for_ever(std::move(frames_));
  }
  port_.reset();
  return free;
}

void FrameQueue::abandon() {
  if (port_->is_loop()) return;
  ::close(pair_.socket().fd());
  port_->detach();
}

}  // namespace zcnbrh::capi
