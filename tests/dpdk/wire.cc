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

// For our packets alone. A large buffer: a test may look late.
UniqueFd packet_socket(const std::string& netdev) {
  UniqueFd out(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, htons(kEtherType)));
  const int bytes = 64 << 20;
  ::setsockopt(out.get(), SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes);
  sockaddr_ll at{};
  at.sll_family = AF_PACKET;
  at.sll_protocol = htons(kEtherType);
  at.sll_ifindex = static_cast<int>(if_nametoindex(netdev.c_str()));
  if (::bind(out.get(), reinterpret_cast<sockaddr*>(&at), sizeof at) != 0) out.reset();
  return out;
}

std::vector<uint64_t> numbers_from(int socket) {
  std::vector<uint64_t> numbers;
  uint8_t frame[2048];
  sockaddr_ll from{};
  socklen_t length = sizeof from;
  while (::recvfrom(socket, frame, sizeof frame, 0, reinterpret_cast<sockaddr*>(&from), &length) > 0) {
    if (from.sll_pkttype != PACKET_OUTGOING) numbers.push_back(Wire::number_of(frame));
    length = sizeof from;
  }
  return numbers;
}

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
  here_.run([this] { near_socket_ = packet_socket(netdev_); });
  there_.run([this] {
    far_socket_ = packet_socket(far_);
    far_index_ = static_cast<int>(if_nametoindex(far_.c_str()));
  });
  if (!near_socket_ || !far_socket_) error_ = "no packet socket";
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
  return ::sendto(far_socket_.get(), frame, sizeof frame, 0, reinterpret_cast<sockaddr*>(&to), sizeof to) ==
         static_cast<ssize_t>(sizeof frame);
}

std::vector<uint64_t> Wire::receive() { return numbers_from(far_socket_.get()); }
std::vector<uint64_t> Wire::receive_near() { return numbers_from(near_socket_.get()); }

// The kernel sends nothing from an AF_XDP socket of a netdev that is down (ENETDOWN), and keeps what is in its
// ring.
bool Wire::hold() { return here_.shell("ip link set " + netdev_ + " down"); }
bool Wire::let_go() { return here_.shell("ip link set " + netdev_ + " up"); }

}  // namespace zcnbrh::testing
