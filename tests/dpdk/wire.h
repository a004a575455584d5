// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// A veth pair between two namespaces, the far end played by a packet socket: single packets, for tests that
// ask what a port says about each.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "lib/base/unique_fd.h"
#include "tests/support/net_namespace.h"

namespace zcnbrh::testing {

bool eventually(const std::function<bool()>& holds,
                std::chrono::milliseconds within = std::chrono::seconds(60));

class Wire {
 public:
  explicit Wire(int queues = 1);

  const std::string& error() const { return error_; }
  const NetNamespace& here() const { return here_; }
  const NetNamespace& there() const { return there_; }
  const std::string& netdev() const { return netdev_; }
  const std::string& far() const { return far_; }

  // A packet of 60 bytes that carries `number`; false if the kernel did not take it.
  bool send(uint64_t number = 0);
  // The number a received packet carries.
  static uint64_t number_of(const uint8_t* data);
  // How many packets with one of our numbers wait at the far end; takes them out.
  std::vector<uint64_t> receive();
  // The same of the near end's own stack: packets that the XDP program let pass.
  std::vector<uint64_t> receive_near();
  // A packet as send() makes them, for the near end to send.
  static void write(uint64_t number, uint8_t* to);
  static constexpr uint32_t kLength = 60;

  // Nothing the near end sends gets out any more: it stays in the TX ring.
  bool hold();
  bool let_go();

 private:
  NetNamespace here_, there_;
  std::string netdev_ = "zq0";
  std::string far_ = "zq1";
  std::string error_;
  UniqueFd near_socket_;
  UniqueFd far_socket_;
  int far_index_ = 0;
};

}  // namespace zcnbrh::testing
