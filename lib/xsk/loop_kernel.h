// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// The loop backend: the kernel's side of AF_XDP sockets in plain memory, behind the system-call seam. No
// kernel support, no privilege, no interface; the same socket code, rings and bursts run on it. A frame
// sent on queue q comes back on queue q, or on queue q of the paired port. Like the kernel in copy mode it
// copies from the TX frame into a frame of the receiver's fill ring, drops and counts where there is none,
// and swallows invalid descriptors without a completion.
//
// A "socket" is a memfd that holds the rings at the same page offsets as an AF_XDP socket's, so mapping it
// is an ordinary mmap(), also from another process. The kernel's side uses the first mapping that was made of
// each ring, the socket owner's own: one address for both sides, so that thread checkers see them meet. All
// work happens inside kick_tx(), in the caller's thread. Ports are numbered from kFirstIfindex on, so that they
// meet no netdev; a port's number also stands for its XSKMAP.
//
// Threads: the control calls lock; kick_tx() never blocks: a second thread in the same queue's kick, or a
// second sender to the same receiver, gets -EAGAIN, and a socket that closes waits for senders, not they for
// it.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "lib/base/kernel.h"
#include "lib/ring/kernel_ring.h"
#include "lib/umem/umem.h"
#include "lib/xsk/queue_state.h"
#include "lib/xsk/socket.h"

namespace zcnbrh {

// The kernel's side of one socket. The ring fields are the sender's or receiver's side of kick_tx() alone
// once the socket is bound.
struct LoopSocket {
  int fd = -1;
  bool has_umem = false;
  UmemLayout umem;
  uint32_t fill_entries = 0, completion_entries = 0, rx_entries = 0, tx_entries = 0;
  RingMap<uint64_t> fill, completion;
  RingMap<struct xdp_desc> rx, tx;
  RingCursor fill_at, completion_at, rx_at, tx_at;
  int ifindex = 0;  // 0: not bound
  uint32_t queue = 0;
  bool zero_copy = false;
  bool segments = false;                                        // XDP_USE_SG
  std::atomic<bool> enabled{false};                             // has an entry in the XSKMAP
  std::atomic<LoopSocket*> receiver{nullptr};                   // where its frames go; null: nowhere
  std::atomic_flag kicking = ATOMIC_FLAG_INIT;                  // held inside kick_tx()
  std::atomic_flag receiving = ATOMIC_FLAG_INIT;                // held by the sender that feeds this socket
  uint32_t kick_budget = UINT32_MAX;                            // packets sent a kick at most; for tests
  Counter rx_dropped, rx_invalid, rx_fill_empty, rx_ring_full;  // written by the sender that feeds this socket
  Counter tx_invalid, tx_empty;                                 // written by this socket's sender
};

class LoopKernel : public Kernel {
 public:
  static constexpr int kFirstIfindex = 1 << 24;

  // The process's own loop "network".
  static LoopKernel& instance() noexcept;

  // A port's number, made at first use. `peer`: name of the port that gets its frames; empty: itself.
  // Errors: EEXIST if the port was made with another peer.
  Result<int> port(const std::string& name, const std::string& peer);

  Result<UniqueFd> socket(int domain, int type, int protocol) noexcept override;
  int setsockopt(int fd, int level, int name, const void* value, socklen_t length) noexcept override;
  int getsockopt(int fd, int level, int name, void* value, socklen_t* length) noexcept override;
  int bind(int fd, const struct sockaddr* address, socklen_t length) noexcept override;
  Result<Mapping> map_ring(int fd, size_t length, uint64_t page_offset) noexcept override;
  void before_close(int fd) noexcept override;
  Wake wake(int fd) noexcept override;
  int map_update(int map_fd, const void* key, const void* value) noexcept override;
  int map_delete(int map_fd, const void* key) noexcept override;

  // For a bench or test that plays the kernel itself: the kernel's side of socket `fd`. It must then not be
  // kicked.
  LoopSocket* kernel_side(int fd);
  // The same for what is bound to `queue` of a loop port; null: nothing is.
  LoopSocket* kernel_side(const std::string& port, uint32_t queue);
  // For tests: take XDP_ZEROCOPY binds.
  void allow_zero_copy(bool on, uint32_t max_segs = 1) {
    zero_copy_ = on;
    zc_max_segs_ = max_segs;
  }
  // For tests and benches: take the options that busy polling needs; its calls still find nothing to do.
  void allow_busy_poll(bool on) { busy_poll_ = on; }
  // For tests: sockets that exist.
  size_t sockets() const;

 private:
  struct Port {
    std::string name;
    std::string peer;  // empty: itself
  };

  LoopSocket* find(int fd);
  LoopSocket* bound_to(int ifindex, uint32_t queue);
  int receiver_port(int ifindex) const;
  void connect();
  int make_ring(LoopSocket& s, int name, uint32_t entries);
  int register_umem(LoopSocket& s, const struct xdp_umem_reg& reg);

  mutable std::mutex lock_;
  std::map<int, std::unique_ptr<LoopSocket>> sockets_;
  std::map<int, Port> ports_;
  bool zero_copy_ = false;
  uint32_t zc_max_segs_ = 1;
  bool busy_poll_ = false;
};

}  // namespace zcnbrh
