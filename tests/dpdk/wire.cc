// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#include "tests/dpdk/wire.h"

#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <sys/socket.h>

#include <cstring>
#include <thread>

namespace zcnbrh::testing {
namespace {

constexpr uint16_t kEtherType = 0x88b5;  // for local experiments, IEEE 802
constexpr uint32_t kNumberAt = 14;

}  // namespace

bool eventually(const std::function<bool()>& holds, std::chrono::milliseconds within) {
  const auto end = std::chrono::steady_clock::now() + within;
  while (!holds()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::microseconds(200));
  }
  return true;
}

Wire::Wire(int queues) {
  error_ = here_.error().empty() ? there_.error() : here_.error();
  if (error_.empty()) error_ = NetNamespace::connect(here_, netdev_, there_, far_, queues);
  if (!error_.empty()) return;
  there_.run([this] {
    socket_.reset(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, htons(kEtherType)));
    far_index_ = static_cast<int>(if_nametoindex(far_.c_str()));
    sockaddr_ll at{};
    at.sll_family = AF_PACKET;
    at.sll_protocol = htons(kEtherType);
    at.sll_ifindex = far_index_;
    if (::bind(socket_.get(), reinterpret_cast<sockaddr*>(&at), sizeof at) != 0) error_ = "no packet socket";
  });
}

void Wire::write(uint64_t number, uint8_t* to) {
  std::memset(to, 0, kLength);
  std::memset(to, 0xff, 6);
  const uint8_t from[6] = {0x02, 0x5a, 0, 0, 0, 1};
  std::memcpy(to + 6, from, sizeof from);
  const uint16_t type = htons(kEtherType);
  std::memcpy(to + 12, &type, sizeof type);
  std::memcpy(to + kNumberAt, &number, sizeof number);
}

uint64_t Wire::number_of(const uint8_t* data) {
  uint64_t number;
  std::memcpy(&number, data + kNumberAt, sizeof number);
  return number;
}

bool Wire::send(uint64_t number) {
  uint8_t frame[kLength];
  write(number, frame);
  sockaddr_ll to{};
  to.sll_family = AF_PACKET;
  to.sll_ifindex = far_index_;
  return ::sendto(socket_.get(), frame, sizeof frame, 0, reinterpret_cast<sockaddr*>(&to), sizeof to) ==
         static_cast<ssize_t>(sizeof frame);
}

std::vector<uint64_t> Wire::receive() {
  std::vector<uint64_t> numbers;
  uint8_t frame[2048];
  sockaddr_ll from{};
  socklen_t length = sizeof from;
  while (::recvfrom(socket_.get(), frame, sizeof frame, 0, reinterpret_cast<sockaddr*>(&from), &length) > 0) {
    if (from.sll_pkttype != PACKET_OUTGOING) numbers.push_back(number_of(frame));
    length = sizeof from;
  }
  return numbers;
}

// The kernel sends nothing from an AF_XDP socket of a netdev that is down (ENETDOWN), and keeps what is in its
// ring.
bool Wire::hold() { return here_.shell("ip link set " + netdev_ + " down"); }
bool Wire::let_go() { return here_.shell("ip link set " + netdev_ + " up"); }

}  // namespace zcnbrh::testing
