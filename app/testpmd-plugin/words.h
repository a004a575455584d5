/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Z-CNBRH authors */
/*
 * A kind of token for librte_cmdline of its own: a word, with what it may be for completion alone. A command of
 * ours takes any word in the place of a port, a topic or a value and says itself what is wrong with it; cmdline
 * would only say "Bad arguments". Nothing of librte_cmdline is needed for it but its types.
 */
#ifndef ZCNBRH_TESTPMD_WORDS_H
#define ZCNBRH_TESTPMD_WORDS_H

#include <cmdline_parse.h>

#define ZCNBRH_WORD 48 /* longest word and its zero byte */
#define ZCNBRH_WORDS 6

/* What a command is given: its words in order. */
struct zcnbrh_line {
  char word[ZCNBRH_WORDS][ZCNBRH_WORD];
};

struct zcnbrh_token {
  struct cmdline_token_hdr header;
  const char *name; /* of what it stands for; for a keyword the word itself */
  /* A choice by number into `out`; how many there are. NULL: a keyword, which nothing else matches. */
  int (*choices)(int number, char *out, unsigned int size);
};

extern struct cmdline_token_ops zcnbrh_word_ops;

/* The place'th word of a command. */
#define ZCNBRH_KEYWORD(place, text) \
  { {&zcnbrh_word_ops, (place)*ZCNBRH_WORD}, (text), NULL }
#define ZCNBRH_ANY_OF(place, text, function) \
  { {&zcnbrh_word_ops, (place)*ZCNBRH_WORD}, (text), (function) }

/* The word that was read last as token `place`, also in completion, which reads those before the one it
 * completes. */
const char *zcnbrh_last_word(unsigned int place);

/* Of a list that ends with NULL: a zcnbrh_token's choices(); and which one `word` is, or -1. */
int zcnbrh_choose(const char *const *list, int number, char *out, unsigned int size);
int zcnbrh_find(const char *const *list, const char *word);

#endif
