/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Z-CNBRH authors */
/* Included by the programs that are served, which use nothing of it. */
#ifndef ZCNBRH_COMPAT_RTE_MEMORY_H
#define ZCNBRH_COMPAT_RTE_MEMORY_H

#include "rte_common.h"

#endif /* ZCNBRH_COMPAT_RTE_MEMORY_H */
