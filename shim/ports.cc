// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#include "shim/ports.h"

#include <sys/socket.h>

#include <algorithm>
#include <cstring>

#include "lib/base/unique_fd.h"
#include "lib/netdev/ethtool.h"
#include "shim/next.h"
#include "shim/say.h"
#include "shim/settings.h"

namespace zcnbrh::shim {
namespace {

using Devices = std::vector<std::unique_ptr<MappedDevice>>;
constinit const Devices* g_devices = nullptr;

// A vdev's driver is found by the beginning of its name.
std::string vdev_name(const std::string& device) {
  const std::string name = "net_zcnbrh_" + device;
  if (name.size() < RTE_ETH_NAME_MAX_LEN) return name;
  return name.substr(0, RTE_ETH_NAME_MAX_LEN - 1);
}

uint32_t queues_of(const PortConfig& config) {
  const UniqueFd fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const auto channels = ethtool_channels(fd.get(), config.iface);
  const uint32_t have = channels ? std::max(channels->rx, channels->tx) : 1;
  return have > config.start_queue ? have - config.start_queue : 1;
}

bool is_secondary() noexcept {
  auto* type = NEXT(rte_eal_process_type);
  return type != nullptr && type() == RTE_PROC_SECONDARY;
}

int compare_name(const struct rte_device* device, const void* name) {
  return std::strcmp(NEXT(rte_dev_name)(device), static_cast<const char*>(name));
}

int has_no_probed(const struct rte_bus* bus, const void* name) {
  const struct rte_device* device = bus->find_device(nullptr, compare_name, name);
  return device != nullptr && NEXT(rte_dev_is_probed)(device) ? 0 : 1;
}

// The vdev bus has it from the primary process, and probes it in its turn.
int find_in_secondary(const MappedDevice& device) noexcept {
  const struct rte_bus* bus = NEXT(rte_bus_find_by_name)("vdev");
  if (bus == nullptr || bus->find_device(nullptr, compare_name, device.vdev.c_str()) == nullptr) return -ENODEV;
  return 0;
}

int make_in_primary(MappedDevice& device) noexcept {
  auto* init = NEXT(rte_vdev_init);
  if (init == nullptr) return -ENOTSUP;
  return init(device.vdev.c_str(), device_arguments(device).c_str());
}

template <typename Match>
MappedDevice* find_if(Match match) noexcept {
  for (const auto& device : mapped_devices())
    if (match(*device)) return device.get();
  return nullptr;
}

}  // namespace

const char* fate_name(Fate fate) noexcept {
  switch (fate) {
    case Fate::kNotProbed:
      return "not probed";
    case Fate::kMoved:
      return "moved";
    case Fate::kFellBack:
      return "fell back";
    case Fate::kFailed:
      return "failed";
  }
  return "";
}

void keep_maps(const std::vector<Map>& maps) {
  auto* devices = new Devices;  // not freed, like the settings
  for (const Map& map : maps) {
    auto device = std::make_unique<MappedDevice>();
    device->map = map;
    device->vdev = vdev_name(map.device);
    devices->push_back(std::move(device));
  }
  g_devices = devices;
}

std::span<const std::unique_ptr<MappedDevice>> mapped_devices() noexcept {
  if (g_devices == nullptr) return {};
  return *g_devices;
}

MappedDevice* find_mapped(std::string_view name) noexcept {
  return find_if([name](const MappedDevice& device) { return device.map.device == name; });
}

MappedDevice* find_vdev(std::string_view vdev) noexcept {
  return find_if([vdev](const MappedDevice& device) { return device.vdev == vdev; });
}

MappedDevice* find_port(uint16_t port_id) noexcept {
  return find_if([port_id](const MappedDevice& device) {
    return device.fate == Fate::kMoved && device.port_id == port_id;
  });
}

MappedDevice* find_last_port(uint16_t port_id) noexcept {
  if (MappedDevice* open = find_port(port_id); open != nullptr) return open;
  return find_if([port_id](const MappedDevice& device) { return device.last_port == port_id; });
}

std::string device_arguments(const MappedDevice& device) {
  PortConfig config = device.map.config;
  if (!device.map.queues_given && !config.is_loop()) config.queue_count = queues_of(config);
  return print_port_config(config);
}

void look_up_port(MappedDevice& device) noexcept {
  uint16_t port_id = kNoPort;
  if (NEXT(rte_eth_dev_get_port_by_name)(device.vdev.c_str(), &port_id) != 0) port_id = kNoPort;
  device.port_id = port_id;
  if (port_id != kNoPort) device.last_port = port_id;
}

int make_port(MappedDevice& device) noexcept {
  const bool secondary = is_secondary();
  const int result = secondary ? find_in_secondary(device) : make_in_primary(device);
  device.fate = result == 0 ? Fate::kMoved : Fate::kFailed;
  if (result == 0 && !secondary) look_up_port(device);
  if (result == 0)
    say(Say::kInfo, "%s is now %s (%s)", device.map.device.c_str(), device.map.config.iface.c_str(),
        device.vdev.c_str());
  return result;
}

bool may_fall_back(MappedDevice& device, int result, bool is_there) noexcept {
  const bool falls_back = is_there && !settings().strict;
  const char* then = falls_back          ? "its old driver is asked"
                     : settings().strict ? "ZCNBRH_MODE=strict: an error"
                                         : "there is no such device here for its old driver either: no port";
  say(falls_back ? Say::kWarning : Say::kError,
      "%s cannot move to %s: %s (the driver's line above has more); %s", device.map.device.c_str(),
      device.map.config.iface.c_str(), std::strerror(result < 0 ? -result : ENODEV), then);
  return falls_back;
}

void fell_back(MappedDevice& device, bool has_old_driver) noexcept {
  const char* name = device.map.device.c_str();
  device.fate = has_old_driver ? Fate::kFellBack : Fate::kFailed;
  if (has_old_driver) return say(Say::kWarning, "%s stays with its old driver", name);
  say(Say::kError,
      "%s has no driver at all: %s cannot be had, and no old driver takes the device either; see the lines "
      "above",
      name, device.map.config.iface.c_str());
}

bool is_probed(const MappedDevice& device) noexcept {
  return NEXT(rte_bus_find)(nullptr, has_no_probed, device.map.device.c_str()) != nullptr;
}

}  // namespace zcnbrh::shim
