// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// Transmit offloads: IPv4, TCP and UDP checksums, those of an outer header too, and VLAN tags in software; and
// by the device, on request by TX metadata before the packet, a checksum and the time to send. An mbuf whose
// data nobody else can see is completed in place; any other is copied to bounce frames, and the copy is
// completed. Data that is shared is never written.
//
// A packet completed in place has its flags taken off. So one that does not fit the ring and is offered
// again goes out the same. What is left to the device keeps its flag, and is asked for anew. Checksums are
// computed from the headers alone, whatever stands in their fields.
//
// A packet whose time is asked for (timesync.h) is copied to a frame of ours in any case: nobody else writes to
// that before the stamp has been taken out.
#pragma once

#include <ethdev_driver.h>

#include "drivers/net/zcnbrh/mbuf_policy.h"
#include "drivers/net/zcnbrh/timesync.h"

namespace zcnbrh::pmd {

// RTE_ETH_TX_OFFLOAD_* that the software here delivers on any device.
inline constexpr uint64_t kSoftTxOffloads = RTE_ETH_TX_OFFLOAD_IPV4_CKSUM | RTE_ETH_TX_OFFLOAD_TCP_CKSUM |
                                            RTE_ETH_TX_OFFLOAD_UDP_CKSUM | RTE_ETH_TX_OFFLOAD_OUTER_IPV4_CKSUM |
                                            RTE_ETH_TX_OFFLOAD_OUTER_UDP_CKSUM |
                                            RTE_ETH_TX_OFFLOAD_VLAN_INSERT | RTE_ETH_TX_OFFLOAD_QINQ_INSERT;

// What the device does on request (Linux 6.8), and where requests go.
struct TxDevice {
  uint32_t bytes = 0;  // of metadata before each packet; 0: nothing is asked of the device
  bool checksum = false;
  bool timestamp = false;  // IEEE 1588 packets that ask for it
  int launch_at = -1;  // of the launch time among an mbuf's dynamic fields, RTE_MBUF_DYNFIELD_TIMESTAMP_NAME
  uint64_t launch_flag = 0;  // the mbuf flag that asks for it; 0: none may
};

// What one queue's packets may ask for.
struct TxOffload {
  uint64_t of_queue = 0;  // RTE_ETH_TX_OFFLOAD_* given at queue set-up, beside the port's
  uint64_t flags = 0;     // RTE_MBUF_F_TX_* that the burst acts on; 0: the plain burst
};

// The mbuf flags that ask for these offloads.
uint64_t tx_flags_of(uint64_t offloads);

// What checks a burst's packets beforehand; see rte_eth_tx_prepare().
uint16_t prepare_to_send(void* queue, struct rte_mbuf** packets, uint16_t count) noexcept;

struct OffloadTxPolicy : TxMbufPolicy {
  uint64_t flags = 0;  // TxOffload::flags
  TxDevice device;
  TxStamp* stamp = nullptr;             // of packets that ask for the time they go; null in a secondary process
  const PortTimesync* clock = nullptr;  // that tells it where the device does not

  // After a burst.
  void handed_over() const {
    if (stamp != nullptr && stamp->to_hand_over()) [[unlikely]]
      stamp->handed_over(clock->now_ns());
  }
  TxPlan plan(const Packet& packet, uint32_t max_length) {
    if ((packet->ol_flags & flags) == 0) return TxMbufPolicy::plan(packet, max_length);
    return plan_and_complete(packet, max_length);
  }
  template <Simd kSimd>
  PlannedRun plan_run(SimdTag<kSimd> wide, const Packet* packets, uint32_t count, const AddressFormat& format,
                      struct xdp_desc* slots, ChunkOffset* chunks) {
    return plan_run_without(wide, flags, packets, count, format, slots, chunks);
  }
  void copy_out(const Packet& packet, uint8_t* to) const {
    if (stamp != nullptr) stamp->reuse(to);
    if ((packet->ol_flags & flags) == 0)
      TxMbufPolicy::copy_out(packet, to);
    else
      copy_and_complete(packet, to);
  }
  uint32_t parts(const Packet& packet, TxPart* out, uint32_t most, uint32_t longest) {
    if ((packet->ol_flags & flags) != 0 && !may_go_by_address(packet)) return 0;
    return TxMbufPolicy::parts(packet, out, most, longest);
  }
  void copy_part(const Packet& packet, uint32_t from, uint8_t* to, uint32_t length) const {
    if (stamp != nullptr) stamp->reuse(to);
    if ((packet->ol_flags & flags) == 0)
      TxMbufPolicy::copy_part(packet, from, to, length);
    else
      copy_tagged_part(packet, from, to, length);
  }
  void copied(const Packet& packet, uint8_t* const* pieces, uint32_t count, uint32_t each,
              uint32_t length) const {
    if ((packet->ol_flags & flags) != 0) complete_pieces(packet, pieces, count, each, length);
  }

  bool stamped_by_device(uint64_t asked) const {
    return (asked & RTE_MBUF_F_TX_IEEE1588_TMST) != 0 && device.timestamp;
  }

 private:
  TxPlan plan_and_complete(struct rte_mbuf* packet, uint32_t max_length);
  void copy_and_complete(const struct rte_mbuf* packet, uint8_t* to) const;
  bool may_go_by_address(const struct rte_mbuf* packet) const;
  void make_requests(const struct rte_mbuf& packet, uint64_t asked, uint8_t* data) const;
  void copy_tagged_part(struct rte_mbuf* packet, uint32_t from, uint8_t* to, uint32_t length) const;
  void complete_pieces(const struct rte_mbuf* packet, uint8_t* const* pieces, uint32_t count, uint32_t each,
                       uint32_t length) const;
};

}  // namespace zcnbrh::pmd
