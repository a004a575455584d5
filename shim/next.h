// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// The way from the shim to DPDK. Preloaded, the shim is in every program that is started, DPDK or not: a
// reference to a DPDK symbol, even a weak one to data, is resolved for all of them and breaks those without
// DPDK. So there is none. NEXT(rte_x)(...) calls the rte_x that the program would have called without us.
#pragma once

// DPDK's prototypes; nothing of their inline functions is used.
#include <bus_driver.h>
#include <rte_bus.h>
#include <rte_bus_vdev.h>
#include <rte_dev.h>
#include <rte_devargs.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_flow.h>
#include <rte_interrupts.h>
#include <rte_log.h>
#include <rte_mbuf.h>
#include <rte_mbuf_pool_ops.h>
#include <rte_memory.h>
#include <rte_mempool.h>
#include <rte_mtr.h>
#include <rte_ring.h>
#include <rte_tm.h>
#include <rte_version.h>

#include <cerrno>
#include <cstdint>

namespace zcnbrh::shim {

enum class Call : uint16_t {
#define INTERCEPT(name) name,
#define USE(name) name,
#include "shim/intercepts.def"
  kCount
};

// nullptr: nobody has it. The answer is kept unless it is nullptr, since a plug-in may still bring it. Any
// thread.
void* find_next(Call call) noexcept;
const char* call_name(Call call) noexcept;

// Where functions are looked for that the program itself did not load with global visibility: in the driver's
// own dependencies.
void look_also_in(void* handle) noexcept;

// The version node of the DPDK that this shim was built for is there, say DPDK_23.
bool is_known_abi() noexcept;
const char* known_abi() noexcept;

// rte_errno of this thread.
void set_rte_errno(int code) noexcept;
int get_rte_errno() noexcept;

template <typename Function>
Function* next_as(Call call) noexcept {
  return reinterpret_cast<Function*>(find_next(call));
}

// What the program left in errno is there again after work of ours.
class ErrnoGuard {
 public:
  ErrnoGuard() : saved_(errno) {}
  ~ErrnoGuard() { errno = saved_; }
  ErrnoGuard(const ErrnoGuard&) = delete;
  ErrnoGuard& operator=(const ErrnoGuard&) = delete;

 private:
  int saved_;
};

}  // namespace zcnbrh::shim

#define NEXT(name) (::zcnbrh::shim::next_as<decltype(::name)>(::zcnbrh::shim::Call::name))
#define ZCNBRH_INTERCEPTED extern "C" __attribute__((visibility("default")))
