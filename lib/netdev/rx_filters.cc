// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#include "lib/netdev/rx_filters.h"

#include <linux/ethtool.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <vector>

namespace zcnbrh {
namespace {

constexpr const char* kFilter = "receive filter of the NIC";
constexpr const char* kContext = "RSS context of the NIC";
constexpr uint32_t kMostWords = 1 << 16;  // bound of what a driver claims about its tables

// A command with a table of 32-bit words behind it: not behind its end, which may be padding.
template <typename Command, size_t kWordsAt>
class WithWords {
 public:
  explicit WithWords(uint32_t words) : bytes_(sizeof(Command) + words * sizeof(uint32_t)) {}
  Command& command() { return *reinterpret_cast<Command*>(bytes_.data()); }
  uint32_t* words() { return reinterpret_cast<uint32_t*>(bytes_.data() + kWordsAt); }

 private:
  std::vector<uint8_t> bytes_;
};
using WithLocations = WithWords<ethtool_rxnfc, offsetof(ethtool_rxnfc, rule_locs)>;
using WithTable = WithWords<ethtool_rxfh, offsetof(ethtool_rxfh, rss_config)>;

Error refused(const char* call, int result, const char* why) { return Error{-result, call, why}; }

const char* filter_hint(int code) {
  switch (code) {
    case ENOSPC:
      return "its table is full";
    case EPERM:
      return "needs CAP_NET_ADMIN";
    case EINVAL:
    case EOPNOTSUPP:
      return "it cannot match these fields, or not with these masks";
    default:
      return "";
  }
}

}  // namespace

std::string RxFilters::why_none() const {
  ethtool_rxnfc count{};
  count.cmd = ETHTOOL_GRXCLSRLCNT;
  if (netdev_->call(&count) != 0) return "the NIC's driver has no receive filters";
  ethtool_value flags{};
  flags.cmd = ETHTOOL_GFLAGS;
  if (netdev_->call(&flags) == 0 && (flags.data & ETH_FLAG_NTUPLE) == 0)
    return "the NIC's receive filters are off; `ethtool -K DEV ntuple on`";
  return {};
}

Result<RxFilters::Places> RxFilters::places() const {
  ethtool_rxnfc count{};
  count.cmd = ETHTOOL_GRXCLSRLCNT;
  if (int result = netdev_->call(&count); result != 0) return refused(kFilter, result, "");
  if (count.rule_cnt > kMostWords) return Error{ERANGE, kFilter, "the driver claims too many"};
  WithLocations all(count.rule_cnt);
  all.command().cmd = ETHTOOL_GRXCLSRLALL;
  all.command().rule_cnt = count.rule_cnt;
  if (int result = netdev_->call(&all.command()); result != 0) return refused(kFilter, result, "");
  Places out;
  out.taken.assign(all.words(), all.words() + std::min(all.command().rule_cnt, count.rule_cnt));
  std::ranges::sort(out.taken);
  out.size = static_cast<uint32_t>(all.command().data);
  out.nic_chooses = (count.data & RX_CLS_LOC_SPECIAL) != 0;
  return out;
}

// Drivers that choose a place themselves say so; for others the lowest free one, which they ask first.
Result<uint32_t> RxFilters::free_location() const {
  const auto table = places();
  if (!table) return table.error();
  if (table->nic_chooses) return static_cast<uint32_t>(RX_CLS_LOC_ANY);
  uint32_t location = 0;
  for (const uint32_t used : table->taken) location += used == location;
  if (table->size != 0 && location >= table->size) return refused(kFilter, -ENOSPC, filter_hint(ENOSPC));
  return location;
}

Result<uint32_t> RxFilters::insert(const ethtool_rx_flow_spec& spec, uint64_t cookie, uint32_t extra_type,
                                   uint32_t context) const {
  auto location = free_location();
  if (!location) return location;
  ethtool_rxnfc command{};
  command.cmd = ETHTOOL_SRXCLSRLINS;
  command.fs = spec;
  command.fs.flow_type |= extra_type;
  command.fs.ring_cookie = cookie;
  command.fs.location = *location;
  if (extra_type != 0) command.rss_context = context;
  if (int result = netdev_->call(&command); result != 0) return refused(kFilter, result, filter_hint(-result));
  return command.fs.location;  // the driver's own choice comes back
}

Result<uint32_t> RxFilters::add(const ethtool_rx_flow_spec& spec, uint32_t queue) const {
  return insert(spec, queue, 0, 0);
}

Result<uint32_t> RxFilters::add_spread(const ethtool_rx_flow_spec& spec, uint32_t context) const {
  return insert(spec, 0, FLOW_RSS, context);
}

Status RxFilters::remove(uint32_t location) const {
  ethtool_rxnfc command{};
  command.cmd = ETHTOOL_SRXCLSRLDEL;
  command.fs.location = location;
  if (int result = netdev_->call(&command); result != 0) return refused(kFilter, result, filter_hint(-result));
  return {};
}

Result<uint32_t> RxFilters::add_context(std::span<const uint32_t> queues) const {
  ethtool_rxfh sizes{};
  sizes.cmd = ETHTOOL_GRSSH;
  if (int result = netdev_->call(&sizes); result != 0)
    return refused(kContext, result, "the driver has no RSS table");
  if (sizes.indir_size == 0 || sizes.indir_size > kMostWords || queues.size() > sizes.indir_size)
    return Error{ERANGE, kContext, "its RSS table does not take that many queues"};
  WithTable wanted(sizes.indir_size);
  wanted.command().cmd = ETHTOOL_SRSSH;
  wanted.command().rss_context = ETH_RXFH_CONTEXT_ALLOC;
  wanted.command().indir_size = sizes.indir_size;
  for (uint32_t i = 0; i < sizes.indir_size; ++i) wanted.words()[i] = queues[i % queues.size()];
  if (int result = netdev_->call(&wanted.command()); result != 0)
    return refused(kContext, result, "the driver makes none");
  return wanted.command().rss_context;
}

// A context that is given a table of no entries is taken away (Linux 4.17).
Status RxFilters::remove_context(uint32_t context) const {
  ethtool_rxfh command{};
  command.cmd = ETHTOOL_SRSSH;
  command.rss_context = context;
  if (int result = netdev_->call(&command); result != 0) return refused(kContext, result, "");
  return {};
}

}  // namespace zcnbrh
