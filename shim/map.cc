// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#include "shim/map.h"

#include <cerrno>
#include <charconv>
#include <cstdio>

namespace zcnbrh::shim {
namespace {

constexpr std::string_view kBetween = ", \t\r\n";

Error wrong(std::string why) { return Error{EINVAL, "ZCNBRH_MAP", std::move(why)}; }

// A device of EAL is a bus address, or a virtual device, whose name begins with its driver's.
bool is_device(std::string_view text) {
  return text.find(':') != std::string_view::npos || text.starts_with("net_") || text.starts_with("eth_");
}

bool take_hex(std::string_view& text, char end, uint32_t limit, uint32_t& value) {
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  if (error != std::errc() || value > limit) return false;
  text.remove_prefix(static_cast<size_t>(rest - text.data()));
  if (end == '\0') return text.empty();
  if (text.empty() || text.front() != end) return false;
  text.remove_prefix(1);
  return true;
}

// All maps of one netdev have to share its queues out among them.
Status check_apart(const std::vector<Map>& maps, const Map& map) {
  for (const Map& other : maps) {
    if (&other == &map) break;
    if (other.device == map.device) return wrong("device " + map.device + " is mapped twice");
    if (other.config.iface != map.config.iface || map.config.is_loop()) continue;
    const std::string both = other.device + " and " + map.device + " are both mapped to " + map.config.iface;
    if (!other.queues_given || !map.queues_given)
      return wrong(both + "; give each its queues: start_queue=, queue_count=");
    const PortConfig &a = other.config, &b = map.config;
    if (a.start_queue < b.start_queue + b.queue_count && b.start_queue < a.start_queue + a.queue_count)
      return wrong(both + " with a queue in common");
  }
  return {};
}

Status add_key(std::vector<Map>& maps, std::string_view key, std::string_view value) {
  if (maps.empty()) return wrong(std::string(key) + "= stands before any DEVICE=NETDEV");
  if (key == "iface") return wrong("iface= is what the map itself says: DEVICE=NETDEV");
  Status s = set_port_key(maps.back().config, key, value);
  if (!s) return wrong(maps.back().device + ": " + s.error().why);
  if (key == "queue_count") maps.back().queues_given = true;
  return {};
}

// Drivers of NICs, and net_tap, put a packet type into every mbuf, and programs written for one may read it
// without asking. Ours parses for it, so it does where it stands for one, unless packet_types=0 is said.
bool gives_packet_types(std::string_view device) { return parse_pci(device) || device.starts_with("net_tap"); }

Status add_item(std::vector<Map>& maps, std::string_view item) {
  const size_t equals = item.find('=');
  if (equals == std::string_view::npos)
    return wrong("'" + std::string(item) + "' has no '='; write DEVICE=NETDEV, say 0000:3b:00.0=eth0");
  const std::string_view left = item.substr(0, equals), right = item.substr(equals + 1);
  if (!is_device(left)) return add_key(maps, left, right);
  Map map;
  map.device = device_name(left);
  map.config.packet_types = gives_packet_types(map.device);
  if (Status s = set_port_key(map.config, "iface", right); !s)
    return wrong(std::string(item) + ": " + s.error().why);
  maps.push_back(std::move(map));
  return {};
}

}  // namespace

std::optional<PciAddress> parse_pci(std::string_view text) {
  PciAddress address;
  std::string_view rest = text;
  const size_t first = text.find(':');
  if (first == std::string_view::npos) return std::nullopt;
  const bool has_domain = text.find(':', first + 1) != std::string_view::npos;
  if (has_domain && !take_hex(rest, ':', UINT32_MAX, address.domain)) return std::nullopt;
  if (!take_hex(rest, ':', 0xff, address.bus) || !take_hex(rest, '.', 0x1f, address.device) ||
      !take_hex(rest, '\0', 7, address.function))
    return std::nullopt;
  return address;
}

std::string device_name(std::string_view text) {
  const auto address = parse_pci(text);
  if (!address) return std::string(text);
  char name[32];
  std::snprintf(name, sizeof name, "%.4x:%.2x:%.2x.%x", address->domain, address->bus, address->device,
                address->function);
  return name;
}

Result<std::vector<Map>> parse_maps(std::string_view text) {
  std::vector<Map> maps;
  while (!text.empty()) {
    if (text.front() == '#') {
      text.remove_prefix(std::min(text.find('\n'), text.size()));
    } else if (const size_t length = text.find_first_of(kBetween); length != 0) {
      if (Status s = add_item(maps, text.substr(0, length)); !s) return s.error();
      text.remove_prefix(std::min(length, text.size()));
    } else {
      text.remove_prefix(1);
    }
  }
  for (const Map& map : maps) {
    if (Status s = validate(map.config); !s) return wrong(map.device + ": " + s.error().why);
    if (Status s = check_apart(maps, map); !s) return s.error();
  }
  return maps;
}

}  // namespace zcnbrh::shim
