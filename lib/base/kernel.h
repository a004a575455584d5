// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// The system-call seam. Everything the ring core asks of the kernel about AF_XDP sockets goes through a
// Kernel, so that the loop backend (lib/xsk/loop_kernel.h) and the tests' fake can stand in for it. All
// calls return >= 0 or -errno and never throw. Control path, except the two functions in Wake, which the
// bursts call directly: one plain function pointer, at most once a burst.
#pragma once

#include <poll.h>
#include <sys/socket.h>

#include <cstddef>
#include <cstdint>

#include "lib/base/mapping.h"
#include "lib/base/result.h"
#include "lib/base/unique_fd.h"

namespace zcnbrh {

// How a burst wakes the other side of its rings. Both calls are bounded and never block; they return >= 0,
// or -errno (-EAGAIN: the kernel did a part and wants another call; -EBUSY, -ENOBUFS: try later;
// -ENETDOWN, -ENXIO: the interface is down or gone).
struct Wake {
  void* context = nullptr;
  int (*kick_tx)(void* context) noexcept = nullptr;  // sendto(fd, MSG_DONTWAIT)
  int (*poke_rx)(void* context) noexcept = nullptr;  // recvfrom(fd, MSG_DONTWAIT)
  // poll(fd, POLLOUT, 0): wakes the driver also where sendto() will not, see QueuePair::set_busy_poll().
  int (*kick_tx_by_poll)(void* context) noexcept = nullptr;
};

class Kernel {
 public:
  virtual ~Kernel() = default;

  virtual Result<UniqueFd> socket(int domain, int type, int protocol) noexcept;
  virtual int setsockopt(int fd, int level, int name, const void* value, socklen_t length) noexcept;
  virtual int getsockopt(int fd, int level, int name, void* value, socklen_t* length) noexcept;
  virtual int bind(int fd, const struct sockaddr* address, socklen_t length) noexcept;
  virtual Result<Mapping> map_ring(int fd, size_t length, uint64_t page_offset) noexcept;
  // Called before the socket's fd is closed, so that a stand-in can take its side down. The real kernel
  // needs no notice.
  virtual void before_close(int fd) noexcept;
  virtual Wake wake(int fd) noexcept;
  virtual int map_update(int map_fd, const void* key, const void* value) noexcept;  // bpf(2)
  virtual int map_delete(int map_fd, const void* key) noexcept;

  // The running kernel. Stateless, lives as long as the process.
  static Kernel& real() noexcept;
};

}  // namespace zcnbrh
