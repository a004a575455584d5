// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// A path: one way for a program to have packets of a netdev. Every path does the same work under the same loops
// (work.cc), a batch at a time, so that they can be compared. Errors at opening are exceptions with a line of
// text.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

namespace zcnbrh::bench {

constexpr uint32_t kBatch = 32;          // of every path
constexpr uint32_t kPayloadOffset = 42;  // Ethernet, IPv4 and UDP headers
constexpr uint16_t kSourcePort = 1000;   // of the packets the other end sends, as its tools have them
constexpr uint16_t kTargetPort = 2000;
constexpr const char* kOwnAddress = "10.9.0.1";
constexpr const char* kPeerAddress = "10.9.0.2";

using Bytes = std::span<std::byte>;

struct PathOptions {
  std::string netdev;
  std::string keys;     // device arguments of a DPDK driver; devargs of libzcnbrh
  int cpu = 0;          // of the thread that works
  bool sleeps = false;  // between batches the program sleeps in wait()
  bool sends_only = false;
};

class Path {
 public:
  virtual ~Path() = default;
  // Whether packets are UDP payloads, without their headers: the kernel's stack has taken them off.
  virtual bool datagrams() const { return false; }
  // Takes what has come, at most kBatch packets; they stay valid until release() or send_back().
  virtual std::span<const Bytes> receive() = 0;
  virtual void release() = 0;
  // Sends what receive() took. Frames: as they are. Datagrams: back to where they came from.
  virtual void send_back() = 0;
  // Sends up to kBatch copies of the packet; returns how many were taken.
  virtual uint32_t send(std::span<const std::byte> packet) = 0;
  // Sleeps until a packet has come, at most that long.
  virtual void wait(int milliseconds) = 0;
};

// Each in a file of its own.
std::unique_ptr<Path> open_socket(const PathOptions& options);  // UDP by recvmmsg and sendmmsg
std::unique_ptr<Path> open_uring(const PathOptions& options);   // UDP by io_uring
std::unique_ptr<Path> open_packet(const PathOptions& options);  // AF_PACKET with mapped rings
std::unique_ptr<Path> open_xsk(const PathOptions& options);     // AF_XDP by libxdp's inline functions
std::unique_ptr<Path> open_capi(const PathOptions& options);    // libzcnbrh
std::unique_ptr<Path> open_ethdev(const std::string& driver, const PathOptions& options);  // a DPDK driver

[[noreturn]] void fail(const std::string& what);        // throws std::runtime_error
[[noreturn]] void fail_errno(const std::string& what);  // with errno's text

}  // namespace zcnbrh::bench
