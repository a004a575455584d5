/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Z-CNBRH authors */
#include "app/testpmd-plugin/commands.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/testpmd-plugin/driver.h"
#include "app/testpmd-plugin/words.h"

#define MOST_PORTS 32 /* of our driver, RTE_MAX_ETHPORTS of the usual build */

const char zcnbrh_show_help[] =
    "show zcnbrh <port> mode|credits|rings|umem|ledger|bpf|why|trace: what a net_zcnbrh port is, and why";
const char zcnbrh_set_help[] =
    "set zcnbrh <port> <queue> window <packets> | on_empty off|drop|pass | busy <packets> | kick "
    "auto|inline|thread:"
    " change a net_zcnbrh queue while it runs";
const char zcnbrh_trace_help[] =
    "zcnbrh <port> trace on|off: note the last packets of each queue of a net_zcnbrh port";

const char zcnbrh_help_help[] = "help zcnbrh: the commands for net_zcnbrh ports";

/* In the order of enum rte_pmd_zcnbrh_topic, ..._on_empty and ..._kick. */
static const char *const topics[] = {"mode", "credits", "rings", "umem", "ledger", "bpf", "why", "trace", NULL};
static const char *const on_empties[] = {"off", "drop", "pass", NULL};
static const char *const kicks[] = {"auto", "inline", "thread", NULL};
static const char *const switches[] = {"off", "on", NULL};
static const char *const nothing[] = {NULL};

enum setting { WINDOW, ON_EMPTY, BUSY, KICK };
static const char *const settings[] = {"window", "on_empty", "busy", "kick", NULL};

/* --- What the words may be --- */

static int port_choices(int number, char *out, unsigned int size) {
  uint16_t ports[MOST_PORTS];
  const char *why;
  const struct zcnbrh_driver *driver = zcnbrh_driver(&why);
  int count = driver != NULL ? driver->ports(ports, MOST_PORTS) : 0;

  if (count > MOST_PORTS) count = MOST_PORTS;
  if (number >= 0 && number < count) snprintf(out, size, "%u", ports[number]);
  return count;
}

static int no_choices(int number, char *out, unsigned int size) {
  return zcnbrh_choose(nothing, number, out, size);
}
static int topic_choices(int number, char *out, unsigned int size) {
  return zcnbrh_choose(topics, number, out, size);
}
static int setting_choices(int number, char *out, unsigned int size) {
  return zcnbrh_choose(settings, number, out, size);
}
static int switch_choices(int number, char *out, unsigned int size) {
  return zcnbrh_choose(switches, number, out, size);
}

/* By the setting before it: set zcnbrh PORT QUEUE setting value. */
static int value_choices(int number, char *out, unsigned int size) {
  switch (zcnbrh_find(settings, zcnbrh_last_word(4))) {
    case ON_EMPTY:
      return zcnbrh_choose(on_empties, number, out, size);
    case KICK:
      return zcnbrh_choose(kicks, number, out, size);
    default:
      return 0;
  }
}

/* --- What is typed, checked --- */

/* "a, b, c" */
static const char *joined(const char *const *list) {
  static char out[160];
  size_t at = 0;

  out[0] = '\0';
  for (int i = 0; list[i] != NULL && at < sizeof out; i++)
    at += (size_t)snprintf(out + at, sizeof out - at, "%s%s", i == 0 ? "" : ", ", list[i]);
  return out;
}

static int one_of(const char *what, const char *const *list, const char *word) {
  int found = zcnbrh_find(list, word);

  if (found < 0) printf("zcnbrh: there is no %s '%s'; it is one of %s\n", what, word, joined(list));
  return found;
}

/* A number of decimal digits up to `most`, or -1, told. */
static long number_of(const char *what, const char *word, long most) {
  long value = 0;

  for (const char *c = word; *c != '\0'; c++) {
    if (!isdigit((unsigned char)*c) || (value = value * 10 + (*c - '0')) > most) {
      printf("zcnbrh: '%s' is no %s; give a number 0..%ld\n", word, what, most);
      return -1;
    }
  }
  return value;
}

