// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// A port's ear at the kernel: rtnetlink's notifications, read on EAL's interrupt thread as those of a device
// interrupt would be. From probe to close, started or not, so that a netdev that goes is never missed.
//
// Everything happens under the control lock, but the application's own callbacks: they are called last, with
// the lock given back, and may do what they like with the port, closing it included.
#pragma once

#include <ethdev_driver.h>
#include <rte_interrupts.h>

#include "lib/base/result.h"
#include "lib/netdev/link_watcher.h"
#include "lib/netdev/netns.h"

namespace zcnbrh::pmd {

// What the application is to be told, once the lock is given back.
struct PortNews {
  bool link = false;     // RTE_ETH_EVENT_INTR_LSC
  bool removed = false;  // RTE_ETH_EVENT_INTR_RMV
};

class NetdevWatch {
 public:
  // The calling thread is in the netdev's network namespace. Not before the port is complete.
  static Result<NetdevWatch*> start(struct rte_eth_dev* dev);

  // From any thread, without the control lock, also from within an application's callback that this watch
  // called. When it returns the port is not touched any more; the object takes itself away.
  void stop();

  // Has port_tick() called in `milliseconds`, or sooner. With the control lock.
  void tick_in(uint32_t milliseconds);

  const Netns& netns() const { return netns_; }  // the netdev's

 private:
  NetdevWatch(struct rte_eth_dev* dev, LinkWatcher watcher, Netns netns);
  ~NetdevWatch();
  static void on_readable(void* self) noexcept;
  static void on_alarm(void* self) noexcept;
  template <typename Work>
  void run(Work work);
  void hear(PortNews& news);

  struct rte_eth_dev* dev_;  // nullptr: stopped
  LinkWatcher watcher_;
  Netns netns_;
  struct rte_intr_handle* handle_ = nullptr;
  bool ticking_ = false;  // an alarm is set
  bool doomed_ = false;   // stopped from within its own alarm: goes at that one's end
};

// What the watch reports to; with the control lock, in the netdev's network namespace.
void port_hear(struct rte_eth_dev* dev, const LinkEvent& event, PortNews& news);  // removal.cc
void port_tick(struct rte_eth_dev* dev, PortNews& news);                          // removal.cc

}  // namespace zcnbrh::pmd
