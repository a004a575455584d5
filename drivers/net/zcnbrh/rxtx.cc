// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// What rte_eth_rx_burst() and rte_eth_tx_burst() call. One body a direction; what a port was configured for is
// a template parameter, so a feature that is off costs nothing. dev_start() chooses before the queues are
// enabled; rte_eth_dev_start() copies the choice to rte_eth_fp_ops once dev_start() has returned
// (eth_dev_fp_ops_setup() in lib/ethdev, 22.11), so until then the application's bursts meet ethdev's dummies.
extern "C" {  // the header does not say so itself (22.11)
#include <rte_vect.h>
}

#include <algorithm>
#include <array>
#include <type_traits>
#include <utility>

#include "drivers/net/zcnbrh/pmd.h"

namespace zcnbrh::pmd {
namespace {

// Bits of a variant's number, which is its place in the tables below.
enum RxFeature : uint32_t { kRxOffload = 1, kRxScatter = 2, kRxCopy = 4, kRxAvx2 = 8, kRxVariants = 16 };
enum TxFeature : uint32_t { kTxOffload = 1, kTxSegments = 2, kTxRate = 4, kTxAvx2 = 8, kTxVariants = 16 };

template <uint32_t kFeatures>
uint16_t receive(void* queue, struct rte_mbuf** packets, uint16_t count) noexcept {
  QueueSlot* slot = slot_of(*static_cast<QueueAddress*>(queue));
  const InsideBurst inside(slot->pair.rx().door);
  if (!inside) [[unlikely]]
    return 0;
  const OnlyUser alone(slot->rx->user);
  if (!alone) [[unlikely]] {
    slot->rx->state.count.contended.add(1);
    return 0;
  }
  SharedRxQueue* shared = slot->rx;
  CycleSample sample(shared->cycles);
  constexpr bool kScatter = (kFeatures & kRxScatter) != 0;
  constexpr Simd kWide = (kFeatures & kRxAvx2) != 0 ? Simd::kAvx2 : Simd::kNone;
  RxLocal& rx = slot->pair.rx();
  auto n = (kFeatures & kRxCopy) != 0 && slot->rx_copy.on
               ? receive_by_copy(rx, slot->rx_copy, slot->rx_pool, packets, count)
               : static_cast<uint16_t>(rx_burst_inside<kScatter, kWide>(rx, slot->rx_policy, packets, count));
  // Looked at after the burst in every variant: a flow rule with a mark may come while this one runs, and the
  // first packet that carries it must not be handed on without.
  const bool marks = slot->rx_offload.metadata.load(std::memory_order_relaxed) != 0;
  if ((kFeatures & kRxOffload) != 0 || marks)
    n = finish_received(slot->rx_offload, packets, n, shared->state.count, shared->dropped_vlan);
  return sample.end(n);
}

// Of `count` packets those that the rate limit lets go, before a burst; and what it did not take, after it.
uint16_t allow(SharedTxQueue& queue, struct rte_mbuf** packets, uint16_t count) {
  const auto length_of = [packets](uint32_t i) { return packets[i]->pkt_len; };
  const auto allowed = static_cast<uint16_t>(queue.rate.allow(rte_rdtsc(), count, length_of));
  if (allowed < count) queue.rate_limited.add(1);
  return allowed;
}
void give_back(SharedTxQueue& queue, struct rte_mbuf** packets, uint32_t taken, uint32_t count) {
  for (uint32_t i = taken; i < count; ++i) queue.rate.give_back(packets[i]->pkt_len);
}

template <uint32_t kFeatures>
uint16_t send(void* queue, struct rte_mbuf** packets, uint16_t count) noexcept {
  QueueSlot* slot = slot_of(*static_cast<QueueAddress*>(queue));
  const InsideBurst inside(slot->pair.tx().door);
  if (!inside) [[unlikely]]
    return 0;
  const OnlyUser alone(slot->tx->user);
  if (!alone) [[unlikely]] {
    slot->tx->state.count.contended.add(1);
    return 0;
  }
  CycleSample sample(slot->tx->cycles);
  constexpr bool kSegments = (kFeatures & kTxSegments) != 0;
  using Policy = std::conditional_t<(kFeatures & kTxOffload) != 0, OffloadTxPolicy, TxMbufPolicy>;
  constexpr Simd kWide = (kFeatures & kTxAvx2) != 0 ? Simd::kAvx2 : Simd::kNone;
  if constexpr ((kFeatures & kTxRate) != 0) count = allow(*slot->tx, packets, count);
  const uint32_t taken =
      tx_burst_inside<kSegments, kWide, Policy>(slot->pair.tx(), slot->tx_policy, packets, count);
  if constexpr ((kFeatures & kTxOffload) != 0) slot->tx_policy.handed_over();
  if constexpr ((kFeatures & kTxRate) != 0) give_back(*slot->tx, packets, taken, count);
  return sample.end(taken);
}

template <size_t... kFeatures>
constexpr std::array<eth_rx_burst_t, kRxVariants> every_receive(std::index_sequence<kFeatures...> /*all*/) {
  return {receive<kFeatures>...};
}
template <size_t... kFeatures>
constexpr std::array<eth_tx_burst_t, kTxVariants> every_send(std::index_sequence<kFeatures...> /*all*/) {
  return {send<kFeatures>...};
}
constexpr auto kReceive = every_receive(std::make_index_sequence<kRxVariants>());
constexpr auto kSend = every_send(std::make_index_sequence<kTxVariants>());
constexpr const char* kReceiveName[kRxVariants] = {"plain",
                                                   "offloads in software",
                                                   "scattered",
                                                   "scattered, offloads in software",
                                                   "copied",
                                                   "copied, offloads in software",
                                                   "copied or scattered",
                                                   "copied or scattered, offloads in software",
                                                   "plain, AVX2",
                                                   "offloads in software, AVX2",
                                                   "scattered, AVX2",
                                                   "scattered, offloads in software, AVX2",
                                                   "copied, AVX2",
                                                   "copied, offloads in software, AVX2",
                                                   "copied or scattered, AVX2",
                                                   "copied or scattered, offloads in software, AVX2"};
constexpr const char* kSendName[kTxVariants] = {"plain",
                                                "offloads in software",
                                                "several segments",
                                                "several segments, offloads in software",
                                                "rate limit",
                                                "rate limit, offloads in software",
                                                "rate limit, several segments",
                                                "rate limit, several segments, offloads in software",
                                                "plain, AVX2",
                                                "offloads in software, AVX2",
                                                "several segments, AVX2",
                                                "several segments, offloads in software, AVX2",
                                                "rate limit, AVX2",
                                                "rate limit, offloads in software, AVX2",
                                                "rate limit, several segments, AVX2",
                                                "rate limit, several segments, offloads in software, AVX2"};

template <typename Condition>
uint32_t bit_if_any(const PmdPort& port, uint32_t bit, Condition condition) {
  const auto& slots = port.slots;
  return std::any_of(slots.begin(), slots.end(), [&](const auto& slot) { return condition(*slot); }) ? bit : 0;
}
bool has_segments(const QueueSlot& slot) { return slot.pair.outcome().segments(); }

// As wide as the machine and EAL (--force-max-simd-bitwidth) allow.
bool wide() { return widest_simd(rte_vect_get_max_simd_bitwidth()) == Simd::kAvx2; }

uint32_t receive_variant(const PmdPort& port) {
  return (wide() ? kRxAvx2 : 0U) | bit_if_any(port, kRxScatter, has_segments) |
         bit_if_any(port, kRxCopy, [](const QueueSlot& slot) { return slot.rx_copy.on; }) |
         bit_if_any(port, kRxOffload, [](const QueueSlot& slot) { return slot.rx_offload.any(); });
}
uint32_t send_variant(const PmdPort& port) {
  return (wide() ? kTxAvx2 : 0U) | bit_if_any(port, kTxSegments, has_segments) |
         bit_if_any(port, kTxRate,
                    [](const QueueSlot& slot) { return slot.nb_tx != 0 && slot.tx->rate.on(); }) |
         bit_if_any(port, kTxOffload, [](const QueueSlot& slot) { return slot.tx_offload.flags != 0; });
}

}  // namespace

// The choice is kept where a secondary process finds it.
void choose_bursts(struct rte_eth_dev* dev) {
  SharedPort& shared = *shared_of(dev);
  if (rte_eal_process_type() == RTE_PROC_PRIMARY) {
    shared.rx_variant = static_cast<uint8_t>(receive_variant(*port_of(dev)));
    shared.tx_variant = static_cast<uint8_t>(send_variant(*port_of(dev)));
    dev->data->scattered_rx = (shared.rx_variant & kRxScatter) != 0;
  }
  dev->rx_pkt_burst = kReceive[shared.rx_variant];
  dev->tx_pkt_burst = kSend[shared.tx_variant];
  dev->tx_pkt_prepare = prepare_to_send;
  if (rte_eal_process_type() == RTE_PROC_PRIMARY) trace_bursts(dev);
}

const char* rx_burst_name(const struct rte_eth_dev* dev) { return kReceiveName[shared_of(dev)->rx_variant]; }
const char* tx_burst_name(const struct rte_eth_dev* dev) { return kSendName[shared_of(dev)->tx_variant]; }

uint32_t give_back_sent(QueueSlot& slot, uint32_t most) {
  TxLocal& tx = slot.pair.tx();
  if (const uint32_t returned = drain(tx, slot.tx_policy, most); returned != 0) return returned;
  return reap(tx, slot.tx_policy, most);
}

}  // namespace zcnbrh::pmd
