// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// A queue's life, for the PMD and the C API alike: one AF_XDP socket with its four rings, from creation to
// the proof that the kernel has let go of its frames.
//
//   create()   socket, UMEM or a share of one, rings mapped; nothing in the kernel's hands
//   (the caller fills the fill ring with refill() until nb_rx_desc frames are posted: before bind, also for
//    a shared UMEM, since drivers take buffers from the ring while they bind)
//   bind()     down the ladder; read back what mode is in force
//   enable()   XSKMAP entry: packets come        disable(): packets go to the host's stack again
//   release()  entry away, socket closed, and wait until the kernel has let the pool go; only then may the
//              caller return the frames that the ledger still marks as this queue's
//
// What lies in a driver's own ring never comes back through AF_XDP rings, and close() does not end DMA: the
// pool goes asynchronously (xp_release_deferred() in net/xdp/xsk_buff_pool.c). Hence the proof.
// Control path, one thread at a time; the bursts use rx() and tx() from their own threads while enabled.
#pragma once

#include <optional>

#include "lib/base/result.h"
#include "lib/umem/umem.h"
#include "lib/xdp/xsk_map.h"
#include "lib/xsk/bind_ladder.h"
#include "lib/xsk/kick_thread.h"
#include "lib/xsk/queue_state.h"
#include "lib/xsk/socket.h"

namespace zcnbrh {

// How long a busy-polling call may look for packets; any value > 0 enables it.
inline constexpr uint32_t kBusyPollMicroseconds = 20;

// What create() needs. Memory and ledgers belong to the caller and outlive the queue.
struct QueuePlan {
  RingSizes rings;
  uint32_t nb_rx = 0;                          // most frames posted; 0: a queue that only sends
  uint32_t nb_tx = 0;                          // most frames in flight; 0: a queue that only receives
  uint32_t slot = 0;                           // number in the ledger, 1..kMaxLedgerSlots
  RxShared* rx_shared = nullptr;               // zeroed; always given
  TxShared* tx_shared = nullptr;               // zeroed, TxShared::bytes(bounce frames) long; always given
  Ledger frames;                               // the application's
  Ledger bounce;                               // ours; may be empty
  std::span<const ChunkOffset> bounce_frames;  // free ones, for this queue alone
  uint32_t rx_max_length = 0;                  // bytes a buffer takes
  bool split_frames = false;                   // some frames are longer than a chunk, see lib/xsk/segments.h
  bool stop_at_violation = false;
};

class QueuePair {
 public:
  QueuePair() = default;
  ~QueuePair() { kicks_.end(); }
  QueuePair(QueuePair&&) noexcept = default;
  QueuePair& operator=(QueuePair&&) noexcept = default;

  // `umem` outlives the queue. It is registered with this socket unless a socket that is bound by now can share
  // it; so create and bind one queue after the other, or the memory is pinned more than once.
  static Result<QueuePair> create(Kernel& kernel, Umem& umem, const QueuePlan& plan);

  // The local half of a queue that another process has set up, from copies of its local halves, of which all
  // that is this process's own is made anew: rings, wake-ups, doors (shut). `umem_base`: where this process has
  // byte 0 of the UMEM mapped, or would have it; only bounce frames are reached through it. Of the functions
  // below only rx(), tx(), socket(), follow_wakeup() and drop() have a meaning then.
  static Result<QueuePair> adopt(Kernel& kernel, UniqueFd fd, const RingSizes& sizes, const RxLocal& rx,
                                 const TxLocal& tx, uint8_t* umem_base);
  // The adopted half wakes the kernel as the original does, which may have changed. The doors are shut.
  void follow_wakeup(const RxLocal& original);
  // Takes the adopted half away again. The doors are shut and nobody is inside.
  void drop();

  // See bind_ladder(). Sets what the bursts do about wake-ups. On error the queue is as before: release it.
  Status bind(BindRequest request);

  // Preferred busy polling (Linux 5.11, CAP_NET_ADMIN): one system call for each empty poll runs the driver
  // in the caller. An error leaves the queue in wakeup mode.
  Status set_busy_poll(uint32_t budget);
  // After somebody with the privilege has set it on our socket: looks whether it is so, and uses it.
  Status adopt_busy_poll();
  // Wakeup mode again. With both doors shut, and nobody kicking (stop_kicks()). An error leaves busy polling
  // on.
  Status clear_busy_poll();

  // Has a thread kick for the TX half, or look after what its own kicks left behind; `cpus`: where it may run.
  // After bind() and set_busy_poll(), with the doors shut. An error leaves the kicks to the bursts alone.
  Status start_kicks(KickDuty duty, const cpu_set_t& cpus);
  // The bursts kick for themselves again. With the TX door shut. False: the thread is stuck in a system call.
  bool stop_kicks();

  // The XDP program's gate for this queue: at most `window` packets ahead of the application.
  void set_gate(const CreditGate& gate, uint32_t window);

  Status enable(const XskMap& map);
  void disable(const XskMap& map);

  // Takes the queue down. True: proven that the kernel holds none of its frames any more. False: not within
  // `timeout_ms`; the frames must be kept. Idempotent. The Umem must still exist.
  bool release(uint32_t timeout_ms = 3000);

  RxLocal& rx() { return rx_; }
  TxLocal& tx() { return tx_; }
  const RxLocal& rx() const { return rx_; }
  const TxLocal& tx() const { return tx_; }
  const BindOutcome& outcome() const { return outcome_; }
  const XskSocket& socket() const { return socket_; }
  bool bound() const { return outcome_.mode != XskMode::kUnbound; }
  bool enabled() const { return enabled_; }
  explicit operator bool() const { return static_cast<bool>(socket_); }

 private:
  void use_busy_poll();
  void fill_local(const QueuePlan& plan);
  void fill_shared(const QueuePlan& plan);
  void set_kick_batch();

  KickService kicks_;  // first: it has ended before a socket that is replaced is closed
  XskSocket socket_;
  UmemShare share_;  // after socket_: gone before the socket closes
  Umem* umem_ = nullptr;
  bool registered_ = false;  // the Umem, with this socket: it cannot share another's
  RxLocal rx_;
  TxLocal tx_;
  BindOutcome outcome_;
  int ifindex_ = 0;
  uint32_t queue_ = 0;
  std::string ifname_;
  bool enabled_ = false;
};

// Waits until the kernel has no pool on (ifindex, queue): netdev generic netlink says so, or a bind of a
// socket of ours no longer meets EBUSY, or the netdev is gone. False: not within `timeout_ms`.
bool wait_until_released(Kernel& kernel, int ifindex, uint32_t queue, uint32_t timeout_ms);

}  // namespace zcnbrh
