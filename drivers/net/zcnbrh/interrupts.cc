// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// RX interrupts. The descriptors in the interrupt handle are the AF_XDP sockets' own, as net_tap does it with
// its queues: an epoll set reports one readable while its RX ring holds a packet (xsk_poll() in
// net/xdp/xsk.c), and the kernel wakes the sleepers each time it has published packets (xsk_flush()).
//
// EAL registers them edge-triggered, so a packet that was left in the ring, or that came while nobody waited
// and was looked at and left, brings no second event. rx_queue_intr_enable() therefore does EPOLL_CTL_MOD: the
// kernel sets the wanted events, then looks at the ring and, if a packet is there, puts the socket on the ready
// list (ep_modify() in fs/eventpoll.c). A packet published after that look finds the socket armed. So none is
// missed, whichever comes first, and no flag of ours takes part. The same call runs xsk_poll(), which wakes a
// driver that waits for the fill ring and sends what lies in the TX ring, before the core goes to sleep.
#include "drivers/net/zcnbrh/interrupts.h"

#include <rte_epoll.h>
#include <sys/epoll.h>

#include <cerrno>

#include "drivers/net/zcnbrh/log.h"
#include "drivers/net/zcnbrh/ops.h"

namespace zcnbrh::pmd {
namespace {

// The state of a queue's entry in an epoll set of EAL's, or null: not in one, or not asked for.
struct rte_epoll_event* entry_of(const PmdPort& port, uint16_t queue) {
  if (port.interrupts.handle == nullptr) return nullptr;
  struct rte_epoll_event* entry = rte_intr_elist_index_get(port.interrupts.handle.get(), queue);
  const bool there =
      entry != nullptr && std::atomic_ref(entry->status).load(std::memory_order_acquire) != RTE_EPOLL_INVALID;
  return there ? entry : nullptr;
}

// An application with an epoll set of its own (rte_eth_dev_rx_intr_ctl_q_get_fd()) arms and disarms there.
int arm(struct rte_eth_dev* dev, uint16_t queue, bool on) {
  const PmdPort* port = port_of(dev);
  if (port == nullptr || port->interrupts.handle == nullptr) return -ENOTSUP;
  if (!port->slots[queue]->pair) return -EIO;
  struct rte_epoll_event* entry = entry_of(*port, queue);
  if (entry == nullptr) return 0;
  struct epoll_event event {};
  event.events = on ? entry->epdata.event : static_cast<uint32_t>(EPOLLET);
  event.data.ptr = entry;  // not by rte_epoll_ctl(): it leaves this unset when it modifies (22.11)
  return ::epoll_ctl(entry->epfd, EPOLL_CTL_MOD, port->slots[queue]->pair.socket().fd(), &event) == 0 ? 0
                                                                                                      : -errno;
}

int rx_queue_intr_enable(struct rte_eth_dev* dev, uint16_t queue) noexcept { return arm(dev, queue, true); }
int rx_queue_intr_disable(struct rte_eth_dev* dev, uint16_t queue) noexcept { return arm(dev, queue, false); }

int socket_fd(const QueueSlot& slot) { return slot.pair && slot.nb_rx != 0 ? slot.pair.socket().fd() : -1; }

bool fill_handle(const PmdPort& port, struct rte_intr_handle* handle, uint16_t queues) {
  bool done = rte_intr_type_set(handle, RTE_INTR_HANDLE_VDEV) == 0 && rte_intr_fd_set(handle, -1) == 0 &&
              rte_intr_vec_list_alloc(handle, "zcnbrh_vec", queues) == 0 &&
              rte_intr_nb_efd_set(handle, queues) == 0 && rte_intr_max_intr_set(handle, queues) == 0 &&
              rte_intr_efd_counter_size_set(handle, 0) == 0;  // nothing to read after an event
  for (uint16_t queue = 0; done && queue < queues; ++queue)
    done = rte_intr_vec_list_index_set(handle, queue, RTE_INTR_VEC_RXTX_OFFSET + queue) == 0 &&
           rte_intr_efds_index_set(handle, queue, socket_fd(*port.slots[queue])) == 0;
  return done;
}

}  // namespace

bool wants_rx_interrupts(const PmdPort& port) {
  return rte_eth_devices[port.port_id].data->dev_conf.intr_conf.rxq != 0;
}

Status set_up_interrupts(struct rte_eth_dev* dev) {
  PmdPort& port = *port_of(dev);
  if (!wants_rx_interrupts(port) || dev->data->nb_rx_queues == 0) return {};
  if (port.port->is_loop())
    return Error{ENOTSUP, "RX interrupts", "iface=loop has no descriptor to wait for; leave intr_conf.rxq 0"};
  port.interrupts.handle.reset(rte_intr_instance_alloc(RTE_INTR_INSTANCE_F_PRIVATE));
  if (port.interrupts.handle == nullptr ||
      !fill_handle(port, port.interrupts.handle.get(), dev->data->nb_rx_queues)) {
    take_down_interrupts(dev);
    return Error{ENOMEM, "RX interrupts", "no interrupt handle for that many queues (EAL takes at most 512)"};
  }
  dev->intr_handle = port.interrupts.handle.get();
  return {};
}

void take_down_interrupts(struct rte_eth_dev* dev) {
  RxInterrupts& interrupts = port_of(dev)->interrupts;
  if (interrupts.handle == nullptr) return;
  rte_intr_free_epoll_fd(interrupts.handle.get());
  rte_intr_vec_list_free(interrupts.handle.get());
  rte_intr_nb_efd_set(interrupts.handle.get(), 0);
  dev->intr_handle = nullptr;
  interrupts.handle.reset();
}

void interrupts_follow(PmdPort& port, uint16_t queue) {
  struct rte_intr_handle* handle = port.interrupts.handle.get();
  const int fd = socket_fd(*port.slots[queue]);
  if (handle == nullptr || rte_intr_efds_index_get(handle, queue) == fd) return;
  rte_intr_efds_index_set(handle, queue, fd);
  struct rte_epoll_event* entry = entry_of(port, queue);
  if (entry == nullptr || fd < 0) return;
  // The old descriptor left the set when it was closed. Adding the new one also looks at its ring.
  if (rte_epoll_ctl(entry->epfd, EPOLL_CTL_ADD, fd, entry) != 0)
    ZLOG(WARNING,
         "port %u RX queue %u (%s): its interrupt is lost; add it again by rte_eth_dev_rx_intr_ctl_q()",
         port.port_id, queue, port.name.c_str());
}

void add_interrupt_ops(struct eth_dev_ops& ops) {
  ops.rx_queue_intr_enable = rx_queue_intr_enable;
  ops.rx_queue_intr_disable = rx_queue_intr_disable;
}

}  // namespace zcnbrh::pmd
