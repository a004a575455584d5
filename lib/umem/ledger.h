// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// The ownership ledger: one byte a frame, outside the frame, always on. A byte says whose the frame is:
// ours (application or pool, which the ledger does not tell apart) or the kernel's, and then which queue's
// and in which direction. Every hand-over is one move() that states the owner it expects; a move that finds
// another owner changes nothing and is a violation, and the caller then leaves the frame alone. So a frame
// is never posted twice, and a ring cannot hand us what the kernel did not have.
//
// Index: frames are at least 2048 bytes apart, so byte offset / 2048 is unique for each frame whatever the
// stride of its pool; no division by an odd size, and half a byte of ledger per kilobyte of memory.
//
// Threads: a frame is moved by one thread at a time (whoever holds it); neighbouring bytes may belong to
// other threads. Relaxed atomics: the pool or ring that hands the frame over orders the rest.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "lib/base/simd.h"
#include "lib/base/umem_addr.h"

namespace zcnbrh {

inline constexpr unsigned kLedgerShift = 11;  // 2048 bytes, the smallest chunk any kernel takes

// Owner byte. A queue's slot is 1..127 within one ledger.
enum class Owner : uint8_t {
  kOurs = 0,
  kQuarantined = 0x80,  // could not be proven free after a queue's release: kept, never returned
};
inline constexpr uint32_t kMaxLedgerSlots = 127;
constexpr Owner rx_posted(uint32_t slot) { return static_cast<Owner>(slot); }
constexpr Owner tx_in_flight(uint32_t slot) { return static_cast<Owner>(0x80U | slot); }

// What `ledger=1` keeps of each frame: the last moves, newest at index (count - 1) % kDepth.
struct FrameHistory {
  static constexpr uint32_t kDepth = 8;
  uint32_t count = 0;
  uint8_t from[kDepth] = {};
  uint8_t to[kDepth] = {};
};

// The first violation seen, for the report; written once.
struct LedgerViolation {
  uint32_t seen = 0;  // 0: none
  uint32_t frame = 0;
  uint8_t expected = 0;
  uint8_t found = 0;
  uint8_t wanted = 0;
};

// A view of ledger memory that someone else owns, covering frames in [first, first + frames * 2048) of a
// UMEM. Per process; trivially copyable.
class Ledger {
 public:
  Ledger() = default;
  Ledger(uint8_t* owners, FrameHistory* history, uint64_t first, uint32_t frames)
      : owners_(owners), history_(history), first_(first), frames_(frames) {}

  static constexpr size_t frames_for(uint64_t bytes) {
    return static_cast<size_t>((bytes + (uint64_t{1} << kLedgerShift) - 1) >> kLedgerShift);
  }

  bool covers(ChunkOffset chunk) const { return index(chunk) < frames_; }

  // Moves a frame from one owner to another; false, and nothing changed, if it was not `from`'s.
  bool move(ChunkOffset chunk, Owner from, Owner to) const {
    const uint64_t i = index(chunk);
    if (i >= frames_) [[unlikely]]
      return false;
    std::atomic_ref<uint8_t> owner(owners_[i]);
    if (owner.load(std::memory_order_relaxed) != static_cast<uint8_t>(from)) [[unlikely]]
      return false;
    owner.store(static_cast<uint8_t>(to), std::memory_order_relaxed);
    if (history_ != nullptr) [[unlikely]]
      record(history_[i], from, to);
    return true;
  }

  // The same for `count` frames in order, up to the first that is not `from`'s; returns how many were moved.
  // One after the other, so a frame that is named twice is moved once.
  template <Simd kSimd = Simd::kNone>
  uint32_t move_run(const ChunkOffset* chunks, uint32_t count, Owner from, Owner to) const {
    return move_run_within<kSimd>(chunks, count, from, to, first_, covered());
  }
  // Also up to the first that lies outside [begin, begin + bytes).
  template <Simd kSimd = Simd::kNone>
  [[gnu::noinline]] uint32_t move_run_within(const ChunkOffset* chunks, uint32_t count, Owner from, Owner to,
                                             uint64_t begin, uint64_t bytes) const {
    if (history_ != nullptr) [[unlikely]]
      return move_run_recorded(chunks, count, from, to, begin, bytes);
    uint32_t i = 0;
    if constexpr (kSimd == Simd::kAvx2) {
      const uint32_t located = move_located_avx2(chunks, count, from, to, begin, bytes, i);
      if (i < located) return i;
    }
#pragma GCC unroll 4
    for (; i < count; ++i) {
      if (raw(chunks[i]) - begin >= bytes) [[unlikely]]
        return i;
      if (!move_at(owners_ + ((raw(chunks[i]) - first_) >> kLedgerShift), from, to)) [[unlikely]]
        return i;
    }
    return count;
  }

