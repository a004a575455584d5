// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#include "lib/xsk/socket.h"

#include <cerrno>
#include <utility>

#include "lib/base/cacheline.h"
#include "lib/base/uapi_xdp.h"

namespace zcnbrh {
namespace {

constexpr uint32_t kMaxRing = 65536;

const char* cause_of_socket_error(int code) {
  switch (code) {
    case EAFNOSUPPORT:
      return "this kernel has no AF_XDP sockets; it needs Linux 4.18 with CONFIG_XDP_SOCKETS";
    case EPERM:
      return "AF_XDP needs CAP_NET_RAW; run as root or grant it";
    default:
      return "";
  }
}

}  // namespace

XskSocket& XskSocket::operator=(XskSocket&& other) noexcept {
  if (this == &other) return *this;
  close();
  kernel_ = other.kernel_;
  fd_ = std::move(other.fd_);
  bound_ = std::exchange(other.bound_, false);
  mappings_ = std::move(other.mappings_);
  fill_ = std::exchange(other.fill_, {});
  completion_ = std::exchange(other.completion_, {});
  rx_ = std::exchange(other.rx_, {});
  tx_ = std::exchange(other.tx_, {});
  return *this;
}

Result<XskSocket> XskSocket::create(Kernel& kernel) {
  auto fd = kernel.socket(AF_XDP, SOCK_RAW, 0);
  if (!fd) return Error{fd.error().code, fd.error().call, cause_of_socket_error(fd.error().code)};
  XskSocket out;
  out.kernel_ = &kernel;
  out.fd_ = std::move(*fd);
  return out;
}

template <typename Desc>
Status XskSocket::make_ring(uint32_t entries, uint64_t page_offset, const struct xdp_ring_offset& offset,
                            Mapping& mapping, RingMap<Desc>& map) {
  auto made = kernel_->map_ring(fd_.get(), offset.desc + uint64_t{entries} * sizeof(Desc), page_offset);
  if (!made) return made.error();
  mapping = std::move(*made);
  uint8_t* base = mapping.data();
  map.producer = reinterpret_cast<uint32_t*>(base + offset.producer);
  map.consumer = reinterpret_cast<uint32_t*>(base + offset.consumer);
  map.flags = reinterpret_cast<uint32_t*>(base + offset.flags);
  map.descs = reinterpret_cast<Desc*>(base + offset.desc);
  map.mask = entries - 1;
  return {};
}

Status XskSocket::make_rings(const RingSizes& sizes) {
  const struct {
    int option;
    const char* call;
    uint32_t entries;
  } rings[] = {{XDP_UMEM_FILL_RING, "setsockopt(XDP_UMEM_FILL_RING)", sizes.fill},
               {XDP_UMEM_COMPLETION_RING, "setsockopt(XDP_UMEM_COMPLETION_RING)", sizes.completion},
               {XDP_RX_RING, "setsockopt(XDP_RX_RING)", sizes.rx},
               {XDP_TX_RING, "setsockopt(XDP_TX_RING)", sizes.tx}};
  for (const auto& ring : rings) {
    if (ring.entries == 0) continue;
    if (!is_power_of_two(ring.entries) || ring.entries > kMaxRing)
      return Error{EINVAL, ring.call, "a ring has a power of two of slots, up to 65536"};
    const int result = kernel_->setsockopt(fd_.get(), SOL_XDP, ring.option, &ring.entries, sizeof ring.entries);
    if (result < 0) return Error{-result, ring.call, {}};
  }
  return map_rings(sizes);
}

// Linux 6.4 allowed it, xsk_mmap() in net/xdp/xsk.c; EBUSY before.
Result<XskSocket> XskSocket::adopt(Kernel& kernel, UniqueFd fd, const RingSizes& sizes) {
  XskSocket out;
  out.kernel_ = &kernel;
  out.fd_ = std::move(fd);
  Status s = out.map_rings(sizes);
  if (s) return out;
  if (s.error().code != EBUSY) return s.error();
  return Error{ENOTSUP, s.error().call, "the rings of a bound socket can be mapped once more since Linux 6.4"};
}

Status XskSocket::map_rings(const RingSizes& sizes) {
  struct xdp_mmap_offsets offsets {};
  socklen_t length = sizeof offsets;
  const int result = kernel_->getsockopt(fd_.get(), SOL_XDP, XDP_MMAP_OFFSETS, &offsets, &length);
  if (result < 0) return Error{-result, "getsockopt(XDP_MMAP_OFFSETS)", {}};
  if (length != sizeof offsets)
    return Error{ENOTSUP, "getsockopt(XDP_MMAP_OFFSETS)", "rings without flags; this needs Linux 5.4 or newer"};
  Status s;
  if (sizes.fill != 0 && s.ok())
    s = make_ring(sizes.fill, XDP_UMEM_PGOFF_FILL_RING, offsets.fr, mappings_[0], fill_);
  if (sizes.completion != 0 && s.ok())
    s = make_ring(sizes.completion, XDP_UMEM_PGOFF_COMPLETION_RING, offsets.cr, mappings_[1], completion_);
  if (sizes.rx != 0 && s.ok()) s = make_ring(sizes.rx, XDP_PGOFF_RX_RING, offsets.rx, mappings_[2], rx_);
  if (sizes.tx != 0 && s.ok()) s = make_ring(sizes.tx, XDP_PGOFF_TX_RING, offsets.tx, mappings_[3], tx_);
  return s;
}

int XskSocket::bind(int ifindex, uint32_t queue, uint16_t flags, int shared_fd) {
  struct sockaddr_xdp address {};
  address.sxdp_family = AF_XDP;
  address.sxdp_ifindex = static_cast<uint32_t>(ifindex);
  address.sxdp_queue_id = queue;
  address.sxdp_flags = flags;
  if ((flags & XDP_SHARED_UMEM) != 0) address.sxdp_shared_umem_fd = static_cast<uint32_t>(shared_fd);
  const int result =
      kernel_->bind(fd_.get(), reinterpret_cast<const struct sockaddr*>(&address), sizeof address);
  if (result == 0) bound_ = true;
  return result;
}

std::optional<bool> XskSocket::zero_copy() const {
  struct xdp_options options {};
  socklen_t length = sizeof options;
  if (kernel_->getsockopt(fd_.get(), SOL_XDP, XDP_OPTIONS, &options, &length) < 0) return std::nullopt;
  return (options.flags & XDP_OPTIONS_ZEROCOPY) != 0;
}

Result<XskStatistics> XskSocket::statistics() const {
  struct xdp_statistics raw {};
  socklen_t length = sizeof raw;
  const int result = kernel_->getsockopt(fd_.get(), SOL_XDP, XDP_STATISTICS, &raw, &length);
  if (result < 0) return Error{-result, "getsockopt(XDP_STATISTICS)", {}};
  return XskStatistics{raw.rx_dropped,
                       raw.rx_invalid_descs,
                       raw.tx_invalid_descs,
                       raw.rx_ring_full,
                       raw.rx_fill_ring_empty_descs,
                       raw.tx_ring_empty_descs,
                       static_cast<uint32_t>(length / sizeof(uint64_t))};
}

void XskSocket::close() {
  if (!fd_) return;
  kernel_->before_close(fd_.get());
  for (Mapping& mapping : mappings_) mapping.reset();
  fill_ = completion_ = {};
  rx_ = tx_ = {};
  bound_ = false;
  fd_.reset();
}

}  // namespace zcnbrh
