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
  out.frames = memory_->grid().frames;
  out.pool = book_->available();
  out.application = book_->application();
  out.rx_posted = rx_->posted.get();
  out.tx_inflight = tx_->in_flight.get();
  out.rx_deficit = rx_->target > out.rx_posted ? rx_->target - out.rx_posted : 0;
}

void FrameQueue::read_ledger(struct zcnbrh_ledger& out) const {
  const std::lock_guard guard(memory_->lock());
  memory_->read_ledger(out);
}

std::string FrameQueue::violation_text() const {
  const LedgerViolation& v = rx_->violation.seen != 0 ? rx_->violation : tx_->violation;
  if (v.seen == 0) return {};
  std::string out = "frame " + std::to_string(v.frame) + " was to go from " + owner_text(v.expected) + " to " +
                    owner_text(v.wanted) + ", but is " + owner_text(v.found);
  const Ledger& ledger = memory_->ledger();
  const FrameHistory* history = v.frame < ledger.frames() ? ledger.history(v.frame) : nullptr;
  if (history == nullptr || history->count == 0) return out;
  out += "; its last moves:";
  const uint32_t depth = FrameHistory::kDepth;
  for (uint32_t i = history->count > depth ? history->count - depth : 0; i < history->count; ++i)
    out += (i == 0 || i + depth == history->count ? " " : ", ") + owner_text(history->to[i % depth]);
  return out;
}

}  // namespace zcnbrh::capi
