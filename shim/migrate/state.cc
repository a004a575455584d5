// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#include "shim/migrate/state.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "lib/base/process.h"
#include "lib/netdev/netdev.h"
#include "lib/xdp/xdp_owner.h"
#include "shim/migrate/netdev_settings.h"

namespace zcnbrh::migrate {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

std::string boot_id() {
  std::string id;
  std::ifstream("/proc/sys/kernel/random/boot_id") >> id;
  return id;
}

Json empty_state() { return {{"boot", boot_id()}, {"netdevs", Json::array()}, {"bindings", Json::array()}}; }

NoState failed(const std::string& file) {
  return NoState("state file " + file + ": " + std::strerror(errno) + "; name another by --state FILE");
}

UniqueFd lock_of(const std::string& file) {
  std::error_code none;
  fs::create_directories(fs::path(file).parent_path(), none);
  UniqueFd fd(::open((file + ".lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd || ::flock(fd.get(), LOCK_EX) != 0) throw failed(file);
  return fd;
}

Json read_state(const std::string& file) {
  if (::access(file.c_str(), F_OK) != 0 && errno == ENOENT) return empty_state();
  std::ifstream in(file);
  if (!in) throw failed(file);
  Json state = Json::parse(in, nullptr, false);
  const bool whole = state.is_object() && state.contains("boot") && state.value("netdevs", Json()).is_array() &&
                     state.value("bindings", Json()).is_array();
  if (!whole)
    throw NoState("state file " + file + " cannot be read; it is none of ours, or half of one: remove it");
  return state["boot"] == boot_id() ? state : empty_state();
}

Json this_process() {
  zcnbrh_config self{};
  stamp_owner(self);
  return {{"pid", self.owner_pid}, {"pid_ns", self.owner_pid_ns}, {"start", self.owner_start_time}};
}

bool may_live(const Json& user) {
  zcnbrh_config one{};
  one.owner_pid = user.value("pid", 0U);
  one.owner_pid_ns = user.value("pid_ns", uint64_t{0});
  one.owner_start_time = user.value("start", uint64_t{0});
  return owner_state(one) != OwnerState::kDead;
}

void add_user(Json& entry) {
  Json users = Json::array();
  for (const Json& user : entry["users"])
    if (may_live(user)) users.push_back(user);
  users.push_back(this_process());
  entry["users"] = std::move(users);
}

}  // namespace

std::string default_state_file() {
  if (::geteuid() == 0) return "/run/zcnbrh/migrate.json";
  const char* folder = std::getenv("XDG_RUNTIME_DIR");
  return folder != nullptr && folder[0] == '/' ? std::string(folder) + "/zcnbrh-migrate.json" : "";
}

State::State(std::string file) : file_(std::move(file)) {
  if (file_.empty())
    throw NoState("no folder for the state file: XDG_RUNTIME_DIR is not set; name one by --state FILE");
  file_ = fs::absolute(file_);
  lock_ = lock_of(file_);
  content_ = read_state(file_);
}

void State::save() {
  if (netdevs().empty() && bindings().empty()) {
    if (::unlink(file_.c_str()) != 0 && errno != ENOENT) throw failed(file_);
    return;
  }
  const std::string text = content_.dump(2) + '\n', part = file_ + ".part";
  ::unlink(part.c_str());
  const UniqueFd fd(::open(part.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!fd || ::write(fd.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()) ||
      ::rename(part.c_str(), file_.c_str()) != 0)
    throw failed(file_);
}

void State::keep_netdev(const std::string& netdev, const std::string& command) {
  const auto info = netdev_query(netdev);
  if (!info) return;
  const Json identity = {info->name, info->ifindex, network_namespace()};
  for (Json& entry : netdevs()) {
    if (Json{entry["netdev"], entry["ifindex"], entry["netns"]} != identity) continue;
    add_user(entry);
    return;
  }
  netdevs().push_back({{"netdev", info->name},
                       {"ifindex", info->ifindex},
                       {"netns", network_namespace()},
                       {"command", command},
                       {"users", Json::array({this_process()})},
                       {"settings", settings_to_keep(info->name)}});
}

void State::keep_binding(const std::string& device, const Binding& binding) {
  for (const Json& entry : bindings())
    if (entry["device"] == device) return;
  bindings().push_back(
      {{"device", device}, {"driver", binding.driver}, {"driver_override", binding.driver_override}});
}

std::vector<uint32_t> living_users(const Json& netdev_entry) {
  std::vector<uint32_t> out;
  for (const Json& user : netdev_entry.value("users", Json::array()))
    if (may_live(user)) out.push_back(user.value("pid", 0U));
  return out;
}

}  // namespace zcnbrh::migrate
