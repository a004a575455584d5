// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// A NIC of paper behind the ethtool seam, for what a port's control asks of it: RSS, pause frames, firmware,
// registers, EEPROMs, LED. It answers as the kernel's net/ethtool/ioctl.c and a driver like igb do.
#pragma once

#include <linux/ethtool.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "lib/netdev/ethtool_calls.h"

namespace zcnbrh::testing {

class FakeNic final : public EthtoolCalls {
 public:
  std::vector<uint32_t> table = std::vector<uint32_t>(128, 0);
  std::vector<uint8_t> key = std::vector<uint8_t>(40, 0x5a);
  uint32_t queues = 4;
  std::map<uint32_t, uint64_t> hashed;  // flow type -> RXH_*; absent: not told
  bool has_pause = true;
  ethtool_pauseparam pause{0, 1, 1, 0};
  std::string firmware = "1.52.3";
  std::vector<uint8_t> registers = std::vector<uint8_t>(64, 0x11);
  std::vector<uint8_t> eeprom = std::vector<uint8_t>(256, 0x22);
  uint32_t magic = 0x10c98086;
  std::vector<uint8_t> module = std::vector<uint8_t>(512, 0x33);
  static constexpr int8_t kModeWords = 4;
  std::vector<uint32_t> modes = {ETHTOOL_LINK_MODE_1000baseT_Full_BIT, ETHTOOL_LINK_MODE_10000baseSR_Full_BIT,
                                 ETHTOOL_LINK_MODE_10000baseCR_Full_BIT, ETHTOOL_LINK_MODE_25000baseCR_Full_BIT,
                                 ETHTOOL_LINK_MODE_400000baseCR4_Full_BIT};  // supported
  bool has_led = true;
  std::atomic<int> blinks = 0;
  std::map<uint32_t, int> fails;  // command -> errno

  FakeNic() {
    constexpr uint64_t kBoth = RXH_IP_SRC | RXH_IP_DST, kFour = kBoth | RXH_L4_B_0_1 | RXH_L4_B_2_3;
    hashed = {{IPV4_FLOW, kBoth},   {IPV6_FLOW, kBoth},   {TCP_V4_FLOW, kFour},
              {TCP_V6_FLOW, kFour}, {UDP_V4_FLOW, kBoth}, {UDP_V6_FLOW, kBoth}};
  }

  // -ENOSYS: none of its commands.
  int call(void* command) noexcept override {
    uint32_t number;
    std::memcpy(&number, command, sizeof number);
    if (const auto fail = fails.find(number); fail != fails.end()) return -fail->second;
    switch (number) {
      case ETHTOOL_GRSSH:
        return get_rss(*static_cast<ethtool_rxfh*>(command));
      case ETHTOOL_SRSSH:
        return set_rss(*static_cast<ethtool_rxfh*>(command));
      case ETHTOOL_GRXFH:
      case ETHTOOL_SRXFH:
        return hash(*static_cast<ethtool_rxnfc*>(command));
      case ETHTOOL_GPAUSEPARAM:
      case ETHTOOL_SPAUSEPARAM:
        return pause_call(*static_cast<ethtool_pauseparam*>(command));
      case ETHTOOL_GLINKSETTINGS:
        return link_settings(*static_cast<ethtool_link_settings*>(command));
      case ETHTOOL_GDRVINFO:
        return driver_info(*static_cast<ethtool_drvinfo*>(command));
      case ETHTOOL_GREGS:
        return dump(*static_cast<ethtool_regs*>(command));
      case ETHTOOL_GEEPROM:
      case ETHTOOL_SEEPROM:
        return bytes(*static_cast<ethtool_eeprom*>(command), eeprom);
      case ETHTOOL_GMODULEINFO:
        static_cast<ethtool_modinfo*>(command)->type = ETH_MODULE_SFF_8472;
        static_cast<ethtool_modinfo*>(command)->eeprom_len = static_cast<uint32_t>(module.size());
        return module.empty() ? -EOPNOTSUPP : 0;
      case ETHTOOL_GMODULEEEPROM:
        return bytes(*static_cast<ethtool_eeprom*>(command), module);
      case ETHTOOL_PHYS_ID:
        if (!has_led) return -EOPNOTSUPP;
        ++blinks;
        std::this_thread::sleep_for(std::chrono::seconds(static_cast<ethtool_value*>(command)->data));
        return 0;
      default:
        return -ENOSYS;
    }
  }

