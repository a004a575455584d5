// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// AVX2 variants of RxMbufPolicy::deliver_run() and TxMbufPolicy::plan_run(): four mbufs at a time. Each leaves
// what does not fill four, and a four with any mbuf that is not plain, to the plain C++ in mbuf_policy.h, which
// says what is done and why.
#pragma once

#include <rte_mbuf.h>

#include "lib/base/simd.h"
#include "lib/base/umem_addr.h"
#include "lib/xsk/plain_avx2.h"

#if defined(__x86_64__)

namespace zcnbrh::pmd::avx2 {

using namespace zcnbrh::avx2;  // NOLINT(google-build-using-namespace): the two halves of one thing

struct Done {
  uint32_t count;
  uint64_t bytes;
};

// `mbufs`: PoolView::mbufs. `word`: the rearm word of a packet whose data begins at its chunk's first byte.
ZCNBRH_AVX2 inline Done deliver(uint8_t* mbufs, uint64_t word, struct rte_mbuf** out,
                                const struct xdp_desc* descs, const ChunkOffset* chunks, uint32_t count) {
  const __m256i base = all(reinterpret_cast<uint64_t>(mbufs));
  const __m256i rearm_at_zero = all(word);
  const __m256i low = all(AddressFormat::kBaseMask);
  const __m256i zero = _mm256_setzero_si256();
  __m256i bytes = zero;
  uint32_t i = 0;
  for (; i + 4 <= count; i += 4) {
    const FourDescs d = four(descs + i);
    const __m256i chunk = load(chunks + i);
    store(out + i, _mm256_add_epi64(base, chunk));
    const __m256i data = _mm256_add_epi64(_mm256_and_si256(d.address, low),
                                          _mm256_srli_epi64(d.address, AddressFormat::kOffsetShift));
    const __m256i rearm = _mm256_add_epi64(rearm_at_zero, _mm256_sub_epi64(data, swap_middle(chunk)));
    const __m256i packet_length = _mm256_slli_epi64(d.length, 32);
    bytes = _mm256_add_epi64(bytes, d.length);
    // Pairs of 16 bytes: {rearm, flags} and {type and pkt_len, data_len and on}, of mbufs 0 | 1 and 2 | 3.
    const __m256i head01 = _mm256_unpacklo_epi64(rearm, zero);
    const __m256i head23 = _mm256_unpackhi_epi64(rearm, zero);
    const __m256i tail01 = _mm256_unpacklo_epi64(packet_length, d.length);
    const __m256i tail23 = _mm256_unpackhi_epi64(packet_length, d.length);
    constexpr size_t kAt = offsetof(struct rte_mbuf, rearm_data);
    store(mbufs + raw(chunks[i]) + kAt, _mm256_permute2x128_si256(head01, tail01, 0x20));
    store(mbufs + raw(chunks[i + 1]) + kAt, _mm256_permute2x128_si256(head01, tail01, 0x31));
    store(mbufs + raw(chunks[i + 2]) + kAt, _mm256_permute2x128_si256(head23, tail23, 0x20));
    store(mbufs + raw(chunks[i + 3]) + kAt, _mm256_permute2x128_si256(head23, tail23, 0x31));
  }
  return {i, zcnbrh::avx2::sum(bytes)};
}

// What is asked of each mbuf to be sent by address.
struct Wanted {
  uint64_t rearm, rearm_mask;  // refcnt and nb_segs
  uint64_t no_flags;           // of ol_flags
  const struct rte_mempool* pool;
  const uint8_t* mbufs;  // PoolView::mbufs
  uint64_t header;       // bytes before the mbuf in its chunk
  uint64_t chunk_size;
  unsigned offset_shift;  // AddressFormat::offset_shift()
};

// Writes descriptors and chunks; the sum of the lengths is in `bytes`.
ZCNBRH_AVX2 inline Done plan(const Wanted& wanted, struct rte_mbuf* const* packets, uint32_t count,
                             struct xdp_desc* slots, ChunkOffset* chunks) {
  static_assert(offsetof(struct rte_mbuf, buf_addr) == 0 && offsetof(struct rte_mbuf, rearm_data) == 16 &&
                offsetof(struct rte_mbuf, ol_flags) == 24 && offsetof(struct rte_mbuf, data_len) == 40 &&
                offsetof(struct rte_mbuf, pool) == 56);
  const __m256i rearm = all(wanted.rearm), rearm_mask = all(wanted.rearm_mask);
  const __m256i no_flags = all(wanted.no_flags), pool = all(reinterpret_cast<uint64_t>(wanted.pool));
  const __m256i mbufs = all(reinterpret_cast<uint64_t>(wanted.mbufs)), header = all(wanted.header),
                room = all(wanted.chunk_size);
  const __m256i low16 = all(0xffff), zero = _mm256_setzero_si256();
  const __m128i shift = _mm_cvtsi32_si128(static_cast<int>(wanted.offset_shift));
  __m256i bytes = zero;
  uint32_t i = 0;
  for (; i + 4 <= count; i += 4) {
    const __m256i m = load(packets + i);
    const auto* const m0 = reinterpret_cast<const uint8_t*>(packets[i]);
    const auto* const m1 = reinterpret_cast<const uint8_t*>(packets[i + 1]);
    const auto* const m2 = reinterpret_cast<const uint8_t*>(packets[i + 2]);
    const auto* const m3 = reinterpret_cast<const uint8_t*>(packets[i + 3]);
    // Bytes 0-31: buf_addr, buf_iova, rearm_data, ol_flags. Columns of four mbufs become rows.
    const __m256i a = load(m0), b = load(m1), c = load(m2), d = load(m3);
    const __m256i even_ab = _mm256_unpacklo_epi64(a, b), even_cd = _mm256_unpacklo_epi64(c, d);
    const __m256i address = _mm256_permute2x128_si256(even_ab, even_cd, 0x20);
    const __m256i word = _mm256_permute2x128_si256(even_ab, even_cd, 0x31);
    const __m256i flags =
        _mm256_permute2x128_si256(_mm256_unpackhi_epi64(a, b), _mm256_unpackhi_epi64(c, d), 0x31);
    // Bytes 32-63: packet_type and pkt_len, data_len and three more, vlan_tci_outer and so on, pool.
    const __m256i odd_ab = _mm256_unpackhi_epi64(load(m0 + 32), load(m1 + 32));
    const __m256i odd_cd = _mm256_unpackhi_epi64(load(m2 + 32), load(m3 + 32));
    const __m256i length = _mm256_and_si256(_mm256_permute2x128_si256(odd_ab, odd_cd, 0x20), low16);
    const __m256i of_pool = _mm256_permute2x128_si256(odd_ab, odd_cd, 0x31);

    const __m256i offset =
        _mm256_add_epi64(_mm256_sub_epi64(_mm256_add_epi64(address, _mm256_and_si256(word, low16)), m), header);
    __m256i good = _mm256_cmpeq_epi64(_mm256_and_si256(word, rearm_mask), rearm);
    good = _mm256_and_si256(good, _mm256_cmpeq_epi64(_mm256_and_si256(flags, no_flags), zero));
    good = _mm256_and_si256(good, _mm256_cmpeq_epi64(of_pool, pool));
    good = _mm256_andnot_si256(_mm256_cmpeq_epi64(length, zero), good);
    good = _mm256_andnot_si256(above(offset, room), good);  // else offset + length may wrap
    good = _mm256_andnot_si256(above(_mm256_add_epi64(offset, length), room), good);
    if (_mm256_movemask_epi8(good) != -1) [[unlikely]]
      break;
    const __m256i chunk = _mm256_sub_epi64(m, mbufs);
    store(chunks + i, chunk);
    const __m256i encoded = _mm256_add_epi64(chunk, _mm256_sll_epi64(offset, shift));
    const __m256i slots02 = _mm256_unpacklo_epi64(encoded, length);
    const __m256i slots13 = _mm256_unpackhi_epi64(encoded, length);
    store(slots + i, _mm256_permute2x128_si256(slots02, slots13, 0x20));
    store(slots + i + 2, _mm256_permute2x128_si256(slots02, slots13, 0x31));
    bytes = _mm256_add_epi64(bytes, length);
  }
  return {i, zcnbrh::avx2::sum(bytes)};
}

}  // namespace zcnbrh::pmd::avx2

#endif
