// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// Packets of several descriptors (XDP_USE_SG, XDP_PKT_CONTD, Linux 6.6): the multi-buffer halves of the two
// bursts in lib/xsk/datapath.h, which says what the policies have to bring. None of it is reached, or even
// compiled in, where a queue has single-buffer packets only.
//
// Receive. A packet is taken out of the RX ring whole or not at all: while its last descriptor is not there its
// frames stay in the ring, marked as the kernel's in the ledger, and the next burst looks again. So a packet
// that is cut by the ring's visible end needs no state of its own, and a queue that is released meanwhile gets
// those frames back as it gets all others back. A packet of more than kMaxRxSegments descriptors is dropped as
// it comes, so it cannot fill the ring.
//
// Send. All descriptors of a packet are written, or none. By address where every segment is a frame of the UMEM
// that is ours to lend, else gathered into frames of ours. A packet that could never be written (more
// descriptors than the kernel takes, than the queue may have in flight, or than there are bounce frames) is
// invalid, so none waits for ever.
//
// A frame longer than a chunk is lent by several descriptors that all name the frame's start (possible with
// unaligned chunks alone). Descriptor n of them has the ledger's byte n behind that of the frame's start, all
// of which are the frame's own since it is at least 2048 bytes long for each. Completions are told apart by
// number only: each clears the last byte still set; the one that clears the frame's first has the frame back.
#pragma once

#include <bit>
#include <cstdint>

#include "lib/xsk/burst_common.h"