/* --- Commands --- */

static const struct zcnbrh_driver *driver_or_why(void) {
  const char *why = "";
  const struct zcnbrh_driver *driver = zcnbrh_driver(&why);

  if (driver == NULL) printf("zcnbrh: %s\n", why);
  return driver;
}

/* The text may grow between two calls; what has no room is left out then. */
static void show(void *parsed, struct cmdline *cl, void *data) {
  const struct zcnbrh_line *line = parsed;
  const struct zcnbrh_driver *driver = driver_or_why();
  const size_t spare = 1024;
  size_t size;
  char *text;
  long port;
  int topic, length;

  (void)cl;
  (void)data;
  if (driver == NULL || (port = number_of("port", line->word[2], UINT16_MAX)) < 0 ||
      (topic = one_of("topic", topics, line->word[3])) < 0)
    return;
  length = driver->report((uint16_t)port, (enum rte_pmd_zcnbrh_topic)topic, NULL, 0);
  if (length < 0) {
    printf("zcnbrh: %s\n", driver->error());
    return;
  }
  size = (size_t)length + spare;
  text = malloc(size);
  if (text == NULL) {
    printf("zcnbrh: no memory for %zu characters\n", size);
    return;
  }
  if (driver->report((uint16_t)port, (enum rte_pmd_zcnbrh_topic)topic, text, size) < 0)
    printf("zcnbrh: %s\n", driver->error());
  else
    printf("%s", text);
  free(text);
}

static void tell_queue(const struct zcnbrh_driver *driver, uint16_t port, uint16_t queue) {
  struct rte_pmd_zcnbrh_queue now;

  if (driver->queue_get(port, queue, &now, sizeof now) != 0) return;
  if (!now.open) {
    printf("port %u queue %u: holds from its start on\n", port, queue);
    return;
  }
  printf("port %u queue %u: window ", port, queue);
  if (now.widest_window != 0)
    printf("%u of %u, on_empty %s", now.window, now.widest_window, on_empties[now.on_empty]);
  else
    printf("none");
  if (now.busy_poll)
    printf(", busy polling %u packets a call", now.busy_budget);
  else
    printf(", wakeup mode");
  printf(", sent by %s\n", now.kick_by_thread ? "a thread" : "the burst");
}

/* The driver's answer; 1: the value is none, and that was told. */
static int change(const struct zcnbrh_driver *driver, uint16_t port, uint16_t queue, int what,
                  const char *value) {
  long number = 0;

  switch (what) {
    case WINDOW:
      number = number_of("window in packets", value, INT32_MAX);
      return number < 0 ? 1 : driver->window_set(port, queue, (uint32_t)number);
    case BUSY:
      number = number_of("budget in packets (0: no busy polling)", value, UINT16_MAX);
      return number < 0 ? 1 : driver->busy_budget_set(port, queue, (uint16_t)number);
    case ON_EMPTY:
      number = one_of("on_empty", on_empties, value);
      return number < 0 ? 1 : driver->on_empty_set(port, (enum rte_pmd_zcnbrh_on_empty)number);
    default:
      number = one_of("kick", kicks, value);
      return number < 0 ? 1 : driver->kick_set(port, queue, (enum rte_pmd_zcnbrh_kick)number);
  }
}

static void set(void *parsed, struct cmdline *cl, void *data) {
  const struct zcnbrh_line *line = parsed;
  const struct zcnbrh_driver *driver = driver_or_why();
  struct rte_pmd_zcnbrh_queue now;
  long port, queue;
  int what, result;

  (void)cl;
  (void)data;
  if (driver == NULL || (port = number_of("port", line->word[2], UINT16_MAX)) < 0 ||
      (queue = number_of("queue", line->word[3], UINT16_MAX)) < 0 ||
      (what = one_of("setting", settings, line->word[4])) < 0)
    return;
  /* on_empty is the port's, but the queue is to be one of it. */
  result = driver->queue_get((uint16_t)port, (uint16_t)queue, &now, sizeof now);
  if (result == 0) result = change(driver, (uint16_t)port, (uint16_t)queue, what, line->word[5]);
  if (result < 0)
    printf("zcnbrh: %s\n", driver->error());
  else if (result == 0 && what == ON_EMPTY)
    printf("port %ld, all queues: on_empty %s\n", port, line->word[5]);
  else if (result == 0)
    tell_queue(driver, (uint16_t)port, (uint16_t)queue);
}

