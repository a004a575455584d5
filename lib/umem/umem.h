// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// A range of memory as the kernel is told about it (XDP_UMEM_REG). One Umem can serve many queues: the
// first socket registers it, the others bind with XDP_SHARED_UMEM through any socket that is still bound,
// so the memory is pinned once. Sharers inherit the first one's mode (copy or zero-copy), see
// xp_assign_dev_shared() in net/xdp/xsk_buff_pool.c; so a Umem is never shared across modes.
// Control path, under the owner's lock or thread.
#pragma once

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "lib/base/kernel.h"
#include "lib/base/result.h"
#include "lib/base/umem_addr.h"

namespace zcnbrh {

inline constexpr uint32_t kMinChunk = 2048;  // XDP_UMEM_MIN_CHUNK_SIZE, Linux up to 7.2
inline constexpr uint32_t kMaxChunk = 4096;  // the page size; larger is EINVAL on every kernel so far

struct UmemLayout {
  uint8_t* base = nullptr;   // page aligned; as registered (a window, or memory of our own)
  uint64_t size = 0;         // bytes
  uint32_t chunk_size = 0;   // bytes, kMinChunk..kMaxChunk; a power of two unless unaligned
  uint32_t headroom = 0;     // bytes the kernel leaves free before its own 256
  bool unaligned = false;    // chunks anywhere (Linux 5.4)
  uint32_t tx_metadata = 0;  // bytes before a packet to send that tell the NIC what to do (Linux 6.8)
  bool tx_sw_csum = false;   // the kernel does the NIC's part of it, in copy mode: for tests

  AddressFormat format() const {
    return unaligned ? AddressFormat::unaligned() : AddressFormat::aligned(chunk_size);
  }
  // Longest packet the kernel puts into a chunk.
  uint32_t rx_room() const { return chunk_size - headroom - 256; }
};

// Everything XDP_UMEM_REG would refuse, with a reason it does not give.
Status check_layout(const UmemLayout& layout);

class Umem {
 public:
  explicit Umem(const UmemLayout& layout) : layout_(layout) {}

  const UmemLayout& layout() const { return layout_; }

  // Registers the memory with `fd`. Errors: ENOBUFS or ENOMEM (memory could not be pinned), EINVAL.
  Status register_on(Kernel& kernel, int fd) const;

  // A bound socket to share through, or -1.
  int sharer() const { return bound_.empty() ? -1 : bound_.front(); }
  void note_bound(int fd) { bound_.push_back(fd); }
  void note_closed(int fd) {
    std::erase(bound_, fd);
    if (bound_.empty()) segments_ = false;
  }
  // Bound with XDP_USE_SG (Linux 6.6), which sharers inherit.
  bool segments() const { return segments_; }
  void set_segments(bool on) { segments_ = on; }

 private:
  UmemLayout layout_;
  bool segments_ = false;
  std::vector<int> bound_;  // sockets, owned by their queues
};

// A bound socket's place among those its Umem can be shared through; leaves it when destroyed, so that
// nobody is sent to a socket that is closed. Move-only; the Umem outlives it.
class UmemShare {
 public:
  UmemShare() = default;
  UmemShare(Umem& umem, int fd) : umem_(&umem), fd_(fd) { umem.note_bound(fd); }
  UmemShare(UmemShare&& other) noexcept : umem_(std::exchange(other.umem_, nullptr)), fd_(other.fd_) {}
  UmemShare& operator=(UmemShare&& other) noexcept {
    if (this == &other) return *this;
    reset();
    umem_ = std::exchange(other.umem_, nullptr);
    fd_ = other.fd_;
    return *this;
  }
  UmemShare(const UmemShare&) = delete;
  UmemShare& operator=(const UmemShare&) = delete;
  ~UmemShare() { reset(); }

  void reset() {
    if (umem_ != nullptr) umem_->note_closed(fd_);
    umem_ = nullptr;
  }

 private:
  Umem* umem_ = nullptr;
  int fd_ = -1;
};

}  // namespace zcnbrh
