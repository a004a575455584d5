/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Z-CNBRH authors */
#ifndef ZCNBRH_COMPAT_RTE_MEMPOOL_H
#define ZCNBRH_COMPAT_RTE_MEMPOOL_H

#include "rte_common.h"

/* A pool of packets: frames that all ports share. Made by rte_pktmbuf_pool_create(). */
struct rte_mempool {
  struct zcnbrh_memory *memory;
  struct rte_mempool *next; /* of all pools */
  uint32_t frame_size;      /* bytes */
};

#endif /* ZCNBRH_COMPAT_RTE_MEMPOOL_H */
