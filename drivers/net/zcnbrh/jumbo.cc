// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#include "drivers/net/zcnbrh/jumbo.h"

#include <algorithm>
#include <cerrno>

#include "drivers/net/zcnbrh/log.h"
#include "lib/xdp/features.h"
#include "lib/xsk/segments.h"

namespace zcnbrh::pmd {
namespace {

// Longest packet any one buffer can take: a 4096-byte chunk less mempool header, mbuf and headroom; the
// kernel's own headroom lies over those.
constexpr uint32_t kLargestBuffer =
    kMaxChunk - RTE_CACHE_LINE_SIZE - sizeof(struct rte_mbuf) - RTE_PKTMBUF_HEADROOM;
constexpr uint32_t kFrameOverhead = RTE_ETHER_HDR_LEN + 4;  // one VLAN tag; AF_XDP frames carry no CRC
constexpr uint32_t kLoopMtu = 9710;  // as long as the kernel's software interfaces have it

uint32_t frame_of(uint32_t mtu) { return mtu + uint32_t{RTE_ETHER_HDR_LEN}; }

Error too_large(const PoolMemory& memory, uint32_t mtu, uint32_t room, const std::string& why) {
  return Error{EINVAL, "MTU",
               std::string("buffers of mempool ") + memory.name() + " take packets of " + std::to_string(room) +
                   " bytes, an MTU of " + std::to_string(mtu) + " needs " + std::to_string(frame_of(mtu)) +
                   (why.empty() ? "" : ", and packets of several buffers are not to be had: " + why)};
}

// Bytes of a packet that one of the pool's buffers takes.
Result<uint32_t> buffer_room(const PmdPort& port, const PoolMemory& memory) {
  auto layout = layout_for(memory, port.config());
  if (!layout) return layout.error();
  return rx_max_length(*layout, memory);
}

uint64_t offloads_of(const PmdPort& port) {
  const struct rte_eth_conf& conf = rte_eth_devices[port.port_id].data->dev_conf;
  uint64_t wanted = conf.rxmode.offloads & RTE_ETH_RX_OFFLOAD_SCATTER;
  wanted |= conf.txmode.offloads & RTE_ETH_TX_OFFLOAD_MULTI_SEGS;
  for (const auto& slot : port.slots) wanted |= slot->segments.rx_asked | slot->segments.tx_asked;
  return wanted;
}

}  // namespace

std::string why_no_segments(const PmdPort& port) { return lacks(port.port->kernel(), Feature::kMultiBuffer); }

SegmentsPolicy segments_wanted(const PmdPort& port) {
  const uint32_t frame = frame_of(rte_eth_devices[port.port_id].data->mtu);
  for (const auto& slot : port.slots) {
    if (!slot->rx_memory) continue;
    const auto room = buffer_room(port, *slot->rx_memory);
    if (room && *room < frame) return SegmentsPolicy::kNeeded;
  }
  return offloads_of(port) != 0 ? SegmentsPolicy::kUseful : SegmentsPolicy::kOff;
}

uint32_t buffers_each(const PmdPort& port, const QueueSlot& slot) {
  const auto room = slot.rx_memory ? buffer_room(port, *slot.rx_memory) : Result<uint32_t>(0U);
  if (!room || *room == 0 || !slot.pair.outcome().segments()) return 1;
  return (frame_of(rte_eth_devices[port.port_id].data->mtu) + *room - 1) / *room;
}

Status check_pool_mtu(const PmdPort& port, const PoolMemory& memory, uint32_t mtu, bool by_copy) {
  const auto layout = layout_for(memory, port.config());
  if (!layout) return layout.error();
  const uint32_t room = rx_max_length(*layout, memory);
  if (room >= frame_of(mtu)) return {};
  if (by_copy || !memory.in_place())
    return too_large(memory, mtu, room, "it is received into by copy, a buffer a packet");
  if (const std::string why = why_no_segments(port); !why.empty()) return too_large(memory, mtu, room, why);
  // The kernel fills each buffer to the chunk's end before it takes the next.
  if (layout->rx_room() > room && port.config().chunks == Chunks::kAligned)
    return too_large(
        memory, mtu, room,
        "the kernel would write past their end into the rest of an aligned chunk; use chunks=auto");
  if (frame_of(mtu) <= uint64_t{room} * kMaxRxSegments) return {};
  return too_large(memory, mtu, room, "at most " + std::to_string(kMaxRxSegments) + " a packet");
}

Status check_mtu(const PmdPort& port, uint32_t mtu) {
  for (const auto& slot : port.slots) {
    if (!slot->rx_memory) continue;
    if (Status s = check_pool_mtu(port, *slot->rx_memory, mtu); !s) return s;
    // A queue that runs keeps what it was bound with.
    if (!slot->pair.enabled() || slot->pair.outcome().segments()) continue;
    const auto room = buffer_room(port, *slot->rx_memory);
    if (!room) return room.error();
    if (*room < frame_of(mtu))
      return too_large(*slot->rx_memory, mtu, *room,
                       "the queue was started for single buffers; stop the port first");
  }
  return {};
}

Result<uint32_t> raise_mtu(const PmdPort& port, uint32_t mtu) {
  if (port.port->is_loop() || mtu <= RTE_ETHER_MTU) return 0U;
  auto now = netdev_query(port.port->ifindex());
  if (!now) return now.error();
  if (now->mtu >= mtu) return 0U;
  ZLOG(NOTICE, "port %u (%s): the MTU of %s becomes %u, as configured (was %u)", port.port_id,
       port.name.c_str(), now->name.c_str(), mtu, now->mtu);
  if (Status s = netdev_set_mtu(port.port->ifindex(), mtu); !s) return s.error();
  return now->mtu;
}

void put_back_mtu(const PmdPort& port, uint32_t before) {
  if (before == 0) return;
  if (Status s = netdev_set_mtu(port.port->ifindex(), before); !s)
    ZLOG(WARNING, "port %u (%s): the MTU could not be put back to %u: %s", port.port_id, port.name.c_str(),
         before, s.error().text().c_str());
}

void close_without_segments(PmdPort& port) {
  if (segments_wanted(port) != SegmentsPolicy::kNeeded || !why_no_segments(port).empty()) return;
  for (uint16_t queue = 0; queue < port.queues(); ++queue) {
    const QueueSlot& slot = *port.slots[queue];
    if (slot.pair && !slot.pair.outcome().segments() && !slot.segments.refused) close_queue(port, queue);
  }
}

void add_jumbo_info(const PmdPort& port, struct rte_eth_dev_info& info) {
  const bool segments = why_no_segments(port).empty();
  const uint32_t netdev_most = port.port->is_loop() ? kLoopMtu : port.port->info().max_mtu;
  uint32_t most = segments ? UINT16_MAX : kLargestBuffer - kFrameOverhead;
  if (netdev_most != 0) most = std::min(most, netdev_most);
  info.min_mtu = RTE_ETHER_MIN_MTU;
  info.max_mtu = static_cast<uint16_t>(most);
  info.max_rx_pktlen = most + kFrameOverhead;
  // A packet may have any number of segments: those that the kernel does not take are gathered.
  info.tx_desc_lim.nb_seg_max = UINT16_MAX;
  info.tx_desc_lim.nb_mtu_seg_max = static_cast<uint16_t>(segments ? port.port->copy_segments() : UINT16_MAX);
  if (!segments) return;
  info.rx_offload_capa |= RTE_ETH_RX_OFFLOAD_SCATTER;
  info.rx_queue_offload_capa |= RTE_ETH_RX_OFFLOAD_SCATTER;
}

}  // namespace zcnbrh::pmd
