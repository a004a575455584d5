// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// AVX2 variants of the steps of lib/xsk/plain_run.h: four descriptors or frames at a time. Each leaves what
// does not fill four, and whatever is not plain, to the plain C++ of the same step.
#pragma once

#include "lib/base/simd.h"

#if defined(__x86_64__)

#include <linux/if_xdp.h>

#include "lib/base/umem_addr.h"

namespace zcnbrh::avx2 {

// Four descriptors as addresses and as lengths with options above them. Both in the order 0 2 1 3.
struct FourDescs {
  __m256i address;
  __m256i length;
};
ZCNBRH_AVX2 inline FourDescs four(const struct xdp_desc* descs) {
  const __m256i a = load(descs);
  const __m256i b = load(descs + 2);
  return {_mm256_unpacklo_epi64(a, b), _mm256_unpackhi_epi64(a, b)};
}
// Four numbers from the order 0 1 2 3 to 0 2 1 3, or back.
ZCNBRH_AVX2 inline __m256i swap_middle(__m256i lanes) { return _mm256_permute4x64_epi64(lanes, 0xd8); }

// plain_chunks(), for a multiple of four: how many were done.
template <typename P>
ZCNBRH_AVX2 inline uint32_t plain_chunks(P& policy, const AddressFormat& format, const struct xdp_desc* descs,
                                         uint32_t count, uint32_t max_length, ChunkOffset* chunks) {
  const __m256i mask = all(format.chunk_mask());
  const __m256i longest = all(max_length);
  uint32_t i = 0;
  for (; i + 4 <= count; i += 4) {
    const FourDescs d = four(descs + i);
    if (any(above(d.length, longest))) [[unlikely]]
      break;
    store(chunks + i, swap_middle(_mm256_and_si256(d.address, mask)));
    for (uint32_t n = 0; n < 4; ++n) policy.prefetch(chunks[i + n]);
  }
  return i;
}

// return_plain()'s first step, for a multiple of four.
ZCNBRH_AVX2 inline uint32_t chunks_of(const AddressFormat& format, const uint64_t* addresses, uint32_t count,
                                      ChunkOffset* chunks) {
  const __m256i mask = all(format.chunk_mask());
  uint32_t i = 0;
  for (; i + 4 <= count; i += 4) store(chunks + i, _mm256_and_si256(load(addresses + i), mask));
  return i;
}

}  // namespace zcnbrh::avx2

#endif
