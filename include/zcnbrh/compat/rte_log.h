/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Z-CNBRH authors */
#ifndef ZCNBRH_COMPAT_RTE_LOG_H
#define ZCNBRH_COMPAT_RTE_LOG_H

#include "rte_common.h"

/* The lower, the more important. */
enum {
  RTE_LOG_EMERG = 1,
  RTE_LOG_ALERT,
  RTE_LOG_CRIT,
  RTE_LOG_ERR,
  RTE_LOG_WARNING,
  RTE_LOG_NOTICE,
  RTE_LOG_INFO,
  RTE_LOG_DEBUG
};

#define RTE_LOGTYPE_USER1 24

/* To stderr, what is not for debugging. Returns 0, or negative where it could not be written. */
__attribute__((format(printf, 3, 4))) static inline int rte_log(uint32_t level, uint32_t type,
                                                                const char *format, ...) {
  va_list arguments;
  int written;

  (void)type;
  if (level >= RTE_LOG_DEBUG) return 0;
  va_start(arguments, format);
  written = vfprintf(stderr, format, arguments);
  va_end(arguments);
  return written < 0 ? written : 0;
}

#define RTE_LOG(level, type, ...) rte_log(RTE_LOG_##level, RTE_LOGTYPE_##type, #type ": " __VA_ARGS__)

#endif /* ZCNBRH_COMPAT_RTE_LOG_H */
