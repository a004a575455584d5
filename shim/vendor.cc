// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// The calls of shim/vendor_calls.def. A vendor's driver refuses a port that is not its own, most do; that it is
// asked at all is what somebody who moves wants to know. And where the vendor's library is not loaded at all,
// the call is there.
//
// None of them has more than six arguments, and all are integers or pointers: they are handed on as they came
// in the registers, whatever there are of them (x86-64, arm64).
#include "shim/counts.h"
#include "shim/next.h"
#include "shim/ports.h"

namespace zcnbrh::shim {
namespace {

using Word = long;  // a register
using VendorCall = Word(Word, Word, Word, Word, Word, Word);

Word vendor_call(Call call, Word a, Word b, Word c, Word d, Word e, Word f) noexcept {
  const auto port_id = static_cast<uint16_t>(a);
  auto* next = next_as<VendorCall>(call);
  if (next == nullptr || find_port(port_id) != nullptr) {
    count_port_call(call, port_id, Answer::kNotSupported);
    return -ENOTSUP;
  }
  const Word result = next(a, b, c, d, e, f);
  count_port_call(call, port_id, answer_of(static_cast<int>(result)));
  return result;
}

Word global_call(Call call, Word absent, Word a, Word b, Word c, Word d, Word e, Word f) noexcept {
  count_call(call);
  auto* next = next_as<VendorCall>(call);
  return next != nullptr ? next(a, b, c, d, e, f) : absent;
}

}  // namespace
}  // namespace zcnbrh::shim

#define INTERCEPT(name)
#define COUNTED(result, name, parameters, arguments)
#define VENDOR(name)                                                                  \
  ZCNBRH_INTERCEPTED long name(long a, long b, long c, long d, long e, long f) {      \
    return ::zcnbrh::shim::vendor_call(::zcnbrh::shim::Call::name, a, b, c, d, e, f); \
  }
#define VENDOR_GLOBAL(name, absent)                                                           \
  ZCNBRH_INTERCEPTED long name(long a, long b, long c, long d, long e, long f) {              \
    return ::zcnbrh::shim::global_call(::zcnbrh::shim::Call::name, absent, a, b, c, d, e, f); \
  }
#include "shim/intercepts.def"
