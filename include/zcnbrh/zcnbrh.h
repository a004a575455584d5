/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Z-CNBRH authors */
/*
 * libzcnbrh: packets of one receive and transmit queue of a network interface, straight from and to the
 * driver's rings over an AF_XDP socket. C99 and C++17; needs libc only.
 *
 * Model. zcnbrh_open() gives a queue: a set of equal buffers ("frames") that the library owns, some of them
 * lent to the kernel to receive into, the rest free. zcnbrh_poll() lends a filled one to the application,
 * zcnbrh_alloc() an empty one. Each lent frame is given back once: by zcnbrh_release(), or by zcnbrh_send(),
 * which sends it from where it lies, also when it was received (no copy). At any moment
 *     pool + application + rx_posted + tx_inflight == frames          (zcnbrh_ledger())
 *
 * Threads. One thread at a time may use a queue; which one may change. zcnbrh_stats(), zcnbrh_fd() and
 * zcnbrh_mode() may be called from any thread while the queue is open. Different queues are independent.
 *
 * fork(). A queue belongs to the process that opened it. Its memory is not inherited: a child that touches a
 * frame's data crashes. In a child every call returns -EPERM; zcnbrh_close() there gives up the child's share
 * and leaves the parent's queue alone. Whoever does not call it keeps the parent from closing the queue in
 * full until the child ends or calls one of the exec functions. Open after daemon(), not before.
 *
 * Errors. Calls return 0 or a count, or a negative errno value; zcnbrh_last_error() has the last failure of
 * the thread as a line with its cause and cure. No call on the data path (poll, alloc, release, send) blocks;
 * poll makes one system call at most, send a number bounded by the packets waiting.
 *
 * Privilege, unless the interface is "loop": CAP_NET_RAW for the socket, CAP_NET_ADMIN and CAP_BPF (before
 * Linux 5.8 CAP_SYS_ADMIN) for the XDP program. Minimum kernel: 5.4 unless a call says otherwise.
 *
 * ABI. Structures that may grow begin with their size as the caller knows it. Symbols carry the version
 * ZCNBRH_0; while the major version is 0 it may change between minor versions.
 */
#ifndef ZCNBRH_ZCNBRH_H
#define ZCNBRH_ZCNBRH_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define ZCNBRH_VERSION_MAJOR 0
#define ZCNBRH_VERSION_MINOR 1
#define ZCNBRH_VERSION_PATCH 0

