// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// The other end of a wire, played by the kernel: an AF_PACKET socket that sends numbered packets and checks
// the number, the length and every byte of those that come back. Used against the C API and the driver.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <thread>

namespace zcnbrh::testing {

// Packets 0, 1, 2, ... of a stream: Ethernet, IPv4 and UDP headers, the stream's and the packet's number, then
// bytes that follow from both. Lengths jump about between the two bounds (with headers, without checksum).
class NumberedPackets {
 public:
  static constexpr uint32_t kShortest = 60;

  explicit NumberedPackets(uint16_t stream = 0, uint32_t shortest = kShortest, uint32_t longest = 1514)
      : stream_(stream), shortest_(shortest), longest_(longest) {}

  uint32_t length_of(uint64_t number) const;
  // Writes packet `number`; returns its length. `to` holds the longest.
  uint32_t write(uint64_t number, uint8_t* to) const;
  // Of this stream, whatever its number.
  bool owns(const uint8_t* data, uint32_t length) const;
  // What is wrong with a packet that should be `number`, or "". The MAC addresses do not count: forwarders
  // rewrite them.
  std::string check(uint64_t number, const uint8_t* data, uint32_t length) const;

  uint32_t longest() const { return longest_; }

 private:
  uint16_t stream_;
  uint32_t shortest_;
  uint32_t longest_;
};

// Sends and receives on a thread of its own. Nothing is ever to be lost: no more than `window` packets are
// under way, so the rings and queues between the two ends never fill.
class PacketPeer {
 public:
  struct Plan {
    int netns_fd = -1;  // open until the peer is gone; -1: the creator's namespace
    std::string ifname;
    NumberedPackets sends;
    uint64_t send_count = 0;
    NumberedPackets expects;
    uint64_t expect_count = 0;
    uint32_t window = 128;         // a veth queue takes 256
    bool returns_confirm = false;  // the other end sends everything back: what came back is confirmed
  };

  explicit PacketPeer(Plan plan);  // starts
  PacketPeer(const PacketPeer&) = delete;
  PacketPeer& operator=(const PacketPeer&) = delete;
  ~PacketPeer() { finish(); }

  // The other end has taken `count` of our packets so far.
  void confirm(uint64_t count) { confirmed_.store(count, std::memory_order_relaxed); }
  // How many came, all right so far. The other end keeps its own packets on the way below `window` with it.
  uint64_t received() const { return received_.load(std::memory_order_relaxed); }
  uint64_t sent() const { return sent_.load(std::memory_order_relaxed); }
  // Both directions are through, or something went wrong.
  bool done() const { return done_.load(std::memory_order_acquire); }

  // Ends the thread, finished or not. The first thing that was wrong, or "".
  const std::string& finish();

 private:
  void work();
  bool open_socket();
  int send_some();
  int receive_some();
  void wait();

  Plan plan_;
  int socket_ = -1;
  std::string problem_;
  std::atomic<uint64_t> confirmed_{0};
  std::atomic<uint64_t> received_{0};
  std::atomic<uint64_t> sent_{0};
  std::atomic<bool> ready_{false};
  std::atomic<bool> done_{false};
  std::atomic<bool> stop_{false};
  std::thread thread_;  // last: starts when the rest is there
};

}  // namespace zcnbrh::testing
