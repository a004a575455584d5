// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// The devices that the map names, and what became of each. A mapped device is made as a virtual device
// net_zcnbrh_<its name>, so that the name tells where it came from in every log, and in secondary processes.
// Made once inside rte_eal_init(); after that only `fate` and `port_id` change. Any thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "shim/map.h"

struct rte_device;

namespace zcnbrh::shim {

enum class Fate : uint8_t {
  kNotProbed,  // the program does not use the device (yet)
  kMoved,      // a port of net_zcnbrh
  kFellBack,   // moving failed; it is its old driver's
  kFailed,     // moving failed, and nobody has it; tried again when it is hot-plugged
};
const char* fate_name(Fate fate) noexcept;

inline constexpr uint16_t kNoPort = UINT16_MAX;

struct MappedDevice {
  Map map;
  std::string vdev;
  std::atomic<Fate> fate{Fate::kNotProbed};
  std::atomic<uint16_t> port_id{kNoPort};    // while the port is open
  std::atomic<uint16_t> last_port{kNoPort};  // the number it has, or had
};

void keep_maps(const std::vector<Map>& maps);
std::span<const std::unique_ptr<MappedDevice>> mapped_devices() noexcept;

// By the name in the program's command line, and by that of the virtual device. nullptr: not ours.
MappedDevice* find_mapped(std::string_view device) noexcept;
MappedDevice* find_vdev(std::string_view vdev) noexcept;
// The one that is port `port_id`, or nullptr. A number may be another device's once its port is closed.
MappedDevice* find_port(uint16_t port_id) noexcept;
MappedDevice* find_last_port(uint16_t port_id) noexcept;

// The driver's arguments. All queues of the netdev, as they are now, unless the map names a number.
std::string device_arguments(const MappedDevice& device);

// Makes the port, by the driver; 0 or -errno. `fate` is kMoved or kFailed then. In a secondary process the
// primary's virtual device is there already, or there is none to be had.
int make_port(MappedDevice& device) noexcept;
// The port of a moved device is (again) what ethdev says.
void look_up_port(MappedDevice& device) noexcept;
// make_port() failed: says so. True: its old driver shall be asked (mode lenient, and the device is there for
// it).
bool may_fall_back(MappedDevice& device, int result, bool is_there) noexcept;
// The old driver was asked: `fate` is what came of that, and it is said.
void fell_back(MappedDevice& device, bool has_old_driver) noexcept;
// A bus's device of that name that a driver has.
bool is_probed(const MappedDevice& device) noexcept;

}  // namespace zcnbrh::shim
