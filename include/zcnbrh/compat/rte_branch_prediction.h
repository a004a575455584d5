/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Z-CNBRH authors */
#ifndef ZCNBRH_COMPAT_RTE_BRANCH_PREDICTION_H
#define ZCNBRH_COMPAT_RTE_BRANCH_PREDICTION_H

#define likely(condition) __builtin_expect(!!(condition), 1)
#define unlikely(condition) __builtin_expect(!!(condition), 0)

#endif /* ZCNBRH_COMPAT_RTE_BRANCH_PREDICTION_H */
