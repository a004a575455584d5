/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Z-CNBRH authors */
/*
 * The commands, for whichever way they get into testpmd. As most of testpmd's own they print to stdout, which
 * also works in a file of commands; cmdline_printf() prints nothing there.
 */
#ifndef ZCNBRH_TESTPMD_COMMANDS_H
#define ZCNBRH_TESTPMD_COMMANDS_H

#include <cmdline_parse.h>

extern cmdline_parse_inst_t zcnbrh_show_command, zcnbrh_set_command, zcnbrh_trace_command, zcnbrh_help_command;
/* All of them; ends with NULL. */
extern cmdline_parse_inst_t *zcnbrh_commands[];

extern const char zcnbrh_show_help[];
extern const char zcnbrh_set_help[];
extern const char zcnbrh_trace_help[];
extern const char zcnbrh_help_help[];

#endif
