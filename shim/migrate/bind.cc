// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#include "shim/migrate/bind.h"

#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <thread>

namespace zcnbrh::migrate {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

constexpr auto kPatience = 5s;  // a probe may load firmware

template <typename Condition>
bool wait_for(Condition condition) {
  const auto end = std::chrono::steady_clock::now() + kPatience;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(10ms);
  }
  return true;
}

std::string driver_of(const SysfsTree& sysfs, const std::string& address) {
  return sysfs.link(sysfs.device(address) + "/driver");
}

void write_or_throw(const SysfsTree& sysfs, const std::string& path, const std::string& text) {
  if (const Status s = sysfs.write(path, text); !s)
    throw CannotBind(s.error().text() + (s.error().code == EACCES ? "; be root" : ""));
}

void load_module(const SysfsTree& sysfs, const std::string& driver, const std::string& module) {
  const std::string folder = "bus/pci/drivers/" + driver;
  if (sysfs.exists(folder)) return;
  if (!module.empty() && sysfs.root() == "/sys") {
    std::string words[] = {"modprobe", module};
    char* arguments[] = {words[0].data(), words[1].data(), nullptr};
    pid_t child = 0;
    int status = 0;
    if (::posix_spawnp(&child, "modprobe", nullptr, nullptr, arguments, environ) == 0)
      ::waitpid(child, &status, 0);
  }
  if (!sysfs.exists(folder))
    throw CannotBind("driver " + driver + " is not there" +
                     (module.empty() ? "" : "; `modprobe " + module + "` did not bring it"));
}

void unbind(const SysfsTree& sysfs, const std::string& address) {
  const std::string driver = driver_of(sysfs, address);
  if (driver.empty()) return;
  write_or_throw(sysfs, "bus/pci/drivers/" + driver + "/unbind", address);
  if (!wait_for([&] { return driver_of(sysfs, address).empty(); }))
    throw CannotBind(address + " is still with " + driver + "; somebody uses it, see dmesg");
}

void set_override(const SysfsTree& sysfs, const std::string& address, const std::string& driver) {
  const std::string path = sysfs.device(address) + "/driver_override";
  if (!sysfs.exists(path) && driver.empty()) return;
  write_or_throw(sysfs, path, driver + "\n");  // a newline alone takes it away
}

// By driver_override, so that no other driver that takes the device's identity is quicker.
void probe(const SysfsTree& sysfs, const std::string& address, const std::string& driver) {
  set_override(sysfs, address, driver);
  write_or_throw(sysfs, "bus/pci/drivers_probe", address);
  if (!wait_for([&] { return driver_of(sysfs, address) == driver; }))
    throw CannotBind("driver " + driver + " did not take " + address + "; see dmesg");
}

void change(const SysfsTree& sysfs, const std::string& address, const Binding& wanted) {
  if (driver_of(sysfs, address) != wanted.driver) {
    unbind(sysfs, address);
    if (!wanted.driver.empty()) probe(sysfs, address, wanted.driver);
  }
  set_override(sysfs, address, wanted.driver_override);
}

}  // namespace

Binding binding_of(const SysfsTree& sysfs, const std::string& address) {
  const std::string text = sysfs.read(sysfs.device(address) + "/driver_override");
  return {driver_of(sysfs, address), text == "(null)" ? "" : text};
}

void bind_device(const SysfsTree& sysfs, const std::string& address, const Binding& wanted,
                 const std::string& module) {
  if (!sysfs.exists(sysfs.device(address))) throw CannotBind("there is no device " + address);
  const Binding before = binding_of(sysfs, address);
  if (before == wanted) return;
  if (!wanted.driver.empty()) load_module(sysfs, wanted.driver, module);
  if (const auto users = users_of(sysfs, address); before.driver != wanted.driver && !users.empty())
    throw CannotBind(address + " is in use by process " + users.front() + "; end it first");
  try {
    change(sysfs, address, wanted);
  } catch (const CannotBind& error) {
    try {
      change(sysfs, address, before);
    } catch (const CannotBind& again) {
      throw CannotBind(std::string(error.what()) + "; and it could not be given back: " + again.what());
    }
    throw;
  }
}

std::vector<std::string> users_of(const SysfsTree& sysfs, const std::string& address) {
  std::vector<std::string> files;
  const std::string device = sysfs.device(address);
  if (const std::string group = sysfs.link(device + "/iommu_group"); !group.empty())
    files.push_back("/dev/vfio/" + group);
  for (const std::string& one : sysfs.list(device + "/vfio-dev")) files.push_back("/dev/vfio/devices/" + one);
  for (const std::string& one : sysfs.list(device + "/uio")) files.push_back("/dev/" + one);
  std::vector<std::string> out;
  std::error_code none;
  for (const fs::directory_entry& process : fs::directory_iterator("/proc", none)) {
    const std::string pid = process.path().filename();
    if (pid.find_first_not_of("0123456789") != std::string::npos) continue;
    for (fs::directory_iterator at(process.path() / "fd", none), end; !none && at != end; at.increment(none)) {
      std::error_code gone;
      if (std::find(files.begin(), files.end(), fs::read_symlink(at->path(), gone).string()) == files.end())
        continue;
      out.push_back(pid);
      break;
    }
    none.clear();
  }
  return out;
}

}  // namespace zcnbrh::migrate
