// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// A NIC's own counters (`ethtool -S`), those whose names tell of losses or of XDP.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace zcnbrh {

struct NicCount {
  std::string name;  // the driver's, with '_' for what is neither letter, digit, dot nor '-'
  uint64_t value = 0;
};

// A fixed list of names, made once; control path, one thread at a time.
class NicStats {
 public:
  NicStats() = default;  // of nothing
  // Those that the driver of `ifname` has now. None is no error: many drivers have none.
  static NicStats of(const std::string& ifname);

  // Always the same names in the same order; 0 for those the driver no longer has, or if the netdev is gone.
  const std::vector<NicCount>& read(const std::string& ifname);
  const std::vector<NicCount>& names() const { return counts_; }

 private:
  std::vector<NicCount> counts_;
};

// Does a counter of this name belong on the list? For the test.
bool nic_count_tells_of_loss(const std::string& name);

}  // namespace zcnbrh
