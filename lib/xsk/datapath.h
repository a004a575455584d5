// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// The two bursts, once, for the PMD (mbufs), the C API (frames) and the benches. What differs is a policy
// class, resolved at compile time:
//
//   RX policy P:
//     using Packet = ...;
//     void prefetch(ChunkOffset chunk);                         // what deliver() will write
//     void deliver(Packet& out, ChunkOffset chunk, uint64_t data, uint32_t length);  // hand a packet over
//     void give_back(ChunkOffset chunk);                        // a dropped packet's frame goes to its pool
//     uint32_t allocate(ChunkOffset* chunks, uint32_t count);   // up to count free frames
//     static constexpr bool kCreditOnRelease = true;            // optional: a delivered packet keeps its
//     credit
//                                                               // until the user calls return_credits()
//     // rx_burst<true>, multi-buffer packets: the next segment of a packet whose last one is in frame `last`
//     void append(Packet& packet, ChunkOffset last, ChunkOffset chunk, uint64_t data, uint32_t length);
//   TX policy P:
//     using Packet = ...;
//     TxPlan plan(const Packet& packet, uint32_t max_length);   // max_length: of the whole packet
//     void copy_out(const Packet& packet, uint8_t* to);         // length bytes, for a bounce copy
//     void done(Packet& packet);                                // we do not need the packet any more
//     void completed(const ChunkOffset* chunks, uint32_t count);
//     // tx_burst<true>, packets of several descriptors:
//     uint32_t parts(const Packet& packet, TxPart* out, uint32_t most, uint32_t longest);  // 0: not by address
//     void sent(Packet& packet);                                // by address: its frames are the kernel's
//     void copy_part(const Packet& packet, uint32_t from, uint8_t* to, uint32_t length);
//     // optional: the packet was gathered into `count` pieces of `each` bytes
//     void copied(const Packet& packet, uint8_t* const* pieces, uint32_t count, uint32_t each, uint32_t
//     length); uint32_t frame_slots(ChunkOffset frame);                  // ledger bytes of its own; 1: never
//     split
//
// Rules that hold in every line: no lock, no allocation but the policy's pool, no log, no blocking call, no
// unbounded loop. A frame changes hands through Ledger::move() alone; where that refuses, the frame is left
// alone and counted. An invalid descriptor (length 0, past the chunk, outside the UMEM) is never written,
// since kernels swallow one without a completion.
//
// Threads: one thread at a time for rx_burst() of a queue, one for tx_burst(); they may be different ones.
#pragma once

#include <cstdint>

#include "lib/base/uapi_xdp.h"
#include "lib/xsk/burst_common.h"
#include "lib/xsk/plain_run.h"
#include "lib/xsk/queue_state.h"
#include "lib/xsk/segments.h"
#include "lib/xsk/wakeup.h"