static void trace(void *parsed, struct cmdline *cl, void *data) {
  const struct zcnbrh_line *line = parsed;
  const struct zcnbrh_driver *driver = driver_or_why();
  long port;
  int on;

  (void)cl;
  (void)data;
  if (driver == NULL || (port = number_of("port", line->word[1], UINT16_MAX)) < 0 ||
      (on = one_of("state of a trace", switches, line->word[3])) < 0)
    return;
  if (driver->trace_set((uint16_t)port, on) < 0)
    printf("zcnbrh: %s\n", driver->error());
  else
    printf("port %ld: %s; see `show zcnbrh %ld trace`\n", port, on ? "traced" : "no longer traced", port);
}

static void help(void *parsed, struct cmdline *cl, void *data) {
  (void)parsed;
  (void)cl;
  (void)data;
  printf("%s\n%s\n%s\n", zcnbrh_show_help, zcnbrh_set_help, zcnbrh_trace_help);
}

static struct zcnbrh_token show_word = ZCNBRH_KEYWORD(0, "show");
static struct zcnbrh_token set_word = ZCNBRH_KEYWORD(0, "set");
static struct zcnbrh_token help_word = ZCNBRH_KEYWORD(0, "help");
static struct zcnbrh_token first_name = ZCNBRH_KEYWORD(0, "zcnbrh");
static struct zcnbrh_token second_name = ZCNBRH_KEYWORD(1, "zcnbrh");
static struct zcnbrh_token trace_port = ZCNBRH_ANY_OF(1, "port", port_choices);
static struct zcnbrh_token port_word = ZCNBRH_ANY_OF(2, "port", port_choices);
static struct zcnbrh_token queue_word = ZCNBRH_ANY_OF(3, "queue", no_choices);
static struct zcnbrh_token topic_word = ZCNBRH_ANY_OF(3, "topic", topic_choices);
static struct zcnbrh_token setting_word = ZCNBRH_ANY_OF(4, "setting", setting_choices);
static struct zcnbrh_token value_word = ZCNBRH_ANY_OF(5, "value", value_choices);
static struct zcnbrh_token trace_word = ZCNBRH_KEYWORD(2, "trace");
static struct zcnbrh_token on_off_word = ZCNBRH_ANY_OF(3, "on|off", switch_choices);

cmdline_parse_inst_t zcnbrh_show_command = {
    .f = show,
    .help_str = zcnbrh_show_help,
    .tokens = {&show_word.header, &second_name.header, &port_word.header, &topic_word.header, NULL},
};
cmdline_parse_inst_t zcnbrh_set_command = {
    .f = set,
    .help_str = zcnbrh_set_help,
    .tokens = {&set_word.header, &second_name.header, &port_word.header, &queue_word.header,
               &setting_word.header, &value_word.header, NULL},
};
cmdline_parse_inst_t zcnbrh_trace_command = {
    .f = trace,
    .help_str = zcnbrh_trace_help,
    .tokens = {&first_name.header, &trace_port.header, &trace_word.header, &on_off_word.header, NULL},
};
cmdline_parse_inst_t zcnbrh_help_command = {
    .f = help,
    .help_str = zcnbrh_help_help,
    .tokens = {&help_word.header, &second_name.header, NULL},
};

cmdline_parse_inst_t *zcnbrh_commands[] = {&zcnbrh_show_command, &zcnbrh_set_command, &zcnbrh_trace_command,
                                           &zcnbrh_help_command, NULL};
