/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Z-CNBRH authors */
/*
 * For a testpmd built from source (DPDK 22.07 and newer): this file, commands.c, driver.c and words.c among its
 * testpmd_drivers_sources, with the root of this tree as an include folder.
 */
#include <testpmd.h>

#include "app/testpmd-plugin/commands.h"

static struct testpmd_driver_commands zcnbrh_driver_commands = {
    .commands = {{&zcnbrh_show_command, zcnbrh_show_help},
                 {&zcnbrh_set_command, zcnbrh_set_help},
                 {&zcnbrh_trace_command, zcnbrh_trace_help},
                 {&zcnbrh_help_command, zcnbrh_help_help},
                 {NULL, NULL}},
};
TESTPMD_ADD_DRIVER_COMMANDS(zcnbrh_driver_commands)
