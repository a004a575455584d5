// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// Times in nanoseconds, in buckets that are at most 3 % wide.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>

namespace zcnbrh::bench {

class Histogram {
 public:
  void add(uint64_t ns) {
    ++counts_[bucket(ns)];
    ++count_;
    sum_ += ns;
    max_ = std::max(max_, ns);
  }
  uint64_t count() const { return count_; }
  uint64_t max() const { return max_; }
  double mean() const { return count_ == 0 ? 0 : static_cast<double>(sum_) / static_cast<double>(count_); }
  // The value that `part` of all do not exceed, to a bucket's width.
  uint64_t quantile(double part) const {
    const auto wanted = static_cast<uint64_t>(part * static_cast<double>(count_));
    uint64_t seen = 0;
    for (uint32_t i = 0; i < counts_.size(); ++i)
      if ((seen += counts_[i]) > wanted) return std::min(max_, upper(i));
    return max_;
  }

 private:
  static constexpr uint32_t kFine = 32;  // buckets a power of two

  static uint32_t bucket(uint64_t ns) {
    if (ns < kFine) return static_cast<uint32_t>(ns);
    const auto power = static_cast<uint32_t>(std::bit_width(ns)) - 6;  // ns >> power is 32..63
    return power * kFine + static_cast<uint32_t>(ns >> power);
  }
  static uint64_t upper(uint32_t bucket) {
    if (bucket < 2 * kFine) return bucket;
    const uint32_t power = bucket / kFine - 1;
    return ((uint64_t{bucket} - power * kFine + 1) << power) - 1;
  }

  std::array<uint64_t, 60 * kFine> counts_{};
  uint64_t count_ = 0;
  uint64_t sum_ = 0;
  uint64_t max_ = 0;
};

}  // namespace zcnbrh::bench
