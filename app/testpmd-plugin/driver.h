/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Z-CNBRH authors */
/* The driver's functions (drivers/net/zcnbrh/rte_pmd_zcnbrh.h), found in the driver that EAL has loaded. */
#ifndef ZCNBRH_TESTPMD_DRIVER_H
#define ZCNBRH_TESTPMD_DRIVER_H

#include "drivers/net/zcnbrh/rte_pmd_zcnbrh.h"

#define ZCNBRH_DRIVER_FUNCTIONS(F) \
  F(api_version)                   \
  F(error)                         \
  F(ports)                         \
  F(report)                        \
  F(queue_get)                     \
  F(window_set)                    \
  F(on_empty_set)                  \
  F(busy_budget_set)               \
  F(kick_set)                      \
  F(trace_set)

struct zcnbrh_driver {
#define ZCNBRH_DRIVER_FUNCTION(name) __typeof__(rte_pmd_zcnbrh_##name) *name;
  ZCNBRH_DRIVER_FUNCTIONS(ZCNBRH_DRIVER_FUNCTION)
#undef ZCNBRH_DRIVER_FUNCTION
};

/* NULL: there is none, or one that is too old; `why` is then set to the cause and the cure. */
const struct zcnbrh_driver *zcnbrh_driver(const char **why);

#endif
