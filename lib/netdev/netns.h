// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// Which network namespace a thread is in, and how to look into that of another. Namespaces are a thread's: a
// service thread that was there before its program changed namespace still is in the old one.
#pragma once

#include <sys/types.h>

#include "lib/base/result.h"
#include "lib/base/unique_fd.h"

namespace zcnbrh {

// A hold on the network namespace that the calling thread was in at current(). It keeps the namespace alive.
class Netns {
 public:
  static Result<Netns> current();

  bool is_current() const;  // of the calling thread
  int fd() const { return fd_.get(); }

 private:
  Netns(UniqueFd fd, ino_t id) : fd_(std::move(fd)), id_(id) {}
  UniqueFd fd_;
  ino_t id_;
};

// The calling thread is in `netns` while this lives. Costs one stat() where it is there already, which is the
// rule; else CAP_SYS_ADMIN is needed. error(): why it is not there.
class InNetns {
 public:
  explicit InNetns(const Netns& netns);
  InNetns(const InNetns&) = delete;
  InNetns& operator=(const InNetns&) = delete;
  ~InNetns();

  const Status& status() const { return status_; }

 private:
  UniqueFd home_;  // empty: nothing to go back to
  Status status_;
};

}  // namespace zcnbrh
