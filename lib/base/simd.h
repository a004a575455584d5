// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// Wide variants of short loops, chosen at run time: the libraries are built for the oldest x86-64, and a
// function of a wider one has its own target attribute. What each does is defined by the plain C++ beside it,
// which does what the wide one leaves; tests/unit/plain_run_test.cc compares the two.
#pragma once

#include <cstdint>

#if defined(__x86_64__)
#include <immintrin.h>
#define ZCNBRH_AVX2 [[gnu::target("avx2")]]
#endif

namespace zcnbrh {

enum class Simd : uint8_t { kNone, kAvx2 };

// A variant as a function's argument.
template <Simd kSimd>
struct SimdTag {};

// The widest that this machine has. `most_bits`: of a register, no more than the user allows.
inline Simd widest_simd(uint32_t most_bits = 512) {
#if defined(__x86_64__)
  if (most_bits >= 256 && __builtin_cpu_supports("avx2")) return Simd::kAvx2;
#endif
  (void)most_bits;
  return Simd::kNone;
}

#if defined(__x86_64__)
namespace avx2 {

ZCNBRH_AVX2 inline __m256i load(const void* from) {
  return _mm256_loadu_si256(static_cast<const __m256i*>(from));
}
ZCNBRH_AVX2 inline void store(void* to, __m256i value) {
  _mm256_storeu_si256(static_cast<__m256i*>(to), value);
}
ZCNBRH_AVX2 inline __m256i all(uint64_t value) { return _mm256_set1_epi64x(static_cast<long long>(value)); }
// Lane by lane, unsigned: a > b. AVX2 compares signed numbers only.
ZCNBRH_AVX2 inline __m256i above(__m256i a, __m256i b) {
  const __m256i sign = all(uint64_t{1} << 63);
  return _mm256_cmpgt_epi64(_mm256_xor_si256(a, sign), _mm256_xor_si256(b, sign));
}
ZCNBRH_AVX2 inline bool any(__m256i lanes) { return _mm256_testz_si256(lanes, lanes) == 0; }
ZCNBRH_AVX2 inline uint64_t sum(__m256i lanes) {
  uint64_t each[4];
  store(each, lanes);
  return each[0] + each[1] + each[2] + each[3];
}

}  // namespace avx2
#endif

}  // namespace zcnbrh
