// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// A NIC of paper behind the ethtool seam: a table of receive filters, RSS contexts, and a switch to fail any
// command. It answers as the kernel's net/ethtool/ioctl.c and a driver with a table of its own do.
#pragma once

#include <linux/ethtool.h>

#include <cerrno>
#include <cstring>
#include <map>
#include <vector>

#include "lib/netdev/ethtool_calls.h"

namespace zcnbrh::testing {

class FakeEthtool final : public EthtoolCalls {
 public:
  struct Filter {
    ethtool_rx_flow_spec spec;
    uint32_t context;
  };

  bool has_filters = true, filters_on = true;
  bool places_filters = false;  // the driver chooses the location
  uint32_t table_size = 4;
  uint32_t rss_entries = 8;
  std::map<uint32_t, int> fails;  // command -> errno
  std::map<uint32_t, Filter> filters;
  std::map<uint32_t, std::vector<uint32_t>> contexts;

  int call(void* command) noexcept override {
    uint32_t number;
    std::memcpy(&number, command, sizeof number);
    if (const auto fail = fails.find(number); fail != fails.end()) return -fail->second;
    switch (number) {
      case ETHTOOL_GFLAGS:
        static_cast<ethtool_value*>(command)->data = filters_on ? ETH_FLAG_NTUPLE : 0;
        return 0;
      case ETHTOOL_GRXCLSRLCNT:
      case ETHTOOL_GRXCLSRLALL:
      case ETHTOOL_SRXCLSRLINS:
      case ETHTOOL_SRXCLSRLDEL:
        return has_filters ? filter_call(number, *static_cast<ethtool_rxnfc*>(command)) : -EOPNOTSUPP;
      case ETHTOOL_GRSSH:
        static_cast<ethtool_rxfh*>(command)->indir_size = rss_entries;
        return rss_entries != 0 ? 0 : -EOPNOTSUPP;
      case ETHTOOL_SRSSH:
        return context_call(*static_cast<ethtool_rxfh*>(command));
      default:
        return -EOPNOTSUPP;
    }
  }

 private:
  int filter_call(uint32_t number, ethtool_rxnfc& command) {
    if (number == ETHTOOL_GRXCLSRLCNT) {
      command.rule_cnt = static_cast<uint32_t>(filters.size());
      command.data = table_size | (places_filters ? RX_CLS_LOC_SPECIAL : 0);
      return 0;
    }
    if (number == ETHTOOL_GRXCLSRLALL) {
      if (command.rule_cnt < filters.size()) return -EMSGSIZE;
      command.data = table_size;
      command.rule_cnt = 0;
      for (const auto& [location, filter] : filters) command.rule_locs[command.rule_cnt++] = location;
      return 0;
    }
    if (number == ETHTOOL_SRXCLSRLDEL) return filters.erase(command.fs.location) != 0 ? 0 : -ENOENT;
    return insert(command);
  }

  int insert(ethtool_rxnfc& command) {
    if (filters.size() >= table_size) return -ENOSPC;
    const bool spread = (command.fs.flow_type & FLOW_RSS) != 0;
    if (spread && !contexts.contains(command.rss_context)) return -EINVAL;
    if (places_filters) {
      if (command.fs.location != RX_CLS_LOC_ANY) return -EINVAL;
      command.fs.location = table_size - 1 - static_cast<uint32_t>(filters.size());
    }
    if (command.fs.location >= table_size) return -EINVAL;
    filters[command.fs.location] = {command.fs, spread ? command.rss_context : 0};
    return 0;
  }

  int context_call(ethtool_rxfh& command) {
    if (command.rss_context == ETH_RXFH_CONTEXT_ALLOC) {
      if (command.indir_size != rss_entries) return -EINVAL;
      command.rss_context = next_context_++;
      contexts[command.rss_context].assign(command.rss_config, command.rss_config + command.indir_size);
      return 0;
    }
    if (command.indir_size != 0) return -EINVAL;
    for (const auto& [location, filter] : filters)
      if (filter.context == command.rss_context) return -EBUSY;
    return contexts.erase(command.rss_context) != 0 ? 0 : -ENOENT;
  }

  uint32_t next_context_ = 1;
};

}  // namespace zcnbrh::testing
