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

#include "lib/base/log.h"
#include "lib/capi/carver.h"
#include "lib/capi/frame_policy.h"
#include "lib/capi/frame_queue.h"
#include "lib/xsk/bind_ladder.h"
#include "lib/xsk/credit_window.h"

namespace zcnbrh::capi {
namespace {

// Kernels from mid-2026 refuse zero-copy when mtu + 26 bytes exceed the frame less 256, rounded down to 128
// (net/xdp/xsk_buff_pool.c, 6.18.44).
uint32_t frame_size_for(uint32_t mtu) { return mtu + 26 <= kMinChunk - 256 ? kMinChunk : kMaxChunk; }

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
void keep_for_ever(std::shared_ptr<FrameMemory> memory) {
  static std::mutex lock;
  static std::vector<std::shared_ptr<FrameMemory>>* kept = new std::vector<std::shared_ptr<FrameMemory>>;
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
  if (Status s = make_memory(plan); !s) return s;
  if (Status s = make_state(); !s) return s;
  const std::lock_guard guard(memory_->lock());
  return bring_up(plan);
}

Status FrameQueue::bring_up(const OpenPlan& plan) {
  if (Status s = join(); !s) return s;
  if (Status s = make_pair(plan); !s) return s;
  if (Status s = post_frames(); !s) return s;
  if (Status s = port_->attach(); !s) return s;
  if (Status s = bind(); !s) return s;
  port_->settle();
  return pair_.enable(port_->xsks_map());
}

Status FrameQueue::make_memory(const OpenPlan& plan) {
  const NetdevInfo& info = port_->info();
  if (plan.memory != nullptr) {
    memory_ = plan.memory;
  } else {
    MemoryPlan own;
    own.frames = plan.frames;
    own.frame_size = plan.frame_size != 0 ? plan.frame_size : frame_size_for(info.mtu);
    own.unaligned = plan.unaligned(own.frame_size);
    own.page_bound = info.dma_translated;
    own.node = plan.numa_node.value_or(info.numa_node);
    own.history = plan.config.ledger;
    auto memory = FrameMemory::create(own);
    if (!memory) return memory.error();
    memory_ = std::move(*memory);
  }
  book_ = &memory_->book();
  return {};
}

Status FrameQueue::make_state() {
  Carver sizes(nullptr);
  sizes.take<RxShared>(1);
  sizes.take<TxShared>(1, TxShared::bytes(0));
  auto state = NumaMemory::allocate(sizes.used(), port_->info().numa_node);
  if (!state) return state.error();
  state_ = std::move(*state);
  Carver parts(state_.data());
  rx_ = new (parts.take<RxShared>(1)) RxShared;
  tx_ = new (parts.take<TxShared>(1, TxShared::bytes(0))) TxShared;
  return {};
}

Status FrameQueue::join() {
  auto slot =
      memory_->join({port_->kernel(), port_->ifindex(), port_->config().start_queue, place(), *rx_, *tx_});
  if (!slot) return slot.error();
  slot_ = *slot;
  return {};
}

Status FrameQueue::make_pair(const OpenPlan& plan) {
  QueuePlan queue;
  queue.rings = {plan.rings.fill, plan.rings.comp, plan.rings.rx, plan.rings.tx};
  queue.nb_rx = plan.rx_desc;
  queue.nb_tx = plan.tx_desc;
  queue.slot = slot_;
  queue.rx_shared = rx_;
  queue.tx_shared = tx_;
  queue.frames = memory_->ledger();
  const bool zero_copy = against_zero_copy(port_->bind_request(plan.config.start_queue, {})).empty() &&
                         plan.config.zc != ZeroCopy::kOff;
  Umem& umem = memory_->umem(zero_copy);
  queue.rx_max_length = umem.layout().rx_room();
  queue.stop_at_violation = plan.config.ledger || memory_->history();
  auto pair = QueuePair::create(port_->kernel(), umem, queue);
  if (!pair) return pair.error();
  pair_ = std::move(*pair);
  return {};
}

Status FrameQueue::post_frames() {
  FrameRxPolicy<true> policy{*book_, pair_.tx()};  // nothing has been sent, so the TX half has no frames
  while (refill(pair_.rx(), policy) != 0) {
  }
  const uint32_t posted = rx_->posted.get();
  if (posted < kLeastFrames)
    return Error{ENOBUFS, "zcnbrh_open", "fewer than 64 frames to receive into; raise frames"};
  if (const uint32_t deficit = rx_->target - posted; deficit != 0)
    log_line(LogLevel::kWarning,
             "%s: frames=%u are %u short of rx_desc=%u, and none is left to send; made good as "
             "frames come free",
             place().c_str(), memory_->grid().frames, deficit, rx_->target);
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
  const uint32_t budget = port_->config().busy_polling();
  if (port_->config().sched == Sched::kThreaded)
    log_line(LogLevel::kWarning,
             "%s: sched=threaded: the library has no thread to see to it; using wakeup mode", place().c_str());
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

// Of a memory of its own: what was held or has not come back.
void FrameQueue::look_at_books() const {
  if (memory_->shared()) return;
  const uint32_t held = book_->application();
  const uint32_t frames = memory_->grid().frames;
  if (held != 0)
    log_line(LogLevel::kNotice, "%s: closed while the application held %u of its frames", place().c_str(),
             held);
  if (book_->available() + held != frames)
    log_line(LogLevel::kWarning, "%s: %u of %u frames came back: %s", place().c_str(),
             book_->available() + held, frames, violation_text().c_str());
}

void FrameQueue::leave(bool let_go) {
  if (slot_ == 0) return;
  memory_->leave(slot_, let_go);
  if (let_go) {
    look_at_books();
    return;
  }
  log_line(LogLevel::kWarning,
           "%s: the kernel has not let go of it in time; %zu bytes of frames stay mapped until the process "
           "ends, since a device may still write to them",
           place().c_str(), memory_->bytes());
  keep_for_ever(memory_);
}

bool FrameQueue::close() {
  if (port_ == nullptr) return true;
  promiscuous_.reset();
  bool free = true;
  if (memory_ != nullptr) {
    const std::lock_guard guard(memory_->lock());
    if (pair_.enabled()) pair_.disable(port_->xsks_map());
    free = pair_.release();
    leave(free);
  }
  port_.reset();
  return free;
}

void FrameQueue::abandon() {
  if (port_->is_loop()) return;
  ::close(pair_.socket().fd());
  port_->detach();
}

Status FrameQueue::set_promiscuous(bool on) {
  if (!on || promiscuous_ || port_->is_loop()) {  // the loop backend filters nothing
    if (!on) promiscuous_.reset();
    return {};
  }
  auto hold = PacketHold::create(port_->ifindex(), PacketHold::What::kPromiscuous);
  if (!hold) return hold.error();
  promiscuous_ = std::move(*hold);
  return {};
}

}  // namespace zcnbrh::capi
