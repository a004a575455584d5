// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// Calls that name a device. The program goes on saying 0000:3b:00.0 or net_tap0, and hears it.
//
// DPDK's libraries call some of these among themselves, and meet us, too: a name of ours (net_zcnbrh_...) is
// never translated again, so that does no harm.
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

#include "shim/counts.h"
#include "shim/next.h"
#include "shim/ports.h"
#include "shim/settings.h"

namespace zcnbrh::shim {
namespace {

constexpr std::string_view kBuses[] = {"pci:", "vdev:", "auxiliary:"};

// Whom a text of EAL's old syntax ("pci:0000:3b:00.0,key=value") or new one
// ("bus=pci,addr=0000:3b:00.0/class=eth") names.
std::string device_of(std::string_view text) {
  if (text.starts_with("bus=")) {
    text = text.substr(0, text.find('/'));
    for (const std::string_view key : {",addr=", ",name="}) {
      const size_t at = text.find(key);
      if (at == std::string_view::npos) continue;
      text.remove_prefix(at + key.size());
      return device_name(text.substr(0, text.find(',')));
    }
    return {};
  }
  for (const std::string_view bus : kBuses)
    if (text.starts_with(bus)) text.remove_prefix(bus.size());
  return device_name(text.substr(0, text.find_first_of(",/")));
}

// The mapped device that `text` names, unless its old driver has it.
MappedDevice* mapped_by(const char* text) {
  if (doing() != Doing::kMoving || text == nullptr) return nullptr;
  MappedDevice* device = find_mapped(device_of(text));
  return device != nullptr && device->fate != Fate::kFellBack ? device : nullptr;
}

// For hot-plug. What its old driver gave up, or never had, is tried again.
MappedDevice* plugged_by(const char* text) {
  MappedDevice* device = doing() == Doing::kMoving && text != nullptr ? find_mapped(device_of(text)) : nullptr;
  if (device != nullptr && device->fate == Fate::kFellBack && !is_probed(*device))
    device->fate = Fate::kNotProbed;
  return mapped_by(text);
}

MappedDevice* moved_by(const char* text) {
  MappedDevice* device = mapped_by(text);
  return device != nullptr && device->fate == Fate::kMoved ? device : nullptr;
}

// The device is plugged in: `plug_ours` or, should that fail and mode lenient, `plug_theirs`.
template <typename Ours, typename Theirs>
int plug(MappedDevice& device, Ours plug_ours, Theirs plug_theirs) {
  const int result = plug_ours();
  {
    const ErrnoGuard guard;
    if (result == 0) {
      device.fate = Fate::kMoved;
      look_up_port(device);
      return result;
    }
    if (device.fate == Fate::kMoved) return result;  // it is there already
    device.fate = Fate::kFailed;
    if (!may_fall_back(device, result, true)) return result;
  }
  const int theirs = plug_theirs();
  const ErrnoGuard guard;
  fell_back(device, is_probed(device));
  return theirs;
}

void unplugged(MappedDevice& device) {
  device.fate = Fate::kNotProbed;
  device.port_id = kNoPort;
}

// What EAL knows a moved device by.
std::string bus_and_name(const MappedDevice& device) { return "vdev:" + device.vdev; }

}  // namespace
}  // namespace zcnbrh::shim

using namespace zcnbrh::shim;  // NOLINT(google-build-using-namespace)

ZCNBRH_INTERCEPTED int rte_eth_dev_get_port_by_name(const char* name, uint16_t* port_id) {
  count_call(Call::rte_eth_dev_get_port_by_name);
  const MappedDevice* device = moved_by(name);
  return NEXT(rte_eth_dev_get_port_by_name)(device != nullptr ? device->vdev.c_str() : name, port_id);
}

ZCNBRH_INTERCEPTED int rte_eth_dev_get_name_by_port(uint16_t port_id, char* name) {
  count_call(Call::rte_eth_dev_get_name_by_port);
  const int result = NEXT(rte_eth_dev_get_name_by_port)(port_id, name);
  if (result != 0 || doing() != Doing::kMoving) return result;
  // The buffer is of RTE_ETH_NAME_MAX_LEN, and the mapped name is shorter than ours.
  if (const MappedDevice* device = find_vdev(name); device != nullptr)
    std::memcpy(name, device->map.device.c_str(), device->map.device.size() + 1);
  return result;
}

ZCNBRH_INTERCEPTED const char* rte_dev_name(const struct rte_device* dev) {
  const char* name = NEXT(rte_dev_name)(dev);
  if (doing() != Doing::kMoving || name == nullptr) return name;
  const MappedDevice* device = find_vdev(name);
  return device != nullptr ? device->map.device.c_str() : name;
}

ZCNBRH_INTERCEPTED int rte_eth_iterator_init(struct rte_dev_iterator* iter, const char* devargs) {
  count_call(Call::rte_eth_iterator_init);
  const MappedDevice* device = moved_by(devargs);
  if (device == nullptr) return NEXT(rte_eth_iterator_init)(iter, devargs);
  return NEXT(rte_eth_iterator_init)(iter, bus_and_name(*device).c_str());
}

ZCNBRH_INTERCEPTED int rte_dev_probe(const char* devargs) {
  count_call(Call::rte_dev_probe);
  MappedDevice* device = plugged_by(devargs);
  auto* next = NEXT(rte_dev_probe);
  if (device == nullptr) return next(devargs);
  const std::string ours = bus_and_name(*device) + "," + device_arguments(*device);
  return plug(
      *device, [&] { return next(ours.c_str()); }, [&] { return next(devargs); });
}

ZCNBRH_INTERCEPTED int rte_eal_hotplug_add(const char* bus, const char* name, const char* arguments) {
  count_call(Call::rte_eal_hotplug_add);
  MappedDevice* device = plugged_by(name);
  auto* next = NEXT(rte_eal_hotplug_add);
  if (device == nullptr) return next(bus, name, arguments);
  const std::string ours = device_arguments(*device);
  return plug(
      *device, [&] { return next("vdev", device->vdev.c_str(), ours.c_str()); },
      [&] { return next(bus, name, arguments); });
}

ZCNBRH_INTERCEPTED int rte_eal_hotplug_remove(const char* bus, const char* name) {
  count_call(Call::rte_eal_hotplug_remove);
  MappedDevice* device = moved_by(name);
  if (device == nullptr) return NEXT(rte_eal_hotplug_remove)(bus, name);
  const int result = NEXT(rte_eal_hotplug_remove)("vdev", device->vdev.c_str());
  if (result == 0) unplugged(*device);
  return result;
}

ZCNBRH_INTERCEPTED int rte_vdev_init(const char* name, const char* arguments) {
  count_call(Call::rte_vdev_init);
  auto* next = NEXT(rte_vdev_init);
  if (next == nullptr) return -ENOTSUP;
  MappedDevice* device = plugged_by(name);
  if (device == nullptr) return next(name, arguments);
  const std::string ours = device_arguments(*device);
  return plug(
      *device, [&] { return next(device->vdev.c_str(), ours.c_str()); }, [&] { return next(name, arguments); });
}

ZCNBRH_INTERCEPTED int rte_vdev_uninit(const char* name) {
  count_call(Call::rte_vdev_uninit);
  auto* next = NEXT(rte_vdev_uninit);
  if (next == nullptr) return -ENOTSUP;
  MappedDevice* device = moved_by(name);
  if (device == nullptr) return next(name);
  const int result = next(device->vdev.c_str());
  if (result == 0) unplugged(*device);
  return result;
}
