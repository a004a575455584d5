// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#pragma once

#include <cstdint>

#include "lib/base/kernel.h"
#include "lib/base/result.h"

namespace zcnbrh {

// Which AF_XDP socket gets the packets of which receive queue: a view of an XSKMAP that somebody else owns
// (XdpProgram). Control path, any thread. Linux 4.18.
class XskMap {
 public:
  XskMap() = default;
  XskMap(int map_fd, uint32_t capacity) : map_fd_(map_fd), capacity_(capacity) {}

  int fd() const { return map_fd_; }
  uint32_t capacity() const { return capacity_; }

  // Sends the packets of `queue` to the socket. The kernel removes the entry itself when the socket closes.
  // EINVAL: the queue is beyond the map. EOPNOTSUPP: not an AF_XDP socket; a kernel may also want its rings
  // to be there. Packets for a socket that is not bound yet are dropped, so bind first.
  Status set(Kernel& kernel, uint32_t queue, int xsk_fd) const;

  // The packets of `queue` go to the kernel's stack again. No error when there was no entry.
  Status clear(Kernel& kernel, uint32_t queue) const;

 private:
  Status check(uint32_t queue, const char* call) const;

  int map_fd_ = -1;
  uint32_t capacity_ = 0;
};

}  // namespace zcnbrh
