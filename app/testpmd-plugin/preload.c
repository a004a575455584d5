/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Z-CNBRH authors */
/*
 * LD_PRELOAD for a testpmd that is not ours to build. It makes its command line by cmdline_stdin_new(), and
 * reads files of commands by cmdline_file_new(); both are called through here, with our commands behind its
 * own. Any other program is left alone, also one that uses librte_cmdline. No symbol of DPDK is needed when
 * this is loaded: a program that is not DPDK's could not start else.
 */
#define _GNU_SOURCE /* RTLD_NEXT */
#include <cmdline_parse.h>
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "app/testpmd-plugin/commands.h"

#define INTERPOSED __attribute__((visibility("default")))

typedef struct cmdline *(*stdin_new_t)(cmdline_parse_ctx_t *commands, const char *prompt);
typedef struct cmdline *(*file_new_t)(cmdline_parse_ctx_t *commands, const char *prompt, const char *path);

INTERPOSED struct cmdline *cmdline_stdin_new(cmdline_parse_ctx_t *commands, const char *prompt);
INTERPOSED struct cmdline *cmdline_file_new(cmdline_parse_ctx_t *commands, const char *prompt,
                                            const char *path);

static size_t count_of(cmdline_parse_ctx_t *commands) {
  size_t count = 0;

  while (commands[count] != NULL) count++;
  return count;
}

/* Nobody else has a command to start forwarding after a first burst. */
static int is_testpmds(cmdline_parse_ctx_t *commands) {
  static const char known[] = "start tx_first";

  for (; *commands != NULL; commands++)
    if ((*commands)->help_str != NULL && strncmp((*commands)->help_str, known, sizeof known - 1) == 0) return 1;
  return 0;
}

/* Testpmd's commands and ours, there until the program ends; or what was given, if it is not testpmd's. */
static cmdline_parse_ctx_t *with_ours(cmdline_parse_ctx_t *commands) {
  static cmdline_parse_ctx_t *made_of, *made;
  size_t theirs, ours;
  cmdline_parse_ctx_t *both;

  if (made_of == commands) return made;
  if (!is_testpmds(commands)) return commands;
  theirs = count_of(commands);
  ours = count_of(zcnbrh_commands);
  both = calloc(theirs + ours + 1, sizeof *both);
  if (both == NULL) return commands;
  memcpy(both, commands, theirs * sizeof *both);
  memcpy(both + theirs, zcnbrh_commands, ours * sizeof *both);
  made_of = commands;
  made = both;
  return both;
}

struct cmdline *cmdline_stdin_new(cmdline_parse_ctx_t *commands, const char *prompt) {
  stdin_new_t next;

  *(void **)(&next) = dlsym(RTLD_NEXT, "cmdline_stdin_new");
  if (next != NULL) return next(with_ours(commands), prompt);
  errno = ENOSYS;
  return NULL;
}

struct cmdline *cmdline_file_new(cmdline_parse_ctx_t *commands, const char *prompt, const char *path) {
  file_new_t next;

  *(void **)(&next) = dlsym(RTLD_NEXT, "cmdline_file_new");
  if (next != NULL) return next(with_ours(commands), prompt, path);
  errno = ENOSYS;
  return NULL;
}
