/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Z-CNBRH authors */
#ifndef ZCNBRH_COMPAT_RTE_ERRNO_H
#define ZCNBRH_COMPAT_RTE_ERRNO_H

#include "rte_common.h"

/* The text of an errno value; the thread's, until its next call. */
static inline const char *rte_strerror(int code) { return strerror(code); }

#endif /* ZCNBRH_COMPAT_RTE_ERRNO_H */
