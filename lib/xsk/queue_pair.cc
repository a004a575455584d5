// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#include "lib/xsk/queue_pair.h"

#include <algorithm>
#include <cerrno>

#include "lib/base/log.h"
#include "lib/base/process.h"
#include "lib/base/uapi_xdp.h"
#include "lib/xdp/features.h"
#include "lib/xsk/segments.h"
#include "lib/xsk/wakeup.h"

namespace zcnbrh {
namespace {

constexpr uint32_t kRefillMark = 64;  // refill in blocks of this many, or a quarter of a small ring
constexpr uint32_t kDrainMark =
    32;  // a usual burst: frames come back while they are warm, and few are withheld

uint32_t drain_mark(uint32_t nb_tx) { return std::max(1U, std::min(kDrainMark, nb_tx / 2)); }

Status check_plan(const QueuePlan& p) {
  const bool fits = p.nb_rx <= p.rings.fill && p.nb_rx <= p.rings.rx && p.nb_tx <= p.rings.tx &&
                    p.nb_tx <= p.rings.completion;
  if (!fits) return Error{EINVAL, "queue plan", "rings are smaller than the number of descriptors"};
  if (p.slot == 0 || p.slot > kMaxLedgerSlots)
    return Error{ENOSPC, "queue plan",
                 "more than 127 queues use one buffer pool; give them pools of their own"};
  return {};
}

}  // namespace

Result<QueuePair> QueuePair::create(Kernel& kernel, Umem& umem, const QueuePlan& plan) {
  if (Status s = check_plan(plan); !s) return s.error();
  auto socket = XskSocket::create(kernel);
  if (!socket) return socket.error();
  QueuePair out;
  out.socket_ = std::move(*socket);
  out.umem_ = &umem;
  if (umem.layout().unaligned)
    if (std::string why = lacks(kernel, Feature::kUnalignedChunks); !why.empty())
      return Error{ENOTSUP, "UMEM layout", std::move(why)};
  // Where queues cannot share, the memory is registered (and pinned) once more.
  if (umem.sharer() < 0 || !lacks(kernel, Feature::kSharedUmemQueues).empty()) {
    if (Status s = umem.register_on(kernel, out.socket_.fd()); !s) return s.error();
    out.registered_ = true;
  }
  if (Status s = out.socket_.make_rings(plan.rings); !s) return s.error();
  out.fill_shared(plan);
  out.fill_local(plan);
  return out;
}

// Everything but the counters, which go on: a queue's state outlives its sockets.
void QueuePair::fill_shared(const QueuePlan& plan) {
  RxShared& rx = *plan.rx_shared;
  rx.rx = rx.fill = {};
  rx.posted.set(0);
  rx.target = plan.nb_rx;
  rx.refill_mark = std::max(1U, std::min(kRefillMark, plan.nb_rx / 4));
  rx.slot = plan.slot;
  rx.empty_polls = rx.skip_packet = 0;
  rx.credit = {};
  TxShared& tx = *plan.tx_shared;
  tx.tx = tx.completion = {};
  tx.in_flight.set(0);
  tx.limit = plan.nb_tx;
  tx.drain_mark = drain_mark(plan.nb_tx);
  tx.slot = plan.slot;
  tx.bounce_count = tx.bounce_total = static_cast<uint32_t>(plan.bounce_frames.size());
  tx.split_journal = kNoSplitJournal;
  for (uint32_t i = 0; i < tx.bounce_count; ++i) tx.bounce_stack()[i] = raw(plan.bounce_frames[i]);
}

void QueuePair::fill_local(const QueuePlan& plan) {
  const UmemLayout& layout = umem_->layout();
  const Wake wake = socket_.kernel().wake(socket_.fd());
  rx_.s = plan.rx_shared;
  rx_.format = layout.format();
  rx_.max_length = plan.rx_max_length;
  rx_.stop_at_violation = plan.stop_at_violation;
  rx_.door.open();
  rx_.rx = socket_.rx();
  rx_.fill = socket_.fill();
  rx_.frames = plan.frames;
  rx_.wake = wake;
  rx_.tx_watch = socket_.tx();
  tx_.s = plan.tx_shared;
  tx_.bounce_base = layout.base;
  tx_.format = layout.format();
  tx_.bounce_offset = layout.tx_metadata;
  tx_.max_length = tx_.max_packet = layout.chunk_size - layout.tx_metadata;
  tx_.split_frames = plan.split_frames;
  tx_.stop_at_violation = plan.stop_at_violation;
  tx_.door.open();
  tx_.tx = socket_.tx();
  tx_.completion = socket_.completion();
  tx_.frames = plan.frames;
  tx_.bounce = plan.bounce;
  tx_.wake = wake;
}

Result<QueuePair> QueuePair::adopt(Kernel& kernel, UniqueFd fd, const RingSizes& sizes, const RxLocal& rx,
                                   const TxLocal& tx, uint8_t* umem_base) {
  auto socket = XskSocket::adopt(kernel, std::move(fd), sizes);
  if (!socket) return socket.error();
  QueuePair out;
  out.socket_ = std::move(*socket);
  out.rx_ = rx;
  out.tx_ = tx;
  out.rx_.door = out.tx_.door = BurstDoor();
  out.rx_.rx = out.socket_.rx();
  out.rx_.fill = out.socket_.fill();
  out.rx_.tx_watch = out.tx_.tx = out.socket_.tx();
  out.tx_.completion = out.socket_.completion();
  out.follow_wakeup(rx);
  out.rx_.gate = {};
  out.tx_.line = nullptr;  // the thread is the other process's
  out.tx_.kicked_elsewhere = false;
  out.tx_.frames.forget();
  out.tx_.bounce_base = umem_base;
  return out;
}

void QueuePair::follow_wakeup(const RxLocal& original) {
  const bool kicks_by_poll = original.wake.kick_tx == original.wake.kick_tx_by_poll;
  rx_.busy_poll = original.busy_poll;
  rx_.wake = tx_.wake = socket_.kernel().wake(socket_.fd());
  if (kicks_by_poll) rx_.wake.kick_tx = tx_.wake.kick_tx = rx_.wake.kick_tx_by_poll;
}

void QueuePair::drop() {
  stop_kicks();
  socket_.close();
  rx_ = {};
  tx_ = {};
}

Status QueuePair::bind(BindRequest request) {
  // A socket with a UMEM of its own cannot take another's, xsk_bind() in net/xdp/xsk.c; and the one that was
  // there to share at create() may be gone.
  request.shared_fd = registered_ ? -1 : umem_->sharer();
  if (request.shared_fd < 0 && !registered_) {
    if (Status s = umem_->register_on(socket_.kernel(), socket_.fd()); !s) return s;
    registered_ = true;
  }
  ifindex_ = request.ifindex;
  queue_ = request.queue;
  ifname_ = request.ifname;
  request.frame_room = umem_->layout().rx_room();
  request.shared_segments = umem_->segments();
  auto outcome = bind_ladder(socket_, request);
  if (!outcome) return outcome.error();
  outcome_ = std::move(*outcome);
  tx_.max_segments = std::min(outcome_.max_segments, kMaxTxSegments);
  tx_.max_packet = tx_.max_segments * tx_.max_length;
  umem_->set_segments(outcome_.segments());
  share_ = UmemShare(*umem_, socket_.fd());
  rx_.need_wakeup = tx_.need_wakeup = outcome_.need_wakeup;
  set_kick_batch();
  return {};
}

// Copy mode sends 32 packets a call unless told otherwise (Linux 6.17); ENOPROTOOPT on older kernels. Not the
// whole ring a call: the kernel frees a call's slots at its end (__xskq_cons_release() in net/xdp/xsk_queue.h).
void QueuePair::set_kick_batch() {
  tx_.kick_batch = 0;
  if (outcome_.mode == XskMode::kZeroCopy || tx_.tx.descs == nullptr) return;
  tx_.kick_batch = kDefaultKickBatch;
  const uint32_t budget = std::min(tx_.tx.size(), kMostKickBatch);
  if (budget > kDefaultKickBatch && lacks(socket_.kernel(), Feature::kMaxTxSkbBudget).empty() &&
      socket_.kernel().setsockopt(socket_.fd(), SOL_XDP, uapi::kXdpMaxTxSkbBudget, &budget, sizeof budget) == 0)
    tx_.kick_batch = budget;
}

Status QueuePair::set_busy_poll(uint32_t budget) {
  if (std::string why = lacks(socket_.kernel(), Feature::kBusyPoll); !why.empty())
    return Error{ENOTSUP, "busy polling", std::move(why)};
  const struct {
    int name;
    int value;
    const char* call;
  } options[] = {{SO_PREFER_BUSY_POLL, 1, "setsockopt(SO_PREFER_BUSY_POLL)"},
                 {SO_BUSY_POLL, static_cast<int>(kBusyPollMicroseconds), "setsockopt(SO_BUSY_POLL)"},
                 {SO_BUSY_POLL_BUDGET, static_cast<int>(budget), "setsockopt(SO_BUSY_POLL_BUDGET)"}};
  for (const auto& option : options) {
    const int result =
        socket_.kernel().setsockopt(socket_.fd(), SOL_SOCKET, option.name, &option.value, sizeof option.value);
    if (result == 0) continue;
    const int off = 0;
    socket_.kernel().setsockopt(socket_.fd(), SOL_SOCKET, SO_PREFER_BUSY_POLL, &off, sizeof off);
    return Error{-result, option.call,
                 result == -EPERM ? "busy polling needs CAP_NET_ADMIN" : "busy polling needs Linux 5.11"};
  }
  use_busy_poll();
  return {};
}

// The budget cannot be read back on any kernel so far, sk_getsockopt() in net/core/sock.c.
Status QueuePair::adopt_busy_poll() {
  for (const int option : {SO_PREFER_BUSY_POLL, SO_BUSY_POLL}) {
    int value = 0;
    socklen_t length = sizeof value;
    const int result = socket_.kernel().getsockopt(socket_.fd(), SOL_SOCKET, option, &value, &length);
    if (result < 0 || value <= 0)
      return Error{result < 0 ? -result : EPROTO, "getsockopt of busy polling",
                   "it is not set on the socket, although it was said to be"};
  }
  use_busy_poll();
  return {};
}

// The kernel looks at both options at each call (sk_can_busy_loop(), xsk_no_wakeup() in net/xdp/xsk.c), and the
// NAPI's interrupts come back by its own timer (busy_poll_stop() in net/core/dev.c).
Status QueuePair::clear_busy_poll() {
  const int off = 0;
  for (const int option : {SO_PREFER_BUSY_POLL, SO_BUSY_POLL}) {
    const int result = socket_.kernel().setsockopt(socket_.fd(), SOL_SOCKET, option, &off, sizeof off);
    if (result < 0)
      return Error{-result, "setsockopt of busy polling",
                   "it stays on; stop and start the port with busy_budget=0"};
  }
  rx_.busy_poll = false;
  rx_.wake = tx_.wake = socket_.kernel().wake(socket_.fd());
  return {};
}

void QueuePair::use_busy_poll() {
  rx_.busy_poll = true;
  // A busy-polling sendto() in zero-copy mode runs the RX queue's NAPI and returns without waking the driver
  // (xsk_no_wakeup() in net/xdp/xsk.c). Where TX has a NAPI of its own (virtio-net; igb with unpaired queues)
  // nobody would ever send. poll() has no such shortcut. Seen on 7.2: net_af_xdp sends nothing there.
  if (outcome_.mode == XskMode::kZeroCopy) {
    tx_.wake.kick_tx = tx_.wake.kick_tx_by_poll;
    rx_.wake.kick_tx = rx_.wake.kick_tx_by_poll;
  }
}

Status QueuePair::start_kicks(KickDuty duty, const cpu_set_t& cpus) {
  if (tx_.tx.descs == nullptr) return {};
  KickPlan plan;
  plan.duty = duty;
  plan.tx = tx_.tx;
  plan.wake = tx_.wake;
  plan.zero_copy = outcome_.mode == XskMode::kZeroCopy;
  plan.count = &tx_.s->helper;
  plan.cpus = cpus;
  auto kicks = KickService::start(plan);
  if (!kicks) return kicks.error();
  kicks_ = std::move(*kicks);
  tx_.line = kicks_.line();
  tx_.kicked_elsewhere = duty == KickDuty::kAll;
  if (!tx_.kicked_elsewhere) return {};
  rx_.tx_watch = {};  // nothing is left behind that an RX burst should look for
  // The kernel writes to the completion ring on another core now: few looks, many frames each.
  tx_.s->drain_mark = std::max(tx_.s->limit / 2, 1U);
  return {};
}

// False: the thread still uses rings and descriptor.
bool QueuePair::stop_kicks() {
  if (tx_.kicked_elsewhere) {
    rx_.tx_watch = tx_.tx;
    if (tx_.s != nullptr) tx_.s->drain_mark = drain_mark(tx_.s->limit);
  }
  tx_.line = nullptr;
  tx_.kicked_elsewhere = false;
  return kicks_.end();
}

void QueuePair::set_gate(const CreditGate& gate, uint32_t window) {
  if (!gate.on()) return;
  CreditState& state = rx_.s->credit;
  state = CreditState{};
  state.window = window;
  state.consumed = state.last_delivered = std::atomic_ref(*gate.delivered).load(std::memory_order_acquire);
  rx_.gate = gate;
  publish_credits(gate, state);
}

Status QueuePair::enable(const XskMap& map) {
  if (enabled_ || rx_.rx.descs == nullptr) return {};
  Status s = map.set(socket_.kernel(), queue_, socket_.fd());
  enabled_ = s.ok();
  return s;
}

void QueuePair::disable(const XskMap& map) {
  if (!enabled_) return;
  if (Status s = map.clear(socket_.kernel(), queue_); !s)
    log_line(LogLevel::kWarning, "queue %u of %s: %s", queue_, ifname_.c_str(), s.error().text().c_str());
  enabled_ = false;
}

bool QueuePair::release(uint32_t timeout_ms) {
  if (!socket_) return true;
  Kernel& kernel = socket_.kernel();
  const bool was_bound = socket_.bound();  // also when the mode it got was refused
  const bool unused = stop_kicks();
  share_.reset();
  if (!unused) new XskSocket(std::move(socket_));  // never closed
  socket_.close();
  rx_ = {};
  tx_ = {};
  outcome_ = {};
  enabled_ = registered_ = false;
  if (!unused) return false;
  // A socket that never was bound never handed a frame over.
  return !was_bound || wait_until_released(kernel, ifindex_, queue_, timeout_ms);
}

}  // namespace zcnbrh
