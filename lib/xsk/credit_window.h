// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#pragma once

#include <algorithm>
#include <cstdint>

#include "lib/xsk/bind_ladder.h"

namespace zcnbrh {

inline constexpr uint32_t kUsualNicRing = 512;  // where the driver does not tell its own

// The widest delivery window for a queue of `nb_rx` frames, in packets. In zero-copy mode the NIC's own ring
// must stay filled for the host's traffic, so the window keeps that far below the frames posted.
// `nic_ring`: netdev_rx_ring(), or 0.
inline uint32_t widest_window(XskMode mode, uint32_t nb_rx, uint32_t nic_ring) {
  if (mode != XskMode::kZeroCopy) return nb_rx;
  const uint32_t ring = nic_ring != 0 ? nic_ring : kUsualNicRing;
  return nb_rx > ring ? nb_rx - ring : std::max(1U, nb_rx / 4);
}

}  // namespace zcnbrh
