// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#include "lib/xdp/foreign_map.h"

#include <bpf/bpf.h>
#include <linux/bpf.h>
#include <unistd.h>

#include <cerrno>

namespace zcnbrh {
namespace {

constexpr const char* kCall = "XSKMAP of another program";
constexpr const char* kMapLink = "anon_inode:bpf-map";  // bpf_map_new_fd(), kernel/bpf/syscall.c

// "socket:[123]", "anon_inode:bpf-prog", "/etc/hostname": what the kernel says an fd is.
std::string kind_of(int fd) {
  char target[256];
  const std::string link = "/proc/self/fd/" + std::to_string(fd);
  const ssize_t length = ::readlink(link.c_str(), target, sizeof target);
  return length > 0 ? std::string(target, static_cast<size_t>(length)) : "not to be told";
}

const char* open_hint(int code) {
  switch (code) {
    case ENOENT:
      return "no such file; name the pinned map by dp_path=, and mount its BPF file system into the container";
    case EACCES:
      return "not a pinned map (is it a file of a BPF file system?), or not this user's to read and write";
    case EPERM:
      return "may not be opened; before Linux 5.19 that needs CAP_BPF";
    default:
      return "";
  }
}

}  // namespace

Result<ForeignMap> ForeignMap::adopt(UniqueFd fd, const std::string& from) {
  if (const std::string kind = kind_of(fd.get()); kind != kMapLink)
    return Error{EINVAL, kCall, from + " is no BPF map, but " + kind};
  bpf_map_info info = {};
  uint32_t size = sizeof info;
  if (bpf_obj_get_info_by_fd(fd.get(), &info, &size) < 0)
    return Error{errno, kCall, from + (errno == EPERM ? ": before Linux 5.19 that needs CAP_BPF" : "")};
  if (info.type != BPF_MAP_TYPE_XSKMAP)
    return Error{EINVAL, kCall,
                 from + " is a BPF map of another type (" + std::to_string(info.type) + ", '" + info.name +
                     "'); an XSKMAP is wanted"};
  ForeignMap out;
  out.fd_ = std::move(fd);
  out.capacity_ = info.max_entries;
  return out;
}

Result<ForeignMap> ForeignMap::open_pinned(const std::string& path) {
  UniqueFd fd(bpf_obj_get(path.c_str()));
  if (!fd) return Error{errno, kCall, path + ": " + open_hint(errno)};
  return adopt(std::move(fd), path);
}

}  // namespace zcnbrh
