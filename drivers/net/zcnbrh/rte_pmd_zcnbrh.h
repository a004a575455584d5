/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Z-CNBRH authors */
/*
 * What net_zcnbrh offers beyond ethdev: what a port is and why, and what may be changed while it runs. A
 * program links librte_net_zcnbrh.so, or looks the functions up in the driver that EAL has loaded:
 *
 *   void *driver = dlopen("librte_net_zcnbrh.so", RTLD_NOW | RTLD_NOLOAD);
 *   int (*report)(uint16_t, enum rte_pmd_zcnbrh_topic, char *, size_t) = dlsym(driver,
 * "rte_pmd_zcnbrh_report");
 *
 * (EAL loads drivers without RTLD_GLOBAL, so dlsym(RTLD_DEFAULT) does not find them.) The testpmd plug-in
 * (docs/testpmd.md) is made of these functions alone.
 *
 * All functions: from any thread, also while bursts run; not from inside a burst or a signal handler, and not
 * from a process other than the primary (-ENOTSUP). They return -ENODEV for a number that is no port, -ENOTSUP
 * for another driver's port; whatever negative number they return, rte_pmd_zcnbrh_error() has the cause and the
 * cure.
 */
#ifndef RTE_PMD_ZCNBRH_H
#define RTE_PMD_ZCNBRH_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Raised when functions, topics or fields are added; nothing that is there changes its meaning. */
#define RTE_PMD_ZCNBRH_API_VERSION 1u

/* Of the driver that is loaded, RTE_PMD_ZCNBRH_API_VERSION when it was built. */
unsigned int rte_pmd_zcnbrh_api_version(void);

/* One line about this thread's last call that failed; "" if none has. Valid until its next one. */
const char *rte_pmd_zcnbrh_error(void);

/* Fills `ports` with the numbers of up to `count` ports of this driver; returns how many there are. */
int rte_pmd_zcnbrh_ports(uint16_t *ports, unsigned int count);

/* What can be shown of a port, a screen of text each. */
enum rte_pmd_zcnbrh_topic {
  RTE_PMD_ZCNBRH_MODE = 0, /* each queue's mode, with the reason */
  RTE_PMD_ZCNBRH_CREDITS,  /* delivery window and frames posted */
  RTE_PMD_ZCNBRH_RINGS,    /* the four rings of each queue */
  RTE_PMD_ZCNBRH_UMEM,     /* memory as the kernel has it */
  RTE_PMD_ZCNBRH_LEDGER,   /* whose each buffer is */
  RTE_PMD_ZCNBRH_BPF,      /* the XDP program */
  RTE_PMD_ZCNBRH_WHY,      /* why the port is as it is, and what was lost, with cause and cure */
  RTE_PMD_ZCNBRH_TRACE,    /* the last packets, see rte_pmd_zcnbrh_trace_set() */
};

/*
 * Writes text of several lines, ended by a zero byte, cut where `size` bytes do not hold it. Returns its whole
 * length without the zero byte, as snprintf(); so a call with size 0 tells the room that is wanted. -EINVAL: no
 * such topic.
 */
int rte_pmd_zcnbrh_report(uint16_t port_id, enum rte_pmd_zcnbrh_topic topic, char *text, size_t size);

/* A queue as it runs now. */
struct rte_pmd_zcnbrh_queue {
  uint8_t open;           /* 0: no socket; what follows it is 0 then */
  uint8_t zero_copy;      /* 1: zero-copy, 0: copy mode */
  uint8_t busy_poll;      /* 1: preferred busy polling, 0: wakeup mode */
  uint8_t kick_by_thread; /* 1: a thread makes the system calls that send */
  uint8_t on_empty;       /* enum rte_pmd_zcnbrh_on_empty */
  uint8_t reserved[3];
  uint32_t busy_budget;   /* packets a call; 0: wakeup mode */
  uint32_t window;        /* delivery window in packets; 0: no gate */
  uint32_t widest_window; /* that may be set; 0: no gate */
  uint32_t rx_posted;     /* frames that the kernel has to receive into */
  uint32_t tx_in_flight;  /* frames that the kernel is sending */
};

/*
 * `size`: sizeof *queue in the program, which may be older than the driver; no more is written. -EINVAL: no
 * such queue.
 */
int rte_pmd_zcnbrh_queue_get(uint16_t port_id, uint16_t queue_id, struct rte_pmd_zcnbrh_queue *queue,
                             size_t size);

/*
 * What may be changed at any time. Of a queue that runs, the bursts are held off for some microseconds (they
 * return 0); packets wait in the rings meanwhile. A value holds until the port is closed, also over stop and
 * start, and over the device arguments. All: -EINVAL (no such queue, a value out of range), -EBUSY (a burst
 * does not come out).
 */

/* Delivery window in packets (window=). -ENOTSUP: there is no gate; -ERANGE: more than the frames posted allow.
 */
int rte_pmd_zcnbrh_window_set(uint16_t port_id, uint16_t queue_id, uint32_t packets);

enum rte_pmd_zcnbrh_on_empty {
  RTE_PMD_ZCNBRH_ON_EMPTY_OFF = 0,
  RTE_PMD_ZCNBRH_ON_EMPTY_DROP,
  RTE_PMD_ZCNBRH_ON_EMPTY_PASS,
};

/*
 * What the XDP program does with packets beyond the window (on_empty=), for all queues of the port, since it is
 * part of the program. Between drop and pass at any time; to and from off on a stopped port (-EBUSY). -ENOTSUP:
 * the program is not the driver's own, or runs in SKB mode.
 */
int rte_pmd_zcnbrh_on_empty_set(uint16_t port_id, enum rte_pmd_zcnbrh_on_empty on_empty);

/* Preferred busy polling (busy_budget=), packets a call; 0: wakeup mode. -EPERM, -ENOTSUP: with the reason. */
int rte_pmd_zcnbrh_busy_budget_set(uint16_t port_id, uint16_t queue_id, uint16_t packets);

enum rte_pmd_zcnbrh_kick {
  RTE_PMD_ZCNBRH_KICK_AUTO = 0,
  RTE_PMD_ZCNBRH_KICK_INLINE, /* the burst */
  RTE_PMD_ZCNBRH_KICK_THREAD, /* a thread on a CPU that no worker lcore uses */
};

/* Who makes the system calls that send (kick=). -ENOTSUP: no thread can be had, with the reason. */
int rte_pmd_zcnbrh_kick_set(uint16_t port_id, uint16_t queue_id, enum rte_pmd_zcnbrh_kick kick);

/*
 * 1: the port's bursts note each packet of this process, the last 256 of a queue and direction, for
 * RTE_PMD_ZCNBRH_TRACE. 0: no more; what was noted can still be shown. Off, it costs nothing: other bursts run.
 */
int rte_pmd_zcnbrh_trace_set(uint16_t port_id, int on);

#ifdef __cplusplus
}
#endif

#endif /* RTE_PMD_ZCNBRH_H */
