// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// AF_PACKET with receive and transmit rings in shared memory (TPACKET_V2), past the queueing discipline: the
// best it has without a copy in a system call for each packet.
#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <atomic>
#include <cstring>

#include "bench/io/path.h"
#include "lib/base/mapping.h"
#include "lib/base/unique_fd.h"

namespace zcnbrh::bench {
namespace {

constexpr uint32_t kFrame = 2048;
constexpr uint32_t kFrames = 4096;
constexpr uint32_t kTransmitData = TPACKET2_HDRLEN - sizeof(sockaddr_ll);

class PacketPath final : public Path {
 public:
  explicit PacketPath(const PathOptions& options)
      : socket_(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0)), receives_(!options.sends_only) {
    if (!socket_) fail_errno("AF_PACKET socket");
    set(PACKET_VERSION, TPACKET_V2, "PACKET_VERSION");
    set(PACKET_IGNORE_OUTGOING, 1, "PACKET_IGNORE_OUTGOING");
    set(PACKET_QDISC_BYPASS, 1, "PACKET_QDISC_BYPASS");
    tpacket_req request{};
    request.tp_block_size = 1U << 16;
    request.tp_frame_size = kFrame;
    request.tp_frame_nr = kFrames;
    request.tp_block_nr = kFrames * kFrame / request.tp_block_size;
    for (const int ring : {PACKET_RX_RING, PACKET_TX_RING})
      if (::setsockopt(socket_.get(), SOL_PACKET, ring, &request, sizeof request) != 0)
        fail_errno("packet ring");
    auto mapped = Mapping::create(nullptr, size_t{2} * kFrames * kFrame, PROT_READ | PROT_WRITE,
                                  MAP_SHARED | MAP_POPULATE, socket_.get(), 0);
    if (!mapped) fail_errno("mapping the packet rings");
    rings_ = std::move(*mapped);
    sockaddr_ll where{};
    where.sll_family = AF_PACKET;
    where.sll_protocol = htons(receives_ ? ETH_P_ALL : 0);
    where.sll_ifindex = static_cast<int>(::if_nametoindex(options.netdev.c_str()));
    if (::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&where), sizeof where) != 0)
      fail_errno("bind AF_PACKET socket");
  }

  std::span<const Bytes> receive() override {
    count_ = 0;
    while (count_ < kBatch) {
      tpacket2_hdr& header = receive_slot(receive_ + count_);
      if ((status(header).load(std::memory_order_acquire) & TP_STATUS_USER) == 0) break;
      packets_[count_++] = {reinterpret_cast<std::byte*>(&header) + header.tp_mac, header.tp_snaplen};
    }
    return {packets_.data(), count_};
  }
  void release() override {
    for (uint32_t i = 0; i < count_; ++i)
      status(receive_slot(receive_ + i)).store(TP_STATUS_KERNEL, std::memory_order_release);
    receive_ += count_;
    count_ = 0;
  }
  void send_back() override {
    for (uint32_t i = 0; i < count_; ++i) put(packets_[i]);
    kick();
    release();
  }
  uint32_t send(std::span<const std::byte> packet) override {
    uint32_t sent = 0;
    while (sent < kBatch && put(packet)) ++sent;
    kick();
    return sent;
  }
  void wait(int milliseconds) override {
    pollfd events{socket_.get(), POLLIN, 0};
    ::poll(&events, 1, milliseconds);
  }

 private:
  void set(int option, int value, const char* name) {
    if (::setsockopt(socket_.get(), SOL_PACKET, option, &value, sizeof value) != 0) fail_errno(name);
  }
  tpacket2_hdr& slot(uint32_t number) {
    return *reinterpret_cast<tpacket2_hdr*>(rings_.data() + size_t{number} * kFrame);
  }
  tpacket2_hdr& receive_slot(uint32_t number) { return slot(number % kFrames); }
  tpacket2_hdr& transmit_slot(uint32_t number) { return slot(kFrames + number % kFrames); }
  static std::atomic_ref<uint32_t> status(tpacket2_hdr& header) {
    return std::atomic_ref<uint32_t>(header.tp_status);
  }
  bool put(std::span<const std::byte> packet) {
    tpacket2_hdr& header = transmit_slot(transmit_);
    if (status(header).load(std::memory_order_acquire) != TP_STATUS_AVAILABLE) return false;
    std::memcpy(reinterpret_cast<std::byte*>(&header) + kTransmitData, packet.data(), packet.size());
    header.tp_len = static_cast<uint32_t>(packet.size());
    status(header).store(TP_STATUS_SEND_REQUEST, std::memory_order_release);
    ++transmit_;
    return true;
  }
  void kick() { ::send(socket_.get(), nullptr, 0, MSG_DONTWAIT); }

  UniqueFd socket_;
  bool receives_;
  Mapping rings_;
  uint32_t receive_ = 0, transmit_ = 0;
  uint32_t count_ = 0;
  std::array<Bytes, kBatch> packets_{};
};

}  // namespace

std::unique_ptr<Path> open_packet(const PathOptions& options) { return std::make_unique<PacketPath>(options); }

}  // namespace zcnbrh::bench
