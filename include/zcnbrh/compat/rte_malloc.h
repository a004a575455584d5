/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Z-CNBRH authors */
#ifndef ZCNBRH_COMPAT_RTE_MALLOC_H
#define ZCNBRH_COMPAT_RTE_MALLOC_H

#include "rte_common.h"

/*
 * Zeroed memory from the C library's heap, for free(); align: bytes, a power of two, 0 for a cache line.
 * Its pages are on the node of the thread that touches them first, here the caller's; socket is not followed.
 */
static inline void *rte_zmalloc_socket(const char *type, size_t size, unsigned align, int socket) {
  void *out = NULL;

  (void)type;
  (void)socket;
  if (size == 0 || posix_memalign(&out, align > RTE_CACHE_LINE_SIZE ? align : RTE_CACHE_LINE_SIZE, size) != 0)
    return NULL;
  return memset(out, 0, size);
}

#endif /* ZCNBRH_COMPAT_RTE_MALLOC_H */
