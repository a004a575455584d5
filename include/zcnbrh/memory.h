/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Z-CNBRH authors */
/*
 * Frames that several queues share, of one interface or of many: what one queue received another one sends from
 * where it lies, without a copy. Open the memory, then each queue with zcnbrh_options::memory.
 *
 * What differs from a queue with frames of its own:
 * - A frame of this memory may be given to any of its queues, by zcnbrh_send() or zcnbrh_release(), or back by
 *   zcnbrh_memory_release().
 * - A queue may have two threads: one that receives (zcnbrh_poll), one that sends (zcnbrh_alloc, zcnbrh_send,
 *   zcnbrh_flush). zcnbrh_wait() is a call of both. A frame has one user at a time, and is handed to another
 * thread as any memory is.
 * - Frames outlive the queue they came by: the application may hold, send and give them back after its close.
 * - A gate (on_empty) counts the packets that wait for the application, not those that it holds.
 * - pool + application + rx_posted + tx_inflight == frames holds over all queues together. zcnbrh_ledger() of a
 *   queue is that of its memory; of zcnbrh_stats(), rx_posted and tx_inflight are the queue's alone.
 */
#ifndef ZCNBRH_MEMORY_H
#define ZCNBRH_MEMORY_H

#include <zcnbrh/zcnbrh.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What zcnbrh_memory_open() is asked for. Set it up with zcnbrh_memory_options_init(). */
struct zcnbrh_memory_options {
  size_t size; /* sizeof(struct zcnbrh_memory_options) of the caller */
  /* Frames, 64..1048576; to be given. It takes rx_desc + tx_desc of each queue and what the application holds
   * at a time for no queue ever to wait for another. */
  uint32_t frames;
  uint32_t frame_size; /* bytes, as in zcnbrh_options; 0: 2048 */
  int32_t chunks;      /* enum zcnbrh_chunks */
  int32_t numa_node;   /* for the frames; -1: any */
  int32_t ledger;      /* 1: keep each frame's last moves, and stop a queue at its first violation */
};

/* Fills in the defaults. */
static inline void zcnbrh_memory_options_init(struct zcnbrh_memory_options *options) {
  memset(options, 0, sizeof *options);
  options->size = sizeof *options;
  options->numa_node = -1;
}

/*
 * Makes the frames; no queue has them yet.
 * options: read during the call only. out: gets the memory, or NULL when the call fails.
 * Ownership: the caller's. The kernel pins it for as long as queues use it.
 * Thread: any.
 * Returns 0; -EINVAL: an argument is NULL or out of range; -E2BIG: options of a newer version with fields set
 * that this one does not know; -ENOMEM. Minimum kernel: none; unaligned chunks 5.4; 5.10 for queues to share
 * what is pinned, before that each pins it. Released by zcnbrh_memory_close().
 */
ZCNBRH_API int zcnbrh_memory_open(const struct zcnbrh_memory_options *options,
                                  struct zcnbrh_memory **out) ZCNBRH_NOEXCEPT;

/*
 * Gives the frames' memory back.
 * memory: not usable after a call that returns 0. Frames that the application holds go, too.
 * Thread: any, when no other uses the memory.
 * Returns 0; -EINVAL: memory is NULL; -EBUSY, with nothing changed: queues of it are open. In a child of the
 *   process that opened it, where the memory was not inherited, it does nothing and returns 0.
 * Minimum kernel: none.
 */
ZCNBRH_API int zcnbrh_memory_close(struct zcnbrh_memory *memory) ZCNBRH_NOEXCEPT;

/*
 * Gives a frame back, as zcnbrh_release(), by whichever queue it came.
 * frame: as it was lent, data anywhere within the frame.
 * Ownership: the frame is the library's again.
 * Thread: any, also several at once, each with frames of its own.
 * Returns 0 or, with nothing changed, -EINVAL: an argument is NULL, or the application does not hold this frame
 * of this memory; -EPERM: called in a child of the process that opened it. Minimum kernel: none.
 */
ZCNBRH_API int zcnbrh_memory_release(struct zcnbrh_memory *memory,
                                     const struct zcnbrh_frame *frame) ZCNBRH_NOEXCEPT;

/*
 * Gives count frames back, up to the first that cannot be; else as zcnbrh_memory_release().
 * Returns how many; the error of the first one when that is none.
 */
ZCNBRH_API int zcnbrh_memory_release_batch(struct zcnbrh_memory *memory, const struct zcnbrh_frame *frames,
                                           uint32_t count) ZCNBRH_NOEXCEPT;

/*
 * Counts the frames, as zcnbrh_ledger(), over all queues of the memory. quarantined: of queues that the kernel
 * was not seen to let go of.
 * ledger: size set by the caller.
 * Thread: any, while no queue of the memory is used. Takes some nanoseconds a frame.
 * Returns 0; -EINVAL: an argument is NULL, or size is not set; -EPERM: called in a child.
 * Minimum kernel: none.
 */
ZCNBRH_API int zcnbrh_memory_ledger(const struct zcnbrh_memory *memory,
                                    struct zcnbrh_ledger *ledger) ZCNBRH_NOEXCEPT;

#ifdef __cplusplus
}
#endif
#endif /* ZCNBRH_MEMORY_H */
