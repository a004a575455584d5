// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// AF_XDP as a program writes it by hand with libxdp: one UMEM, one socket, need_wakeup, a free list of frames.
// Half of the frames are for receiving, half for sending, and an echo sends a received frame from where it
// lies.
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <xdp/xsk.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <vector>

#include "bench/io/path.h"
#include "lib/base/mapping.h"

namespace zcnbrh::bench {
namespace {

constexpr uint32_t kFrame = 2048;
constexpr uint32_t kRing = 2048;
constexpr uint32_t kFrames = 4 * kRing;

class XskPath final : public Path {
 public:
  explicit XskPath(const PathOptions& options) {
    auto memory = Mapping::create(nullptr, size_t{kFrames} * kFrame, PROT_READ | PROT_WRITE,
                                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (!memory) fail_errno("UMEM memory");
    memory_ = std::move(*memory);
    const xsk_umem_config umem{kRing, kRing, kFrame, XSK_UMEM__DEFAULT_FRAME_HEADROOM, 0};
    check(::xsk_umem__create(&umem_, memory_.data(), memory_.size(), &fill_, &completion_, &umem), "UMEM");
    xsk_socket_config config{};
    config.rx_size = config.tx_size = kRing;
    config.bind_flags = XDP_USE_NEED_WAKEUP;
    check(::xsk_socket__create(&socket_, options.netdev.c_str(), 0, umem_, &receive_, &transmit_, &config),
          "socket");
    for (uint32_t i = 0; i < kFrames; ++i) free_.push_back(uint64_t{i} * kFrame);
    refill();
  }
  ~XskPath() override {
    ::xsk_socket__delete(socket_);
    ::xsk_umem__delete(umem_);
  }

  std::span<const Bytes> receive() override {
    uint32_t at = 0;
    count_ = ::xsk_ring_cons__peek(&receive_, kBatch, &at);
    if (count_ == 0 && ::xsk_ring_prod__needs_wakeup(&fill_) != 0)
      ::recvfrom(fd(), nullptr, 0, MSG_DONTWAIT, nullptr, nullptr);
    for (uint32_t i = 0; i < count_; ++i) {
      descriptors_[i] = *::xsk_ring_cons__rx_desc(&receive_, at + i);
      packets_[i] = {bytes(descriptors_[i].addr), descriptors_[i].len};
    }
    ::xsk_ring_cons__release(&receive_, count_);
    return {packets_.data(), count_};
  }
  void release() override {
    for (uint32_t i = 0; i < count_; ++i) free_.push_back(descriptors_[i].addr & ~uint64_t{kFrame - 1});
    count_ = 0;
    refill();
  }
  void send_back() override {
    complete();
    uint32_t at = 0;
    const uint32_t sent = ::xsk_ring_prod__reserve(&transmit_, count_, &at);  // all or none
    for (uint32_t i = 0; i < sent; ++i) *::xsk_ring_prod__tx_desc(&transmit_, at + i) = descriptors_[i];
    ::xsk_ring_prod__submit(&transmit_, sent);
    if (sent == 0) return release();
    count_ = 0;
    kick();
    refill();
  }
  uint32_t send(std::span<const std::byte> packet) override {
    complete();
    const auto wanted = static_cast<uint32_t>(std::min<size_t>(kBatch, free_.size()));
    uint32_t at = 0;
    const uint32_t sent = ::xsk_ring_prod__reserve(&transmit_, wanted, &at);
    for (uint32_t i = 0; i < sent; ++i) {
      const uint64_t address = free_.back();
      free_.pop_back();
      std::memcpy(bytes(address), packet.data(), packet.size());
      *::xsk_ring_prod__tx_desc(&transmit_, at + i) = {address, static_cast<uint32_t>(packet.size()), 0};
    }
    ::xsk_ring_prod__submit(&transmit_, sent);
    kick();
    return sent;
  }
  void wait(int milliseconds) override {
    pollfd events{fd(), POLLIN, 0};
    ::poll(&events, 1, milliseconds);
  }

 private:
  static void check(int result, const char* what) {
    if (result == 0) return;
    errno = -result;
    fail_errno(std::string("libxdp: ") + what);
  }
  int fd() const { return ::xsk_socket__fd(socket_); }
  std::byte* bytes(uint64_t address) {
    return static_cast<std::byte*>(::xsk_umem__get_data(memory_.data(), address));
  }
  void refill() {
    const uint32_t room = ::xsk_prod_nb_free(&fill_, kBatch);
    const auto wanted = static_cast<uint32_t>(std::min<size_t>(room, free_.size()));
    uint32_t at = 0;
    const uint32_t given = ::xsk_ring_prod__reserve(&fill_, wanted, &at);
    for (uint32_t i = 0; i < given; ++i) {
      *::xsk_ring_prod__fill_addr(&fill_, at + i) = free_.back();
      free_.pop_back();
    }
    ::xsk_ring_prod__submit(&fill_, given);
  }
  void complete() {
    uint32_t at = 0;
    const uint32_t done = ::xsk_ring_cons__peek(&completion_, kRing, &at);
    for (uint32_t i = 0; i < done; ++i)
      free_.push_back(*::xsk_ring_cons__comp_addr(&completion_, at + i) & ~uint64_t{kFrame - 1});
    ::xsk_ring_cons__release(&completion_, done);
  }
  void kick() {
    if (::xsk_ring_prod__needs_wakeup(&transmit_) != 0) ::sendto(fd(), nullptr, 0, MSG_DONTWAIT, nullptr, 0);
  }

  Mapping memory_;
  xsk_umem* umem_ = nullptr;
  xsk_socket* socket_ = nullptr;
  xsk_ring_prod fill_{}, transmit_{};
  xsk_ring_cons completion_{}, receive_{};
  std::vector<uint64_t> free_;
  std::array<xdp_desc, kBatch> descriptors_{};
  std::array<Bytes, kBatch> packets_{};
  uint32_t count_ = 0;
};

}  // namespace

std::unique_ptr<Path> open_xsk(const PathOptions& options) { return std::make_unique<XskPath>(options); }

}  // namespace zcnbrh::bench
