// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#pragma once

#include <linux/if_xdp.h>

#include <array>
#include <cstdint>
#include <optional>
#include <utility>

#include "lib/base/kernel.h"
#include "lib/base/result.h"
#include "lib/ring/kernel_ring.h"

namespace zcnbrh {

// Slots of each ring: powers of two, 64..65536. rx and tx may be 0 (no such ring); fill and completion may
// only be 0 for a socket that shares both UMEM and queue, which we never make.
struct RingSizes {
  uint32_t fill = 0;
  uint32_t completion = 0;
  uint32_t rx = 0;
  uint32_t tx = 0;
};

// The six fields of XDP_STATISTICS. `known`: how many the kernel has (3 before Linux 5.9).
struct XskStatistics {
  uint64_t rx_dropped = 0;                // no buffer, or did not fit (copy mode); other reasons
  uint64_t rx_invalid_descs = 0;          // bad addresses in the fill ring
  uint64_t tx_invalid_descs = 0;          // bad descriptors in the TX ring, swallowed by the kernel
  uint64_t rx_ring_full = 0;              // packets lost because the RX ring was full
  uint64_t rx_fill_ring_empty_descs = 0;  // the kernel looked for a buffer and found none
  uint64_t tx_ring_empty_descs = 0;       // the kernel looked for a packet to send and found none
  uint32_t known = 0;
};

// One AF_XDP socket with its rings mapped. Move-only; closing it unmaps and closes in the order the kernel
// wants. Control path. Privilege: CAP_NET_RAW for create().
class XskSocket {
 public:
  XskSocket() = default;
  XskSocket(XskSocket&& other) noexcept { *this = std::move(other); }
  XskSocket& operator=(XskSocket&& other) noexcept;
  XskSocket(const XskSocket&) = delete;
  XskSocket& operator=(const XskSocket&) = delete;
  ~XskSocket() { close(); }

  // Errors: EAFNOSUPPORT (kernel without AF_XDP), EPERM (no CAP_NET_RAW), EMFILE, ...
  static Result<XskSocket> create(Kernel& kernel);

  // A socket that another process made and bound, by a descriptor of it, with its rings mapped here, too.
  // `sizes`: what it was made with. ENOTSUP: the kernel maps no rings of a bound socket (before Linux 6.4).
  static Result<XskSocket> adopt(Kernel& kernel, UniqueFd fd, const RingSizes& sizes);

  // Makes and maps the rings. Once, before bind().
  Status make_rings(const RingSizes& sizes);

  // `flags`: XDP_COPY, XDP_ZEROCOPY, XDP_USE_NEED_WAKEUP, or XDP_SHARED_UMEM alone with `shared_fd`.
  // Returns 0 or -errno: a refusal is an answer here, the ladder decides what it means.
  int bind(int ifindex, uint32_t queue, uint16_t flags, int shared_fd = -1);

  // XDP_OPTIONS read back: is this socket really in zero-copy mode? Linux 5.3; nothing on older ones.
  std::optional<bool> zero_copy() const;
  Result<XskStatistics> statistics() const;

  void close();
  int fd() const { return fd_.get(); }
  bool bound() const { return bound_; }  // the kernel took a bind(), so it may have taken frames
  explicit operator bool() const { return static_cast<bool>(fd_); }
  Kernel& kernel() const { return *kernel_; }

  const RingMap<uint64_t>& fill() const { return fill_; }
  const RingMap<uint64_t>& completion() const { return completion_; }
  const RingMap<struct xdp_desc>& rx() const { return rx_; }
  const RingMap<struct xdp_desc>& tx() const { return tx_; }

 private:
  Status map_rings(const RingSizes& sizes);
  template <typename Desc>
  Status make_ring(uint32_t entries, uint64_t page_offset, const struct xdp_ring_offset& offset,
                   Mapping& mapping, RingMap<Desc>& map);

  Kernel* kernel_ = nullptr;
  UniqueFd fd_;
  bool bound_ = false;
  std::array<Mapping, 4> mappings_;  // after fd_: unmapped first
  RingMap<uint64_t> fill_;
  RingMap<uint64_t> completion_;
  RingMap<struct xdp_desc> rx_;
  RingMap<struct xdp_desc> tx_;
};

}  // namespace zcnbrh