  Owner owner(ChunkOffset chunk) const {
    const uint64_t i = index(chunk);
    return i < frames_ ? at(static_cast<uint32_t>(i)) : Owner::kQuarantined;
  }
  Owner at(uint32_t i) const {
    return static_cast<Owner>(std::atomic_ref<uint8_t>(owners_[i]).load(std::memory_order_relaxed));
  }
  const FrameHistory* history(uint32_t i) const { return history_ != nullptr ? &history_[i] : nullptr; }
  uint32_t frames() const { return frames_; }
  uint64_t first() const { return first_; }                               // bytes from the UMEM's first
  uint64_t covered() const { return uint64_t{frames_} << kLedgerShift; }  // bytes from there
  uint32_t index_of(ChunkOffset chunk) const { return static_cast<uint32_t>(index(chunk)); }

  // Control path: how many frames belong to `owner`. Walks the whole ledger.
  uint32_t count(Owner owner) const {
    uint32_t n = 0;
    for (uint32_t i = 0; i < frames_; ++i) n += at(i) == owner;
    return n;
  }
  // Control path: replaces `from` by `to` in slot i, for reclaiming after a queue's release.
  void set(uint32_t i, Owner to) const {
    std::atomic_ref<uint8_t>(owners_[i]).store(static_cast<uint8_t>(to), std::memory_order_relaxed);
  }

  // The same for every frame of `from`.
  void replace(Owner from, Owner to) const {
    for (uint32_t i = 0; i < frames_; ++i)
      if (at(i) == from) set(i, to);
  }

 private:
  static bool move_at(uint8_t* at, Owner from, Owner to) {
    std::atomic_ref<uint8_t> owner(*at);
    if (owner.load(std::memory_order_relaxed) != static_cast<uint8_t>(from)) [[unlikely]]
      return false;
    owner.store(static_cast<uint8_t>(to), std::memory_order_relaxed);
    return true;
  }

#if defined(__x86_64__)
  // Where the owners of the first frames are is found for four at a time; returns for how many, none if any
  // lies outside. Then they are moved one after the other: `moved`.
  ZCNBRH_AVX2 [[gnu::noinline]] uint32_t move_located_avx2(const ChunkOffset* chunks, uint32_t count,
                                                           Owner from, Owner to, uint64_t begin, uint64_t bytes,
                                                           uint32_t& moved) const {
    constexpr uint32_t kMost = 64;
    uint8_t* at[kMost];
    if (count > kMost) count = kMost;
    const __m256i owners = avx2::all(reinterpret_cast<uint64_t>(owners_)), origin = avx2::all(first_);
    const __m256i lowest = avx2::all(begin), last = avx2::all(bytes - 1);
    __m256i outside = _mm256_setzero_si256();
    uint32_t located = 0;
    for (; located + 4 <= count; located += 4) {
      const __m256i chunk = avx2::load(chunks + located);
      outside = _mm256_or_si256(outside, avx2::above(_mm256_sub_epi64(chunk, lowest), last));
      const __m256i place = _mm256_srli_epi64(_mm256_sub_epi64(chunk, origin), kLedgerShift);
      avx2::store(at + located, _mm256_add_epi64(owners, place));
    }
    if (bytes == 0 || avx2::any(outside)) [[unlikely]]
      return 0;
    for (uint32_t i = 0; i < located; i += 4) {
#pragma GCC unroll 4
      for (uint32_t n = 0; n < 4; ++n)
        if (!move_at(at[i + n], from, to)) [[unlikely]] {
          moved = i + n;
          return located;
        }
    }
    moved = located;
    return located;
  }
#endif

  uint64_t index(ChunkOffset chunk) const { return (raw(chunk) - first_) >> kLedgerShift; }

  [[gnu::noinline]] uint32_t move_run_recorded(const ChunkOffset* chunks, uint32_t count, Owner from, Owner to,
                                               uint64_t begin, uint64_t bytes) const {
    for (uint32_t i = 0; i < count; ++i)
      if (raw(chunks[i]) - begin >= bytes || !move(chunks[i], from, to)) return i;
    return count;
  }

  static void record(FrameHistory& h, Owner from, Owner to) {
    const uint32_t at = h.count % FrameHistory::kDepth;
    h.from[at] = static_cast<uint8_t>(from);
    h.to[at] = static_cast<uint8_t>(to);
    ++h.count;
  }

  uint8_t* owners_ = nullptr;
  FrameHistory* history_ = nullptr;
  uint64_t first_ = 0;
  uint32_t frames_ = 0;
};

}  // namespace zcnbrh
