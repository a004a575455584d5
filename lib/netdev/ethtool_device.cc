// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#include "lib/netdev/ethtool_device.h"

#include <linux/ethtool.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <cstring>
#include <mutex>
#include <optional>
#include <utility>

namespace zcnbrh {
namespace {

constexpr uint32_t kMostBytes = 16 << 20;  // guards allocations
constexpr uint32_t kBlinkSeconds = 1;
constexpr std::chrono::milliseconds kRefusalWait{200};

// A struct with bytes behind it, as several commands want it.
template <typename Head>
class WithBytes {
 public:
  explicit WithBytes(size_t bytes) : words_((sizeof(Head) + bytes + 7) / 8) {}
  Head& head() { return *reinterpret_cast<Head*>(words_.data()); }

 private:
  std::vector<uint64_t> words_;
};

// Link modes by speed: runs of ETHTOOL_LINK_MODE_*_BIT, which the kernel has numbered as they came.
struct SpeedOfModes {
  uint32_t first, last;
  uint32_t mbps;
};
constexpr SpeedOfModes kSpeeds[] = {
    {ETHTOOL_LINK_MODE_10baseT_Half_BIT, ETHTOOL_LINK_MODE_10baseT_Full_BIT, 10},
    {ETHTOOL_LINK_MODE_100baseT_Half_BIT, ETHTOOL_LINK_MODE_100baseT_Full_BIT, 100},
    {ETHTOOL_LINK_MODE_1000baseT_Half_BIT, ETHTOOL_LINK_MODE_1000baseT_Full_BIT, 1000},
    {ETHTOOL_LINK_MODE_10000baseT_Full_BIT, ETHTOOL_LINK_MODE_10000baseT_Full_BIT, 10000},
    {ETHTOOL_LINK_MODE_2500baseX_Full_BIT, ETHTOOL_LINK_MODE_2500baseX_Full_BIT, 2500},
    {ETHTOOL_LINK_MODE_1000baseKX_Full_BIT, ETHTOOL_LINK_MODE_1000baseKX_Full_BIT, 1000},
    {ETHTOOL_LINK_MODE_10000baseKX4_Full_BIT, ETHTOOL_LINK_MODE_10000baseR_FEC_BIT, 10000},
    {ETHTOOL_LINK_MODE_20000baseMLD2_Full_BIT, ETHTOOL_LINK_MODE_20000baseKR2_Full_BIT, 20000},
    {ETHTOOL_LINK_MODE_40000baseKR4_Full_BIT, ETHTOOL_LINK_MODE_40000baseLR4_Full_BIT, 40000},
    {ETHTOOL_LINK_MODE_56000baseKR4_Full_BIT, ETHTOOL_LINK_MODE_56000baseLR4_Full_BIT, 56000},
    {ETHTOOL_LINK_MODE_25000baseCR_Full_BIT, ETHTOOL_LINK_MODE_25000baseSR_Full_BIT, 25000},
    {ETHTOOL_LINK_MODE_50000baseCR2_Full_BIT, ETHTOOL_LINK_MODE_50000baseKR2_Full_BIT, 50000},
    {ETHTOOL_LINK_MODE_100000baseKR4_Full_BIT, ETHTOOL_LINK_MODE_100000baseLR4_ER4_Full_BIT, 100000},
    {ETHTOOL_LINK_MODE_50000baseSR2_Full_BIT, ETHTOOL_LINK_MODE_50000baseSR2_Full_BIT, 50000},
    {ETHTOOL_LINK_MODE_1000baseX_Full_BIT, ETHTOOL_LINK_MODE_1000baseX_Full_BIT, 1000},
    {ETHTOOL_LINK_MODE_10000baseCR_Full_BIT, ETHTOOL_LINK_MODE_10000baseER_Full_BIT, 10000},
    {ETHTOOL_LINK_MODE_2500baseT_Full_BIT, ETHTOOL_LINK_MODE_2500baseT_Full_BIT, 2500},
    {ETHTOOL_LINK_MODE_5000baseT_Full_BIT, ETHTOOL_LINK_MODE_5000baseT_Full_BIT, 5000},
    {ETHTOOL_LINK_MODE_50000baseKR_Full_BIT, ETHTOOL_LINK_MODE_50000baseDR_Full_BIT, 50000},
    {ETHTOOL_LINK_MODE_100000baseKR2_Full_BIT, ETHTOOL_LINK_MODE_100000baseDR2_Full_BIT, 100000},
    {ETHTOOL_LINK_MODE_200000baseKR4_Full_BIT, ETHTOOL_LINK_MODE_200000baseCR4_Full_BIT, 200000},
    {ETHTOOL_LINK_MODE_100baseT1_Full_BIT, ETHTOOL_LINK_MODE_100baseT1_Full_BIT, 100},
    {ETHTOOL_LINK_MODE_1000baseT1_Full_BIT, ETHTOOL_LINK_MODE_1000baseT1_Full_BIT, 1000},
    {ETHTOOL_LINK_MODE_400000baseKR8_Full_BIT, ETHTOOL_LINK_MODE_400000baseCR8_Full_BIT, 400000},
    {ETHTOOL_LINK_MODE_100000baseKR_Full_BIT, ETHTOOL_LINK_MODE_100000baseCR_Full_BIT, 100000},
    {ETHTOOL_LINK_MODE_200000baseKR2_Full_BIT, ETHTOOL_LINK_MODE_200000baseCR2_Full_BIT, 200000},
    {ETHTOOL_LINK_MODE_400000baseKR4_Full_BIT, ETHTOOL_LINK_MODE_400000baseCR4_Full_BIT, 400000},
    {ETHTOOL_LINK_MODE_100baseFX_Half_BIT, ETHTOOL_LINK_MODE_100baseFX_Full_BIT, 100},
};

Result<ethtool_drvinfo> driver_info(EthtoolCalls& nic) {
  ethtool_drvinfo info{};
  info.cmd = ETHTOOL_GDRVINFO;
  if (Status s = ethtool_ask(nic, "ETHTOOL_GDRVINFO", &info); !s) return s.error();
  return info;
}

Error lacks_it(const char* what) { return Error{ENOTSUP, what, "the driver does not have it"}; }

Result<uint32_t> told_size(const char* what, uint32_t size) {
  if (size == 0) return lacks_it(what);
  if (size > kMostBytes) return Error{EOVERFLOW, what, "a size beyond reason"};
  return size;
}

Status check_range(const char* what, uint32_t offset, size_t length, uint32_t size) {
  if (length != 0 && offset <= size && length <= size - offset) return {};
  return Error{EINVAL, what,
               "bytes " + std::to_string(offset) + " to " + std::to_string(offset + uint64_t{length}) + " of " +
                   std::to_string(size)};
}

Status read_bytes(EthtoolCalls& nic, const char* what, uint32_t command, uint32_t offset,
                  std::span<uint8_t> into, uint32_t* magic) {
  WithBytes<ethtool_eeprom> request(into.size());
  request.head().cmd = command;
  request.head().offset = offset;
  request.head().len = static_cast<uint32_t>(into.size());
  if (Status s = ethtool_ask(nic, what, &request.head()); !s) return s;
  std::memcpy(into.data(), request.head().data, into.size());
  if (magic != nullptr) *magic = request.head().magic;
  return {};
}

}  // namespace

Result<std::string> ethtool_firmware(EthtoolCalls& nic) {
  const auto info = driver_info(nic);
  if (!info) return info.error();
  std::string version(info->fw_version, strnlen(info->fw_version, sizeof info->fw_version));
  if (version.empty() || version == "N/A") return lacks_it("firmware version");
  return version;
}

Result<std::vector<uint32_t>> ethtool_speeds(EthtoolCalls& nic) {
  // Asked twice: the first answer is the number of words of a mask, negated (ethtool_get_link_ksettings()).
  constexpr size_t kMostWords = 127;
  WithBytes<ethtool_link_settings> settings(3 * kMostWords * sizeof(uint32_t));
  settings.head().cmd = ETHTOOL_GLINKSETTINGS;
  if (Status s = ethtool_ask(nic, "ETHTOOL_GLINKSETTINGS", &settings.head()); !s) return s.error();
  const int words = -settings.head().link_mode_masks_nwords;
  if (words <= 0) return Error{ENOTSUP, "ETHTOOL_GLINKSETTINGS", "the driver does not have it"};
  settings.head().cmd = ETHTOOL_GLINKSETTINGS;
  settings.head().link_mode_masks_nwords = static_cast<int8_t>(words);
  if (Status s = ethtool_ask(nic, "ETHTOOL_GLINKSETTINGS", &settings.head()); !s) return s.error();

  const uint32_t* supported = settings.head().link_mode_masks;
  std::vector<uint32_t> out;
  for (const SpeedOfModes& speed : kSpeeds)
    for (uint32_t bit = speed.first; bit <= speed.last && bit / 32 < static_cast<uint32_t>(words); ++bit)
      if ((supported[bit / 32] >> (bit % 32) & 1) != 0) out.push_back(speed.mbps);
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

Result<uint32_t> ethtool_registers_size(EthtoolCalls& nic) {
  const auto info = driver_info(nic);
  if (!info) return info.error();
  return told_size("register dump", info->regdump_len);
}

Result<DeviceRegisters> ethtool_registers(EthtoolCalls& nic) {
  const auto size = ethtool_registers_size(nic);
  if (!size) return size.error();
  WithBytes<ethtool_regs> request(*size);
  request.head().cmd = ETHTOOL_GREGS;
  request.head().len = *size;
  if (Status s = ethtool_ask(nic, "ETHTOOL_GREGS", &request.head()); !s) return s.error();
  DeviceRegisters out;
  out.version = request.head().version;
  out.bytes.assign(request.head().data, request.head().data + std::min(*size, request.head().len));
  return out;
}

Result<uint32_t> ethtool_eeprom_size(EthtoolCalls& nic) {
  const auto info = driver_info(nic);
  if (!info) return info.error();
  return told_size("EEPROM", info->eedump_len);
}

Status ethtool_read_eeprom(EthtoolCalls& nic, uint32_t offset, std::span<uint8_t> into, uint32_t& magic) {
  const auto size = ethtool_eeprom_size(nic);
  if (!size) return size.error();
  if (Status s = check_range("ETHTOOL_GEEPROM", offset, into.size(), *size); !s) return s;
  return read_bytes(nic, "ETHTOOL_GEEPROM", ETHTOOL_GEEPROM, offset, into, &magic);
}

Status ethtool_write_eeprom(EthtoolCalls& nic, uint32_t offset, std::span<const uint8_t> from, uint32_t magic) {
  const auto size = ethtool_eeprom_size(nic);
  if (!size) return size.error();
  if (Status s = check_range("ETHTOOL_SEEPROM", offset, from.size(), *size); !s) return s;
  WithBytes<ethtool_eeprom> request(from.size());
  request.head().cmd = ETHTOOL_SEEPROM;
  request.head().magic = magic;
  request.head().offset = offset;
  request.head().len = static_cast<uint32_t>(from.size());
  std::memcpy(request.head().data, from.data(), from.size());
  return ethtool_ask(nic, "ETHTOOL_SEEPROM", &request.head());
}

Result<ModuleInfo> ethtool_module(EthtoolCalls& nic) {
  ethtool_modinfo info{};
  info.cmd = ETHTOOL_GMODULEINFO;
  if (Status s = ethtool_ask(nic, "ETHTOOL_GMODULEINFO", &info); !s) return s.error();
  const auto size = told_size("module EEPROM", info.eeprom_len);
  if (!size) return size.error();
  return ModuleInfo{info.type, *size};
}

Status ethtool_read_module(EthtoolCalls& nic, uint32_t offset, std::span<uint8_t> into) {
  const auto module = ethtool_module(nic);
  if (!module) return module.error();
  if (Status s = check_range("ETHTOOL_GMODULEEEPROM", offset, into.size(), module->bytes); !s) return s;
  return read_bytes(nic, "ETHTOOL_GMODULEEEPROM", ETHTOOL_GMODULEEEPROM, offset, into, nullptr);
}

Result<PauseFrames> ethtool_pause(EthtoolCalls& nic) {
  ethtool_pauseparam pause{};
  pause.cmd = ETHTOOL_GPAUSEPARAM;
  if (Status s = ethtool_ask(nic, "ETHTOOL_GPAUSEPARAM", &pause); !s) return s.error();
  return PauseFrames{pause.autoneg != 0, pause.rx_pause != 0, pause.tx_pause != 0};
}

Status ethtool_set_pause(EthtoolCalls& nic, const PauseFrames& wanted) {
  ethtool_pauseparam pause{};
  pause.cmd = ETHTOOL_SPAUSEPARAM;
  pause.autoneg = wanted.autoneg;
  pause.rx_pause = wanted.rx;
  pause.tx_pause = wanted.tx;
  return ethtool_ask(nic, "ETHTOOL_SPAUSEPARAM", &pause);
}

// A refusal comes at once, and is reported; a later one (the netdev goes) ends the blinking quietly.
Result<std::unique_ptr<IdentifyLed>> IdentifyLed::start(std::shared_ptr<EthtoolCalls> nic) {
  struct Answer {
    std::mutex mutex;
    std::condition_variable changed;
    std::optional<Status> first;
  };
  auto answer = std::make_shared<Answer>();
  std::unique_ptr<IdentifyLed> out(new IdentifyLed);
  // The thread is born in its maker's network namespace, and with no signal let through: they are for the
  // application's own threads.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  out->thread_ = std::thread([nic = std::move(nic), answer, &enough = out->enough_] {
    for (bool first = true; !enough; first = false) {
      ethtool_value seconds{ETHTOOL_PHYS_ID, kBlinkSeconds};
      const Status s = ethtool_ask(*nic, "ETHTOOL_PHYS_ID", &seconds);
      if (first) {
        const std::lock_guard lock(answer->mutex);
        answer->first = s;
        answer->changed.notify_all();
      }
      if (!s) return;
    }
  });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  std::unique_lock lock(answer->mutex);
  answer->changed.wait_for(lock, kRefusalWait, [&] { return answer->first.has_value(); });
  if (answer->first && !*answer->first) return answer->first->error();
  return out;
}

IdentifyLed::~IdentifyLed() {
  enough_ = true;
  if (thread_.joinable()) thread_.join();
}

}  // namespace zcnbrh
