// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#include "lib/netdev/sysfs.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <climits>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <optional>

#include "lib/base/unique_fd.h"

namespace zcnbrh {
namespace {

// First line of a small file, without the newline; nothing when it cannot be read.
std::optional<std::string> read_line(const std::string& path) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return std::nullopt;
  char text[256];
  ssize_t length = ::read(fd.get(), text, sizeof(text));
  if (length < 0) return std::nullopt;
  std::string line(text, static_cast<size_t>(length));
  return line.substr(0, line.find('\n'));
}

std::string real_path(const std::string& path) {
  char resolved[PATH_MAX];
  return ::realpath(path.c_str(), resolved) != nullptr ? std::string(resolved) : std::string();
}

std::string mac_text(const std::array<uint8_t, 6>& mac) {
  char text[18];
  std::snprintf(text, sizeof(text), "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4],
                mac[5]);
  return text;
}

// Calls f(path) for `path` and each directory above it that is still below <root>/devices, until it says true.
template <typename F>
void walk_up(const std::string& root, std::string path, F&& f) {
  const std::string top = real_path(root + "/devices");
  if (top.empty()) return;
  while (path.size() > top.size() && path.compare(0, top.size(), top) == 0) {
    if (f(path)) return;
    path.resize(path.rfind('/'));
  }
}

}  // namespace

std::string sysfs_net_entry(const std::string& root, const std::string& name, int ifindex,
                            const std::array<uint8_t, 6>& mac) {
  if (name.empty() || name.find('/') != std::string::npos) return {};
  std::string entry = root + "/class/net/" + name;
  if (read_line(entry + "/ifindex").value_or("") != std::to_string(ifindex)) return {};
  if (read_line(entry + "/address").value_or("") != mac_text(mac)) return {};
  return entry;
}

std::string sysfs_device_path(const std::string& root, const std::string& bus, const std::string& device,
                              const std::string& net_entry) {
  if (!bus.empty() && !device.empty()) {
    std::string path = real_path(root + "/bus/" + bus + "/devices/" + device);
    if (!path.empty()) return path;
  }
  return net_entry.empty() ? std::string() : real_path(net_entry + "/device");
}

int sysfs_numa_node(const std::string& root, const std::string& device_path) {
  int node = -1;
  walk_up(root, device_path, [&](const std::string& path) {
    std::optional<std::string> text = read_line(path + "/numa_node");
    if (text) node = std::atoi(text->c_str());
    return node >= 0;
  });
  return node < 0 ? -1 : node;
}

DmaTranslation sysfs_dma_translation(const std::string& root, const std::string& device_path) {
  DmaTranslation out{false, "no IOMMU group"};
  walk_up(root, device_path, [&](const std::string& path) {
    const std::string group = path + "/iommu_group";
    if (::access(group.c_str(), F_OK) != 0) return false;
    // The type file is of Linux 4.20; "identity" is pass-through, DMA and DMA-FQ (5.15) translate.
    std::optional<std::string> type = read_line(group + "/type");
    if (!type) {
      out = {true, "the IOMMU group's type cannot be read, so translation is assumed"};
    } else {
      out = {*type != "identity", "IOMMU group of type " + *type};
    }
    return true;
  });
  return out;
}

uint32_t sysfs_queue_count(const std::string& net_entry, const std::string& prefix) {
  if (net_entry.empty()) return 0;
  std::unique_ptr<DIR, int (*)(DIR*)> queues(::opendir((net_entry + "/queues").c_str()), ::closedir);
  if (!queues) return 0;
  uint32_t count = 0;
  while (const dirent* entry = ::readdir(queues.get())) {
    if (std::strncmp(entry->d_name, prefix.c_str(), prefix.size()) == 0) ++count;
  }
  return count;
}

}  // namespace zcnbrh
