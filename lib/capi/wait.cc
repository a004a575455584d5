// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// zcnbrh_wait(): a look at the rings, then poll(2), then a look again. poll() first puts the caller on the
// sockets' wait queues and then looks at the rings itself (xsk_poll() in net/xdp/xsk.c), so a packet that comes
// between our look and the sleep ends the sleep. Before it our side is put in order: frames that came free are
// lent to the kernel, and what waits to be sent is kicked.
#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <span>

#include "lib/base/clock.h"
#include "lib/capi/frame_policy.h"
#include "lib/capi/frame_queue.h"

namespace zcnbrh::capi {
namespace {

// Where there is nothing to sleep on: the loop backend, and frames that the kernel is still sending, whose end
// poll() does not tell (it looks at the TX ring, not at the completion ring).
constexpr int kSliceMs = 1;
// An interface that is unregistered sets the socket's error, and xsk_poll() (net/xdp/xsk.c, 6.18) does not
// tell.
constexpr int kLossLookMs = 500;

struct Poller {
  struct pollfd fds[kMostWaited];
  bool sliced = false;
};

int left_of(int timeout_ms, uint64_t start) {
  if (timeout_ms < 0) return -1;
  const uint64_t gone = monotonic_ms() - start;
  return gone >= static_cast<uint64_t>(timeout_ms) ? 0 : timeout_ms - static_cast<int>(gone);
}

FrameQueue& queue_of(const struct zcnbrh_wait_item& item) { return *reinterpret_cast<FrameQueue*>(item.queue); }

int look(std::span<struct zcnbrh_wait_item> items) {
  int ready = 0;
  for (auto& item : items) {
    item.ready = queue_of(item).ready(item.events);
    ready += item.ready != 0;
  }
  return ready;
}

void prepare(std::span<struct zcnbrh_wait_item> items, Poller& poller) {
  poller.sliced = false;
  for (size_t i = 0; i < items.size(); ++i) {
    FrameQueue& queue = queue_of(items[i]);
    queue.before_sleep();
    const bool loop = queue.fd() < 0;
    const bool rx = (items[i].events & ZCNBRH_WAIT_RX) != 0;
    poller.fds[i] = {loop ? -1 : queue.fd(), static_cast<int16_t>(rx ? POLLIN : 0), 0};
    poller.sliced |= loop || (items[i].events & ZCNBRH_WAIT_TX) != 0;
  }
}

}  // namespace

int wait_for(struct zcnbrh_wait_item* list, uint32_t count, int timeout_ms) {
  const std::span<struct zcnbrh_wait_item> items(list, count);
  const uint64_t start = monotonic_ms();
  Poller poller;
  for (;;) {
    if (const int ready = look(items); ready != 0) return ready;
    const int left = left_of(timeout_ms, start);
    if (left == 0) return 0;
    prepare(items, poller);
    const int longest = poller.sliced ? kSliceMs : kLossLookMs;
    const int events = ::poll(poller.fds, count, left < 0 ? longest : std::min(left, longest));
    if (events < 0) return -errno;
    for (uint32_t i = 0; i < count; ++i)
      if (events == 0 || (poller.fds[i].revents & (POLLERR | POLLHUP | POLLNVAL)) != 0)
        queue_of(items[i]).look_for_loss();
  }
}

uint32_t FrameQueue::ready(uint32_t events) {
  if (lost_ || stopped(pair_.rx().door) || stopped(pair_.tx().door)) return ZCNBRH_WAIT_DOWN;
  uint32_t out = 0;
  if ((events & ZCNBRH_WAIT_RX) != 0 && RxRing(pair_.rx().rx, rx_->rx).peek(1).count() != 0)
    out |= ZCNBRH_WAIT_RX;
  if ((events & ZCNBRH_WAIT_TX) == 0) return out;
  const auto may_send = [this] {
    return tx_->in_flight.get() < tx_->limit && book_->available() + book_->application() != 0;
  };
  if (!may_send()) {
    FrameTxPolicy policy{*book_};
    drain(pair_.tx(), policy);
  }
  return may_send() ? out | ZCNBRH_WAIT_TX : out;
}

// The error is told once, so it is kept.
void FrameQueue::look_for_loss() {
  int error = 0;
  socklen_t length = sizeof error;
  if (!port_->is_loop() && !lost_ &&
      port_->kernel().getsockopt(pair_.socket().fd(), SOL_SOCKET, SO_ERROR, &error, &length) >= 0)
    lost_ = error != 0;
}

template <bool kShared>
void FrameQueue::make_up_deficit() {
  FrameRxPolicy<kShared> policy{*book_, pair_.tx(), timestamps_};
  while (rx_->posted.get() < rx_->target && refill(pair_.rx(), policy) != 0) {
  }
}

void FrameQueue::before_sleep() {
  if (book_->shared())
    make_up_deficit<true>();
  else
    make_up_deficit<false>();
  kick(pair_.tx());
}

}  // namespace zcnbrh::capi
