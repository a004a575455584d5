// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#include "lib/netdev/netns.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/stat.h>

#include <cerrno>

namespace zcnbrh {
namespace {

constexpr const char* kOwn = "/proc/thread-self/ns/net";

Error unreadable() { return Error{errno, kOwn, "is /proc mounted?"}; }

}  // namespace

Result<Netns> Netns::current() {
  UniqueFd fd(::open(kOwn, O_RDONLY | O_CLOEXEC));
  if (!fd) return unreadable();
  struct stat info {};
  if (::fstat(fd.get(), &info) != 0) return unreadable();
  return Netns(std::move(fd), info.st_ino);
}

bool Netns::is_current() const {
  struct stat info {};
  return ::stat(kOwn, &info) == 0 && info.st_ino == id_;
}

InNetns::InNetns(const Netns& netns) {
  if (netns.is_current()) return;
  UniqueFd home(::open(kOwn, O_RDONLY | O_CLOEXEC));
  if (!home) {
    status_ = unreadable();
  } else if (::setns(netns.fd(), CLONE_NEWNET) != 0) {
    status_ = Error{errno, "setns", "a thread must enter the netdev's network namespace: CAP_SYS_ADMIN"};
  } else {
    home_ = std::move(home);
  }
}

InNetns::~InNetns() {
  if (home_) ::setns(home_.get(), CLONE_NEWNET);
}

}  // namespace zcnbrh
