// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#include "lib/umem/frame_pool.h"

#include <cerrno>
#include <string>

#include "lib/base/cacheline.h"
#include "lib/umem/umem.h"

namespace zcnbrh {

Result<FrameGrid> FrameGrid::lay_out(uint32_t frame_size, uint32_t frames, bool unaligned, bool page_bound) {
  const std::string given = "frames of " + std::to_string(frame_size) + " bytes: ";
  if (frame_size < kMinChunk || frame_size > kMaxChunk)
    return Error{EINVAL, "frame layout", given + "kernels take 2048 to 4096"};
  if (!unaligned && !is_power_of_two(frame_size))
    return Error{EINVAL, "frame layout", given + "aligned chunks are 2048 or 4096 bytes; use unaligned ones"};
  if (frame_size % kCacheLine != 0)
    return Error{EINVAL, "frame layout", given + "give a multiple of " + std::to_string(kCacheLine)};
  FrameGrid out;
  out.frame_size = frame_size;
  out.frames = frames;
  out.stride = frame_size;
  // A size between the two that fits a page once leaves the rest of the page unused.
  if (page_bound && !is_power_of_two(frame_size)) out.stride = static_cast<uint32_t>(kPageSize);
  return out;
}

}  // namespace zcnbrh
