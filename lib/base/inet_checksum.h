// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// The Internet checksum (RFC 1071) over bytes that come in pieces of any length and alignment. Sums are kept
// in memory order, so that a result is stored as it is, on any byte order.
//
// Words of eight bytes are added with the carry fed back in: 2^16 - 1 divides 2^64 - 1, so the one's
// complement sum of 64-bit words folds to that of 16-bit words. Four sums side by side, since each add waits
// for the carry of the one before. Data path; pure functions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace zcnbrh {

inline uint64_t add_with_carry(uint64_t a, uint64_t b) {
  uint64_t sum;
  const bool carry = __builtin_add_overflow(a, b, &sum);
  return sum + carry;
}

template <typename Word>
uint64_t load_word(const uint8_t* from) {
  Word word;
  std::memcpy(&word, from, sizeof word);
  return word;
}

// One's complement sum of `length` bytes; an odd last byte counts as if a zero followed.
inline uint64_t inet_sum(const uint8_t* data, size_t length) {
  uint64_t sums[4] = {};
  for (; length >= 32; data += 32, length -= 32)
    for (size_t i = 0; i < 4; ++i) sums[i] = add_with_carry(sums[i], load_word<uint64_t>(data + 8 * i));
  uint64_t sum = add_with_carry(add_with_carry(sums[0], sums[1]), add_with_carry(sums[2], sums[3]));
  for (; length >= 8; data += 8, length -= 8) sum = add_with_carry(sum, load_word<uint64_t>(data));
  if (length == 0) return sum;
  uint64_t rest = 0;
  std::memcpy(&rest, data, length);
  return add_with_carry(sum, rest);
}

inline uint16_t inet_fold(uint64_t sum) {
  sum = (sum & 0xffffffff) + (sum >> 32);
  sum = (sum & 0xffffffff) + (sum >> 32);
  sum = (sum & 0xffff) + (sum >> 16);
  sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<uint16_t>((sum & 0xffff) + (sum >> 16));
}

// Sums pieces that follow one another. A piece that starts at an odd offset contributes its sum with the
// bytes swapped.
class InetSum {
 public:
  void add(const uint8_t* data, size_t length) {
    uint64_t sum = inet_sum(data, length);
    if (odd_) sum = __builtin_bswap16(inet_fold(sum));
    sum_ = add_with_carry(sum_, sum);
    odd_ ^= (length & 1) != 0;
  }
  // A 16-bit field in memory order, at an even offset.
  void add_field(uint16_t in_memory_order) { sum_ = add_with_carry(sum_, in_memory_order); }

  uint16_t sum() const { return inet_fold(sum_); }
  // What goes into the header, in memory order.
  uint16_t checksum() const { return static_cast<uint16_t>(~sum()); }
  // For UDP, where 0 means "none" (RFC 768); 0xffff is the same number.
  uint16_t nonzero_checksum() const { return checksum() == 0 ? 0xffff : checksum(); }

 private:
  uint64_t sum_ = 0;
  bool odd_ = false;
};

}  // namespace zcnbrh
