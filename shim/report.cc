// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#include "shim/report.h"

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <deque>
#include <mutex>
#include <nlohmann/json.hpp>

#include "lib/base/unique_fd.h"
#include "shim/counts.h"
#include "shim/next.h"
#include "shim/ports.h"
#include "shim/settings.h"
#include "shim/share_server.h"

namespace zcnbrh::shim {
namespace {

using Json = nlohmann::ordered_json;

constexpr size_t kMaxMessages = 256;  // the first ones: what went wrong first is what one looks for

struct Message {
  Say level;
  std::string line;
};

struct Notes {
  std::deque<Message> messages;
  uint64_t dropped = 0;
  std::string driver;
  std::map<std::string, Json> last_xstats;  // of ports that are closed
};

constinit std::mutex g_lock;
constinit Notes* g_notes = nullptr;  // made when first needed, never freed
constinit std::atomic<const char*> g_stage{""};
constinit std::atomic<pid_t> g_owner{0};  // who writes the report

Notes& notes() {
  if (g_notes == nullptr) g_notes = new Notes;
  return *g_notes;
}

const char* level_name(Say level) {
  switch (level) {
    case Say::kError:
      return "error";
    case Say::kWarning:
      return "warning";
    case Say::kNotice:
      return "notice";
    case Say::kInfo:
      return "info";
  }
  return "";
}

Json devices_json() {
  Json out = Json::array();
  for (const auto& device : mapped_devices()) {
    Json one = {{"device", device->map.device},
                {"netdev", device->map.config.iface},
                {"fate", fate_name(device->fate)}};
    if (device->fate == Fate::kMoved) {
      one["vdev"] = device->vdev;
      one["port"] = device->last_port.load();
      one["open"] = device->port_id != kNoPort;
    }
    out.push_back(std::move(one));
  }
  return out;
}

Json calls_json() {
  Json out = Json::object();
  for (size_t i = 0; i < static_cast<size_t>(Call::kCount); ++i)
    if (const auto call = static_cast<Call>(i); call_count(call) != 0) out[call_name(call)] = call_count(call);
  return out;
}

Json port_calls_json(uint16_t port_id) {
  Json out = Json::object();
  for (size_t i = 0; i < static_cast<size_t>(Call::kCount); ++i) {
    const auto call = static_cast<Call>(i);
    const CallCounts counts = port_call_counts(call, port_id);
    if (counts.calls == 0) continue;
    Json& one = out[call_name(call)] = {{"calls", counts.calls}};
    if (counts.not_supported != 0) one["not_supported"] = counts.not_supported;
    if (counts.failed != 0) one["failed"] = counts.failed;
  }
  return out;
}

Json offloads_json(const Asked& asked, OffloadName* name_of) {
  return {{"asked", offload_names(asked.asked, name_of)}, {"missing", offload_names(asked.missing, name_of)}};
}

Json queues_json(const std::map<uint16_t, QueueAsked>& queues, OffloadName* name_of) {
  Json out = Json::array();
  for (const auto& [number, queue] : queues) {
    Json one = {{"queue", number},
                {"setups", queue.setups},
                {"descriptors", queue.descriptors},
                {"descriptors_given", queue.given},
                {"offloads", offloads_json(queue.offloads, name_of)}};
    if (!queue.pool.empty()) one["pool"] = queue.pool;
    out.push_back(std::move(one));
  }
  return out;
}

// What the driver does itself, whatever the device can: see docs/limits.md. (Of these a device may compute TCP
// and UDP checksums and time stamps and tell VLAN tags, where kernel and driver offer their metadata.)
constexpr uint64_t kSoftwareRx = RTE_ETH_RX_OFFLOAD_CHECKSUM | RTE_ETH_RX_OFFLOAD_SCTP_CKSUM |
                                 RTE_ETH_RX_OFFLOAD_VLAN | RTE_ETH_RX_OFFLOAD_QINQ_STRIP |
                                 RTE_ETH_RX_OFFLOAD_SCATTER | RTE_ETH_RX_OFFLOAD_TIMESTAMP |
                                 RTE_ETH_RX_OFFLOAD_RSS_HASH;
constexpr uint64_t kSoftwareTx = RTE_ETH_TX_OFFLOAD_IPV4_CKSUM | RTE_ETH_TX_OFFLOAD_UDP_CKSUM |
                                 RTE_ETH_TX_OFFLOAD_TCP_CKSUM | RTE_ETH_TX_OFFLOAD_SCTP_CKSUM |
                                 RTE_ETH_TX_OFFLOAD_VLAN_INSERT | RTE_ETH_TX_OFFLOAD_QINQ_INSERT |
                                 RTE_ETH_TX_OFFLOAD_MULTI_SEGS;

Json known_offloads_json(const Asked& asked, uint64_t software, OffloadName* name_of) {
  Json out = offloads_json(asked, name_of);
  out["emulated"] = offload_names(asked.asked & ~asked.missing & software, name_of);
  return out;
}

// The port's own counters that are not zero, by queue where they have one (docs/counters.md).
Json read_xstats(uint16_t port_id) {
  Json out = Json::object();
  const int count = NEXT(rte_eth_xstats_get)(port_id, nullptr, 0);
  if (count <= 0) return out;
  std::vector<struct rte_eth_xstat> values(static_cast<size_t>(count));
  std::vector<struct rte_eth_xstat_name> names(values.size());
  const auto size = static_cast<unsigned>(count);
  if (NEXT(rte_eth_xstats_get)(port_id, values.data(), size) != count ||
      NEXT(rte_eth_xstats_get_names)(port_id, names.data(), size) != count)
    return out;
  for (const struct rte_eth_xstat& value : values)
    if (value.value != 0) out[names[value.id].name] = value.value;
  return out;
}

Json xstats_json(const MappedDevice& device) {
  if (const uint16_t port_id = device.port_id; port_id != kNoPort) return read_xstats(port_id);
  const std::lock_guard lock(g_lock);
  const auto kept = notes().last_xstats.find(device.vdev);
  return kept != notes().last_xstats.end() ? kept->second : Json::object();
}

Json port_json(uint16_t port_id, const PortAsked& asked) {
  auto *rx_name = NEXT(rte_eth_dev_rx_offload_name), *tx_name = NEXT(rte_eth_dev_tx_offload_name);
  const MappedDevice* device = find_last_port(port_id);
  const bool moved = device != nullptr;
  return {{"port", port_id},
          {"device", device != nullptr ? Json(device->map.device) : Json()},
          {"moved", moved},
          {"configured", asked.configured},
          {"rx_queues", asked.rx_queues},
          {"tx_queues", asked.tx_queues},
          {"rx_offloads", known_offloads_json(asked.rx, moved ? kSoftwareRx : 0, rx_name)},
          {"tx_offloads", known_offloads_json(asked.tx, moved ? kSoftwareTx : 0, tx_name)},
          {"rss_hf", {{"asked", asked.rss.asked}, {"missing", asked.rss.missing}}},
          {"modes_missing", asked.missing_modes},
          {"rx_queue", queues_json(asked.rx_queue, rx_name)},
          {"tx_queue", queues_json(asked.tx_queue, tx_name)},
          {"calls", port_calls_json(port_id)},
          {"xstats", moved ? xstats_json(*device) : Json::object()}};
}

Json ports_json() {
  Json out = Json::array();
  for (const auto& [port_id, asked] : ports_asked()) out.push_back(port_json(port_id, asked));
  return out;
}

Json pools_json() {
  Json out = Json::array();
  for (const PoolAsked& pool : pools_asked())
    out.push_back({{"name", pool.name},
                   {"call", pool.how},
                   {"elements", pool.elements},
                   {"node", pool.node},
                   {"ops", pool.ops},
                   {"made", pool.made}});
  return out;
}

Json messages_json() {
  Json out = Json::array();
  const std::lock_guard lock(g_lock);
  for (const Message& message : notes().messages)
    out.push_back({{"level", level_name(message.level)}, {"text", message.line}});
  return out;
}

Json peers_json() {
  Json out = Json::array();
  for (const PeerReport& peer : peers_report()) {
    Json attached = Json::array();
    for (const AttachedReport& one : peer.attached)
      attached.push_back({{"kind", one.kind},
                          {"name", one.name},
                          {"taken", one.taken},
                          {"given", one.given},
                          {"refused", one.refused},
                          {"repair", one.repair}});
    out.push_back(
        {{"pid", peer.pid}, {"gone", peer.gone}, {"held", peer.held}, {"attached", std::move(attached)}});
  }
  return out;
}

std::string report_path() {
  std::string path = settings().report;
  if (const size_t at = path.find("%p"); at != std::string::npos)
    path.replace(at, 2, std::to_string(::getpid()));
  return path;
}

void write_all(int fd, const std::string& text) {
  size_t done = 0;
  while (done < text.size()) {
    const ssize_t wrote = ::write(fd, text.data() + done, text.size() - done);
    if (wrote <= 0) return;
    done += static_cast<size_t>(wrote);
  }
}

}  // namespace

void note_stage(const char* name) noexcept { g_stage = name; }

void note_driver(const std::string& file) noexcept {
  const std::lock_guard lock(g_lock);
  notes().driver = file;
}

void note_message(Say level, const char* line) noexcept {
  const std::lock_guard lock(g_lock);
  if (notes().messages.size() < kMaxMessages)
    notes().messages.push_back({level, line});
  else
    ++notes().dropped;
}

void note_closing(const MappedDevice& device) {
  const uint16_t port_id = device.port_id;
  if (port_id == kNoPort) return;
  Json xstats = read_xstats(port_id);
  const std::lock_guard lock(g_lock);
  notes().last_xstats[device.vdev] = std::move(xstats);
}

std::string report_json() {
  auto* version = NEXT(rte_version);
  Json out = {{"pid", ::getpid()},
              {"dpdk", version != nullptr ? version() : ""},
              {"mode", doing() == Doing::kObserving ? "observe"
                       : settings().strict          ? "strict"
                                                    : "lenient"},
              {"stage", g_stage.load()}};
  {
    const std::lock_guard lock(g_lock);
    out["driver"] = notes().driver;
    out["messages_dropped"] = notes().dropped;
  }
  out["devices"] = devices_json();
  out["ports"] = ports_json();
  out["pools"] = pools_json();
  out["native"] = peers_json();
  out["calls"] = calls_json();
  out["messages"] = messages_json();
  return out.dump(2, ' ', false, Json::error_handler_t::replace) + '\n';
}

void start_report() noexcept {
  g_owner = ::getpid();
  static const int registered = std::atexit(finish_report);
  (void)registered;
}

void finish_report() noexcept {
  const ErrnoGuard guard;
  const std::string path = report_path();
  if (path.empty() || g_owner != ::getpid()) return;
  const UniqueFd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
  if (!file)
    return say(Say::kWarning, "ZCNBRH_REPORT: %s cannot be written: %s", path.c_str(), std::strerror(errno));
  write_all(file.get(), report_json());
}

}  // namespace zcnbrh::shim
