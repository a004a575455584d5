// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// The fast half of the bursts (lib/xsk/datapath.h): plain packets in runs. Plain is a packet of one descriptor
// in a frame that is known, of the length a frame takes, and where the ledger says it should be. A run ends at
// the first that is anything else; that one is left to the burst, which looks at it alone. So what is refused,
// dropped or copied is the same as if each packet were looked at alone, and packets keep their order.
//
// A run goes through its packets in steps over small arrays: what the descriptors say; then the ledger; then
// the packets themselves, whose cache lines were asked for in the first step. Each step is a short loop without
// branches that are taken, so it runs as fast as the processor issues, and a policy may have a wide one:
//
//   RX policy, optional:
//     uint64_t deliver_run(SimdTag<>, Packet* out, const xdp_desc* descs, const ChunkOffset* chunks, uint32_t
//     count);
//         // deliver() for each; returns the sum of their lengths
//   TX policy, optional (without it each packet is looked at alone):
//     PlannedRun plan_run(SimdTag<>, const Packet* packets, uint32_t count, const AddressFormat& format,
//     xdp_desc* slots,
//                       ChunkOffset* chunks);
//         // writes the descriptors of the packets that go by address, up to the first that does not
//     void completed_in(SimdTag<>, uint32_t pool, const ChunkOffset* chunks, uint32_t count);
//         // completed(), for frames of one region: LedgerRegion::pool
#pragma once

#include <cstdint>
#include <cstring>
#include <span>

#include "lib/base/simd.h"
#include "lib/base/uapi_xdp.h"
#include "lib/xsk/burst_common.h"
#include "lib/xsk/plain_avx2.h"
#include "lib/xsk/segments.h"

namespace zcnbrh {

inline constexpr uint32_t kRun = 32;  // packets

// Length and options as one number: no more than `max_length` only if no option is set.
inline uint64_t length_and_options(const struct xdp_desc& desc) {
  return uint64_t{desc.options} << 32 | desc.len;
}

// The chunks of the descriptors up to the first that is not a whole packet of at most `max_length` bytes.
template <Simd kSimd, typename P>
inline uint32_t plain_chunks(P& policy, const AddressFormat& format, std::span<const struct xdp_desc> descs,
                             uint32_t max_length, ChunkOffset* chunks) {
  const auto count = static_cast<uint32_t>(descs.size());
  uint32_t i = 0;
  if constexpr (kSimd == Simd::kAvx2)
    i = avx2::plain_chunks(policy, format, descs.data(), count, max_length, chunks);
#pragma GCC unroll 4
  for (; i < count; ++i) {
    if (length_and_options(descs[i]) > max_length) [[unlikely]]
      return i;
    chunks[i] = format.chunk(descs[i].addr);
    policy.prefetch(chunks[i]);
  }
  return count;
}

template <Simd kSimd, typename P>
inline uint64_t deliver_all(P& policy, typename P::Packet* out, const struct xdp_desc* descs,
                            const ChunkOffset* chunks, uint32_t count) {
  constexpr SimdTag<kSimd> wide;
  if constexpr (requires { policy.deliver_run(wide, out, descs, chunks, count); }) {
    return policy.deliver_run(wide, out, descs, chunks, count);
  } else {
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < count; ++i) {
      policy.deliver(out[i], chunks[i], AddressFormat::data(descs[i].addr), descs[i].len);
      bytes += descs[i].len;
    }
    return bytes;
  }
}

// Receives the plain packets at `at`, no more than `most`. Returns how many; fewer: the next one is not plain.
template <Simd kSimd, typename P>
inline uint32_t take_plain(RxLocal& q, P& policy, const SlotRun<struct xdp_desc>& ready, uint32_t at,
                           uint32_t most, typename P::Packet* out, RxTally& tally) noexcept {
  const Owner posted = rx_posted(q.s->slot);
  uint32_t taken = 0;
  while (taken < most) {
    const auto descs = ready.run(at + taken, most - taken < kRun ? most - taken : kRun);
    ChunkOffset chunks[kRun];
    const uint32_t plain = plain_chunks<kSimd>(policy, q.format, descs, q.max_length, chunks);
    const uint32_t moved = q.frames.move_run<kSimd>(chunks, plain, posted, Owner::kOurs);
    tally.bytes += deliver_all<kSimd>(policy, out + tally.delivered, descs.data(), chunks, moved);
    tally.delivered += moved;
    taken += moved;
    if (moved < descs.size()) [[unlikely]]
      break;
  }
  tally.finished += taken;
  tally.returned += taken;
  return taken;
}

