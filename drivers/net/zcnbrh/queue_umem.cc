// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#include "drivers/net/zcnbrh/queue_umem.h"

#include <algorithm>

#include "drivers/net/zcnbrh/jumbo.h"
#include "drivers/net/zcnbrh/ops.h"
#include "drivers/net/zcnbrh/own_memory.h"
#include "lib/config/queue_sizes.h"
#include "lib/xdp/features.h"

namespace zcnbrh::pmd {
namespace {

constexpr uint32_t kLeastBounce = 16;
// Room in the tail for ports that are still to come, in ports like this one; without shared_umem=1 at most 16
// MiB.
constexpr uint32_t kPortsToCome = 3;
constexpr uint32_t kSharedPortsToCome = 7;
constexpr uint32_t kMostFramesToCome = 4096;

bool zero_copy_in(const BindRequest& request) {
  return request.zero_copy != ZeroCopyPolicy::kOff && against_zero_copy(request).empty();
}

bool zero_copy_possible(const PmdPort& port, const PoolMemory* rx_pool) {
  return zero_copy_in(port.port->bind_request(0, pool_against_zero_copy(port, rx_pool), segments_wanted(port)));
}

// A queue that copies receives into frames of ours.
uint32_t rx_frames_needed(const QueueSlot& slot) { return slot.rx_in_place() != nullptr ? 0 : slot.nb_rx; }

uint32_t tail_needed(const PmdPort& port, const QueueSlot& slot) {
  const uint32_t to_send =
      slot.nb_tx == 0 ? 0 : bounce_frames(port, slot.nb_tx) + fill_frames_needed(port, slot);
  return to_send + rx_frames_needed(slot);
}

// Would the kernel write past a buffer into the rest of its chunk, when a packet goes on in another buffer?
bool buffer_ends_early(const PmdPort& port, const UmemLayout& layout, const PoolMemory& pool) {
  return segments_wanted(port) != SegmentsPolicy::kOff && layout.rx_room() > rx_max_length(layout, pool);
}

// chunks=auto: aligned chunks are the kernel's faster kind, but only pools of that alignment can be sent from
// in place then. So where there is another pool the chunks are unaligned: a copy costs more.
Result<UmemLayout> layout_among(const PmdPort& port, const PoolMemory& pool, const PoolList& pools) {
  auto layout = layout_for(pool, port.config());
  if (!layout || layout->unaligned || port.config().chunks != Chunks::kAuto) return layout;
  const bool alike = std::all_of(pools.begin(), pools.end(), [&layout](const auto& other) {
    return other->alignment() == layout->chunk_size;
  });
  const bool fits = alike && !buffer_ends_early(port, *layout, pool);
  if (fits || !lacks(port.port->kernel(), Feature::kUnalignedChunks).empty()) return layout;
  PortConfig unaligned = port.config();
  unaligned.chunks = Chunks::kUnaligned;
  return layout_for(pool, unaligned);
}

// Chunks for frames of ours: a page each. Unaligned where not all pools are alike, for those to be sent from.
UmemLayout layout_of_ours(const PmdPort& port, const PoolList& pools) {
  UmemLayout layout;
  layout.chunk_size = kTailStride;
  const bool alike = std::all_of(pools.begin(), pools.end(),
                                 [](const auto& pool) { return pool->alignment() == kTailStride; });
  layout.unaligned = !alike && port.config().chunks != Chunks::kAligned &&
                     lacks(port.port->kernel(), Feature::kUnalignedChunks).empty();
  return layout;
}

// A queue that only sends says nothing of chunks: those of the port's first pool, else the longest there are,
// since a packet to send must fit one; with no pool at all frames of ours.
UmemLayout layout_to_send(const PmdPort& port, const PoolList& pools) {
  for (const auto& other : port.slots)
    if (const PoolMemory* pool = other->rx_in_place())
      if (auto layout = layout_among(port, *pool, pools); layout) return *layout;
  UmemLayout best;
  for (const auto& pool : pools)
    if (auto layout = layout_among(port, *pool, pools); layout && layout->chunk_size > best.chunk_size)
      best = *layout;
  return best.chunk_size == 0 ? layout_of_ours(port, pools) : best;
}

Result<UmemKey> key_for(PmdPort& port, const QueueSlot& slot, const PoolList& pools) {
  UmemKey key;
  key.kernel = &port.port->kernel();
  key.node = port.node();
  const BindRequest request =
      port.port->bind_request(0, pool_against_zero_copy(port, slot.rx_in_place()), segments_of(port, slot));
  key.mode = zero_copy_in(request) ? XskMode::kZeroCopy : XskMode::kCopy;
  key.segments = segments_in_mode(request, key.mode);
  if (const PoolMemory* pool = slot.rx_in_place()) {
    auto layout = layout_among(port, *pool, pools);
    if (!layout) return layout.error();
    key.layout = *layout;
  } else {
    key.layout = slot.nb_rx != 0 ? layout_of_ours(port, pools) : layout_to_send(port, pools);
  }
  key.layout.tx_metadata = port.offloads.device.bytes;
  key.layout.tx_sw_csum = key.layout.tx_metadata != 0 && port.port->tx_features_forced();
  return key;
}

// May this queue use a UMEM that is there? One made before a pool came would copy that pool's packets.
bool suits(const PmdPort& port, const QueueSlot& slot, const PoolList& pools, const PortUmem& umem) {
  return umem.covers_all(pools) && !umem.has_gone() && umem.has_slot() &&
         umem.tail_free() >=
             std::min(tail_needed(port, slot) - rx_frames_needed(slot), kLeastBounce) + rx_frames_needed(slot);
}

std::shared_ptr<PortUmem> existing(const PmdPort& port, const QueueSlot& slot, const PoolList& pools,
                                   const UmemKey& key) {
  // A port's own first: its mode is known to be the one we get too.
  for (const auto& other : port.slots) {
    if (!other->umem || !other->pair.bound()) continue;
    UmemKey same = other->umem->key();
    if (key.mode == XskMode::kZeroCopy && same.mode != key.mode) {  // asked for, and copy mode was the answer
      same.mode = key.mode;
      same.segments = key.segments;
    }
    if (same == key && suits(port, slot, pools, *other->umem)) return other->umem;
  }
  if (!port.config().shared_umem.value_or(true)) return nullptr;
  for (const auto& umem : SharedUmems::instance().live())
    if (umem->key() == key && suits(port, slot, pools, *umem)) return umem;
  return nullptr;
}

// Frames of ours that a new UMEM needs: for the queues of this port and, where ports share, of others like it.
uint32_t tail_for(const PmdPort& port, const QueueSlot& slot, bool share) {
  if (!share) return tail_needed(port, slot);
  uint32_t tail = 0;
  for (const auto& other : port.slots) tail += tail_needed(port, *other);
  uint32_t others = 0;
  uint16_t id;
  RTE_ETH_FOREACH_DEV(id)
  others += id != port.port_id && rte_eth_devices[id].dev_ops == ethdev_ops();
  const uint32_t to_come = port.config().shared_umem.value_or(false)
                               ? tail * kSharedPortsToCome
                               : std::min(tail * kPortsToCome, kMostFramesToCome);
  return tail + std::max(tail * others, to_come);
}

Result<std::shared_ptr<PortUmem>> umem_among(PmdPort& port, const QueueSlot& slot, const PoolList& pools,
                                             bool share) {
  auto key = key_for(port, slot, pools);
  if (!key) return key.error();
  if (share)
    if (auto umem = existing(port, slot, pools, *key); umem) return umem;
  auto umem = PortUmem::create(*key, pools, std::max(tail_for(port, slot, share), 1U));
  // Beside private memory there may be room for less.
  if (!umem && !pools.empty() && pools.front()->at_own_addresses())
    umem = PortUmem::create(*key, pools, std::max(tail_needed(port, slot), 1U));
  if (umem && share && port.config().shared_umem.value_or(true)) SharedUmems::instance().add(*umem);
  return umem;
}

}  // namespace

std::string pool_against_zero_copy(const PmdPort& port, const PoolMemory* pool) {
  if (pool == nullptr || pool->page_safe()) return {};
  const std::string crossing = std::string("buffers of mempool ") + pool->name() + " cross 4 KiB pages and ";
  const std::string cure = "; let mempool ops zcnbrh lay the pool out";
  if (port.port->info().dma_translated)
    return crossing + port.port->info().name + " is behind an IOMMU (" + port.port->info().dma_reason + ")" +
           cure;
  return pool->on_small_pages() ? crossing + "its memory is plain pages" + cure : std::string();
}

uint32_t fill_frames_needed(const PmdPort& port, const QueueSlot& slot) {
  if (slot.nb_rx != 0 || !zero_copy_possible(port, nullptr)) return 0;
  return port.config().fill_ring.value_or(kTxOnlyFillRing);
}

PoolList pools_of(const PmdPort& port, const QueueSlot& slot, const PoolList& window) {
  std::shared_ptr<PoolMemory> leading = slot.rx_in_place() != nullptr ? slot.rx_memory : nullptr;
  for (const auto& other : port.slots)
    if (slot.nb_rx == 0 && leading == nullptr && other->rx_in_place() != nullptr) leading = other->rx_memory;
  if (leading == nullptr || !leading->at_own_addresses()) return window;
  return pools_near(leading, port.config().ledger);
}

Result<std::shared_ptr<PortUmem>> umem_for(PmdPort& port, QueueSlot& slot, const PoolList& window, bool share) {
  const PoolList pools = pools_of(port, slot, window);
  auto umem = umem_among(port, slot, pools, share);
  if (umem || pools.empty() || !pools.front()->at_own_addresses()) return umem;
  // No place for our frames beside it: then the application's addresses are left alone.
  if (slot.rx_in_place() != nullptr) {
    slot.rx_copy.instead = "it is private memory, and " + umem.error().text();
    if (Status s = check_pool_mtu(port, *slot.rx_memory, rte_eth_devices[port.port_id].data->mtu, true); !s)
      return s.error();
  }
  return umem_among(port, slot, window, share);
}

}  // namespace zcnbrh::pmd
