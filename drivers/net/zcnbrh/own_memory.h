// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// UMEMs over memory that cannot be mapped a second time: private memory without a file, as it comes from
// external heaps (testpmd's --mp-alloc=xmem, xmemhuge), from an EAL without memfd, or from an application's own
// mmap(). It is registered at the application's own addresses. A UMEM is one stretch of addresses, so our
// frames have to lie in or beside that memory: in the same heap of EAL's, else right behind or before it where
// addresses are free. Such a UMEM covers private pools that lie near each other and no other ones, and stays in
// this process.
#pragma once

#include "drivers/net/zcnbrh/pool_memory.h"
#include "lib/umem/umem_window.h"

namespace zcnbrh::pmd {

struct OwnWindow {
  UmemWindow window;
  void* heap_tail = nullptr;  // our frames, of rte_malloc(); null: they are the window's
};

// `pool`, which is at_own_addresses(), and those others that one UMEM can cover with it: at most as much again
// of what lies between them is pinned, too.
PoolList pools_near(const std::shared_ptr<PoolMemory>& pool, bool history);

// Errors: EADDRINUSE (no place for our frames), ENOMEM.
Result<OwnWindow> window_over(const PoolList& pools, size_t tail_bytes, int node);

}  // namespace zcnbrh::pmd
