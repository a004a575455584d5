// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#include "shim/next.h"

#include <dlfcn.h>

#include <atomic>

#define TEXT_OF(number) TEXT(number)
#define TEXT(number) #number

namespace zcnbrh::shim {
namespace {

constexpr const char* kNames[] = {
#define INTERCEPT(name) #name,
#define USE(name) #name,
#include "shim/intercepts.def"
};

// Constant-initialised: constructors of DPDK's libraries call us before ours could run.
constinit std::atomic<void*> g_found[static_cast<size_t>(Call::kCount)] = {};
constinit std::atomic<void*> g_more{nullptr};

// Thread-local: dlsym() gives the address of this thread's.
int* rte_errno_place() noexcept {
  const ErrnoGuard guard;
  return static_cast<int*>(::dlsym(RTLD_NEXT, "per_lcore__rte_errno"));
}

}  // namespace

const char* call_name(Call call) noexcept { return kNames[static_cast<size_t>(call)]; }

void* find_next(Call call) noexcept {
  auto& kept = g_found[static_cast<size_t>(call)];
  if (void* found = kept.load(std::memory_order_acquire); found != nullptr) return found;
  const ErrnoGuard guard;
  void* found = ::dlsym(RTLD_NEXT, call_name(call));
  if (void* more = g_more.load(std::memory_order_acquire); found == nullptr && more != nullptr)
    found = ::dlsym(more, call_name(call));
  if (found != nullptr) kept.store(found, std::memory_order_release);
  return found;
}

void look_also_in(void* handle) noexcept { g_more.store(handle, std::memory_order_release); }

const char* known_abi() noexcept { return "DPDK_" TEXT_OF(ZCNBRH_DPDK_ABI); }

bool is_known_abi() noexcept { return ::dlvsym(RTLD_NEXT, "rte_eal_init", known_abi()) != nullptr; }

void set_rte_errno(int code) noexcept {
  if (int* place = rte_errno_place(); place != nullptr) *place = code;
}

int get_rte_errno() noexcept {
  const int* place = rte_errno_place();
  return place != nullptr ? *place : 0;
}

}  // namespace zcnbrh::shim
