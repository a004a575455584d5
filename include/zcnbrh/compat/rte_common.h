/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Z-CNBRH authors */
#ifndef ZCNBRH_COMPAT_RTE_COMMON_H
#define ZCNBRH_COMPAT_RTE_COMMON_H

#include "rte_branch_prediction.h"
#include "zcnbrh_compat.h"

#define RTE_CACHE_LINE_SIZE 64
#define __rte_cache_aligned __attribute__((aligned(RTE_CACHE_LINE_SIZE)))
#define __rte_noreturn __attribute__((noreturn))
#define __rte_unused __attribute__((unused))

/* Each argument is evaluated once. */
#define RTE_MAX(a, b)                  \
  __extension__({                      \
    __typeof__(a) _max_a = (a);        \
    __typeof__(b) _max_b = (b);        \
    _max_a > _max_b ? _max_a : _max_b; \
  })

/* Says why and ends the process; what is open goes with it. */
__attribute__((noreturn, format(printf, 2, 3))) static inline void rte_exit(int code, const char *format, ...) {
  va_list arguments;

  fflush(stdout);
  fprintf(stderr, "zcnbrh compat: exit code %d: ", code);
  va_start(arguments, format);
  vfprintf(stderr, format, arguments);
  va_end(arguments);
  exit(code);
}

#endif /* ZCNBRH_COMPAT_RTE_COMMON_H */
