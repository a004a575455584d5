// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#pragma once

#include <algorithm>
#include <cstdint>

#include "lib/xsk/bind_ladder.h"

namespace zcnbrh {

inline constexpr uint32_t kUsualNicRing = 512;  // where the driver does not tell its own

// The widest delivery window for a queue of `nb_rx` frames, in packets of at most `frames_each` frames. In
// zero-copy mode the NIC's own ring must stay filled for the host's traffic, so the window keeps that far below
// the frames posted. `nic_ring`: netdev_rx_ring(), or 0.
inline uint32_t widest_window(XskMode mode, uint32_t nb_rx, uint32_t nic_ring, uint32_t frames_each = 1) {
  if (mode != XskMode::kZeroCopy) return std::max(1U, nb_rx / frames_each);
  const uint32_t ring = nic_ring != 0 ? nic_ring : kUsualNicRing;
  return std::max(1U, (nb_rx > ring ? nb_rx - ring : nb_rx / 4) / frames_each);
}

}  // namespace zcnbrh
