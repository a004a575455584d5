/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Z-CNBRH authors */
#ifndef ZCNBRH_TESTS_COMPAT_BOOKS_OTHER_H
#define ZCNBRH_TESTS_COMPAT_BOOKS_OTHER_H

#include <rte_mbuf.h>

uint16_t other_ports(void);
uint16_t other_send(uint16_t port, struct rte_mbuf *packet);

#endif /* ZCNBRH_TESTS_COMPAT_BOOKS_OTHER_H */
