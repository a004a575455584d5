// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// The packet that is sent, and what an echo does to one.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

namespace zcnbrh::bench {

using Mac = std::array<unsigned char, 6>;
constexpr Mac kOwnMac = {0x02, 0x00, 0x5a, 0x43, 0x00, 0x01};  // the end under test
constexpr Mac kPeerMac = {0x02, 0x00, 0x5a, 0x43, 0x00, 0x02};

// A UDP packet of `size` bytes in all, without FCS, between the two ends; header checksum right, UDP checksum
// none.
std::vector<std::byte> udp_frame(uint32_t size, bool to_own_end);

inline void swap_macs(std::span<std::byte> frame) {
  std::array<std::byte, 12> old{};
  if (frame.size() < old.size()) return;
  std::memcpy(old.data(), frame.data(), old.size());
  std::memcpy(frame.data(), old.data() + 6, 6);
  std::memcpy(frame.data() + 6, old.data(), 6);
}

}  // namespace zcnbrh::bench
