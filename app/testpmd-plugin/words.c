/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Z-CNBRH authors */
#include "app/testpmd-plugin/words.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

static char last_words[ZCNBRH_WORDS][ZCNBRH_WORD];

const char *zcnbrh_last_word(unsigned int place) { return last_words[place]; }

static const struct zcnbrh_token *token_of(cmdline_parse_token_hdr_t *header) {
  return (const struct zcnbrh_token *)(const void *)header;
}

/* As cmdline_isendoftoken(). */
static int ends_token(char c) { return c == '\0' || c == '#' || isspace((unsigned char)c); }

/* `result` is NULL where cmdline only asks whether it fits. */
static int parse(cmdline_parse_token_hdr_t *header, const char *text, void *result, unsigned int size) {
  const struct zcnbrh_token *token = token_of(header);
  char *last = last_words[header->offset / ZCNBRH_WORD];
  size_t length = 0;

  while (!ends_token(text[length])) length++;
  if (length == 0 || length >= ZCNBRH_WORD) return -1;
  if (token->choices == NULL && (strlen(token->name) != length || strncmp(token->name, text, length) != 0))
    return -1;
  memcpy(last, text, length);
  last[length] = '\0';
  if (result != NULL) {
    if (size < ZCNBRH_WORD) return -1;
    memcpy(result, last, length + 1);
  }
  return (int)length;
}

static int complete_get_nb(cmdline_parse_token_hdr_t *header) {
  const struct zcnbrh_token *token = token_of(header);
  char unused[ZCNBRH_WORD];

  return token->choices == NULL ? 1 : token->choices(-1, unused, sizeof unused);
}

static int complete_get_elt(cmdline_parse_token_hdr_t *header, int number, char *out, unsigned int size) {
  const struct zcnbrh_token *token = token_of(header);

  if (token->choices != NULL) return number < token->choices(number, out, size) ? 0 : -1;
  return (unsigned int)snprintf(out, size, "%s", token->name) < size ? 0 : -1;
}

static int get_help(cmdline_parse_token_hdr_t *header, char *out, unsigned int size) {
  snprintf(out, size, "%s", token_of(header)->name);
  return 0;
}

struct cmdline_token_ops zcnbrh_word_ops = {
    .parse = parse,
    .complete_get_nb = complete_get_nb,
    .complete_get_elt = complete_get_elt,
    .get_help = get_help,
};

int zcnbrh_choose(const char *const *list, int number, char *out, unsigned int size) {
  int count = 0;

  for (; list[count] != NULL; count++)
    if (count == number) snprintf(out, size, "%s", list[count]);
  return count;
}

int zcnbrh_find(const char *const *list, const char *word) {
  for (int i = 0; list[i] != NULL; i++)
    if (strcmp(list[i], word) == 0) return i;
  return -1;
}
