// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// The RX available-descriptor threshold (rte_eth_rx_avail_thresh_set(), 22.11). Available are the buffers the
// kernel may still fill: frames posted less packets that wait in the RX ring; both are exact. An alarm on
// EAL's control thread looks once a millisecond, while a queue has a threshold, and raises the event once for
// each crossing: a queue must have been above before it is told below again. The burst takes no part.
#include <rte_alarm.h>
#include <rte_errno.h>

#include <algorithm>
#include <cerrno>

#include "drivers/net/zcnbrh/control_lock.h"
#include "drivers/net/zcnbrh/ops.h"

namespace zcnbrh::pmd {
namespace {

constexpr uint64_t kLookEveryUs = 1000;

uint32_t available(const QueueSlot& slot) {
  const uint32_t posted = slot.rx->state.posted.get();
  return posted - std::min(packets_waiting(slot), posted);
}

// True if the queue has just fallen below.
bool look(const PmdPort& port, uint16_t queue) {
  QueueSlot& slot = *port.slots[queue];
  RxThreshold& threshold = slot.control.threshold;
  if (threshold.percent == 0 || !slot.pair || slot.nb_rx == 0 || slot.pair.rx().door.is_shut()) return false;
  const bool was_below = threshold.below;
  threshold.below = available(slot) < slot.nb_rx * threshold.percent / 100;
  if (was_below || !threshold.below) return false;
  return threshold.pending = true;
}

bool any_threshold(const PmdPort& port) {
  return std::any_of(port.slots.begin(), port.slots.end(),
                     [](const auto& slot) { return slot->control.threshold.percent != 0; });
}

// Runs until no queue has a threshold or the port is gone. Nobody waits for it, so nobody can wait in a circle.
void look_at_all(void* opaque) {
  struct rte_eth_dev* dev = static_cast<struct rte_eth_dev*>(opaque);
  bool fell = false;
  if (const TryControlLock lock; lock) {
    PmdPort* port = port_of(dev);
    if (port == nullptr || !port->threshold_alarm) return;
    if (!any_threshold(*port)) {
      port->threshold_alarm = false;
      return;
    }
    for (uint16_t queue = 0; queue < port->queues(); ++queue) fell |= look(*port, queue);
  }
  if (fell) rte_eth_dev_callback_process(dev, RTE_ETH_EVENT_RX_AVAIL_THRESH, nullptr);
  rte_eal_alarm_set(kLookEveryUs, look_at_all, dev);
}

int rx_queue_avail_thresh_set(struct rte_eth_dev* dev, uint16_t queue, uint8_t percent) noexcept {
  PmdPort* port = port_of(dev);
  if (port == nullptr) return -ENOTSUP;
  port->slots[queue]->control.threshold = {percent};
  if (percent == 0 || port->threshold_alarm) return 0;
  if (int r = rte_eal_alarm_set(kLookEveryUs, look_at_all, dev); r != 0)
    return log_error(*port, "RX threshold", Error{-r, "rte_eal_alarm_set", "no alarm"});
  port->threshold_alarm = true;
  return 0;
}

// The first queue from *queue on, round the port, whose event has not been asked for yet.
int rx_queue_avail_thresh_query(struct rte_eth_dev* dev, uint16_t* queue, uint8_t* percent) noexcept {
  const PmdPort* port = port_of(dev);
  if (port == nullptr) return -ENOTSUP;
  const uint16_t queues = dev->data->nb_rx_queues;
  for (uint16_t i = 0; i < queues; ++i) {
    const auto at = static_cast<uint16_t>((*queue + i) % queues);
    RxThreshold& threshold = port->slots[at]->control.threshold;
    if (!threshold.pending) continue;
    threshold.pending = false;
    *queue = at;
    *percent = threshold.percent;
    return 1;
  }
  return 0;
}

}  // namespace

void add_threshold_ops(struct eth_dev_ops& ops) {
  ops.rx_queue_avail_thresh_set = rx_queue_avail_thresh_set;
  ops.rx_queue_avail_thresh_query = rx_queue_avail_thresh_query;
}

}  // namespace zcnbrh::pmd
