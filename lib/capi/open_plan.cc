// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// The options struct becomes the text of port keys that devargs are, so that one parser and one set of rules
// serve both, and a key given twice is found.
#include "lib/capi/open_plan.h"

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>

#include "lib/base/cacheline.h"

namespace zcnbrh::capi {
namespace {

constexpr const char* kCall = "zcnbrh_open options";
constexpr uint32_t kMostLoopName = 63;
constexpr size_t kLeastSize = offsetof(struct zcnbrh_options, devargs);  // what the first version began with
constexpr size_t kMostSize = 4096;                                       // no struct of ours, but an accident

Error bad(std::string why, int code = EINVAL) { return Error{code, kCall, std::move(why)}; }

// A copy of the size this library knows: what the caller's struct lacks is zero, what it has more must be.
Result<struct zcnbrh_options> known_part(const struct zcnbrh_options& given) {
  if (given.size < kLeastSize || given.size > kMostSize)
    return bad("size=" + std::to_string(given.size) + ": call zcnbrh_options_init() first");
  struct zcnbrh_options out {};
  out.busy_budget = out.numa_node = -1;
  std::memcpy(&out, &given, std::min(given.size, sizeof out));
  const auto* bytes = reinterpret_cast<const unsigned char*>(&given);
  for (size_t i = sizeof out; i < given.size; ++i)
    if (bytes[i] != 0)
      return bad("options of a newer zcnbrh.h are set that this libzcnbrh.so does not know", E2BIG);
  return out;
}

// Sets keys of one PortConfig and keeps the first refusal.
class KeyWriter {
 public:
  void text(const char* key, const char* value) {
    if (value != nullptr && status.ok()) status = set_port_key(config, key, value);
  }
  void number(const char* key, uint32_t value) {
    if (status.ok()) status = set_port_key(config, key, std::to_string(value));
  }
  template <size_t N>
  void choice(const char* key, int32_t value, const char* const (&names)[N]) {
    if (!status.ok()) return;
    if (value < 0 || value >= static_cast<int32_t>(N)) {
      status = bad(std::string(key) + "=" + std::to_string(value) + ": takes 0.." + std::to_string(N - 1));
      return;
    }
    status = set_port_key(config, key, names[value]);
  }

  PortConfig config;
  Status status;
};

Result<PortConfig> read_keys(const struct zcnbrh_options& o) {
  KeyWriter w;
  w.text("iface", o.iface);
  w.text("peer", o.peer);
  w.text("xdp_prog", o.xdp_prog);
  w.number("start_queue", o.queue);
  if (o.window != 0) w.number("window", o.window);
  if (o.busy_budget != -1) w.number("busy_budget", static_cast<uint32_t>(o.busy_budget));
  w.choice("zc", o.zero_copy, {"prefer", "require", "off"});
  w.choice("attach", o.attach, {"auto", "link", "dispatcher"});
  w.choice("on_empty", o.on_empty, {"off", "drop", "pass"});
  w.choice("chunks", o.chunks, {"auto", "aligned", "unaligned"});
  w.choice("ledger", o.ledger, {"0", "1"});
  if (!w.status) return w.status.error();
  std::string text = print_port_config(w.config);
  if (o.devargs != nullptr && *o.devargs != '\0') text += (text.empty() ? "" : ",") + std::string(o.devargs);
  auto config = parse_port_config(text);
  if (!config) return config.error();
  if (Status s = validate(*config); !s) return s.error();
  return config;
}

// Keys that have no meaning for one queue with memory of its own.
Status check_keys(const PortConfig& config) {
  const PortConfig defaults;
  const char* key = config.queue_count != 1                  ? "queue_count"
                    : config.shared_umem.has_value()         ? "shared_umem"
                    : config.tx_bounce != defaults.tx_bounce ? "tx_bounce"
                    : config.pool_ops != defaults.pool_ops   ? "pool_ops"
                    : config.packet_types                    ? "packet_types"
                                                             : nullptr;
  if (key == nullptr) return {};
  return bad("key " + std::string(key) + " is the DPDK driver's; here each queue is opened by itself", ENOTSUP);
}

Status check_numbers(const struct zcnbrh_options& o) {
  if (o.frames != 0 && (o.frames < kLeastFrames || o.frames > kMostFrames))
    return bad("frames=" + std::to_string(o.frames) + ": takes " + std::to_string(kLeastFrames) + ".." +
               std::to_string(kMostFrames) + "; rx_desc + tx_desc + what the application holds is enough");
  if (o.numa_node < -1 || o.numa_node > 1023)
    return bad("numa_node=" + std::to_string(o.numa_node) + ": takes -1 (the interface's) or a node's number");
  if (o.timestamps != 0 && o.timestamps != 1)
    return bad("timestamps=" + std::to_string(o.timestamps) + ": takes 0 or 1");
  return {};
}

Status check_loop_name(const struct zcnbrh_options& o, const PortConfig& config) {
  if (o.loop_name == nullptr) return {};
  if (!config.is_loop()) return bad("loop_name is set but iface is " + config.iface + ", not loop");
  const size_t length = ::strnlen(o.loop_name, kMostLoopName + 1);
  if (length >= 1 && length <= kMostLoopName) return {};
  return bad("loop_name: takes 1.." + std::to_string(kMostLoopName) + " bytes");
}

Status check_memory(const struct zcnbrh_options& o) {
  if (o.memory == nullptr) return {};
  const auto* handle = reinterpret_cast<const MemoryHandle*>(o.memory);
  if (!handle->memory->is_of_this_process())
    return bad("memory: it belongs to the parent process; open one after fork()", EPERM);
  const char* key = o.frames != 0                    ? "frames"
                    : o.frame_size != 0              ? "frame_size"
                    : o.chunks != ZCNBRH_CHUNKS_AUTO ? "chunks"
                    : o.numa_node != -1              ? "numa_node"
                                                     : nullptr;
  if (key == nullptr) return {};
  return bad(std::string(key) + " is the shared memory's; give it to zcnbrh_memory_open()");
}

}  // namespace

Result<OpenPlan> read_options(const struct zcnbrh_options& options) {
  auto known = known_part(options);
  if (!known) return known.error();
  const struct zcnbrh_options& o = *known;
  auto config = read_keys(o);
  if (!config) return config.error();
  for (const Status& s : {check_keys(*config), check_numbers(o), check_loop_name(o, *config), check_memory(o)})
    if (!s) return s.error();
  OpenPlan plan;
  plan.config = std::move(*config);
  plan.loop_name = o.loop_name != nullptr ? o.loop_name : "loop";
  plan.rx_desc = o.rx_desc != 0 ? o.rx_desc : kDefaultDesc;
  plan.tx_desc = o.tx_desc != 0 ? o.tx_desc : kDefaultDesc;
  plan.frames = o.frames;
  plan.frame_size = o.frame_size;
  if (o.numa_node >= 0) plan.numa_node = o.numa_node;
  plan.timestamps = o.timestamps == 1;
  if (o.memory != nullptr) plan.memory = reinterpret_cast<const MemoryHandle*>(o.memory)->memory;
  auto rings = queue_sizes(plan.config, plan.rx_desc, plan.tx_desc);
  if (!rings) return rings.error();
  plan.rings = *rings;
  if (plan.frames == 0) plan.frames = plan.rx_desc + plan.tx_desc + kSpareFrames;
  return plan;
}

}  // namespace zcnbrh::capi
