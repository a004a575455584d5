/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Z-CNBRH authors */
/* A port's link, which is its interface's. Included by rte_ethdev.h. */
#ifndef ZCNBRH_COMPAT_LINK_H
#define ZCNBRH_COMPAT_LINK_H

#include "rte_common.h"

#define RTE_ETH_LINK_DOWN 0
#define RTE_ETH_LINK_MAX_STR_LEN 40 /* bytes rte_eth_link_to_str() writes at most */

struct rte_eth_link {
  uint32_t link_speed; /* megabits a second; UINT32_MAX: up, and not known */
  uint16_t link_duplex : 1;
  uint16_t link_autoneg : 1;
  uint16_t link_status : 1; /* 0: RTE_ETH_LINK_DOWN */
};

static inline int zcnbrh_compat_ask(unsigned port, struct zcnbrh_iface *info);

/* As it is at this moment. 0, or an error of zcnbrh_iface_query(). */
static inline int rte_eth_link_get_nowait(uint16_t port, struct rte_eth_link *link) {
  struct zcnbrh_iface info;
  const int error = zcnbrh_compat_ask(port, &info);

  if (error != 0) return error;
  memset(link, 0, sizeof *link);
  link->link_status = info.link_up & 1;
  link->link_duplex = info.full_duplex & 1;
  link->link_autoneg = info.autoneg & 1;
  link->link_speed = !info.link_up ? 0 : info.speed_mbps != 0 ? info.speed_mbps : UINT32_MAX;
  return 0;
}

static inline void zcnbrh_compat_speed_text(char *text, size_t bytes, uint32_t mbps) {
  if (mbps == UINT32_MAX)
    snprintf(text, bytes, "Unknown");
  else if (mbps < 1000)
    snprintf(text, bytes, "%" PRIu32 " Mbps", mbps);
  else if (mbps % 1000 == 0)
    snprintf(text, bytes, "%" PRIu32 " Gbps", mbps / 1000);
  else
    snprintf(text, bytes, "%" PRIu32 ".%" PRIu32 " Gbps", mbps / 1000, mbps % 1000 / 100);
}

/* "Link up at 10 Gbps FDX Autoneg". The bytes written, or that it would have taken; -EINVAL. */
static inline int rte_eth_link_to_str(char *text, size_t bytes, const struct rte_eth_link *link) {
  char speed[16]; /* "4294967.2 Gbps" is the longest */

  if (text == NULL || bytes == 0 || link == NULL) return -EINVAL;
  if (link->link_status == RTE_ETH_LINK_DOWN) return snprintf(text, bytes, "Link down");
  zcnbrh_compat_speed_text(speed, sizeof speed, link->link_speed);
  return snprintf(text, bytes, "Link up at %s %s %s", speed, link->link_duplex ? "FDX" : "HDX",
                  link->link_autoneg ? "Autoneg" : "Fixed");
}

#endif /* ZCNBRH_COMPAT_LINK_H */
