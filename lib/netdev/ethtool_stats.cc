// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#include "lib/netdev/ethtool_stats.h"

#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cctype>
#include <cstddef>
#include <cstring>

#include "lib/base/unique_fd.h"

namespace zcnbrh {
namespace {

constexpr size_t kMostNames = 256;  // of the list; a driver with a hundred queues has thousands
constexpr uint32_t kMostCounters = 1 << 16;
// The kernel copies as many values as the driver has by then, whatever we ask for; a queue more may have come.
constexpr uint32_t kSlack = 4096;

bool ask(int fd, const std::string& ifname, void* command) {
  ifreq request{};
  if (ifname.empty() || ifname.size() >= sizeof request.ifr_name) return false;
  std::memcpy(request.ifr_name, ifname.c_str(), ifname.size() + 1);
  request.ifr_data = static_cast<char*>(command);
  return ::ioctl(fd, SIOCETHTOOL, &request) == 0;
}

uint32_t count_counters(int fd, const std::string& ifname) {
  alignas(ethtool_sset_info) char bytes[sizeof(ethtool_sset_info) + sizeof(uint32_t)]{};
  auto& info = *reinterpret_cast<ethtool_sset_info*>(bytes);
  info.cmd = ETHTOOL_GSSET_INFO;
  info.sset_mask = uint64_t{1} << ETH_SS_STATS;
  if (!ask(fd, ifname, bytes) || info.sset_mask == 0) return 0;
  return std::min(info.data[0], kMostCounters);
}

std::string tidy(const char* text) {
  std::string out(text, strnlen(text, ETH_GSTRING_LEN));
  for (char& c : out)
    if (std::isalnum(static_cast<unsigned char>(c)) == 0 && c != '.' && c != '-') c = '_';
  return out;
}

std::vector<std::string> read_names(int fd, const std::string& ifname, uint32_t count) {
  std::vector<uint64_t> memory(
      (sizeof(ethtool_gstrings) + (count + kSlack) * ETH_GSTRING_LEN) / sizeof(uint64_t) + 1);
  auto& strings = *reinterpret_cast<ethtool_gstrings*>(memory.data());
  strings.cmd = ETHTOOL_GSTRINGS;
  strings.string_set = ETH_SS_STATS;
  strings.len = count;
  if (!ask(fd, ifname, &strings)) return {};
  std::vector<std::string> names;
  for (uint32_t i = 0; i < std::min(strings.len, count); ++i)
    names.push_back(tidy(reinterpret_cast<const char*>(strings.data) + i * ETH_GSTRING_LEN));
  return names;
}

std::vector<uint64_t> read_values(int fd, const std::string& ifname, uint32_t count) {
  std::vector<uint64_t> memory(sizeof(ethtool_stats) / sizeof(uint64_t) + count + kSlack);
  auto& stats = *reinterpret_cast<struct ethtool_stats*>(memory.data());
  stats.cmd = ETHTOOL_GSTATS;
  stats.n_stats = count;
  if (!ask(fd, ifname, &stats)) return {};
  return {memory.begin() + sizeof(ethtool_stats) / sizeof(uint64_t),
          memory.begin() + sizeof(ethtool_stats) / sizeof(uint64_t) + std::min(stats.n_stats, count)};
}

UniqueFd any_socket() { return UniqueFd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)); }

}  // namespace

bool nic_count_tells_of_loss(const std::string& name) {
  static const char* const kWords[] = {"drop",    "miss",    "err",   "discard", "no_buf",
                                       "nobuf",   "no_mem",  "alloc", "xdp",     "xsk",
                                       "timeout", "restart", "over",  "fifo",    "full"};
  std::string lower = name;
  for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return std::any_of(std::begin(kWords), std::end(kWords),
                     [&](const char* word) { return lower.find(word) != std::string::npos; });
}

NicStats NicStats::of(const std::string& ifname) {
  NicStats out;
  const UniqueFd fd = any_socket();
  const uint32_t count = count_counters(fd.get(), ifname);
  if (count == 0) return out;
  for (std::string& name : read_names(fd.get(), ifname, count))
    if (nic_count_tells_of_loss(name) && out.counts_.size() < kMostNames)
      out.counts_.push_back({std::move(name), 0});
  return out;
}

// Names are read again with the values: a driver adds and takes away counters with its queues.
const std::vector<NicCount>& NicStats::read(const std::string& ifname) {
  if (counts_.empty()) return counts_;
  for (NicCount& count : counts_) count.value = 0;
  const UniqueFd fd = any_socket();
  const uint32_t count = count_counters(fd.get(), ifname);
  if (count == 0) return counts_;
  const std::vector<std::string> names = read_names(fd.get(), ifname, count);
  const std::vector<uint64_t> values = read_values(fd.get(), ifname, count);
  size_t at = 0;  // both are in the driver's order
  for (NicCount& wanted : counts_) {
    const auto found = std::find(names.begin() + static_cast<ptrdiff_t>(at), names.end(), wanted.name);
    if (found == names.end()) continue;
    at = static_cast<size_t>(found - names.begin());
    if (at < values.size()) wanted.value = values[at];
    ++at;
  }
  return counts_;
}

}  // namespace zcnbrh
