/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Z-CNBRH authors */
#ifndef ZCNBRH_COMPAT_RTE_PREFETCH_H
#define ZCNBRH_COMPAT_RTE_PREFETCH_H

#include "rte_common.h"

/* Into all levels of the cache, to be read. */
static inline void rte_prefetch0(const volatile void *address) {
  __builtin_prefetch((const void *)address, 0, 3);
}

#endif /* ZCNBRH_COMPAT_RTE_PREFETCH_H */
