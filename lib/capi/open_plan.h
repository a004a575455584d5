// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "include/zcnbrh/zcnbrh.h"
#include "lib/base/result.h"
#include "lib/capi/frame_memory.h"
#include "lib/config/port_config.h"
#include "lib/config/queue_sizes.h"

namespace zcnbrh::capi {

inline constexpr uint32_t kDefaultDesc = 2048;
inline constexpr uint32_t kSpareFrames = 1024;  // for the application, beside what the rings take
inline constexpr uint32_t kLeastFrames = 64;
inline constexpr uint32_t kMostFrames = 1U << 20;

// What zcnbrh_open() was asked for, read and checked as far as that goes without looking at the machine.
struct OpenPlan {
  PortConfig config;
  std::string loop_name;
  uint32_t frames = 0;
  uint32_t frame_size = 0;  // bytes; 0: by the interface's MTU
  uint32_t rx_desc = 0;
  uint32_t tx_desc = 0;
  QueueSizes rings;
  std::optional<int> numa_node;  // nothing: the interface's
  bool timestamps = false;
  std::shared_ptr<FrameMemory> memory;  // none: one of its own

  bool unaligned(uint32_t size) const {
    if (config.chunks != Chunks::kAuto) return config.chunks == Chunks::kUnaligned;
    return size != 2048 && size != 4096;
  }
};

// What is behind a struct zcnbrh_memory.
struct MemoryHandle {
  std::shared_ptr<FrameMemory> memory;
};

// Errors: EINVAL, E2BIG (fields of a later version are set), ENOTSUP.
Result<OpenPlan> read_options(const struct zcnbrh_options& options);

}  // namespace zcnbrh::capi
