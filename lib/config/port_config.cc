// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// The parser, the rules between keys, and the printer. What a single key takes is in key_table.cc.
#include "lib/config/port_config.h"

#include <algorithm>
#include <cerrno>
#include <vector>

#include "lib/config/key_table.h"

namespace zcnbrh {
namespace {

using config::config_error;
using config::Key;
using config::quoted_bytes;

// Far above the longest sensible text (two paths), so that no caller's accident is copied around.
constexpr size_t kMaxTextBytes = 16384;
constexpr uint32_t kMaxQueues = 65536;  // queue ids are 16 bits wide in skbs and in DPDK

std::string known_keys() {
  std::string out;
  for (const Key& key : config::keys()) out += (out.empty() ? "" : ", ") + std::string(key.name);
  return out;
}

Error unknown_key(std::string_view name) {
  std::string why = "unknown key '" + quoted_bytes(name) + "'";
  if (const Key* near = config::nearest_key(name)) why += " (did you mean '" + std::string(near->name) + "'?)";
  return config_error(why + "; known keys: " + known_keys());
}

struct Item {
  const Key* key;
  std::string_view value;
};

Result<Item> split_item(std::string_view item, size_t offset) {
  if (item.empty())
    return config_error("empty item at byte " + std::to_string(offset) + "; remove the stray comma");
  const size_t equals = item.find('=');
  const std::string_view name = item.substr(0, equals);
  if (name.empty()) return config_error("'" + quoted_bytes(item) + "': no key before the '='");
  const Key* key = config::find_key(name);
  if (key == nullptr) return unknown_key(name);
  if (equals == item.npos)
    return config_error("'" + std::string(name) + "': no '=' after the key; takes " + range_text(*key));
  return Item{key, item.substr(equals + 1)};
}

// Who else has attached the program decides what it is and how it does it.
Status check_foreign_map(const PortConfig& config) {
  if (config.use_cni && config.use_pinned_map)
    return config_error("use_cni=1 and use_pinned_map=1 exclude each other; leave one out");
  if (!config.foreign_map()) {
    if (config.dp_path.empty()) return {};
    return config_error("dp_path=" + quoted_bytes(config.dp_path) + ": needs use_cni=1 or use_pinned_map=1");
  }
  const char* ours = !config.xdp_prog.empty()           ? "xdp_prog"
                     : config.attach != Attach::kAuto   ? "attach"
                     : config.on_empty != OnEmpty::kOff ? "on_empty"
                                                        : nullptr;
  if (ours == nullptr) return {};
  return config_error(std::string("key ") + ours + ": with " + (config.use_cni ? "use_cni" : "use_pinned_map") +
                      "=1 the XDP program is somebody else's; leave the key out");
}

Status check_mode(const PortConfig& config) {
  if (config.mode == XdpMode::kSkb && !config.allow_skb)
    return config_error("mode=skb and allow_skb=0 exclude each other; leave one out");
  if (config.mode == XdpMode::kSkb && config.zc == ZeroCopy::kRequire)
    return config_error(
        "mode=skb and zc=require exclude each other: zero-copy needs native XDP; leave one out");
  if (config.mode == XdpMode::kSkb && config.on_empty != OnEmpty::kOff)
    return config_error(
        "mode=skb and on_empty exclude each other: in SKB mode several CPUs may run one queue, and the gate's "
        "count has one writer; leave one out");
  if (config.mode == XdpMode::kHw && config.foreign_map())
    return config_error("mode=hw: a program on the NIC cannot feed a socket; leave it out");
  if (config.mode == XdpMode::kHw && config.attach == Attach::kDispatcher)
    return config_error("mode=hw: libxdp's dispatcher does not run on a NIC; leave attach=dispatcher out");
  return {};
}

Status check_loop(const PortConfig& config) {
  if (!config.is_loop()) {
    if (config.peer.empty()) return {};
    return config_error("peer=" + quoted_bytes(config.peer) + ": pairs loop ports only; needs iface=loop");
  }
  if (config.sched != Sched::kWakeup)
    return config_error("sched: iface=loop has no kernel whose work could be scheduled; leave it out");
  if (config.kick == Kick::kThread)
    return config_error("kick=thread: iface=loop makes no system calls; leave it out");
  const char* needs_program = !config.xdp_prog.empty()           ? "xdp_prog"
                              : config.attach != Attach::kAuto   ? "attach"
                              : config.on_empty != OnEmpty::kOff ? "on_empty"
                              : config.use_cni                   ? "use_cni"
                              : config.use_pinned_map            ? "use_pinned_map"
                              : config.mode != XdpMode::kAuto    ? "mode"
                                                                 : nullptr;
  if (config.zc == ZeroCopy::kRequire)
    return config_error("iface=loop and zc=require exclude each other: the loop backend copies; leave one out");
  if (needs_program == nullptr) return {};
  return config_error(std::string("key ") + needs_program +
                      ": iface=loop has no XDP program; leave the key out or name a netdev");
}

Status check_sched(const PortConfig& config) {
  if (!config.busy_budget || config.sched == Sched::kWakeup || config.sched == Sched::kAuto) return {};
  if ((*config.busy_budget != 0) == (config.sched == Sched::kBusy)) return {};
  return config_error("busy_budget=" + std::to_string(*config.busy_budget) +
                      (config.sched == Sched::kBusy ? " and sched=busy" : " and sched=threaded") +
                      " exclude each other; leave one out");
}

Status check_between_keys(const PortConfig& config) {
  if (Status sched = check_sched(config); !sched) return sched;
  if (config.start_queue + config.queue_count > kMaxQueues)
    return config_error("start_queue=" + std::to_string(config.start_queue) +
                        ",queue_count=" + std::to_string(config.queue_count) +
                        ": the last queue is out of range 0.." + std::to_string(kMaxQueues - 1));
  if (config.force_copy && config.zc == ZeroCopy::kRequire)
    return config_error("force_copy=1 and zc=require exclude each other; leave one out");
  if (config.reattach && (config.is_loop() || config.use_cni))
    return config_error(config.is_loop() ? "reattach=1: a loop port has no netdev that could go; leave it out"
                                         : "reattach=1: the device plugin gives a netdev out once, to the pod "
                                           "that it was made for; leave it out");
  if (config.window && config.on_empty == OnEmpty::kOff)
    return config_error("window=" + std::to_string(*config.window) +
                        ": there is no gate with on_empty=off; add on_empty=drop or on_empty=pass");
  return {};
}

}  // namespace

Result<PortConfig> parse_port_config(std::string_view text) {
  PortConfig config;
  if (text.empty()) return config;
  if (text.size() > kMaxTextBytes)
    return config_error(std::to_string(text.size()) + " bytes of text; at most " +
                        std::to_string(kMaxTextBytes));
  std::vector<const Key*> seen;
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find(',', begin), text.size());
    const Result<Item> item = split_item(text.substr(begin, end - begin), begin);
    if (!item) return item.error();
    if (std::find(seen.begin(), seen.end(), item->key) != seen.end())
      return config_error("key '" + std::string(item->key->name) + "' is given twice");
    seen.push_back(item->key);
    if (Status set = set_value(*item->key, item->value, config); !set) return set.error();
    begin = end + 1;
  }
  return config;
}

Status set_port_key(PortConfig& config, std::string_view key, std::string_view value) {
  const Key* row = config::find_key(key);
  return row != nullptr ? set_value(*row, value, config) : unknown_key(key);
}

Status validate(const PortConfig& config) {
  if (config.iface.empty())
    return config_error("key iface is missing; name a netdev (see `ip link`) or give iface=loop");
  for (const Key& key : config::keys())
    if (Status fits = check_value(key, config); !fits) return fits;
  if (Status loop = check_loop(config); !loop) return loop;
  if (Status foreign = check_foreign_map(config); !foreign) return foreign;
  if (Status mode = check_mode(config); !mode) return mode;
  return check_between_keys(config);
}

std::string print_port_config(const PortConfig& config) {
  const PortConfig defaults;
  std::string out;
  for (const Key& key : config::keys()) {
    const std::string value = value_text(key, config);
    if (value == value_text(key, defaults)) continue;
    out += (out.empty() ? "" : ",") + std::string(key.name) + "=" + value;
  }
  return out;
}

}  // namespace zcnbrh
