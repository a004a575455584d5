// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// An AF_XDP socket made by libxdp, bound in copy mode, without a program: a witness that shares no code with
// the library under test.
#pragma once

#include <sys/mman.h>
#include <unistd.h>
#include <xdp/xsk.h>

#include <cerrno>
#include <cstdint>
#include <string>

namespace zcnbrh::testing {

class BoundXsk {
 public:
  static constexpr uint32_t kFrames = 64;
  static constexpr uint32_t kFrameSize = 4096;

  BoundXsk(const std::string& ifname, uint32_t queue) {
    area_ = ::mmap(nullptr, kFrames * kFrameSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    xsk_umem_config umem_config = {};
    umem_config.fill_size = kFrames;
    umem_config.comp_size = kFrames;
    umem_config.frame_size = kFrameSize;
    error_ = xsk_umem__create(&umem_, area_, kFrames * kFrameSize, &fill_, &completion_, &umem_config);
    if (error_ != 0) return;
    xsk_socket_config config = {};
    config.rx_size = kFrames;
    config.tx_size = kFrames;
    config.libxdp_flags = XSK_LIBXDP_FLAGS__INHIBIT_PROG_LOAD;
    config.bind_flags = XDP_COPY;
    // The kernel lets go of a queue some time after the last socket on it was closed.
    for (int attempt = 0; attempt < 200; attempt++) {
      error_ = xsk_socket__create(&socket_, ifname.c_str(), queue, umem_, &rx_, &tx_, &config);
      if (error_ != -EBUSY) break;
      ::usleep(10'000);
    }
    uint32_t index = 0;
    if (error_ != 0 || xsk_ring_prod__reserve(&fill_, kFrames, &index) != kFrames) return;
    for (uint32_t i = 0; i < kFrames; i++) *xsk_ring_prod__fill_addr(&fill_, index + i) = i * kFrameSize;
    xsk_ring_prod__submit(&fill_, kFrames);
  }
  BoundXsk(const BoundXsk&) = delete;
  BoundXsk& operator=(const BoundXsk&) = delete;
  ~BoundXsk() {
    if (socket_ != nullptr) xsk_socket__delete(socket_);
    if (umem_ != nullptr) xsk_umem__delete(umem_);
    ::munmap(area_, kFrames * kFrameSize);
  }

  int error() const { return error_; }
  int fd() const { return xsk_socket__fd(socket_); }
  // Takes what has arrived; the frames are not posted again.
  uint32_t receive() {
    uint32_t index = 0;
    uint32_t count = xsk_ring_cons__peek(&rx_, kFrames, &index);
    xsk_ring_cons__release(&rx_, count);
    return count;
  }

 private:
  void* area_ = nullptr;
  xsk_umem* umem_ = nullptr;
  xsk_socket* socket_ = nullptr;
  xsk_ring_prod fill_ = {};
  xsk_ring_cons completion_ = {};
  xsk_ring_cons rx_ = {};
  xsk_ring_prod tx_ = {};
  int error_ = 0;
};

}  // namespace zcnbrh::testing
