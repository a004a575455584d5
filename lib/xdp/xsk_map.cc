// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#include "lib/xdp/xsk_map.h"

#include <cerrno>
#include <string>

namespace zcnbrh {
namespace {

constexpr const char* kSetCall = "update of xsks_map";
constexpr const char* kClearCall = "delete from xsks_map";

}  // namespace

Status XskMap::check(uint32_t queue, const char* call) const {
  if (map_fd_ < 0) return Error{EBADF, call, "there is no XDP program with an xsks_map"};
  if (queue < capacity_) return {};
  return Error{EINVAL, call,
               "queue " + std::to_string(queue) + " is beyond the map's " + std::to_string(capacity_) +
                   " entries; enlarge xsks_map in the XDP program"};
}

Status XskMap::set(Kernel& kernel, uint32_t queue, int xsk_fd) const {
  if (Status status = check(queue, kSetCall); !status) return status;
  int error = -kernel.map_update(map_fd_, &queue, &xsk_fd);
  if (error == 0) return {};
  std::string why = "queue " + std::to_string(queue);
  if (error == EOPNOTSUPP) why += ": not an AF_XDP socket with an RX ring and a fill ring";
  if (error == EPERM) why += ": needs CAP_BPF (Linux 5.8 to 5.18), or CAP_SYS_ADMIN before; none since 5.19";
  return Error{error, kSetCall, why};
}

Status XskMap::clear(Kernel& kernel, uint32_t queue) const {
  if (Status status = check(queue, kClearCall); !status) return status;
  int error = -kernel.map_delete(map_fd_, &queue);
  if (error == 0 || error == ENOENT) return {};
  return Error{error, kClearCall, "queue " + std::to_string(queue)};
}

}  // namespace zcnbrh
