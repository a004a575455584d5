// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// A queue of the C API on one end of a veth pair, the kernel on the other, each in a namespace of its own.
#pragma once

#include <sched.h>
#include <unistd.h>

#include <memory>
#include <optional>
#include <string>

#include "tests/capi/queue.h"
#include "tests/support/net_namespace.h"
#include "tests/support/packet_peer.h"

namespace zcnbrh::testing {

class Wire : public ::testing::Test {
 protected:
  static constexpr const char* kNear = "near0";  // ours; the names are free, the namespaces are new
  static constexpr const char* kFar = "far0";

  void SetUp() override { lay(1); }

  // Puts the test's thread into the near namespace, until the test's end.
  void lay(int queues) {
    inside_.reset();
    near_.emplace();
    far_.emplace();
    if (!near_->error().empty()) GTEST_SKIP() << near_->error();
    if (!far_->error().empty()) GTEST_SKIP() << far_->error();
    const std::string problem = NetNamespace::connect(*near_, kNear, *far_, kFar, queues);
    if (!problem.empty()) GTEST_SKIP() << problem;
    inside_.emplace(*near_);
  }

  PacketPeer::Plan far_peer() const {
    PacketPeer::Plan plan;
    plan.netns_fd = far_->fd();
    plan.ifname = kFar;
    return plan;
  }

  std::optional<NetNamespace> near_, far_;
  std::optional<InNamespace> inside_;
};

}  // namespace zcnbrh::testing
