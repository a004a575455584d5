// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// Delivery credits: how many packets the application will take, as the XDP program's gate sees it. This is
// not the number of frames posted (buffers in the kernel's hands): a frame can be posted while the
// application has stopped reading. A packet's credit comes back when the burst has taken it, or, for users
// that ask for it (RX policy kCreditOnRelease), when the application gives its frame back; until then it is
// "held".
//
// `delivered` is written by the queue's NAPI alone, `limit` by the RX core alone, each on its own cache
// line; the program lets a packet through while (s32)(limit - delivered) > 0. So limit = base + window,
// where base follows what we consumed. A packet that the kernel drops between the redirect and the RX ring
// was counted as delivered but is never consumed; it would shrink the window by one for ever. So whenever
// the RX ring is empty and `delivered` stands still for kStillPolls looks in a row, nothing is on its way
// (a NAPI run publishes its packets at its end, at most some tens of microseconds later), and the base is
// set anew from `delivered`. Were a packet still on its way, the window would be that much too wide until
// the next such moment; it can never become too narrow.
#pragma once

#include <atomic>
#include <cstdint>

namespace zcnbrh {

inline constexpr uint32_t kStillPolls = 256;

// Shared state, RX thread only.
struct CreditState {
  uint32_t consumed = 0;        // base: packets whose credit came back, corrected for those the kernel dropped
  uint32_t held = 0;            // packets taken whose credit the application still holds
  uint32_t window = 0;          // packets the application will take ahead; 0: no gate
  uint32_t last_delivered = 0;  // `delivered` at the last look at an empty ring
  uint32_t still_polls = 0;     // looks in a row that found the ring empty and `delivered` unchanged
  uint32_t rebased = 0;         // how many lost credits were given back (a counter)
};

// Per process: where the gate record is mapped. Null pointers: no gate.
struct CreditGate {
  uint32_t* delivered = nullptr;  // read only
  uint32_t* limit = nullptr;

  bool on() const { return limit != nullptr; }
};

inline void publish_credits(const CreditGate& gate, const CreditState& state) {
  // Release: the consumer index of the RX ring is stored before, so a packet let in by this credit finds room.
  std::atomic_ref(*gate.limit).store(state.consumed + state.window, std::memory_order_release);
}

// After a burst that took `taken` packets, of which `held` keep their credit.
inline void grant_credits(const CreditGate& gate, CreditState& state, uint32_t taken, uint32_t held = 0) {
  if (!gate.on()) return;
  state.consumed += taken - held;
  state.held += held;
  state.still_polls = 0;
  publish_credits(gate, state);
}

// After the application gave `count` packets back whose credit it held.
inline void return_credits(const CreditGate& gate, CreditState& state, uint32_t count) {
  if (!gate.on()) return;
  state.held -= count;
  state.consumed += count;
  publish_credits(gate, state);
}

// After a burst that found the RX ring empty.
inline void rebase_credits(const CreditGate& gate, CreditState& state) {
  if (!gate.on()) return;
  const uint32_t delivered = std::atomic_ref(*gate.delivered).load(std::memory_order_acquire);
  if (delivered != state.last_delivered) {
    state.last_delivered = delivered;
    state.still_polls = 0;
  } else if (++state.still_polls >= kStillPolls && delivered != state.consumed + state.held) {
    state.rebased += delivered - state.consumed - state.held;
    state.consumed = delivered - state.held;
    publish_credits(gate, state);
  }
}

}  // namespace zcnbrh