namespace zcnbrh {

inline constexpr uint32_t kMaxRxSegments = 64;  // a bit each in a word
inline constexpr uint32_t kMaxTxSegments = 32;  // more than any kernel takes so far
// Copy mode takes MAX_SKB_FRAGS + 1 descriptors a packet (xsk_build_skb() in net/xdp/xsk.c), 17 + 1 unless the
// kernel was built for more.
inline constexpr uint32_t kCopySegments = 18;
// virtio-net has no linear part (IFF_TX_SKB_NO_LINEAR): each page a descriptor touches is a fragment of 17.
inline constexpr uint32_t kCopySegmentsByPage = 8;
// Copy mode builds the linear part of the packet from the first descriptor, and the kernel does not check that
// the Ethernet header is in it (eth_type_trans()). So a shorter first segment is not sent as it is.
inline constexpr uint32_t kLeastFirstSegment = 14;

// One descriptor of a packet: `length` bytes at `offset` from the frame's start, the frame's `nth` descriptor.
struct TxPart {
  ChunkOffset frame;
  uint32_t offset;
  uint32_t length;
  uint32_t nth;
};

constexpr ChunkOffset ledger_place(ChunkOffset frame, uint32_t nth) {
  return ChunkOffset{raw(frame) + (uint64_t{nth} << kLedgerShift)};
}

// What an RX burst has done so far.
struct RxTally {
  uint32_t delivered = 0;
  uint32_t finished = 0;  // packets, delivered or dropped
  uint32_t returned = 0;  // frames that came back from the kernel
  uint64_t bytes = 0;
};

// Takes `parts` frames back from the kernel. Bit n of the result: frame n was not the kernel's, and stays as it
// is.
inline uint64_t take_frames(RxLocal& q, const SlotRun<struct xdp_desc>& ready, uint32_t at, uint32_t parts,
                            RxTally& tally) noexcept {
  const Owner posted = rx_posted(q.s->slot);
  uint64_t lost = 0;
  for (uint32_t i = 0; i < parts; ++i) {
    const ChunkOffset chunk = q.format.chunk(ready[at + i].addr);
    if (q.frames.move(chunk, posted, Owner::kOurs)) [[likely]] {
      ++tally.returned;
      continue;
    }
    lost |= uint64_t{1} << i;
    violation(q, q.frames, chunk, posted, Owner::kOurs);
  }
  return lost;
}

// The packet whose first descriptor is `at`, which goes on in another one or is the rest of one that is being
// dropped. Returns how many descriptors it took; 0: its end is not in the ring yet, nothing was touched.
template <typename P>
[[gnu::noinline]] uint32_t receive_segments(RxLocal& q, P& policy, const SlotRun<struct xdp_desc>& ready,
                                            uint32_t at, typename P::Packet* out, RxTally& tally) noexcept {
  RxShared& s = *q.s;
  uint32_t parts = 0;
  uint32_t length = 0;
  bool whole = false;
  bool fits = true;
  while (!whole && parts < kMaxRxSegments && at + parts < ready.count()) {
    const struct xdp_desc desc = ready[at + parts++];
    whole = (desc.options & uapi::kXdpPktContd) == 0;
    fits = fits && desc.len <= q.max_length;
    length += desc.len;
  }
  const bool dropping = s.skip_packet != 0;
  if (!whole && !dropping && parts < kMaxRxSegments) {
    s.count.partial.add(1);
    return 0;
  }
  const bool drop = dropping || !whole || !fits;
  s.skip_packet = !whole;
  const uint64_t lost = take_frames(q, ready, at, parts, tally);
  tally.finished += whole;
  if (drop || lost != 0) [[unlikely]] {
    for (uint32_t i = 0; i < parts; ++i)
      if ((lost >> i & 1) == 0) policy.give_back(q.format.chunk(ready[at + i].addr));
    s.count.dropped_segments.add(parts - static_cast<uint32_t>(std::popcount(lost)));
    return parts;
  }
  typename P::Packet& packet = out[tally.delivered++];
  ChunkOffset last = q.format.chunk(ready[at].addr);
  policy.deliver(packet, last, AddressFormat::data(ready[at].addr), ready[at].len);
  for (uint32_t i = 1; i < parts; ++i) {
    const struct xdp_desc desc = ready[at + i];
    const ChunkOffset chunk = q.format.chunk(desc.addr);
    policy.append(packet, last, chunk, AddressFormat::data(desc.addr), desc.len);
    last = chunk;
  }
  tally.bytes += length;
  s.count.chained.add(1);
  return parts;
}

enum class SegmentsFate { kSent, kCopy, kNoSlots, kNoBounce, kInvalid };
struct SegmentsSent {
  SegmentsFate fate;
  uint32_t descriptors = 0;
};

// Lends the kernel all frames of `parts`, or none.
inline bool lend_parts(TxLocal& q, const TxPart* parts, uint32_t count) noexcept {
  const Owner in_flight = tx_in_flight(q.s->slot);
  for (uint32_t i = 0; i < count; ++i) {
    if (q.frames.move(ledger_place(parts[i].frame, parts[i].nth), Owner::kOurs, in_flight)) continue;
    while (i-- != 0) q.frames.move(ledger_place(parts[i].frame, parts[i].nth), in_flight, Owner::kOurs);
    return false;
  }
  return true;
}

inline uint32_t most_descriptors(const TxLocal& q) {
  return q.s->limit < q.max_segments ? q.s->limit : q.max_segments;
}

// A packet that does not go out as one descriptor by address. kCopy: nor as several; gather it.
template <typename P>
[[gnu::noinline]] SegmentsSent send_segments(TxLocal& q, P& policy, typename P::Packet& packet,
                                             const TxPlan& plan, const SlotRun<struct xdp_desc>& slots,
                                             uint32_t written) noexcept {
  TxPart parts[kMaxTxSegments];
  const uint32_t count = policy.parts(packet, parts, most_descriptors(q), q.max_length);
  if (count == 0 || parts[0].length < kLeastFirstSegment) return {SegmentsFate::kCopy};
  if (count > slots.count() - written) return {SegmentsFate::kNoSlots};
  if (!lend_parts(q, parts, count)) return {SegmentsFate::kCopy};  // sent twice, as in tx_burst()
  for (uint32_t i = 0; i < count; ++i) {
    const uint32_t more = i + 1 < count ? uapi::kXdpPktContd : 0;
    slots[written + i] = {q.format.encode(parts[i].frame, parts[i].offset), parts[i].length,
                          more | (i == 0 ? plan.options : 0)};
  }
  policy.sent(packet);
  if (count > 1) q.s->count.chained.add(1);
  return {SegmentsFate::kSent, count};
}

// Takes `count` bounce frames for the kernel, or none.
inline bool lend_bounce_frames(TxLocal& q, ChunkOffset* chunks, uint32_t count) noexcept {
  TxShared& s = *q.s;
  const Owner in_flight = tx_in_flight(s.slot);
  uint32_t taken = 0;
  while (taken < count && s.bounce_count != 0) {
    chunks[taken] = ChunkOffset{s.bounce_stack()[--s.bounce_count]};
    if (q.bounce.move(chunks[taken], Owner::kOurs, in_flight)) [[likely]]
      ++taken;
    else
      violation(q, q.bounce, chunks[taken], Owner::kOurs, in_flight);
  }
  if (taken == count) return true;
  while (taken-- != 0) {
    q.bounce.move(chunks[taken], in_flight, Owner::kOurs);
    s.bounce_stack()[s.bounce_count++] = raw(chunks[taken]);
  }
  return false;
}

// Gathers a packet that is longer than a frame into several frames of ours.
template <typename P>
[[gnu::noinline]] SegmentsSent send_copies(TxLocal& q, P& policy, typename P::Packet& packet,
                                           const TxPlan& plan, const SlotRun<struct xdp_desc>& slots,
                                           uint32_t written) noexcept {
  const uint32_t count = (plan.length + q.max_length - 1) / q.max_length;
  if (count > most_descriptors(q) || count > q.s->bounce_total) return {SegmentsFate::kInvalid};
  if (count > slots.count() - written) return {SegmentsFate::kNoSlots};
  ChunkOffset chunks[kMaxTxSegments];
  if (!lend_bounce_frames(q, chunks, count)) return {SegmentsFate::kNoBounce};
  for (uint32_t i = 0, from = 0; i < count; ++i, from += q.max_length) {
    const uint32_t length = plan.length - from < q.max_length ? plan.length - from : q.max_length;
    uint8_t* to = q.bounce_base + raw(chunks[i]) + q.bounce_offset;
    policy.copy_part(packet, from, to, length);
    const uint32_t more = i + 1 < count ? uapi::kXdpPktContd : 0;
    slots[written + i] = {q.format.encode(chunks[i], q.bounce_offset), length,
                          more | (i == 0 ? plan.options : 0)};
  }
  if constexpr (requires { &P::copied; }) {
    uint8_t* pieces[kMaxTxSegments];
    for (uint32_t i = 0; i < count; ++i) pieces[i] = q.bounce_base + raw(chunks[i]) + q.bounce_offset;
    policy.copied(packet, pieces, count, q.max_length, plan.length);
  }
  policy.done(packet);
  q.s->count.bounce_copies.add(1);
  q.s->count.chained.add(1);
  return {SegmentsFate::kSent, count};
}

// Which completion is being taken, and which of its frame's places it clears: written before it is cleared, in
// one store, so that whoever repairs the queue of a process that died there (lib/xsk/repair.h) knows how many
// completions it had taken. The ledger alone does not say, since the completions of a frame are alike.
inline constexpr uint64_t kNoSplitJournal = UINT64_MAX;
inline void note_completion(TxShared& s, uint32_t index, uint32_t nth) noexcept {
  std::atomic_ref<uint64_t>(s.split_journal).store(uint64_t{index} << 32 | nth, std::memory_order_relaxed);
  std::atomic_signal_fence(std::memory_order_seq_cst);
}

// The ledger's byte that a completion of `frame` clears, for frames lent by up to `most` descriptors.
inline ChunkOffset completed_place(const Ledger& frames, ChunkOffset frame, uint32_t most, Owner in_flight) {
  while (most > 1 && frames.owner(ledger_place(frame, most - 1)) != in_flight) --most;
  return ledger_place(frame, most - 1);
}

}  // namespace zcnbrh
