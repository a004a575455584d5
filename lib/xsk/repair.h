// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// A queue whose process died inside a burst. Its shared state may be half written; what holds is what lies in
// the rings, since the kernel's view is published by one store at a time. So the cursors are taken from the
// rings, and the gauges from what the rings have carried: every frame that went into the fill ring comes back
// through the RX ring, every descriptor of the TX ring through the completion ring.
//
// Frames that the dead process had in its hands stay there: a burst of received packets that it was taking,
// some it had just got from the pool, a burst it was about to send. Those that the ledger marks as the
// queue's come back when the queue is released; the others went with the process, as every buffer an
// application holds when it dies.
//
// Control path, with nobody else in the queue's bursts.
#pragma once

#include "lib/xsk/datapath.h"

namespace zcnbrh {

struct Repaired {
  uint32_t lost = 0;       // frames that went with the process, as far as the rings tell
  uint32_t reclaimed = 0;  // given back now
};

namespace repair {

template <typename Desc>
uint32_t producer(const RingMap<Desc>& ring) {
  return ring.producer != nullptr ? std::atomic_ref(*ring.producer).load(std::memory_order_acquire) : 0;
}
template <typename Desc>
uint32_t consumer(const RingMap<Desc>& ring) {
  return ring.consumer != nullptr ? std::atomic_ref(*ring.consumer).load(std::memory_order_acquire) : 0;
}
// We consume: our index is the ring's, the other's is looked at anew by the next burst.
template <typename Desc>
void resume_consumer(const RingMap<Desc>& ring, RingCursor& cursor) {
  cursor.near = cursor.far = consumer(ring);
}
template <typename Desc>
void resume_producer(const RingMap<Desc>& ring, RingCursor& cursor) {
  cursor.near = producer(ring);
  cursor.far = consumer(ring);
}

// Bounce frames that were being taken or given back: what the stack names must be ours, and once.
inline void check_bounce_stack(TxLocal& q) {
  TxShared& s = *q.s;
  uint32_t kept = 0;
  for (uint32_t i = 0; i < s.bounce_count; ++i) {
    const uint64_t frame = s.bounce_stack()[i];
    bool good = q.bounce.owner(ChunkOffset{frame}) == Owner::kOurs;
    for (uint32_t j = 0; good && j < kept; ++j) good = s.bounce_stack()[j] != frame;
    if (good) s.bounce_stack()[kept++] = frame;
  }
  s.bounce_count = kept;
}

inline Owner owner_of(TxLocal& q, ChunkOffset place) {
  return (q.bounce.covers(place) ? q.bounce : q.frames.of(place)).owner(place);
}

// How many of the completions that are in the ring had been taken; they are the first ones, and few, since the
// ring is told after each chunk of them.
inline uint32_t taken_completions(TxLocal& q, const SlotRun<uint64_t>& done) {
  const TxShared& s = *q.s;
  const Owner in_flight = tx_in_flight(s.slot);
  if (!q.split_frames) {
    uint32_t taken = 0;
    while (taken < done.count() && owner_of(q, q.format.chunk(done[taken])) != in_flight) ++taken;
    return taken;
  }
  const auto last = static_cast<uint32_t>(s.split_journal >> 32);
  const uint32_t at = last - s.completion.near;
  if (at >= done.count()) return 0;
  const ChunkOffset place = ledger_place(q.format.chunk(done[at]), static_cast<uint32_t>(s.split_journal));
  return at + (owner_of(q, place) != in_flight);
}

// Does a frame of several descriptors come again among the first `count` completions?
inline bool comes_again(const TxLocal& q, const SlotRun<uint64_t>& done, uint32_t at, uint32_t count) {
  const ChunkOffset chunk = q.format.chunk(done[at]);
  for (uint32_t i = at + 1; i < count; ++i)
    if (q.format.chunk(done[i]) == chunk) return true;
  return false;
}

}  // namespace repair

// Packets that were taken from the RX ring without it being told are the first ones there, since a burst goes
// in order: those whose frames are no longer the queue's.
inline Repaired repair_rx(RxLocal& q) noexcept {
  RxShared& s = *q.s;
  Repaired out;
  repair::resume_consumer(q.rx, s.rx);
  repair::resume_producer(q.fill, s.fill);
  if (q.rx.descs != nullptr) {
    RxRing ring(q.rx, s.rx);
    const SlotRun<struct xdp_desc> ready = ring.peek(q.rx.size());
    while (out.lost < ready.count()) {
      const ChunkOffset chunk = q.format.chunk(ready[out.lost].addr);
      if (q.frames.owner(chunk) == rx_posted(s.slot)) break;
      ++out.lost;
    }
    // The rest of a packet that was taken in part goes the same way.
    if (out.lost != 0) s.skip_packet = (ready[out.lost - 1].options & uapi::kXdpPktContd) != 0;
    ring.release(out.lost);
  }
  s.posted.set(s.fill.near - s.rx.near);
  return out;
}

// Finished frames of which the ring was not told are the first ones there, too; they are not in their pool yet.
template <typename P>
Repaired repair_tx(TxLocal& q, P& policy) noexcept {
  TxShared& s = *q.s;
  Repaired out;
  repair::resume_producer(q.tx, s.tx);
  repair::resume_consumer(q.completion, s.completion);
  if (q.tx.descs == nullptr) return out;
  CompletionRing ring(q.completion, s.completion);
  const SlotRun<uint64_t> done = ring.peek(q.completion.size());
  const uint32_t taken = repair::taken_completions(q, done);
  for (uint32_t i = 0; i < taken; ++i) {
    const ChunkOffset chunk = q.format.chunk(done[i]);
    if (q.bounce.covers(chunk)) continue;  // on the stack of bounce frames, or lost until the release
    if (q.split_frames &&
        (repair::owner_of(q, chunk) != Owner::kOurs || repair::comes_again(q, done, i, taken)))
      continue;  // others of its descriptors are still out, or this is not its last one here
    policy.completed(&chunk, 1);
    ++out.reclaimed;
  }
  ring.release(taken);
  s.in_flight.set(s.tx.near - s.completion.near);
  repair::check_bounce_stack(q);
  return out;
}

}  // namespace zcnbrh
