// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// UMEM addresses, the only place that shifts and masks them. A descriptor's 64-bit address names a byte of
// the UMEM in one of two ways (Documentation/networking/af_xdp.rst):
//   aligned chunks    chunk + offset, chunks at multiples of their power-of-two size;
//   unaligned chunks  chunk in the low 48 bits, offset in the high 16 (Linux 5.4).
// AddressFormat makes both the same arithmetic, without a branch per packet.
#pragma once

#include <cstdint>

namespace zcnbrh {

// Byte offset of a chunk's first byte from the UMEM's first byte.
enum class ChunkOffset : uint64_t {};
constexpr uint64_t raw(ChunkOffset chunk) { return static_cast<uint64_t>(chunk); }

class AddressFormat {
 public:
  AddressFormat() = default;
  static constexpr AddressFormat aligned(uint32_t chunk_size) {
    return AddressFormat(~(uint64_t{chunk_size} - 1) & kBaseMask, 0);
  }
  static constexpr AddressFormat unaligned() { return AddressFormat(kBaseMask, kOffsetShift); }

  constexpr ChunkOffset chunk(uint64_t address) const { return ChunkOffset{address & chunk_mask_}; }
  // Byte offset of the data from the UMEM's first byte.
  static constexpr uint64_t data(uint64_t address) { return (address & kBaseMask) + (address >> kOffsetShift); }
  // `offset`: of the data from the chunk's first byte.
  constexpr uint64_t encode(ChunkOffset chunk, uint32_t offset) const {
    return raw(chunk) + (uint64_t{offset} << shift_);
  }
  constexpr bool is_unaligned() const { return shift_ != 0; }

  // For those who do the same for several addresses at once: chunk() is an and with the mask, encode() a shift
  // and an addition, data() what it says with these two numbers.
  constexpr uint64_t chunk_mask() const { return chunk_mask_; }
  constexpr unsigned offset_shift() const { return shift_; }
  static constexpr unsigned kOffsetShift = 48;
  static constexpr uint64_t kBaseMask = (uint64_t{1} << kOffsetShift) - 1;

 private:
  constexpr AddressFormat(uint64_t mask, unsigned shift) : chunk_mask_(mask), shift_(shift) {}

  uint64_t chunk_mask_ = 0;
  unsigned shift_ = 0;
};

}  // namespace zcnbrh
