// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#include "lib/umem/umem.h"

#include <cerrno>

#include "lib/base/cacheline.h"
#include "lib/base/uapi_xdp.h"

namespace zcnbrh {

Status check_layout(const UmemLayout& l) {
  const char* call = "UMEM layout";
  if (l.base == nullptr || l.size == 0 || reinterpret_cast<uintptr_t>(l.base) % kPageSize != 0)
    return Error{EINVAL, call, "memory must start on a page and not be empty"};
  if (l.chunk_size < kMinChunk || l.chunk_size > kMaxChunk)
    return Error{EINVAL, call,
                 "chunk of " + std::to_string(l.chunk_size) +
                     " bytes; kernels take 2048 to 4096, so use buffers of that size"};
  if (!l.unaligned && (!is_power_of_two(l.chunk_size) || l.size % l.chunk_size != 0))
    return Error{EINVAL, call, "aligned chunks must be 2048 or 4096 bytes and fill the memory exactly"};
  if (uint64_t{l.headroom} + 256 >= l.chunk_size)
    return Error{EINVAL, call,
                 "headroom of " + std::to_string(l.headroom) + " bytes leaves no room in a chunk"};
  return {};
}

Status Umem::register_on(Kernel& kernel, int fd) const {
  if (Status s = check_layout(layout_); !s) return s;
  uapi::XdpUmemReg reg{};
  reg.addr = reinterpret_cast<uint64_t>(layout_.base);
  reg.len = layout_.size;
  reg.chunk_size = layout_.chunk_size;
  reg.headroom = layout_.headroom;
  reg.flags = layout_.unaligned ? XDP_UMEM_UNALIGNED_CHUNK_FLAG : 0;
  reg.tx_metadata_len = layout_.tx_metadata;
  if (layout_.tx_metadata != 0) reg.flags |= uapi::kXdpUmemTxMetadataLen;
  if (layout_.tx_sw_csum) reg.flags |= uapi::kXdpUmemTxSwCsum;
  int result = kernel.setsockopt(fd, SOL_XDP, XDP_UMEM_REG, &reg, sizeof reg);
  if (result == -EINVAL && layout_.tx_metadata != 0) {  // 6.8 to 6.10: without the flag
    reg.flags &= ~uapi::kXdpUmemTxMetadataLen;
    result = kernel.setsockopt(fd, SOL_XDP, XDP_UMEM_REG, &reg, sizeof reg);
  }
  if (result == 0) return {};
  const char* why = "";
  if (result == -ENOBUFS)
    why = "the memory is over the locked-memory limit; raise `ulimit -l` or grant CAP_IPC_LOCK";
  if (result == -ENOMEM) why = "the memory could not be pinned; is a page of it unmapped?";
  if (result == -EINVAL && layout_.unaligned) why = "unaligned chunks need Linux 5.4";
  return Error{-result, "setsockopt(XDP_UMEM_REG)", why};
}

}  // namespace zcnbrh
