// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>

namespace zcnbrh::bench {

// Counts of cycles in bins no wider than a 64th of their value. Adding is a few instructions.
class LatencyHistogram {
 public:
  void add(uint64_t cycles) {
    ++(*bins_)[bin(cycles)];
    ++count_;
  }
  uint64_t count() const { return count_; }
  // The cycles that `part` (0..1) of all do not exceed.
  uint64_t percentile(double part) const {
    const auto wanted = static_cast<uint64_t>(static_cast<double>(count_) * part);
    uint64_t seen = 0;
    for (size_t i = 0; i < bins_->size(); ++i) {
      seen += (*bins_)[i];
      if (seen > wanted || seen == count_) return upper(i);
    }
    return 0;
  }

 private:
  static constexpr unsigned kBits = 6;
  static constexpr uint64_t kLinear = 1U << (kBits + 1);  // below: a bin a cycle
  static constexpr size_t kBins = kLinear + (64 - kBits - 1) * (kLinear / 2);

  static size_t bin(uint64_t cycles) {
    if (cycles < kLinear) return static_cast<size_t>(cycles);
    const unsigned shift = static_cast<unsigned>(std::bit_width(cycles)) - kBits - 1;
    return static_cast<size_t>(shift * (kLinear / 2) + (cycles >> shift));
  }
  static uint64_t upper(size_t i) {
    if (i < kLinear) return i;
    const size_t shift = i / (kLinear / 2) - 1;
    return ((i - shift * (kLinear / 2) + 1) << shift) - 1;
  }

  std::unique_ptr<std::array<uint64_t, kBins>> bins_ = std::make_unique<std::array<uint64_t, kBins>>();
  uint64_t count_ = 0;
};

}  // namespace zcnbrh::bench
