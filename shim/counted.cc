// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// The control calls of shim/ethdev_calls.def: through, and counted.
#include "shim/counts.h"
#include "shim/next.h"

namespace zcnbrh::shim {
namespace {

template <typename Result>
Result counted(Call call, uint16_t port_id, Result result) noexcept {
  if (doing() != Doing::kIdle) count_port_call(call, port_id, answer_of(result));
  return result;
}

}  // namespace
}  // namespace zcnbrh::shim

#define INTERCEPT(name)
#define VENDOR(name)
#define VENDOR_GLOBAL(name, absent)
#define COUNTED(result, name, parameters, arguments)                                           \
  ZCNBRH_INTERCEPTED result name parameters {                                                  \
    return ::zcnbrh::shim::counted(::zcnbrh::shim::Call::name, port_id, NEXT(name) arguments); \
  }
#include "shim/intercepts.def"
