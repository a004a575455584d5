// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// What the two bursts (lib/xsk/datapath.h) and their multi-buffer halves (lib/xsk/segments.h) have in common.
#pragma once

#include <cstdint>

#include "lib/base/uapi_xdp.h"
#include "lib/xsk/queue_state.h"

namespace zcnbrh {

inline constexpr uint32_t kRefillChunk = 64;  // frames taken from a pool at a time
inline constexpr uint32_t kRefillMax = 256;   // frames posted in one burst at most
inline constexpr uint32_t kDrainChunk = 64;

enum class TxVerdict { kByAddress, kBounce, kInvalid };

struct TxPlan {
  TxVerdict verdict;
  uint32_t length;       // bytes on the wire
  ChunkOffset chunk;     // kByAddress only
  uint32_t offset;       // of the data within the chunk; kByAddress only
  uint32_t options = 0;  // for xdp_desc::options of the packet's first descriptor
};

template <typename P>
constexpr bool credit_on_release() {
  if constexpr (requires { P::kCreditOnRelease; }) return P::kCreditOnRelease;
  return false;
}

// Counts a refused move and keeps the first; with `ledger=1` the queue stops there, in this process.
template <typename Queue>
[[gnu::noinline]] void violation(Queue& q, const Ledger& ledger, ChunkOffset chunk, Owner expected,
                                 Owner wanted) noexcept {
  LedgerViolation& v = q.s->violation;
  q.s->count.violations.add(1);
  if (v.seen++ == 0) {
    v.frame = ledger.index_of(chunk);
    v.expected = static_cast<uint8_t>(expected);
    v.found = static_cast<uint8_t>(ledger.owner(chunk));
    v.wanted = static_cast<uint8_t>(wanted);
  }
  if (q.stop_at_violation) q.door.shut();
}

}  // namespace zcnbrh
