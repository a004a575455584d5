/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Z-CNBRH authors */
#ifndef ZCNBRH_COMPAT_RTE_STRING_FNS_H
#define ZCNBRH_COMPAT_RTE_STRING_FNS_H

#include "rte_common.h"

/*
 * Cuts a text of at most length bytes at each delimiter, in place, into up to count pieces; the last one has
 * what is left. Returns how many; -1 with errno EINVAL when an argument is NULL or count is not positive.
 */
static inline int rte_strsplit(char *text, int length, char **pieces, int count, char delimiter) {
  char *at = text;
  char *end;
  int found = 0;

  if (text == NULL || pieces == NULL || count < 1) {
    errno = EINVAL;
    return -1;
  }
  if (length <= 0) return 0;
  end = text + strnlen(text, (size_t)length);
  while (at < end) {
    char *cut = found + 1 < count ? (char *)memchr(at, delimiter, (size_t)(end - at)) : NULL;

    pieces[found++] = at;
    if (cut == NULL) break;
    *cut = '\0';
    at = cut + 1;
  }
  return found;
}

#endif /* ZCNBRH_COMPAT_RTE_STRING_FNS_H */
