// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// Nameless network namespaces: they go with their last descriptor and process, whatever becomes of the test,
// so there is nothing to clean up and no name to collide.
#pragma once

#include <functional>
#include <string>

#include "lib/base/unique_fd.h"

namespace zcnbrh::testing {

class NetNamespace {
 public:
  // A new one, with loopback up and no IPv6, so that the only packets are the test's. See error().
  NetNamespace();

  const std::string& error() const { return error_; }  // why it could not be made; empty: it is there
  int fd() const { return fd_.get(); }

  // Runs `work` on a thread of its own inside the namespace.
  void run(const std::function<void()>& work) const;
  // Runs a shell command inside; false if it fails.
  bool shell(const std::string& command) const;

  // A veth pair between two namespaces, both ends up. Empty: done.
  static std::string connect(const NetNamespace& a, const std::string& name_a, const NetNamespace& b,
                             const std::string& name_b, int queues = 1);

 private:
  UniqueFd fd_;
  std::string error_;
};

// Moves the calling thread into a namespace, and back when destroyed.
class InNamespace {
 public:
  explicit InNamespace(const NetNamespace& target);
  ~InNamespace();
  InNamespace(const InNamespace&) = delete;
  InNamespace& operator=(const InNamespace&) = delete;

 private:
  UniqueFd back_;
};

}  // namespace zcnbrh::testing
