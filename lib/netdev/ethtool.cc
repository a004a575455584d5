// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#include "lib/netdev/ethtool.h"

#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sys/ioctl.h>

#include <cstring>

namespace zcnbrh {
namespace {

bool ask(int fd, const std::string& name, void* command) {
  ifreq request{};
  if (name.empty() || name.size() >= sizeof(request.ifr_name)) return false;
  std::memcpy(request.ifr_name, name.c_str(), name.size() + 1);
  request.ifr_data = static_cast<char*>(command);
  return ::ioctl(fd, SIOCETHTOOL, &request) == 0;
}

}  // namespace

std::string ethtool_driver(int fd, const std::string& name) {
  ethtool_drvinfo info{};
  info.cmd = ETHTOOL_GDRVINFO;
  if (!ask(fd, name, &info)) return {};
  return std::string(info.driver, strnlen(info.driver, sizeof(info.driver)));
}

std::optional<EthtoolLink> ethtool_link(int fd, const std::string& name) {
  // The kernel answers the first question with the number of 32-bit words its link-mode masks need, negated,
  // and the second one, asked with that number, with the settings (4.6).
  constexpr size_t kMaxWords = 127;  // the count is a signed char; three masks follow the struct
  alignas(ethtool_link_settings) char bytes[sizeof(ethtool_link_settings) + 3 * kMaxWords * sizeof(uint32_t)]{};
  auto& settings = *reinterpret_cast<ethtool_link_settings*>(bytes);
  settings.cmd = ETHTOOL_GLINKSETTINGS;
  if (!ask(fd, name, bytes) || settings.link_mode_masks_nwords >= 0) return std::nullopt;
  settings.link_mode_masks_nwords = static_cast<int8_t>(-settings.link_mode_masks_nwords);
  settings.cmd = ETHTOOL_GLINKSETTINGS;
  if (!ask(fd, name, bytes)) return std::nullopt;

  EthtoolLink out;
  if (settings.speed != static_cast<uint32_t>(SPEED_UNKNOWN)) out.speed_mbps = settings.speed;
  out.full_duplex = settings.duplex == DUPLEX_FULL;
  out.autoneg = settings.autoneg == AUTONEG_ENABLE;
  return out;
}

std::optional<EthtoolChannels> ethtool_channels(int fd, const std::string& name) {
  struct ethtool_channels answer {};  // the function here hides the kernel's struct of that name
  answer.cmd = ETHTOOL_GCHANNELS;
  if (!ask(fd, name, &answer)) return std::nullopt;
  return EthtoolChannels{answer.rx_count + answer.combined_count, answer.tx_count + answer.combined_count};
}

std::optional<uint32_t> ethtool_rx_ring(int fd, const std::string& name) {
  ethtool_ringparam rings{};
  rings.cmd = ETHTOOL_GRINGPARAM;
  if (!ask(fd, name, &rings) || rings.rx_pending == 0) return std::nullopt;
  return rings.rx_pending;
}

}  // namespace zcnbrh
