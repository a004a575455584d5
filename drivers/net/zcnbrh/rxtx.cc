// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// What rte_eth_rx_burst() and rte_eth_tx_burst() call. One body a direction; what a port was configured for is
// a template parameter, so a feature that is off costs nothing. dev_start() chooses before the queues are
// enabled; rte_eth_dev_start() copies the choice to rte_eth_fp_ops once dev_start() has returned
// (eth_dev_fp_ops_setup() in lib/ethdev, 22.11), so until then the application's bursts meet ethdev's dummies.
#include <algorithm>
#include <type_traits>

#include "drivers/net/zcnbrh/pmd.h"

namespace zcnbrh::pmd {
namespace {

// Bits of a variant's number, which is its place in the tables below.
enum RxFeature : uint32_t { kRxPlain = 0, kRxOffload = 1, kRxVariants = 2 };
enum TxFeature : uint32_t { kTxPlain = 0, kTxOffload = 1, kTxVariants = 2 };

template <uint32_t kFeatures>
uint16_t receive(void* queue, struct rte_mbuf** packets, uint16_t count) noexcept {
  QueueSlot* slot = slot_of(static_cast<SharedRxQueue*>(queue)->address);
  const auto n = static_cast<uint16_t>(rx_burst(slot->pair.rx(), slot->rx_policy, packets, count));
  if constexpr ((kFeatures & kRxOffload) != 0) finish_received(slot->rx_offload, packets, n);
  return n;
}

template <uint32_t kFeatures>
uint16_t send(void* queue, struct rte_mbuf** packets, uint16_t count) noexcept {
  QueueSlot* slot = slot_of(static_cast<SharedTxQueue*>(queue)->address);
  using Policy = std::conditional_t<(kFeatures & kTxOffload) != 0, OffloadTxPolicy, TxMbufPolicy>;
  return static_cast<uint16_t>(tx_burst<false, Policy>(slot->pair.tx(), slot->tx_policy, packets, count));
}

struct Variant {
  eth_rx_burst_t burst;
  const char* name;
};
constexpr Variant kReceive[kRxVariants] = {{receive<kRxPlain>, "plain"},
                                           {receive<kRxOffload>, "offloads in software"}};
constexpr Variant kSend[kTxVariants] = {{send<kTxPlain>, "plain"}, {send<kTxOffload>, "offloads in software"}};

const Variant& receive_variant(const struct rte_eth_dev* dev) {
  const PmdPort* port = port_of(dev);
  const bool offload = std::any_of(port->slots.begin(), port->slots.end(),
                                   [](const auto& slot) { return slot->rx_offload.any(); });
  return kReceive[offload ? kRxOffload : kRxPlain];
}
const Variant& send_variant(const struct rte_eth_dev* dev) {
  const PmdPort* port = port_of(dev);
  const bool offload = std::any_of(port->slots.begin(), port->slots.end(),
                                   [](const auto& slot) { return slot->tx_offload.flags != 0; });
  return kSend[offload ? kTxOffload : kTxPlain];
}

}  // namespace

void choose_bursts(struct rte_eth_dev* dev) {
  dev->rx_pkt_burst = receive_variant(dev).burst;
  dev->tx_pkt_burst = send_variant(dev).burst;
  dev->tx_pkt_prepare = prepare_to_send;
}

const char* rx_burst_name(const struct rte_eth_dev* dev) { return receive_variant(dev).name; }
const char* tx_burst_name(const struct rte_eth_dev* dev) { return send_variant(dev).name; }

uint32_t give_back_sent(QueueSlot& slot, uint32_t most) {
  TxLocal& tx = slot.pair.tx();
  if (const uint32_t returned = drain(tx, slot.tx_policy, most); returned != 0) return returned;
  return reap(tx, slot.tx_policy, most);
}

}  // namespace zcnbrh::pmd
