// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// Plays the kernel on one socket's rings by hand: well (a packet into the next buffer of the fill ring) and
// badly (any descriptor, any address). One thread at a time; the socket must not be kicked meanwhile.
#pragma once

#include <cstdint>
#include <cstring>
#include <optional>
#include <span>

#include "lib/base/uapi_xdp.h"
#include "lib/ring/kernel_ring.h"
#include "lib/xsk/loop_kernel.h"

namespace zcnbrh::testing {

class RingPeer {
 public:
  explicit RingPeer(LoopSocket& socket) : s_(socket) {}

  // Next address of the fill ring.
  std::optional<uint64_t> take_buffer() { return take<uint64_t>(s_.fill, s_.fill_at); }
  // Next descriptor of the TX ring.
  std::optional<struct xdp_desc> take_packet() { return take<struct xdp_desc>(s_.tx, s_.tx_at); }

  // Puts this very descriptor into the RX ring; false if that is full.
  bool receive_raw(uint64_t address, uint32_t length, uint32_t options = 0) {
    return put<struct xdp_desc>(s_.rx, s_.rx_at, {address, length, options});
  }
  // Puts this very address into the completion ring.
  bool complete_raw(uint64_t address) { return put<uint64_t>(s_.completion, s_.completion_at, address); }

  // What a kernel does with a packet: false if there is no buffer or no slot.
  bool receive(std::span<const uint8_t> packet, uint32_t options = 0) {
    const auto buffer = take_buffer();
    if (!buffer) return false;
    const uint32_t offset = data_offset();
    const ChunkOffset chunk = s_.umem.format().chunk(*buffer);
    std::memcpy(s_.umem.base + raw(chunk) + offset, packet.data(), packet.size());
    return receive_raw(s_.umem.format().encode(chunk, offset), static_cast<uint32_t>(packet.size()), options);
  }

  // Where the kernel puts a packet, from the chunk's first byte.
  uint32_t data_offset() const { return s_.umem.headroom + uapi::kXdpPacketHeadroom; }
  std::span<const uint8_t> bytes(const struct xdp_desc& desc) const {
    return {s_.umem.base + AddressFormat::data(desc.addr), desc.len};
  }
  LoopSocket& socket() { return s_; }

  // need_wakeup of each ring, as a driver sets it.
  void want_fill_wakeup(bool on) { set_flag(s_.fill.flags, on); }
  void want_tx_wakeup(bool on) { set_flag(s_.tx.flags, on); }

 private:
  template <typename Desc>
  static std::optional<Desc> take(const RingMap<Desc>& map, RingCursor& at) {
    KernelRing<RingSide::kConsumer, Desc> ring(map, at);
    const auto slots = ring.peek(1);
    if (slots.count() == 0) return std::nullopt;
    const Desc out = slots[0];
    ring.release(1);
    return out;
  }
  template <typename Desc>
  static bool put(const RingMap<Desc>& map, RingCursor& at, const Desc& desc) {
    KernelRing<RingSide::kProducer, Desc> ring(map, at);
    const auto slots = ring.reserve(1);
    if (slots.count() == 0) return false;
    slots[0] = desc;
    ring.commit(1);
    return true;
  }
  static void set_flag(uint32_t* flags, bool on) {
    std::atomic_ref(*flags).store(on ? XDP_RING_NEED_WAKEUP : 0U, std::memory_order_relaxed);
  }

  LoopSocket& s_;
};

}  // namespace zcnbrh::testing