 private:
  int get_rss(ethtool_rxfh& c) {
    if (table.empty() && key.empty()) return -EOPNOTSUPP;
    const uint32_t entries = c.indir_size, bytes = c.key_size;
    c.indir_size = static_cast<uint32_t>(table.size());
    c.key_size = static_cast<uint32_t>(key.size());
    if ((entries != 0 && entries != table.size()) || (bytes != 0 && bytes != key.size())) return -EINVAL;
    std::copy_n(table.begin(), entries, c.rss_config);
    if (bytes != 0) std::memcpy(reinterpret_cast<uint8_t*>(c.rss_config + entries), key.data(), bytes);
    return 0;
  }
  int set_rss(ethtool_rxfh& c) {
    const bool keeps_table = c.indir_size == 0xffffffff;
    const uint32_t entries = keeps_table ? 0 : c.indir_size;
    if ((!keeps_table && entries != table.size()) || (c.key_size != 0 && c.key_size != key.size()))
      return -EINVAL;
    for (uint32_t i = 0; i < entries; ++i)
      if (c.rss_config[i] >= queues) return -EINVAL;
    std::copy_n(c.rss_config, entries, table.begin());
    if (c.key_size != 0) std::memcpy(key.data(), c.rss_config + entries, c.key_size);
    return 0;
  }
  // As igb: UDP's ports are the only choice.
  int hash(ethtool_rxnfc& c) {
    const auto flow = hashed.find(c.flow_type);
    if (flow == hashed.end()) return -EOPNOTSUPP;
    if (c.cmd == ETHTOOL_GRXFH) {
      c.data = flow->second;
      return 0;
    }
    const bool udp = c.flow_type == UDP_V4_FLOW || c.flow_type == UDP_V6_FLOW;
    if (!udp && c.data != flow->second) return -EINVAL;
    flow->second = c.data;
    return 0;
  }
  int pause_call(ethtool_pauseparam& c) {
    if (!has_pause) return -EOPNOTSUPP;
    const uint32_t number = c.cmd;
    (number == ETHTOOL_GPAUSEPARAM ? c : pause) = number == ETHTOOL_GPAUSEPARAM ? pause : c;
    c.cmd = number;
    return 0;
  }
  int link_settings(ethtool_link_settings& c) const {
    if (c.link_mode_masks_nwords != kModeWords) {
      c.link_mode_masks_nwords = -kModeWords;
      return 0;
    }
    for (const uint32_t bit : modes) c.link_mode_masks[bit / 32] |= 1U << (bit % 32);
    c.speed = 25000;
    c.duplex = DUPLEX_FULL;
    return 0;
  }
  int driver_info(ethtool_drvinfo& c) const {
    std::strcpy(c.driver, "paper");
    std::strncpy(c.fw_version, firmware.c_str(), sizeof c.fw_version - 1);
    c.regdump_len = static_cast<uint32_t>(registers.size());
    c.eedump_len = static_cast<uint32_t>(eeprom.size());
    return 0;
  }
  int dump(ethtool_regs& c) const {
    c.version = 7;
    c.len = std::min(c.len, static_cast<uint32_t>(registers.size()));
    std::memcpy(c.data, registers.data(), c.len);
    return 0;
  }
  int bytes(ethtool_eeprom& c, std::vector<uint8_t>& from) {
    if (uint64_t{c.offset} + c.len > from.size()) return -EINVAL;
    if (c.cmd == ETHTOOL_SEEPROM) {
      if (c.magic != magic) return -EFAULT;
      std::memcpy(from.data() + c.offset, c.data, c.len);
      return 0;
    }
    c.magic = magic;
    std::memcpy(c.data, from.data() + c.offset, c.len);
    return 0;
  }
};

}  // namespace zcnbrh::testing
