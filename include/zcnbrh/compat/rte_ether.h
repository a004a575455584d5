/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Z-CNBRH authors */
#ifndef ZCNBRH_COMPAT_RTE_ETHER_H
#define ZCNBRH_COMPAT_RTE_ETHER_H

#include "rte_common.h"

struct rte_ether_addr {
  uint8_t addr_bytes[6];
} __attribute__((aligned(2)));

struct rte_ether_hdr {
  struct rte_ether_addr dst_addr;
  struct rte_ether_addr src_addr;
  uint16_t ether_type; /* in network byte order */
} __attribute__((aligned(2)));

#define RTE_ETHER_ADDR_PRT_FMT "%02X:%02X:%02X:%02X:%02X:%02X"
#define RTE_ETHER_ADDR_BYTES(mac)                                                         \
  (mac)->addr_bytes[0], (mac)->addr_bytes[1], (mac)->addr_bytes[2], (mac)->addr_bytes[3], \
      (mac)->addr_bytes[4], (mac)->addr_bytes[5]

static inline void rte_ether_addr_copy(const struct rte_ether_addr *from, struct rte_ether_addr *to) {
  *to = *from;
}

#endif /* ZCNBRH_COMPAT_RTE_ETHER_H */
