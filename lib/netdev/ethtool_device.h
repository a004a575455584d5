// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// What ethtool tells of, and does to, the device behind a netdev: firmware, registers, its EEPROM and that of a
// plugged module, pause frames, the identify LED. Each fails with ENOTSUP where the driver has no such thing.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <thread>
#include <vector>

#include "lib/netdev/ethtool_ask.h"

namespace zcnbrh {

Result<std::string> ethtool_firmware(EthtoolCalls& nic);

// Speeds that the driver's link modes name, Mbit/s, each once, ascending; empty where it names none (veth,
// tap). Linux 4.6.
Result<std::vector<uint32_t>> ethtool_speeds(EthtoolCalls& nic);

struct DeviceRegisters {
  uint32_t version = 0;
  std::vector<uint8_t> bytes;
};
Result<uint32_t> ethtool_registers_size(EthtoolCalls& nic);
Result<DeviceRegisters> ethtool_registers(EthtoolCalls& nic);

Result<uint32_t> ethtool_eeprom_size(EthtoolCalls& nic);
// EINVAL beyond its end. `magic`: what the driver wants to see when it is written to.
Status ethtool_read_eeprom(EthtoolCalls& nic, uint32_t offset, std::span<uint8_t> into, uint32_t& magic);
Status ethtool_write_eeprom(EthtoolCalls& nic, uint32_t offset, std::span<const uint8_t> from, uint32_t magic);

struct ModuleInfo {
  uint32_t type = 0;  // ETH_MODULE_SFF_*
  uint32_t bytes = 0;
};
Result<ModuleInfo> ethtool_module(EthtoolCalls& nic);
Status ethtool_read_module(EthtoolCalls& nic, uint32_t offset, std::span<uint8_t> into);

struct PauseFrames {
  bool autoneg = false;
  bool rx = false;  // received ones are obeyed
  bool tx = false;  // sent when receive buffers run out
};
Result<PauseFrames> ethtool_pause(EthtoolCalls& nic);
Status ethtool_set_pause(EthtoolCalls& nic, const PauseFrames& wanted);

// The device's LED blinks while this lives. ETHTOOL_PHYS_ID keeps its caller for as long as it is to blink, so
// a thread makes the call again and again, a second each; the destructor waits for the last one.
class IdentifyLed {
 public:
  static Result<std::unique_ptr<IdentifyLed>> start(std::shared_ptr<EthtoolCalls> nic);
  ~IdentifyLed();

 private:
  IdentifyLed() = default;
  std::atomic<bool> enough_ = false;
  std::thread thread_;
};

}  // namespace zcnbrh
