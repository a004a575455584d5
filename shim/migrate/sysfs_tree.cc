// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#include "shim/migrate/sysfs_tree.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>

#include "lib/base/unique_fd.h"

namespace zcnbrh::migrate {

namespace fs = std::filesystem;

bool SysfsTree::exists(const std::string& path) const {
  std::error_code none;
  return fs::exists(fs::path(root_) / path, none);
}

std::string SysfsTree::read(const std::string& path) const {
  std::ifstream in(fs::path(root_) / path);
  std::string line;
  std::getline(in, line);
  return line;
}

std::string SysfsTree::link(const std::string& path) const {
  std::error_code none;
  return fs::read_symlink(fs::path(root_) / path, none).filename();
}

std::vector<std::string> SysfsTree::list(const std::string& path) const {
  std::error_code none;
  std::vector<std::string> out;
  for (fs::directory_iterator at(fs::path(root_) / path, none), end; !none && at != end; at.increment(none))
    out.push_back(at->path().filename());
  std::sort(out.begin(), out.end());
  return out;
}

Status SysfsTree::write(const std::string& path, std::string_view text) const {
  const std::string whole = fs::path(root_) / path;
  errno = 0;
  const UniqueFd fd(::open(whole.c_str(), O_WRONLY | O_TRUNC | O_NONBLOCK | O_CLOEXEC));
  if (!fd || ::write(fd.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()))
    return Error{errno != 0 ? errno : EIO, "write", whole};
  return {};
}

}  // namespace zcnbrh::migrate
