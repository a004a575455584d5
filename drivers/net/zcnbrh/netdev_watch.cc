// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#include "drivers/net/zcnbrh/netdev_watch.h"

#include <rte_alarm.h>

#include <cerrno>
#include <utility>

#include "drivers/net/zcnbrh/control_lock.h"
#include "drivers/net/zcnbrh/log.h"
#include "lib/base/clock.h"

namespace zcnbrh::pmd {
namespace {

constexpr int kMostEvents = 256;  // a turn; what is left makes the socket readable again

// The watch whose callback runs on this thread: EAL's interrupt thread runs handlers and alarms in turn.
thread_local const NetdevWatch* t_running = nullptr;

}  // namespace

NetdevWatch::NetdevWatch(struct rte_eth_dev* dev, LinkWatcher watcher, Netns netns)
    : dev_(dev), watcher_(std::move(watcher)), netns_(std::move(netns)) {}

NetdevWatch::~NetdevWatch() { rte_intr_instance_free(handle_); }

Result<NetdevWatch*> NetdevWatch::start(struct rte_eth_dev* dev) {
  auto netns = Netns::current();
  if (!netns) return netns.error();
  auto watcher = LinkWatcher::create();
  if (!watcher) return watcher.error();
  auto* watch = new NetdevWatch(dev, std::move(*watcher), std::move(*netns));
  watch->handle_ = rte_intr_instance_alloc(RTE_INTR_INSTANCE_F_PRIVATE);
  int error = watch->handle_ == nullptr ? -ENOMEM : 0;
  if (error == 0) {
    rte_intr_fd_set(watch->handle_, watch->watcher_.fd());
    rte_intr_type_set(watch->handle_, RTE_INTR_HANDLE_EXT);  // EAL itself reads nothing from the fd
    error = rte_intr_callback_register(watch->handle_, on_readable, watch);
  }
  if (error == 0) return watch;
  delete watch;
  return Error{-error, "rte_intr_callback_register", "EAL's interrupt thread refuses the netlink socket"};
}

void NetdevWatch::stop() {
  {
    const ControlLock lock;
    dev_ = nullptr;
  }
  rte_eal_alarm_cancel(on_alarm, this);  // waits for one that runs on the other thread
  int left;
  while ((left = rte_intr_callback_unregister(handle_, on_readable, this)) == -EAGAIN && t_running != this)
    sleep_ms(1);  // it runs on the other thread
  if (left == -EAGAIN)
    rte_intr_callback_unregister_pending(handle_, on_readable, this, [](struct rte_intr_handle*, void* self) {
      delete static_cast<NetdevWatch*>(self);
    });
  else if (t_running == this)
    doomed_ = true;
  else
    delete this;
}

void NetdevWatch::tick_in(uint32_t milliseconds) {
  if (ticking_) return;
  ticking_ = rte_eal_alarm_set(uint64_t{milliseconds} * 1000, on_alarm, this) == 0;
}

// `work` under the lock, and then the application's turn. It may stop() us: nothing of ours is used after it.
template <typename Work>
void NetdevWatch::run(Work work) {
  PortNews news;
  struct rte_eth_dev* dev;
  {
    const ControlLock lock;
    const InNetns there(netns_);
    dev = dev_;
    if (dev == nullptr) return;
    if (!there.status()) {
      ZLOG(ERR, "port %u: cannot see its netdev: %s", dev->data->port_id,
           there.status().error().text().c_str());
      return;
    }
    work(news);
  }
  t_running = this;
  if (news.link) rte_eth_dev_callback_process(dev, RTE_ETH_EVENT_INTR_LSC, nullptr);
  if (news.removed) rte_eth_dev_callback_process(dev, RTE_ETH_EVENT_INTR_RMV, nullptr);
  t_running = nullptr;
}

void NetdevWatch::hear(PortNews& news) {
  for (int i = 0; i < kMostEvents; ++i) {
    auto event = watcher_.next();
    if (!event) {
      ZLOG(ERR, "port %u: netlink: %s", dev_->data->port_id, event.error().text().c_str());
      return;
    }
    if (!*event) return;
    port_hear(dev_, **event, news);
  }
}

void NetdevWatch::on_readable(void* self) noexcept {
  auto* watch = static_cast<NetdevWatch*>(self);
  watch->run([watch](PortNews& news) { watch->hear(news); });
}

void NetdevWatch::on_alarm(void* self) noexcept {
  auto* watch = static_cast<NetdevWatch*>(self);
  watch->run([watch](PortNews& news) {
    watch->ticking_ = false;
    port_tick(watch->dev_, news);
  });
  if (watch->doomed_) delete watch;
}

}  // namespace zcnbrh::pmd