namespace zcnbrh {

// Posts frames until nb_rx_desc are in the kernel's hands, the pool is empty, or kRefillMax were posted.
// Returns how many. A pool that has none leaves a deficit, which the next calls make good.
template <Simd kSimd = Simd::kNone, typename P>
uint32_t refill(RxLocal& q, P& policy) noexcept {
  RxShared& s = *q.s;
  FillRing ring(q.fill, s.fill);
  uint32_t posted = 0;
  while (posted < kRefillMax && s.posted.get() < s.target) {
    const uint32_t missing = s.target - s.posted.get();
    SlotRun<uint64_t> slots = ring.reserve(missing < kRefillChunk ? missing : kRefillChunk);
    if (slots.count() == 0) break;
    ChunkOffset chunks[kRefillChunk];
    const uint32_t got = policy.allocate(chunks, slots.count());
    const uint32_t written = post_frames<kSimd>(q, slots, chunks, got);
    ring.commit(written);
    s.posted.set(s.posted.get() + written);
    posted += written;
    if (got < slots.count()) s.count.alloc_failed.add(1);
    if (written < slots.count()) break;
  }
  return posted;
}

// A burst that found the RX ring empty: make up a deficit, give lost credits back, at most one system call.
template <typename P>
[[gnu::noinline]] void rx_idle(RxLocal& q, P& policy) noexcept {
  RxShared& s = *q.s;
  ++s.empty_polls;
  if (s.posted.get() < s.target) refill(q, policy);
  rebase_credits(q.gate, s.credit);
  if (tx_left_behind(q)) {  // first: busy polling does not send in copy mode
    q.wake.kick_tx(q.wake.context);
  } else if (q.busy_poll) {
    s.count.busy_polls.add(1);
    if (q.wake.poke_rx(q.wake.context) < 0) {
      // EAGAIN and the like: nothing to do, the next poll tries again.
    }
  } else if (q.need_wakeup && FillRing(q.fill, s.fill).needs_wakeup()) {
    poke(q);
  }
}

// True if this descriptor is part of a packet that is to be dropped. Multi-buffer packets come whole or not
// at all: where they are not taken each part's frame goes back and is counted.
inline bool rx_must_drop(RxLocal& q, const struct xdp_desc& desc) {
  RxShared& s = *q.s;
  const bool more = (desc.options & uapi::kXdpPktContd) != 0;
  if (more || s.skip_packet != 0) [[unlikely]] {
    s.skip_packet = more;
    s.count.dropped_segments.add(1);
    return true;
  }
  if (desc.len > q.max_length) [[unlikely]] {
    s.count.dropped_too_long.add(1);
    return true;
  }
  return false;
}

// What begins at descriptor `at`, which is not a plain packet. Returns how many descriptors it took; 0: it is a
// packet whose end is still to come.
template <bool kScatter, typename P>
[[gnu::noinline]] uint32_t take_odd(RxLocal& q, P& policy, const SlotRun<struct xdp_desc>& ready, uint32_t at,
                                    typename P::Packet* out, RxTally& tally) noexcept {
  const struct xdp_desc desc = ready[at];
  if constexpr (kScatter)
    if ((desc.options & uapi::kXdpPktContd) != 0 || q.s->skip_packet != 0)
      return receive_segments(q, policy, ready, at, out, tally);
  ++tally.finished;
  const ChunkOffset chunk = q.format.chunk(desc.addr);
  if (!q.frames.move(chunk, rx_posted(q.s->slot), Owner::kOurs)) {
    violation(q, q.frames, chunk, rx_posted(q.s->slot), Owner::kOurs);
    return 1;
  }
  ++tally.returned;
  if (rx_must_drop(q, desc)) {
    policy.give_back(chunk);
    return 1;
  }
  policy.deliver(out[tally.delivered++], chunk, AddressFormat::data(desc.addr), desc.len);
  tally.bytes += desc.len;
  return 1;
}

// A burst without the door: for the control side, after shut_and_wait(), and for those that are through it.
template <bool kScatter = false, Simd kSimd = Simd::kNone, typename P>
uint32_t rx_burst_inside(RxLocal& q, P& policy, typename P::Packet* out, uint32_t count) noexcept {
  RxShared& s = *q.s;
  RxRing ring(q.rx, s.rx);
  const SlotRun<struct xdp_desc> ready = ring.peek(kScatter ? q.rx.size() : count);
  RxTally tally;
  uint32_t taken = 0;
  while (taken < ready.count() && tally.delivered < count) {
    const uint32_t left = ready.count() - taken;
    const uint32_t most = kScatter && count - tally.delivered < left ? count - tally.delivered : left;
    if (s.skip_packet == 0) [[likely]]
      taken += take_plain<kSimd>(q, policy, ready, taken, most, out, tally);
    if (taken == ready.count() || tally.delivered == count) [[likely]]
      break;
    const uint32_t odd = take_odd<kScatter>(q, policy, ready, taken, out, tally);
    if (odd == 0) break;
    taken += odd;
  }
  if (taken == 0) {  // nothing, or nothing but a packet whose end is still to come
    rx_idle(q, policy);
    return 0;
  }
  ring.release(taken);
  s.posted.set(s.posted.get() - tally.returned);
  grant_credits(q.gate, s.credit, tally.finished, credit_on_release<P>() ? tally.delivered : 0);
  s.count.packets.add(tally.delivered);
  s.count.bytes.add(tally.bytes);
  if (s.target - s.posted.get() >= s.refill_mark) refill<kSimd>(q, policy);
  if (q.need_wakeup && FillRing(q.fill, s.fill).needs_wakeup()) [[unlikely]]
    poke(q);
  return tally.delivered;
}

// Up to `count` packets, in the order the kernel gave them. Also refills and wakes. kScatter: of any number of
// descriptors each, for a queue bound with XDP_USE_SG.
template <bool kScatter = false, Simd kSimd = Simd::kNone, typename P>
uint32_t rx_burst(RxLocal& q, P& policy, typename P::Packet* out, uint32_t count) noexcept {
  const InsideBurst inside(q.door);
  if (!inside) [[unlikely]]
    return 0;
  return rx_burst_inside<kScatter, kSimd>(q, policy, out, count);
}

// kSplit: some frames were lent by several descriptors, see lib/xsk/segments.h.
template <bool kSplit, typename P>
uint32_t drain_ring(TxLocal& q, P& policy, uint32_t most) noexcept {
  TxShared& s = *q.s;
  CompletionRing ring(q.completion, s.completion);
  const Owner in_flight = tx_in_flight(s.slot);
  uint32_t drained = 0;
  while (drained < q.completion.size() && drained < most) {
    const SlotRun<uint64_t> done = ring.peek(most - drained < kDrainChunk ? most - drained : kDrainChunk);
    if (done.count() == 0) break;
    ChunkOffset chunks[kDrainChunk];
    uint32_t direct = 0;
    uint32_t returned = 0;
    for (uint32_t i = 0; i < done.count(); ++i) {
      const ChunkOffset chunk = q.format.chunk(done[i]);
      const bool ours = q.bounce.covers(chunk);
      const Ledger& ledger = ours ? q.bounce : q.frames.of(chunk);
      ChunkOffset place = chunk;
      if constexpr (kSplit)
        if (!ours && ledger.covers(chunk))
          place = completed_place(ledger, chunk, policy.frame_slots(chunk), in_flight);
      if constexpr (kSplit)
        note_completion(s, s.completion.near + i,
                        static_cast<uint32_t>((raw(place) - raw(chunk)) >> kLedgerShift));
      if (!ledger.move(place, in_flight, Owner::kOurs)) [[unlikely]] {
        violation(q, ledger, chunk, in_flight, Owner::kOurs);
        continue;
      }
      ++returned;
      if (ours)
        s.bounce_stack()[s.bounce_count++] = raw(chunk);
      else if (!kSplit || place == chunk)
        chunks[direct++] = chunk;
    }
    ring.release(done.count());
    s.in_flight.set(s.in_flight.get() - returned);
    s.count.completed.add(returned);
    policy.completed(chunks, direct);
    drained += done.count();
  }
  return drained;
}

// The same for a queue without split frames, in runs of frames of one pool. The ring is told before the pool
// gets them, as above: of a process that dies in between, repair_tx() gives back what the ring still has.
template <Simd kSimd, typename P>
uint32_t drain_runs(TxLocal& q, P& policy, uint32_t most) noexcept {
  TxShared& s = *q.s;
  CompletionRing ring(q.completion, s.completion);
  uint32_t drained = 0;
  while (drained < q.completion.size() && drained < most) {
    const uint32_t want = most - drained < kDrainChunk ? most - drained : kDrainChunk;
    const SlotRun<uint64_t> done = ring.peek(want);
    if (done.count() == 0) break;
    ChunkOffset chunks[kDrainChunk];
    const uint32_t returned = return_plain<kSimd>(q, done, chunks);
    if (returned == 0) [[unlikely]] {  // a bounce frame, or wrong
      drained += drain_ring<false>(q, policy, want);
      continue;
    }
    ring.release(returned);
    s.in_flight.set(s.in_flight.get() - returned);
    s.count.completed.add(returned);
    complete_all<kSimd>(q, policy, chunks, returned);
    drained += returned;
  }
  return drained;
}

// Takes finished frames out of the completion ring and gives them back, up to `most`.
template <Simd kSimd = Simd::kNone, typename P>
uint32_t drain(TxLocal& q, P& policy, uint32_t most = UINT32_MAX) noexcept {
  if constexpr (requires(ChunkOffset chunk) { policy.frame_slots(chunk); })
    if (q.split_frames) return drain_ring<true>(q, policy, most);
  return drain_runs<kSimd>(q, policy, most);
}

// Frames are short: those that are finished, and where none is, in zero-copy mode one call to a driver that
// asks for it. virtio-net frees what it has sent only when its TX NAPI runs, which that call does; kick()
// would not make it, since nothing waits in the TX ring.
template <typename P>
[[gnu::noinline]] uint32_t reap(TxLocal& q, P& policy, uint32_t most = UINT32_MAX) noexcept {
  const uint32_t drained = drain(q, policy, most);
  TxRing ring(q.tx, q.s->tx);
  const bool zero_copy = q.kick_batch == 0;
  if (drained != 0 || !zero_copy || q.s->in_flight.get() == 0 || (q.need_wakeup && !ring.needs_wakeup()))
    return drained;
  count_kick(q.s->count, q.wake.kick_tx(q.wake.context));
  return drain(q, policy, most);
}

// Copies a packet into a frame of ours. False if none is free, also after a look for finished ones.
template <typename P>
[[gnu::noinline]] bool bounce(TxLocal& q, P& policy, typename P::Packet& packet, const TxPlan& plan,
                              struct xdp_desc& desc) noexcept {
  TxShared& s = *q.s;
  if (s.bounce_count == 0) reap(q, policy);
  if (s.bounce_count == 0) return false;
  const ChunkOffset chunk{s.bounce_stack()[--s.bounce_count]};
  if (!q.bounce.move(chunk, Owner::kOurs, tx_in_flight(s.slot))) {
    violation(q, q.bounce, chunk, Owner::kOurs, tx_in_flight(s.slot));
    return false;
  }
  policy.copy_out(packet, q.bounce_base + raw(chunk) + q.bounce_offset);
  policy.done(packet);
  s.count.bounce_copies.add(1);
  desc = {q.format.encode(chunk, q.bounce_offset), plan.length, plan.options};
  return true;
}

// A packet that is not sent as one descriptor by address: as several, by address or gathered; kCopy: a copy in
// one frame will do. A second look when all bounce frames are out.
template <typename P>
[[gnu::noinline]] SegmentsSent send_chained(TxLocal& q, P& policy, typename P::Packet& packet,
                                            const TxPlan& plan, const SlotRun<struct xdp_desc>& slots,
                                            uint32_t written) noexcept {
  SegmentsSent sent = send_segments(q, policy, packet, plan, slots, written);
  if (sent.fate != SegmentsFate::kCopy || plan.length <= q.max_length) return sent;
  sent = send_copies(q, policy, packet, plan, slots, written);
  if (sent.fate == SegmentsFate::kNoBounce && reap(q, policy) != 0)
    sent = send_copies(q, policy, packet, plan, slots, written);
  return sent;
}

// One packet, whatever it is: the next one of a burst. False: there is no room for it.
template <bool kSegments, typename P>
[[gnu::noinline]] bool send_odd(TxLocal& q, P& policy, typename P::Packet& packet,
                                const SlotRun<struct xdp_desc>& slots, TxTally& tally) noexcept {
  TxShared& s = *q.s;
  const TxPlan plan = policy.plan(packet, kSegments ? q.max_packet : q.max_length);
  bool invalid = plan.verdict == TxVerdict::kInvalid;
  if constexpr (kSegments) {
    if (plan.verdict == TxVerdict::kBounce) {
      const SegmentsSent sent = send_chained(q, policy, packet, plan, slots, tally.written);
      if (sent.fate == SegmentsFate::kSent) {
        tally.written += sent.descriptors;
        tally.chained += sent.descriptors - 1;
        tally.bytes += plan.length;
        return true;
      }
      if (sent.fate == SegmentsFate::kNoSlots || sent.fate == SegmentsFate::kNoBounce) {
        (sent.fate == SegmentsFate::kNoSlots ? s.count.no_credit : s.count.no_bounce).add(1);
        return false;
      }
      invalid = sent.fate == SegmentsFate::kInvalid;
    }
  }
  if (invalid) {
    policy.done(packet);
    s.count.invalid.add(1);
    return true;
  }
  if (tally.written == slots.count()) {
    s.count.no_credit.add(1);
    return false;
  }
  // A frame that is in flight already (the caller sends one buffer twice) goes by copy.
  struct xdp_desc& slot = slots[tally.written];
  if (plan.verdict == TxVerdict::kByAddress && q.frames.move(plan.chunk, Owner::kOurs, tx_in_flight(s.slot))) {
    slot = {q.format.encode(plan.chunk, plan.offset), plan.length, plan.options};
  } else if (!bounce(q, policy, packet, plan, slot)) {
    s.count.no_bounce.add(1);
    return false;
  }
  ++tally.written;
  tally.bytes += plan.length;
  return true;
}

// Up to `count` packets; returns how many were taken, in order. Those taken belong to the driver (an invalid
// one is dropped and counted); the rest stay the caller's. Fewer come back when nb_tx_desc frames are in
// flight or no bounce frame is free: back-pressure, try again later. A burst of none drains and kicks.
// kSegments: packets may be of several descriptors each, for a queue bound with XDP_USE_SG.
template <bool kSegments = false, Simd kSimd = Simd::kNone, typename P>
uint32_t tx_burst_inside(TxLocal& q, P& policy, typename P::Packet* packets, uint32_t count) noexcept {
  TxShared& s = *q.s;
  if (full_a_moment_ago(q, count)) [[unlikely]] {
    s.count.no_credit.add(1);
    return 0;
  }
  if (s.in_flight.get() >= s.drain_mark || count == 0) drain<kSimd>(q, policy);
  if (s.limit - s.in_flight.get() < (kSegments ? count + q.max_segments : count)) [[unlikely]] {
    reap(q, policy);
    if (s.limit - s.in_flight.get() < count) found_full(q);
  }
  TxRing ring(q.tx, s.tx);
  const uint32_t room = s.limit - s.in_flight.get();
  const SlotRun<struct xdp_desc> slots = ring.reserve(kSegments || room < count ? room : count);
  TxTally tally;
  while (tally.taken < count) {
    const uint32_t free = slots.count() - tally.written;
    send_plain<kSimd>(q, policy, packets, free < count - tally.taken ? free : count - tally.taken, slots,
                      tally);
    if (tally.taken == count) [[likely]]
      break;
    if (!send_odd<kSegments>(q, policy, packets[tally.taken], slots, tally)) break;
    ++tally.taken;
  }
  ring.commit(tally.written);
  s.in_flight.set(s.in_flight.get() + tally.written);
  s.count.packets.add(tally.written - tally.chained);
  s.count.bytes.add(tally.bytes);
  kick(q);
  return tally.taken;
}

template <bool kSegments = false, Simd kSimd = Simd::kNone, typename P>
uint32_t tx_burst(TxLocal& q, P& policy, typename P::Packet* packets, uint32_t count) noexcept {
  const InsideBurst inside(q.door);
  if (!inside) [[unlikely]]
    return 0;
  return tx_burst_inside<kSegments, kSimd>(q, policy, packets, count);
}

}  // namespace zcnbrh