// Posts frames of ours; returns how many went into the slots, from the first on.
template <Simd kSimd>
inline uint32_t post_frames(RxLocal& q, const SlotRun<uint64_t>& slots, const ChunkOffset* chunks,
                            uint32_t count) noexcept {
  const Owner posted = rx_posted(q.s->slot);
  uint32_t written = 0;
  for (uint32_t i = 0; i < count; ++i) {
    const uint32_t moved = q.frames.move_run<kSimd>(chunks + i, count - i, Owner::kOurs, posted);
    for (uint32_t done = 0; done < moved;) {
      const auto to = slots.run(written, moved - done);
      // In either format the address of a chunk's first byte is the chunk's offset.
      std::memcpy(to.data(), chunks + i + done, to.size_bytes());
      done += static_cast<uint32_t>(to.size());
      written += static_cast<uint32_t>(to.size());
    }
    i += moved;
    if (i < count) [[unlikely]]
      violation(q, q.frames, chunks[i], Owner::kOurs, posted);
  }
  return written;
}

// What plan_run() has written.
struct PlannedRun {
  uint32_t count;  // packets, each one descriptor
  uint64_t bytes;
};

// What a TX burst has done so far.
struct TxTally {
  uint32_t taken = 0;    // packets
  uint32_t written = 0;  // descriptors
  uint32_t chained = 0;  // of these, beyond the first of their packet
  uint64_t bytes = 0;
};

// Sends the plain packets at tally.taken, no more than `most`; fewer: the next one is not plain.
template <Simd kSimd, typename P>
inline void send_plain(TxLocal& q, P& policy, typename P::Packet* packets, uint32_t most,
                       const SlotRun<struct xdp_desc>& slots, TxTally& tally) noexcept {
  constexpr SimdTag<kSimd> wide;
  if constexpr (requires { policy.plan_run(wide, packets, most, q.format, nullptr, nullptr); }) {
    const Owner in_flight = tx_in_flight(q.s->slot);
    while (most != 0) {
      const auto to = slots.run(tally.written, most < kRun ? most : kRun);
      ChunkOffset chunks[kRun];
      const auto count = static_cast<uint32_t>(to.size());
      const PlannedRun plain = policy.plan_run(wide, packets + tally.taken, count, q.format, to.data(), chunks);
      // A frame that is in flight already (the caller sends one buffer twice) ends the run, and goes by copy.
      const uint32_t moved = q.frames.move_run<kSimd>(chunks, plain.count, Owner::kOurs, in_flight);
      tally.bytes += plain.bytes;
      for (uint32_t i = moved; i < plain.count; ++i) tally.bytes -= to[i].len;
      tally.taken += moved;
      tally.written += moved;
      most -= moved;
      if (moved == 0 || moved < plain.count) [[unlikely]]
        return;
    }
  }
}

// Takes the application's frames back that `done` begins with and that are of one region, q.frames.region(),
// and says which. None: the first is a bounce frame's or wrong.
template <Simd kSimd>
inline uint32_t return_plain(TxLocal& q, const SlotRun<uint64_t>& done, ChunkOffset* chunks) noexcept {
  const auto addresses = done.run(0, done.count());
  const auto count = static_cast<uint32_t>(addresses.size());
  uint32_t i = 0;
  if constexpr (kSimd == Simd::kAvx2) i = avx2::chunks_of(q.format, addresses.data(), count, chunks);
  for (; i < count; ++i) chunks[i] = q.format.chunk(addresses[i]);
  return q.frames.move_run_of_one<kSimd>(chunks, count, tx_in_flight(q.s->slot), Owner::kOurs);
}

// What return_plain() has taken back, to its pool.
template <Simd kSimd, typename P>
inline void complete_all(TxLocal& q, P& policy, const ChunkOffset* chunks, uint32_t count) {
  constexpr SimdTag<kSimd> wide;
  if constexpr (requires { policy.completed_in(wide, 0U, chunks, count); })
    policy.completed_in(wide, q.frames.region().pool, chunks, count);
  else
    policy.completed(chunks, count);
}

}  // namespace zcnbrh
