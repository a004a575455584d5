/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Z-CNBRH authors */
#include "tests/compat/books_other.h"

#include <rte_ethdev.h>

uint16_t other_ports(void) { return rte_eth_dev_count_avail(); }

uint16_t other_send(uint16_t port, struct rte_mbuf *packet) { return rte_eth_tx_burst(port, 0, &packet, 1); }
