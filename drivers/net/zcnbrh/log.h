// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#pragma once

#include <rte_log.h>

extern int zcnbrh_logtype;

// One line, control path only: ZLOG(ERR, "port %u: ...", port).
#define ZLOG(level, format, ...) rte_log(RTE_LOG_##level, zcnbrh_logtype, "zcnbrh: " format "\n", ##__VA_ARGS__)