#ifdef __cplusplus
#define ZCNBRH_NOEXCEPT noexcept
extern "C" {
#else
#define ZCNBRH_NOEXCEPT
#endif
#define ZCNBRH_API __attribute__((visibility("default")))

/* Bytes in front of an allocated frame's data, and of a received packet's unless an XDP program of the user
 * (xdp_prog) moved its head: room to put another header before the packet. */
#define ZCNBRH_HEADROOM 256

/* A queue of an interface, opened by zcnbrh_open(). */
struct zcnbrh_queue;
struct zcnbrh_memory;

/* A frame that is lent to the application. A plain value: it may be copied, but counts once. */
struct zcnbrh_frame {
  void *data;            /* first byte of the packet. To strip or to add a header move it within the frame */
  uint32_t length;       /* bytes of the packet. Set it before a send; at most what is behind data */
  uint32_t room;         /* bytes from data to the frame's end, as lent; the library does not read it */
  uint64_t timestamp_ns; /* when it was polled, CLOCK_MONOTONIC; 0 unless asked for, and for empty frames */
  uint64_t cookie;       /* the library's; leave it alone */
};

enum zcnbrh_zero_copy {
  ZCNBRH_ZERO_COPY_PREFER = 0, /* where driver and kernel can, else copy mode; zcnbrh_mode() says why */
  ZCNBRH_ZERO_COPY_REQUIRE,    /* or zcnbrh_open() fails */
  ZCNBRH_ZERO_COPY_OFF         /* copy mode */
};

enum zcnbrh_attach {
  ZCNBRH_ATTACH_AUTO = 0,  /* bpf_link, or libxdp's dispatcher where the interface has one */
  ZCNBRH_ATTACH_LINK,      /* bpf_link (Linux 5.9) or fail */
  ZCNBRH_ATTACH_DISPATCHER /* libxdp's dispatcher (Linux 5.10) or fail */
};

/* What becomes of packets that arrive while `window` packets wait or are held by the application. */
enum zcnbrh_gate_mode {
  ZCNBRH_GATE_OFF = 0, /* no gate: the kernel takes packets while it has frames, then drops */
  ZCNBRH_GATE_DROP,    /* dropped in the driver, before a frame is used up (Linux 5.5) */
  ZCNBRH_GATE_PASS     /* handed to the host's network stack (Linux 5.5) */
};

enum zcnbrh_chunks {
  ZCNBRH_CHUNKS_AUTO = 0, /* aligned, unless frame_size is neither 2048 nor 4096 */
  ZCNBRH_CHUNKS_ALIGNED,
  ZCNBRH_CHUNKS_UNALIGNED
};

/* What zcnbrh_open() is asked for. Set it up with zcnbrh_options_init(), then change what is to differ. */
struct zcnbrh_options {
  size_t size;           /* sizeof(struct zcnbrh_options) of the caller */
  const char *iface;     /* interface, or "loop": the built-in backend without kernel, privilege or interface */
  const char *loop_name; /* loop only: this port's name among its peers; NULL: "loop" */
  const char *peer;      /* loop only: name of the port that gets what is sent; NULL: sent frames come back */

  /* Compiled XDP program to load instead of the built-in one, with a map `xsks_map`; zcnbrh/zcnbrh_user.h helps
   * to write one. NULL: the built-in one. */
  const char *xdp_prog;
  /* "key=value,key=value": any key of the driver net_zcnbrh that makes sense for one queue, beside the fields
   * of this struct; no key twice. NULL: none. */
  const char *devargs;

  uint32_t queue; /* queue of the interface, from 0 */
  /* Frames of the queue, 64..1048576; 0: rx_desc + tx_desc + 1024. It takes rx_desc + tx_desc + what the
   * application holds at a time for neither direction ever to wait for the other; with fewer than rx_desc + 1
   * nothing can be sent while nothing is received. */
  uint32_t frames;
  /* Bytes, 2048 or 4096, with unaligned chunks any multiple of 64 between; a packet may be ZCNBRH_HEADROOM
   * bytes shorter. 0: 2048 where the interface's MTU fits, else 4096. */
  uint32_t frame_size;
  uint32_t rx_desc; /* most frames lent to the kernel to receive into, 64..32768; 0: 2048 */
  uint32_t tx_desc; /* most frames being sent, 64..32768; 0: 2048 */
  uint32_t window;  /* packets; only with a gate, see on_empty. 0: our choice */

  int32_t zero_copy; /* enum zcnbrh_zero_copy */
  int32_t attach;    /* enum zcnbrh_attach */
  int32_t on_empty;  /* enum zcnbrh_gate_mode */
  int32_t chunks;    /* enum zcnbrh_chunks */
  /* Packets a call of preferred busy polling (Linux 5.11, CAP_NET_ADMIN); 0: wakeup mode; -1: our choice. Where
   * it cannot be had the queue works in wakeup mode, a warning and zcnbrh_mode() say why. */
  int32_t busy_budget;
  int32_t numa_node;  /* for the frames; -1: the interface's own */
  int32_t timestamps; /* 1: fill zcnbrh_frame::timestamp_ns, by the clock read once a poll that found packets */
  int32_t ledger;     /* 1: keep each frame's last moves and stop the queue at the first violation */
  /* Frames that several queues share, <zcnbrh/memory.h>; frames, frame_size, chunks and numa_node are then its
   * own. NULL: the queue has frames of its own. */
  struct zcnbrh_memory *memory;
};

/* Fills in the defaults. */
static inline void zcnbrh_options_init(struct zcnbrh_options *options) {
  memset(options, 0, sizeof *options);
  options->size = sizeof *options;
  options->busy_budget = -1;
  options->numa_node = -1;
}

/*
 * Opens a queue of an interface and starts receiving on it.
 * options: read during the call only, also what it points to.
 * out: gets the queue, or NULL when the call fails.
 * Ownership: the queue, its frames and its share of the interface's XDP program are the caller's. All queues
 *   of an interface that a process opens share one program. Nothing is left behind when the call fails, nor
 *   when the process ends, however it ends (Linux 5.9; before that, and with libxdp's dispatcher, a crash
 *   leaves a program that hands every packet to the host's stack, and that the next open removes).
 * Thread: any, in the interface's network namespace. May take seconds: a queue that was closed a moment ago
 *   is waited for.
 * Returns 0 or
 *   -EINVAL      options: NULL, out of range, or excluding each other; no such queue
 *   -E2BIG       options of a newer version with fields set that this one does not know
 *   -ENOTSUP     an option that this version does not serve
 *   -ENODEV      no such interface in this network namespace
 *   -ENETDOWN    the interface is down
 *   -EBUSY       the queue is in use, or the interface has an XDP program of somebody else
 *   -EPERM       a capability is missing
 *   -EOPNOTSUPP  zero-copy was required and cannot be had, or the driver has no XDP and SKB mode was excluded
 *   -EAFNOSUPPORT  a kernel without AF_XDP
 *   -EEXIST      loop only: the port was opened before with another peer
 *   -ENOMEM, -ENOBUFS  memory, or the limit on locked memory
 *   or what else the kernel says; zcnbrh_last_error() tells more in each case.
 * Minimum kernel: 5.4.
 * Released by zcnbrh_close().
 */
ZCNBRH_API int zcnbrh_open(const struct zcnbrh_options *options, struct zcnbrh_queue **out) ZCNBRH_NOEXCEPT;

/*
 * Takes the queue down and waits, at most three seconds, until the kernel has let go of its frames.
 * queue: not usable after the call, whatever it returns. Its packets go to the host's stack again.
 * Ownership: frames still held by the application go too, and so does what is not sent yet: call
 *   zcnbrh_flush() until it returns 0 to have all of it sent.
 * Thread: any, when no other uses the queue.
 * Returns 0 or
 *   -EINVAL  queue is NULL
 *   -EBUSY   the kernel was not seen to let go in time: the queue is closed, but its memory is kept mapped
 *            until the process ends, since a device may still write to it (a warning says so)
 * Minimum kernel: none.
 */
ZCNBRH_API int zcnbrh_close(struct zcnbrh_queue *queue) ZCNBRH_NOEXCEPT;

/*
 * Takes the next received packet, if there is one; also lends free frames to the kernel.
 * frame: filled in when the call returns 1.
 * Ownership: the frame is the application's until zcnbrh_release() or zcnbrh_send(). With a gate each frame
 *   held is one of `window`.
 * Thread: the queue's.
 * Returns 1, or 0 when there is no packet, or
 *   -EINVAL           an argument is NULL
 *   -EPERM            called in a child of the process that opened the queue
 *   -ENOTRECOVERABLE  ledger=1 and a frame came back that the kernel did not have; close the queue
 * Minimum kernel: none.
 */
ZCNBRH_API int zcnbrh_poll(struct zcnbrh_queue *queue, struct zcnbrh_frame *frame) ZCNBRH_NOEXCEPT;

/*
 * Takes up to count received packets, in the order they came; else as zcnbrh_poll().
 * frames: room for count; the first ones are filled in.
 * Returns how many, 0 when there is none, or an error of zcnbrh_poll().
 */
ZCNBRH_API int zcnbrh_poll_batch(struct zcnbrh_queue *queue, struct zcnbrh_frame *frames,
                                 uint32_t count) ZCNBRH_NOEXCEPT;

/*
 * Gives a frame back, received or allocated, and with a received one its credit at the gate.
 * frame: as it was lent, data anywhere within the frame.
 * Ownership: the frame is the library's again.
 * Thread: the queue's.
 * Returns 0 or, with nothing changed,
 *   -EINVAL  an argument is NULL, or the application does not hold this frame of this queue: it was given
 *            back or sent already, belongs to another queue, or data or cookie were overwritten
 *   -EPERM   called in a child of the process that opened the queue
 * Minimum kernel: none.
 */
ZCNBRH_API int zcnbrh_release(struct zcnbrh_queue *queue, const struct zcnbrh_frame *frame) ZCNBRH_NOEXCEPT;

/*
 * Gives count frames back, up to the first that cannot be; else as zcnbrh_release().
 * Returns how many; the error of the first one when that is none.
 */
ZCNBRH_API int zcnbrh_release_batch(struct zcnbrh_queue *queue, const struct zcnbrh_frame *frames,
                                    uint32_t count) ZCNBRH_NOEXCEPT;

/*
 * Lends an empty frame, to be filled and sent.
 * frame: filled in when the call returns 1: length 0, data ZCNBRH_HEADROOM bytes into the frame.
 * Ownership: the frame is the application's until zcnbrh_send() or zcnbrh_release().
 * Thread: the queue's.
 * Returns 1, or 0 when no frame is free now (release some, or wait for what is being sent), or
 *   -EINVAL  an argument is NULL
 *   -EPERM   called in a child of the process that opened the queue
 * Minimum kernel: none.
 */
ZCNBRH_API int zcnbrh_alloc(struct zcnbrh_queue *queue, struct zcnbrh_frame *frame) ZCNBRH_NOEXCEPT;

/*
 * Lends up to count empty frames; else as zcnbrh_alloc().
 * Returns how many, 0 when none is free now, or an error of zcnbrh_alloc().
 */
ZCNBRH_API int zcnbrh_alloc_batch(struct zcnbrh_queue *queue, struct zcnbrh_frame *frames,
                                  uint32_t count) ZCNBRH_NOEXCEPT;

/*
 * Sends a frame from where it lies, received or allocated.
 * frame: data and length (1 byte and more) within the frame; no alignment.
 * Ownership: the library's when the call returns 1, also should the interface drop the packet; else still
 *   the application's. The credit of a received frame comes back.
 * Thread: the queue's.
 * Returns 1, or 0 when tx_desc frames are being sent already (try again later), or
 *   -EINVAL           an argument is NULL, or the application does not hold this frame of this queue
 *   -EMSGSIZE         length is 0 or reaches past the frame's end
 *   -EPERM            called in a child of the process that opened the queue
 *   -ENOTRECOVERABLE  as zcnbrh_poll()
 * Minimum kernel: none.
 */
ZCNBRH_API int zcnbrh_send(struct zcnbrh_queue *queue, const struct zcnbrh_frame *frame) ZCNBRH_NOEXCEPT;

/*
 * Sends count frames in order, up to the first that cannot be sent; else as zcnbrh_send().
 * Returns how many are the library's now; when that is none, 0 or the error of the first one.
 */
ZCNBRH_API int zcnbrh_send_batch(struct zcnbrh_queue *queue, const struct zcnbrh_frame *frames,
                                 uint32_t count) ZCNBRH_NOEXCEPT;

/*
 * Sends a copy of bytes that lie anywhere, say in a frame of another queue.
 * data: no alignment. length: bytes, 1 to frame_size - ZCNBRH_HEADROOM.
 * Ownership: data stays the caller's and is not read after the call.
 * Thread: the queue's.
 * Returns 1, or 0 when no frame is free or tx_desc frames are being sent already (try again later), or
 *   -EINVAL           an argument is NULL
 *   -EMSGSIZE         length is 0 or more than a frame takes
 *   -EPERM            called in a child of the process that opened the queue
 *   -ENOTRECOVERABLE  as zcnbrh_poll()
 * Minimum kernel: none.
 */
ZCNBRH_API int zcnbrh_send_copy(struct zcnbrh_queue *queue, const void *data, size_t length) ZCNBRH_NOEXCEPT;

/*
 * Makes the kernel go on with what it has not sent yet and takes back the frames it is done with.
 * Every send does that for its own packets; call this when a device's full queue made the kernel put some
 * off and the application neither polls nor sends for a while, and before zcnbrh_close().
 * Thread: the queue's.
 * Returns how many frames are still being sent, or
 *   -EINVAL           queue is NULL
 *   -EPERM            called in a child of the process that opened the queue
 *   -ENETDOWN         frames wait and the interface is down or gone
 *   -ENOTRECOVERABLE  as zcnbrh_poll()
 * Minimum kernel: none.
 */
ZCNBRH_API int zcnbrh_flush(struct zcnbrh_queue *queue) ZCNBRH_NOEXCEPT;

/*
 * The ring's file descriptor for loops of the application's own, by poll(2), epoll(7) or io_uring(7)
 * (IORING_OP_POLL_ADD): readable when packets wait, writable when the TX ring has room. Waiting on it also
 * makes the kernel go on with both directions. Level-triggered it may be waited on at any time; with EPOLLET
 * and with multishot polls call zcnbrh_poll() until it returns 0 after each event. Where the application has
 * given frames back since its last zcnbrh_poll(), one more lends them to the kernel.
 * Ownership: the queue's; do not close it. It is gone with zcnbrh_close().
 * Thread: any.
 * Returns the descriptor or
 *   -EINVAL   queue is NULL
 *   -EPERM    called in a child of the process that opened the queue
 *   -ENOTSUP  the loop backend has none: all its work is done inside the calls
 * Minimum kernel: none.
 */
ZCNBRH_API int zcnbrh_fd(const struct zcnbrh_queue *queue) ZCNBRH_NOEXCEPT;

enum zcnbrh_wait_event {
  ZCNBRH_WAIT_RX = 1, /* zcnbrh_poll() has a packet */
  ZCNBRH_WAIT_TX = 2, /* zcnbrh_send() takes a frame, and there is one: free or held by the application */
  /* Told, not asked for: the interface is gone (within half a second), or ledger=1 has stopped the queue. */
  ZCNBRH_WAIT_DOWN = 4
};

/* A queue that zcnbrh_wait() waits for. */
struct zcnbrh_wait_item {
  struct zcnbrh_queue *queue;
  uint32_t events; /* ZCNBRH_WAIT_RX, ZCNBRH_WAIT_TX or both */
  uint32_t ready;  /* filled in: which hold, 0 for none */
};

/*
 * Sleeps until one of several queues has a packet or takes one. No wake-up is lost: what comes between the last
 * zcnbrh_poll() and the sleep ends the sleep. Before it sleeps it lends free frames to the kernel and has
 * packets sent that wait.
 * items: ready is filled in for each, also when the time is over. A queue may be in it once.
 * count: 1 to 256. timeout_ms: milliseconds; 0: just look; negative: no limit.
 * Ownership: nothing changes hands.
 * Thread: that of all the queues.
 * Returns how many are ready, 0 when the time is over, or
 *   -EINVAL  items or a queue is NULL, count or events out of range
 *   -EPERM   called in a child of the process that opened a queue
 *   -EINTR   a signal came
 *   -ENOMEM  the kernel's, of poll(2)
 * Receiving ends the sleep at once. Waiting for ZCNBRH_WAIT_TX, and for a queue of the loop backend, looks
 * every millisecond, since the kernel does not tell when it is done with a frame. To wait for other
 * descriptors, too, see zcnbrh_fd().
 * Minimum kernel: none.
 */
ZCNBRH_API int zcnbrh_wait(struct zcnbrh_wait_item *items, uint32_t count, int timeout_ms) ZCNBRH_NOEXCEPT;

/* Counters since zcnbrh_open(), in the units named, then gauges of this moment. */
struct zcnbrh_stats {
  size_t size; /* sizeof(struct zcnbrh_stats) of the caller; set it before the call */

  uint64_t rx_packets;          /* received and handed to the application */
  uint64_t rx_bytes;            /* of those packets */
  uint64_t rx_dropped_too_long; /* packets longer than a frame has room for, dropped whole */
  uint64_t rx_dropped_segments; /* parts of packets in several frames, dropped whole */
  uint64_t rx_violations;       /* frames that came back though the kernel did not have them; left alone */
  uint64_t rx_alloc_failed;     /* attempts to lend frames to the kernel with none free */
  uint64_t rx_wakes;            /* system calls to wake the driver */
  uint64_t rx_wake_errors;      /* of those, failed */
  uint64_t rx_busy_polls;       /* system calls of busy polling */

  uint64_t tx_packets;       /* given to the kernel to send */
  uint64_t tx_bytes;         /* of those packets */
  uint64_t tx_bounce_copies; /* always 0 here: frames are sent by address */
  uint64_t tx_invalid;       /* always 0 here: such a send returns an error */
  uint64_t tx_violations;    /* as rx_violations */
  uint64_t tx_completed;     /* frames the kernel is done with */
  uint64_t tx_no_credit;     /* sends cut short because tx_desc frames were being sent */
  uint64_t tx_no_bounce;     /* sends cut short because a frame was in the kernel's hands already */
  uint64_t tx_kicks;         /* system calls to make the kernel send */
  uint64_t tx_kick_again;    /* of those, sent a part (EAGAIN) */
  uint64_t tx_kick_busy;     /* of those, found a full queue (EBUSY, ENOBUFS) */
  uint64_t tx_kick_down;     /* of those, found the interface down or gone */
  uint64_t tx_kick_errors;   /* of those, failed otherwise */

  /* The kernel's own, XDP_STATISTICS; the last three since Linux 5.9, before that 0. */
  uint64_t xdp_rx_dropped;               /* packets: no frame, too long, other reasons */
  uint64_t xdp_rx_invalid_descs;         /* bad addresses in the fill ring; a defect if not 0 */
  uint64_t xdp_tx_invalid_descs;         /* bad descriptors in the TX ring; a defect if not 0 */
  uint64_t xdp_rx_ring_full;             /* packets lost because the RX ring was full */
  uint64_t xdp_rx_fill_ring_empty_descs; /* looks for a frame that found none */
  uint64_t xdp_tx_ring_empty_descs;      /* looks for a packet to send that found none */

  uint64_t frames;      /* gauges, frames: all */
  uint64_t pool;        /* free */
  uint64_t application; /* lent to the application */
  uint64_t rx_posted;   /* lent to the kernel to receive into */
  uint64_t tx_inflight; /* being sent */
  uint64_t rx_deficit;  /* rx_desc - rx_posted: what is to be lent to the kernel when frames are free */

  uint64_t rx_chained; /* these four are always 0 here: packets of several frames are not served, see */
  uint64_t rx_partial; /* rx_dropped_segments and rx_dropped_too_long; and nothing is received by copy */
  uint64_t tx_chained;
  uint64_t rx_copied;
  uint64_t rx_contended; /* these two as well: bursts of several processes, which the driver has alone */
  uint64_t tx_contended;

  uint64_t tx_kick_wakes; /* system calls to wake the thread that kicks, or looks after what was left behind */
  uint64_t tx_helper_kicks;      /* that thread's own, as tx_kicks */
  uint64_t tx_helper_kick_again; /* as tx_kick_again, and so on */
  uint64_t tx_helper_kick_busy;
  uint64_t tx_helper_kick_down;
  uint64_t tx_helper_kick_errors;
};

/*
 * Reads the statistics.
 * stats: size set by the caller; that many bytes are filled in, fields that this version does not know with 0.
 * Thread: any.
 * Returns 0 or
 *   -EINVAL  an argument is NULL, or size is not set
 *   -EPERM   called in a child of the process that opened the queue
 * Minimum kernel: none.
 */
ZCNBRH_API int zcnbrh_stats(const struct zcnbrh_queue *queue, struct zcnbrh_stats *stats) ZCNBRH_NOEXCEPT;

/* Where every frame of a queue is. pool + application + rx_posted + tx_inflight == frames. */
struct zcnbrh_ledger {
  size_t size;            /* sizeof(struct zcnbrh_ledger) of the caller; set it before the call */
  uint32_t frames;        /* all */
  uint32_t pool;          /* free */
  uint32_t application;   /* lent to the application */
  uint32_t rx_posted;     /* lent to the kernel: fill ring, driver and RX ring together */
  uint32_t tx_inflight;   /* lent to the kernel: TX ring, driver and completion ring together */
  uint32_t quarantined;   /* kept aside since they could not be proven free; 0 while the queue is open */
  uint32_t discrepancies; /* frames about which the counts above and the owner byte of each frame disagree;
                             a defect if not 0 */
  uint64_t violations;    /* refused moves: frames that came back though the kernel did not have them */
};

/*
 * Counts the frames, twice: by the running counts and by looking at each frame's owner byte.
 * ledger: size set by the caller; that many bytes are filled in, fields that this version does not know with 0.
 * Thread: the queue's. Takes some nanoseconds a frame.
 * Returns 0 or
 *   -EINVAL  an argument is NULL, or size is not set
 *   -EPERM   called in a child of the process that opened the queue
 * Minimum kernel: none.
 */
ZCNBRH_API int zcnbrh_ledger(const struct zcnbrh_queue *queue, struct zcnbrh_ledger *ledger) ZCNBRH_NOEXCEPT;

/*
 * The mode in force and why not a better one, as a line for people: "copy mode, wakeup, native XDP by
 * bpf_link; not zero-copy: driver veth has no AF_XDP zero-copy".
 * Ownership: the queue's; the text lives until zcnbrh_close().
 * Thread: any.
 * Returns the text; "" when queue is NULL.
 */
ZCNBRH_API const char *zcnbrh_mode(const struct zcnbrh_queue *queue) ZCNBRH_NOEXCEPT;

/*
 * The last failure of a call of this library in the calling thread, as one line with cause and cure.
 * Ownership: the library's; valid until the thread's next call that fails.
 * Thread: any, each has its own.
 * Returns the text; "" before the first failure. Success does not clear it.
 */
ZCNBRH_API const char *zcnbrh_last_error(void) ZCNBRH_NOEXCEPT;

/* The library's version, "major.minor.patch". Any thread; the text lives for ever. */
ZCNBRH_API const char *zcnbrh_version(void) ZCNBRH_NOEXCEPT;

enum zcnbrh_log_level {
  ZCNBRH_LOG_WARNING = 0, /* works, but not as asked */
  ZCNBRH_LOG_NOTICE,
  ZCNBRH_LOG_INFO,
  ZCNBRH_LOG_DEBUG
};

/*
 * Who gets what the library has to say beside errors. Never called from the data path.
 * log: called with enum zcnbrh_log_level and a line without newline that is valid during the call; from any
 *   thread that opens or closes a queue, also several at once. NULL: warnings and notices go to stderr, the
 *   rest nowhere, as at the start.
 * Thread: any; one setting for the process.
 */
ZCNBRH_API void zcnbrh_set_log(void (*log)(int level, const char *line)) ZCNBRH_NOEXCEPT;

/*
 * Rings and pools of a DPDK program, from a process without DPDK: one stage of a pipeline may be native while
 * the others stay. The program runs under libzcnbrh_shim.so with ZCNBRH_SHARE=1 (docs/shim.md). Its memory is
 * mapped here at the same addresses; packets go over by pointer and are never copied. Many or one producers
 * and consumers, as the ring was made; a process that dies inside a call is noticed and the ring goes on.
 *
 * Only packets of attached pools cross, whole buffers of their own (no clones, no external buffers). One
 * thread at a time may use a handle; attach again for another thread. Nothing here survives fork().
 */
struct zcnbrh_ring;
struct zcnbrh_pool;
struct zcnbrh_mbuf; /* an rte_mbuf of the DPDK program */

/*
 * Attaches a ring, or a pool of packets, by its name.
 * pid: the DPDK program, in this PID and network namespace. name: as given to rte_ring_create() or
 *   rte_pktmbuf_pool_create(). out: gets the handle, or NULL when the call fails.
 * Thread: any.
 * Returns 0; -EINVAL: an argument is NULL; -ENOENT: no such ring or pool; -ECONNREFUSED: the process does not
 * share;
 *   -ENOTSUP: a kind of ring or pool that is not served, or in memory that is not EAL's; -EPROTO: another
 *   version or DPDK ABI; -EEXIST: its addresses are in use here; -ENOSPC: 32 are attached.
 * Minimum kernel: 4.17.
 * Released by: zcnbrh_ring_detach(), zcnbrh_pool_detach().
 */
ZCNBRH_API int zcnbrh_ring_attach(int pid, const char *name, struct zcnbrh_ring **out) ZCNBRH_NOEXCEPT;
ZCNBRH_API int zcnbrh_pool_attach(int pid, const char *name, struct zcnbrh_pool **out) ZCNBRH_NOEXCEPT;

/* Ends it. Packets in hand stay out of their pool: put them back, or into a ring, before. 0, or -EINVAL for
 * NULL. */
ZCNBRH_API int zcnbrh_ring_detach(struct zcnbrh_ring *ring) ZCNBRH_NOEXCEPT;
ZCNBRH_API int zcnbrh_pool_detach(struct zcnbrh_pool *pool) ZCNBRH_NOEXCEPT;

/*
 * Take packets out of a ring, put packets into it.
 * count: at most 64 go at a time. packets: room for so many, or that many.
 * Ownership: what was taken is the caller's until it is put into a ring or back into its pool; what went in is
 * not.
 * Thread: the handle's. Waits for those who claimed a place before, as DPDK's functions do; no system call
 * otherwise.
 * Returns how many, 0 when the ring is empty or full; -EINVAL: NULL; -EBADMSG: the first one may not cross, it
 * stays where it is; -ENOENT: the ring was freed; -EPIPE: its process is gone.
 */
ZCNBRH_API int zcnbrh_ring_dequeue(struct zcnbrh_ring *ring, struct zcnbrh_mbuf **packets,
                                   uint32_t count) ZCNBRH_NOEXCEPT;
ZCNBRH_API int zcnbrh_ring_enqueue(struct zcnbrh_ring *ring, struct zcnbrh_mbuf *const *packets,
                                   uint32_t count) ZCNBRH_NOEXCEPT;

/*
 * Take empty packets out of a pool, give packets of it back, with all their segments.
 * As above; zcnbrh_pool_put() gives -EBADMSG for a packet that is not this pool's alone, or is shared (refcnt).
 */
ZCNBRH_API int zcnbrh_pool_get(struct zcnbrh_pool *pool, struct zcnbrh_mbuf **packets,
                               uint32_t count) ZCNBRH_NOEXCEPT;
ZCNBRH_API int zcnbrh_pool_put(struct zcnbrh_pool *pool, struct zcnbrh_mbuf *const *packets,
                               uint32_t count) ZCNBRH_NOEXCEPT;

/* A packet's first segment: where its bytes are, how many; and the segment after it, or NULL. */
ZCNBRH_API void *zcnbrh_mbuf_data(const struct zcnbrh_mbuf *packet) ZCNBRH_NOEXCEPT;
ZCNBRH_API uint32_t zcnbrh_mbuf_length(const struct zcnbrh_mbuf *packet) ZCNBRH_NOEXCEPT;
ZCNBRH_API struct zcnbrh_mbuf *zcnbrh_mbuf_next(const struct zcnbrh_mbuf *packet) ZCNBRH_NOEXCEPT;
/* Of a packet of one segment: 0, or -EMSGSIZE beyond its buffer, -ENOTSUP for a chain. */
ZCNBRH_API int zcnbrh_mbuf_set_length(struct zcnbrh_mbuf *packet, uint32_t length) ZCNBRH_NOEXCEPT;

#ifdef __cplusplus
}
#endif
#endif /* ZCNBRH_ZCNBRH_H */
