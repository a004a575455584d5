// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// A connected UDP socket, whole batches by recvmmsg() and sendmmsg(). A program that sleeps does so inside
// recvmmsg(), which saves a poll() for each batch.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <vector>

#include "bench/io/path.h"
#include "bench/io/udp_socket.h"

namespace zcnbrh::bench {
namespace {

constexpr size_t kBuffer = 2048;

class SocketPath final : public Path {
 public:
  explicit SocketPath(const PathOptions& options)
      : socket_(connected_udp_socket()), flags_(options.sleeps ? MSG_WAITFORONE : MSG_DONTWAIT) {
    for (uint32_t i = 0; i < kBatch; ++i) {
      in_vectors_[i] = {memory_.data() + i * kBuffer, kBuffer};
      in_[i].msg_hdr.msg_iov = &in_vectors_[i];
      in_[i].msg_hdr.msg_iovlen = 1;
      out_[i].msg_hdr.msg_iov = &out_vectors_[i];
      out_[i].msg_hdr.msg_iovlen = 1;
    }
  }
  bool datagrams() const override { return true; }
  std::span<const Bytes> receive() override {
    const int got = ::recvmmsg(socket_.get(), in_.data(), kBatch, flags_, nullptr);
    count_ = got < 0 ? 0 : static_cast<uint32_t>(got);
    for (uint32_t i = 0; i < count_; ++i) packets_[i] = {memory_.data() + i * kBuffer, in_[i].msg_len};
    return {packets_.data(), count_};
  }
  void release() override {}
  void send_back() override {
    for (uint32_t i = 0; i < count_; ++i) out_vectors_[i] = {packets_[i].data(), packets_[i].size()};
    ::sendmmsg(socket_.get(), out_.data(), count_, MSG_DONTWAIT);
  }
  uint32_t send(std::span<const std::byte> packet) override {
    for (iovec& vector : out_vectors_) vector = {const_cast<std::byte*>(packet.data()), packet.size()};
    const int sent = ::sendmmsg(socket_.get(), out_.data(), kBatch, 0);
    return sent < 0 ? 0 : static_cast<uint32_t>(sent);
  }
  void wait(int) override {}  // receive() has slept

 private:
  UniqueFd socket_;
  int flags_;
  uint32_t count_ = 0;
  std::vector<std::byte> memory_ = std::vector<std::byte>(kBatch * kBuffer);
  std::array<iovec, kBatch> in_vectors_{}, out_vectors_{};
  std::array<mmsghdr, kBatch> in_{}, out_{};
  std::array<Bytes, kBatch> packets_{};
};

}  // namespace

std::unique_ptr<Path> open_socket(const PathOptions& options) { return std::make_unique<SocketPath>(options); }

}  // namespace zcnbrh::bench
