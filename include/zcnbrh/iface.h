/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Z-CNBRH authors */
/* What the kernel knows of a network interface, and what a queue may change about it while it is open. */
#ifndef ZCNBRH_IFACE_H
#define ZCNBRH_IFACE_H

#include <zcnbrh/zcnbrh.h>

#ifdef __cplusplus
extern "C" {
#endif

/* An interface at the moment it was asked about. */
struct zcnbrh_iface {
  size_t size;         /* sizeof(struct zcnbrh_iface) of the caller; set it before the call */
  uint8_t mac[6];      /* its address; zeros: it is not Ethernet-like */
  uint8_t admin_up;    /* 1: set up (`ip link set IFACE up`) */
  uint8_t link_up;     /* 1: set up, and there is a carrier */
  uint8_t full_duplex; /* 1: known to be */
  uint8_t autoneg;     /* 1: the speed was negotiated */
  uint32_t speed_mbps; /* megabits a second; 0: unknown, or no link */
  uint32_t mtu;        /* bytes without the Ethernet header */
  uint32_t rx_queues;  /* in use now; zcnbrh_options::queue is below this */
  uint32_t tx_queues;
  int32_t numa_node; /* of the device; -1: unknown */
};

/*
 * Asks the kernel about an interface: one netlink exchange or two and some ioctls, cheap enough for ten a
 * second. name: of the interface in the calling thread's network namespace, also an alternative one. info: size
 * set by the caller; that many bytes are filled in, fields that this version does not know with 0. Ownership:
 * nothing is kept. Thread: any. Returns 0; -EINVAL: an argument is NULL, no name of an interface, or size is
 * not set; -ENODEV: there is no such interface; -ENOTSUP: "loop", which is none; or what else the kernel says.
 * Minimum kernel: none; alternative names 5.5.
 */
ZCNBRH_API int zcnbrh_iface_query(const char *name, struct zcnbrh_iface *info) ZCNBRH_NOEXCEPT;

/*
 * Has the queue's interface take packets for any address, or only those it took before.
 * on: 1 or 0. Another queue's or program's wish for it is left alone: the kernel counts them.
 * Ownership: it ends with the queue, however the process ends.
 * Thread: any, one at a time; the queue may be in use meanwhile.
 * Returns 0, also for the loop backend, which takes every packet anyway; -EINVAL: queue is NULL; -EPERM: no
 *   CAP_NET_RAW, or called in a child of the process that opened the queue; -ENODEV: the interface is gone.
 * Minimum kernel: none.
 */
ZCNBRH_API int zcnbrh_set_promiscuous(struct zcnbrh_queue *queue, int on) ZCNBRH_NOEXCEPT;

#ifdef __cplusplus
}
#endif
#endif /* ZCNBRH_IFACE_H */
