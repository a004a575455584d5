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
#include "shim/ports.h"
#include "shim/settings.h"

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
};

constinit std::mutex g_lock;
constinit Notes* g_notes = nullptr;  // made when first needed, never freed
constinit std::atomic<const char*> g_stage{""};
constinit std::atomic<uint64_t> g_calls[static_cast<size_t>(Call::kCount)] = {};
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
      one["port"] = device->port_id.load();
    }
    out.push_back(std::move(one));
  }
  return out;
}

Json calls_json() {
  Json out = Json::object();
  for (size_t i = 0; i < static_cast<size_t>(Call::kCount); ++i)
    if (const uint64_t count = g_calls[i]; count != 0) out[call_name(static_cast<Call>(i))] = count;
  return out;
}

Json messages_json() {
  Json out = Json::array();
  const std::lock_guard lock(g_lock);
  for (const Message& message : notes().messages)
    out.push_back({{"level", level_name(message.level)}, {"text", message.line}});
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

void count_call(Call call) noexcept {
  if (doing() != Doing::kIdle) g_calls[static_cast<size_t>(call)].fetch_add(1, std::memory_order_relaxed);
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
