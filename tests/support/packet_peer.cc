// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#include "tests/support/packet_peer.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <poll.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <vector>

namespace zcnbrh::testing {
namespace {

constexpr uint32_t kIpAt = ETH_HLEN;
constexpr uint32_t kUdpAt = kIpAt + sizeof(iphdr);
constexpr uint32_t kPayloadAt = kUdpAt + sizeof(udphdr);
constexpr uint32_t kMagic = 0x5a4e5031;
constexpr uint8_t kMacs[2 * ETH_ALEN] = {2, 0, 0x5a, 0x43, 0, 1, 2, 0, 0x5a, 0x43, 0, 2};
constexpr int kBatch = 32;
constexpr int kSocketBytes = 32 << 20;
constexpr int kFrameBytes = 16384;

struct Mark {
  uint32_t magic;
  uint32_t stream;
  uint64_t number;
};
static_assert(kPayloadAt + sizeof(Mark) <= NumberedPackets::kShortest);

// splitmix64: every input gives another output, and neighbours give outputs that do not resemble.
uint64_t mix(uint64_t x) {
  x += 0x9e3779b97f4a7c15;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

uint16_t ip_checksum(const iphdr& header) {
  uint16_t words[sizeof header / 2];
  std::memcpy(words, &header, sizeof header);
  uint32_t sum = 0;
  for (const uint16_t word : words) sum += word;
  while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<uint16_t>(~sum);
}

void write_headers(uint16_t stream, uint32_t length, uint8_t* to) {
  std::memcpy(to, kMacs, sizeof kMacs);
  to[12] = ETH_P_IP >> 8;
  to[13] = ETH_P_IP & 0xff;
  iphdr ip{};
  ip.version = 4;
  ip.ihl = 5;
  ip.ttl = 64;
  ip.protocol = IPPROTO_UDP;
  ip.tot_len = htons(static_cast<uint16_t>(length - kIpAt));
  ip.saddr = htonl(0xc6120001);  // 198.18.0.1, RFC 2544: for such tests
  ip.daddr = htonl(0xc6120002);
  ip.check = ip_checksum(ip);
  std::memcpy(to + kIpAt, &ip, sizeof ip);
  udphdr udp{};
  udp.source = htons(static_cast<uint16_t>(20000 + stream));
  udp.dest = htons(9);  // checksum 0: none
  udp.len = htons(static_cast<uint16_t>(length - kUdpAt));
  std::memcpy(to + kUdpAt, &udp, sizeof udp);
}

}  // namespace

uint32_t NumberedPackets::length_of(uint64_t number) const {
  const uint64_t random = mix(number * 0x10001 + stream_);
  return shortest_ + static_cast<uint32_t>(random % (longest_ - shortest_ + 1));
}

uint32_t NumberedPackets::write(uint64_t number, uint8_t* to) const {
  const uint32_t length = length_of(number);
  write_headers(stream_, length, to);
  const Mark mark{kMagic, stream_, number};
  std::memcpy(to + kPayloadAt, &mark, sizeof mark);
  uint64_t bytes = mix(number << 16 | stream_);
  for (uint32_t at = kPayloadAt + sizeof mark; at < length; at += sizeof bytes) {
    const uint32_t left = length - at;
    std::memcpy(to + at, &bytes, left < sizeof bytes ? left : sizeof bytes);
    bytes = bytes * 0x5851f42d4c957f2d + 1;
  }
  return length;
}

bool NumberedPackets::owns(const uint8_t* data, uint32_t length) const {
  Mark mark{};
  if (length < kPayloadAt + sizeof mark) return false;
  std::memcpy(&mark, data + kPayloadAt, sizeof mark);
  return mark.magic == kMagic && mark.stream == stream_;
}

std::string NumberedPackets::check(uint64_t number, const uint8_t* data, uint32_t length) const {
  if (!owns(data, length)) return "not a packet of stream " + std::to_string(stream_);
  Mark mark{};
  std::memcpy(&mark, data + kPayloadAt, sizeof mark);
  const std::string which = "packet " + std::to_string(number);
  if (mark.number != number) return which + " expected, " + std::to_string(mark.number) + " came";
  if (length != length_of(number))
    return which + " has " + std::to_string(length) + " bytes instead of " + std::to_string(length_of(number));
  thread_local std::vector<uint8_t> right;
  right.resize(longest_ + sizeof(uint64_t));
  write(number, right.data());
  for (uint32_t i = sizeof kMacs; i < length; ++i)
    if (data[i] != right[i])
      return which + ": byte " + std::to_string(i) + " of " + std::to_string(length) + " is wrong";
  return {};
}

PacketPeer::PacketPeer(Plan plan) : plan_(std::move(plan)), thread_([this] { work(); }) {
  // Until then packets for it would be lost.
  while (!ready_.load(std::memory_order_acquire)) std::this_thread::yield();
}

const std::string& PacketPeer::finish() {
  stop_.store(true, std::memory_order_relaxed);
  if (thread_.joinable()) thread_.join();
  return problem_;
}

bool PacketPeer::open_socket() {
  if (plan_.netns_fd >= 0 && ::setns(plan_.netns_fd, CLONE_NEWNET) != 0) return false;
  // ETH_P_IP and not ETH_P_ALL: such a socket does not see what is sent.
  socket_ = ::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETH_P_IP));
  if (socket_ < 0) return false;
  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  address.sll_protocol = htons(ETH_P_IP);
  address.sll_ifindex = static_cast<int>(::if_nametoindex(plan_.ifname.c_str()));
  ::setsockopt(socket_, SOL_SOCKET, SO_RCVBUFFORCE, &kSocketBytes, sizeof kSocketBytes);
  ::setsockopt(socket_, SOL_SOCKET, SO_SNDBUFFORCE, &kSocketBytes, sizeof kSocketBytes);
  return ::bind(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
}

// The next packets the window lets through; how many.
int PacketPeer::send_some() {
  static thread_local uint8_t bytes[kBatch][kFrameBytes];
  const uint64_t confirmed = plan_.returns_confirm ? received() : confirmed_.load(std::memory_order_relaxed);
  mmsghdr messages[kBatch] = {};
  iovec pieces[kBatch];
  int count = 0;
  for (uint64_t n = sent(); count < kBatch && n < plan_.send_count && n - confirmed < plan_.window;
       ++n, ++count) {
    pieces[count] = {bytes[count], plan_.sends.write(n, bytes[count])};
    messages[count].msg_hdr.msg_iov = &pieces[count];
    messages[count].msg_hdr.msg_iovlen = 1;
  }
  if (count == 0) return 0;
  const int done = ::sendmmsg(socket_, messages, static_cast<unsigned>(count), MSG_DONTWAIT);
  if (done < 0 && errno != EAGAIN && errno != ENOBUFS)
    problem_ = std::string("sendmmsg: ") + std::strerror(errno);
  if (done <= 0) return 0;
  sent_.fetch_add(static_cast<uint64_t>(done), std::memory_order_relaxed);
  return done;
}

int PacketPeer::receive_some() {
  static thread_local uint8_t bytes[kBatch][kFrameBytes];
  mmsghdr messages[kBatch] = {};
  iovec pieces[kBatch];
  for (int i = 0; i < kBatch; ++i) {
    pieces[i] = {bytes[i], kFrameBytes};
    messages[i].msg_hdr.msg_iov = &pieces[i];
    messages[i].msg_hdr.msg_iovlen = 1;
  }
  const int count = ::recvmmsg(socket_, messages, kBatch, MSG_DONTWAIT, nullptr);
  if (count < 0 && errno != EAGAIN) problem_ = std::string("recvmmsg: ") + std::strerror(errno);
  for (int i = 0; i < count && problem_.empty(); ++i) {
    if (!plan_.expects.owns(bytes[i], messages[i].msg_len)) continue;  // somebody else's
    if (received() == plan_.expect_count)
      problem_ = "more packets came than were sent";
    else
      problem_ = plan_.expects.check(received(), bytes[i], messages[i].msg_len);
    received_.fetch_add(1, std::memory_order_relaxed);
  }
  return count > 0 ? count : 0;
}

void PacketPeer::wait() {
  pollfd events{socket_, POLLIN, 0};
  ::poll(&events, 1, 1);
}

void PacketPeer::work() {
  if (!open_socket()) problem_ = plan_.ifname + ": no packet socket: " + std::strerror(errno);
  ready_.store(true, std::memory_order_release);
  while (problem_.empty() && !stop_.load(std::memory_order_relaxed)) {
    if (!done() && sent() == plan_.send_count && received() == plan_.expect_count)
      done_.store(true, std::memory_order_release);  // goes on looking for packets too many until finish()
    if (send_some() + receive_some() == 0) wait();
  }
  done_.store(true, std::memory_order_release);
  if (socket_ >= 0) ::close(socket_);
}

}  // namespace zcnbrh::testing
