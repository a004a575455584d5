// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#include <cinttypes>
#include <map>

#include "drivers/net/zcnbrh/ledger_view.h"
#include "drivers/net/zcnbrh/report.h"

namespace zcnbrh::pmd {
namespace {

std::string pool_line(const PortUmem& umem, const PoolMemory& pool) {
  if (pool.gone()) return text_of("  mempool %s: gone\n", pool.name());
  return text_of("  mempool %s: %u buffers of %u bytes (%u of data room), from byte 0x%" PRIx64 "%s\n",
                 pool.name(), pool.pool()->populated_size, pool.element_bytes(), pool.buffer_bytes(),
                 umem.offset_of(pool), pool.page_safe() ? ", none crosses a page" : ", some cross pages");
}

std::string umem_text(const PortUmem& umem, const std::string& queues) {
  const UmemLayout& layout = umem.layout();
  std::string out = text_of("UMEM of queues %s: %.1f MiB, %s mode%s, NUMA node %d\n", queues.c_str(),
                            static_cast<double>(layout.size) / (1 << 20), to_string(umem.key().mode),
                            umem.key().segments ? ", multi-buffer" : "", umem.key().node);
  out += text_of("  chunks of %u bytes, %s, headroom %u, room for a packet %u, TX metadata %u\n",
                 layout.chunk_size, layout.unaligned ? "anywhere (unaligned)" : "aligned", layout.headroom,
                 layout.rx_room(), layout.tx_metadata);
  out += text_of("  %zu queues of all ports share it\n", umem.slots().count());
  for (const auto& pool : umem.pools()) out += pool_line(umem, *pool);
  if (umem.pools().empty()) out += "  no mempool: every packet is copied\n";
  return out + text_of("  frames of ours from byte 0x%" PRIx64 ", %u of them free\n", umem.tail_offset(),
                       umem.tail_free());
}

}  // namespace

std::string umem_report(const PmdPort& port) {
  std::map<const PortUmem*, std::string> queues;
  for (uint16_t q = 0; q < port.queues(); ++q)
    if (const PortUmem* umem = port.slots[q]->umem.get(); umem != nullptr)
      queues[umem] += (queues[umem].empty() ? "" : ",") + std::to_string(q);
  std::string out = port_title(port) + "\n";
  for (const auto& [umem, numbers] : queues) out += umem_text(*umem, numbers);
  if (queues.empty()) out += "no UMEM: no queue is open; start the port\n";
  for (uint16_t q = 0; q < port.queues(); ++q) {
    const QueueSlot& slot = *port.slots[q];
    if (slot.rx_copy.on)
      out += text_of("RX queue %u: packets are copied into %s: %s\n", q, slot.rx_memory->name(),
                     slot.rx_copy.instead.empty() ? slot.rx_memory->why_not_in_place().c_str()
                                                  : slot.rx_copy.instead.c_str());
  }
  return out;
}

std::string ledger_report(const PmdPort& port) {
  const PortOwners owners = owners_of(port);
  std::string out = port_title(port) + "\n" +
                    text_of("by its own queues: %" PRIu64 " frames posted to receive into, %" PRIu64
                            " being sent (bounce frames included)\n",
                            owners.posted, owners.in_flight);
  out += "mempool             buffers   posted  in flight  quarantined  in pool  application\n";
  for (const PoolOwners& pool : owners.pools)
    out +=
        text_of("%-18s  %7" PRIu64 "  %7" PRIu64 "  %9" PRIu64 "  %11" PRIu64 "  %7" PRIu64 "  %11" PRIu64 "\n",
                pool.pool->name(), pool.buffers, pool.posted, pool.in_flight, pool.quarantined, pool.in_pool,
                pool.application());
  uint64_t violations = 0;
  for (const auto& slot : port.slots) {
    const QueueCounts c = counts_of(*slot);
    violations += c.rx.violations.get() + c.tx.violations.get();
  }
  return out + text_of("violations: %" PRIu64 "%s\n", violations,
                       violations != 0 ? "; the log has the first one when the port stops" : "");
}

}  // namespace zcnbrh::pmd
