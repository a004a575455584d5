// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// Statistics, ledger and the words for a violation. zcnbrh.h lists the counters once more, since a public
// header stands alone; a counter that it lacks does not compile here.
#include "lib/capi/frame_queue.h"

namespace zcnbrh::capi {
namespace {

std::string owner_text(uint8_t owner) {
  switch (static_cast<Owner>(owner)) {
    case Owner::kOurs:
      return "ours";
    case Owner::kQuarantined:
      return "outside the memory";
    default:
      return (owner & 0x80U) != 0 ? "being sent" : "posted to receive";
  }
}

uint32_t distance(uint32_t a, uint32_t b) { return a > b ? a - b : b - a; }

}  // namespace

void FrameQueue::read_stats(struct zcnbrh_stats& out) const {
#define RX(name, unit, text) out.rx_##name = rx_->count.name.get();
#define TX(name, unit, text) out.tx_##name = tx_->count.name.get();
#define KICK(name, unit, text) out.tx_helper_##name = tx_->helper.name.get();
#include "lib/xsk/counters.def"
  if (const auto kernel = pair_.socket().statistics()) {
    out.xdp_rx_dropped = kernel->rx_dropped;
    out.xdp_rx_invalid_descs = kernel->rx_invalid_descs;
    out.xdp_tx_invalid_descs = kernel->tx_invalid_descs;
    out.xdp_rx_ring_full = kernel->rx_ring_full;
    out.xdp_rx_fill_ring_empty_descs = kernel->rx_fill_ring_empty_descs;
    out.xdp_tx_ring_empty_descs = kernel->tx_ring_empty_descs;
  }
  out.frames = grid_.frames;
  out.pool = book_.pool().available();
  out.application = book_.application();
  out.rx_posted = rx_->posted.get();
  out.tx_inflight = tx_->in_flight.get();
  out.rx_deficit = rx_->target > out.rx_posted ? rx_->target - out.rx_posted : 0;
}

void FrameQueue::read_ledger(struct zcnbrh_ledger& out) const {
  out.frames = grid_.frames;
  out.pool = book_.pool().available();
  out.application = book_.application();
  out.rx_posted = rx_->posted.get();
  out.tx_inflight = tx_->in_flight.get();
  out.violations = rx_->count.violations.get() + tx_->count.violations.get();

  uint32_t pool = 0, application = 0, posted = 0, in_flight = 0, torn = 0;
  for (uint32_t i = 0; i < grid_.frames; ++i) {
    const ChunkOffset chunk = grid_.at(i);
    const Owner owner = ledger_.owner(chunk);
    const bool lent = (book_.tag(ledger_.index_of(chunk)).state & FrameTag::kLent) != 0;
    if (owner == Owner::kOurs)
      ++(lent ? application : pool);
    else if (owner == Owner::kQuarantined)
      ++out.quarantined;
    else
      ++(owner == rx_posted(rx_->slot) ? posted : in_flight);
    torn += lent && owner != Owner::kOurs;
  }
  out.discrepancies = torn + distance(pool, out.pool) + distance(application, out.application) +
                      distance(posted, out.rx_posted) + distance(in_flight, out.tx_inflight);
}

std::string FrameQueue::violation_text() const {
  const LedgerViolation& v = rx_->violation.seen != 0 ? rx_->violation : tx_->violation;
  if (v.seen == 0) return {};
  std::string out = "frame " + std::to_string(v.frame) + " was to go from " + owner_text(v.expected) + " to " +
                    owner_text(v.wanted) + ", but is " + owner_text(v.found);
  const FrameHistory* history = v.frame < ledger_.frames() ? ledger_.history(v.frame) : nullptr;
  if (history == nullptr || history->count == 0) return out;
  out += "; its last moves:";
  const uint32_t depth = FrameHistory::kDepth;
  for (uint32_t i = history->count > depth ? history->count - depth : 0; i < history->count; ++i)
    out += (i == 0 || i + depth == history->count ? " " : ", ") + owner_text(history->to[i % depth]);
  return out;
}

}  // namespace zcnbrh::capi
