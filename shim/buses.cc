// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#include "shim/buses.h"

#include <array>
#include <atomic>
#include <cstring>
#include <utility>
#include <vector>

#include "shim/next.h"
#include "shim/ports.h"
#include "shim/report.h"
#include "shim/say.h"
#include "shim/settings.h"

namespace zcnbrh::shim {
namespace {

constexpr size_t kMaxBuses = 32;  // DPDK 22.11 has nine

struct TakenBus {
  struct rte_bus* bus = nullptr;
  rte_bus_probe_t probe = nullptr;  // its own
};
constinit TakenBus g_taken[kMaxBuses];
constinit size_t g_count = 0;
constinit std::atomic<bool> g_taking{false};

// What a bus's own probe function answers: an error when all failed.
struct Tally {
  size_t probed = 0, failed = 0;
  int answer() const { return probed != 0 && probed == failed ? -1 : 0; }
};

int any_device(const struct rte_device* /*device*/, const void* /*unused*/) { return 0; }

const char* name_of(const struct rte_device* device) { return NEXT(rte_dev_name)(device); }

bool is_pci(const TakenBus& taken) { return std::strcmp(taken.bus->name, "pci") == 0; }

void probe_by_bus(const TakenBus& taken, struct rte_device* device, Tally& tally) {
  ++tally.probed;
  const int result = taken.bus->plug(device);
  if (result >= 0 || result == -EEXIST) return;
  ++tally.failed;
  say(Say::kError, "device %s cannot be used: its driver says %d", name_of(device), result);
}

// `there`: the device in the bus's list, or nullptr for one that this machine does not have.
void probe_mapped(const TakenBus& taken, MappedDevice& mapped, struct rte_device* there, Tally& tally) {
  const int result = make_port(mapped);
  if (result == 0) {
    ++tally.probed;
    return;
  }
  if (may_fall_back(mapped, result, there != nullptr)) {
    probe_by_bus(taken, there, tally);
    return fell_back(mapped, NEXT(rte_dev_is_probed)(there) != 0);  // a bus may say 1: no driver for it
  }
  ++tally.probed;
  ++tally.failed;
}

// Would EAL have probed it, had the machine had it? As rte_pci_ignore_device() of drivers/bus/pci decides.
bool is_asked_for(const TakenBus& taken, const std::string& device) {
  if (NEXT(rte_eal_has_pci)() == 0) return false;
  const struct rte_devargs* found = nullptr;
  for (auto* at = NEXT(rte_devargs_next)("pci", nullptr); at != nullptr; at = NEXT(rte_devargs_next)("pci", at))
    if (device_name(at->name) == device) found = at;
  if (taken.bus->conf.scan_mode == RTE_BUS_SCAN_ALLOWLIST)
    return found != nullptr && found->policy == RTE_DEV_ALLOWED;
  return found == nullptr || found->policy != RTE_DEV_BLOCKED;
}

// Mapped PCI devices that the scan did not find: the netdev stands for one all the same. In address order.
std::vector<MappedDevice*> absent_devices(const TakenBus& taken,
                                          const std::vector<struct rte_device*>& devices) {
  std::vector<std::pair<PciAddress, MappedDevice*>> found;
  if (!is_pci(taken)) return {};
  for (const auto& mapped : mapped_devices()) {
    const auto address = parse_pci(mapped->map.device);
    bool is_there = false;
    for (const struct rte_device* device : devices) is_there |= mapped->map.device == name_of(device);
    if (!address || is_there || !is_asked_for(taken, mapped->map.device)) continue;
    found.emplace_back(*address, mapped.get());
    for (size_t i = found.size() - 1; i > 0 && found[i].first < found[i - 1].first; --i)
      std::swap(found[i], found[i - 1]);
  }
  std::vector<MappedDevice*> out;
  for (const auto& [address, mapped] : found) out.push_back(mapped);
  return out;
}

std::vector<struct rte_device*> devices_of(const TakenBus& taken) {
  std::vector<struct rte_device*> devices;
  struct rte_device* device = nullptr;
  while ((device = taken.bus->find_device(device, any_device, nullptr)) != nullptr) devices.push_back(device);
  return devices;
}

bool is_before(const MappedDevice& mapped, const struct rte_device* device) {
  const auto other = parse_pci(name_of(device));
  return other && *parse_pci(mapped.map.device) < *other;
}

int probe_bus(const TakenBus& taken) noexcept {
  if (taken.bus->plug == nullptr) return taken.probe();
  const std::vector<struct rte_device*> devices = devices_of(taken);
  const std::vector<MappedDevice*> absent = absent_devices(taken, devices);
  bool concerned = !absent.empty();
  for (const struct rte_device* device : devices) concerned |= find_mapped(name_of(device)) != nullptr;
  if (!concerned) return taken.probe();

  Tally tally;
  auto next = absent.begin();
  for (struct rte_device* device : devices) {
    for (; next != absent.end() && is_before(**next, device); ++next)
      probe_mapped(taken, **next, nullptr, tally);
    MappedDevice* mapped = find_mapped(name_of(device));
    if (mapped != nullptr)
      probe_mapped(taken, *mapped, device, tally);
    else if (!NEXT(rte_dev_is_probed)(device))
      probe_by_bus(taken, device, tally);
  }
  for (; next != absent.end(); ++next) probe_mapped(taken, **next, nullptr, tally);
  return tally.answer();
}

// EAL calls without an argument, so each bus has a function of its own.
template <size_t kIndex>
int probe_taken() noexcept {
  return probe_bus(g_taken[kIndex]);
}

template <size_t... kIndexes>
constexpr std::array<rte_bus_probe_t, sizeof...(kIndexes)> make_probes(
    std::index_sequence<kIndexes...> /*all*/) {
  return {probe_taken<kIndexes>...};
}
constexpr auto kProbes = make_probes(std::make_index_sequence<kMaxBuses>());

void take(struct rte_bus* bus) noexcept {
  if (g_count == kMaxBuses) {
    say(Say::kWarning, "bus %s is beyond the %zu that the shim follows: its devices stay", bus->name,
        kMaxBuses);
    return;
  }
  g_taken[g_count] = {bus, bus->probe};
  bus->probe = kProbes[g_count++];
}

int take_each(const struct rte_bus* bus, const void* /*unused*/) noexcept {
  take(const_cast<struct rte_bus*>(bus));
  return 1;  // not this one: go on
}

}  // namespace

void take_buses() noexcept {
  NEXT(rte_bus_find)(nullptr, take_each, nullptr);
  g_taking = true;
}

void give_back_buses() noexcept {
  g_taking = false;
  for (size_t i = 0; i < g_count; ++i) g_taken[i].bus->probe = g_taken[i].probe;
  g_count = 0;
}

}  // namespace zcnbrh::shim

using namespace zcnbrh::shim;  // NOLINT(google-build-using-namespace)

ZCNBRH_INTERCEPTED void rte_bus_register(struct rte_bus* bus) {
  NEXT(rte_bus_register)(bus);
  if (g_taking) take(bus);
}
