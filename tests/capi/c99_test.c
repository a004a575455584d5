/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Z-CNBRH authors */
/*
 * The public header and library from C99, compiled with -pedantic-errors: the whole of a queue's life on the
 * loop backend. TAP.
 */
#include <stdio.h>
#include <string.h>
#include <zcnbrh/zcnbrh.h>

static int number;
static int failures;

static void ok(int condition, const char *what) {
  printf("%sok %d - %s\n", condition ? "" : "not ", ++number, what);
  if (!condition) {
    ++failures;
    printf("# %s\n", zcnbrh_last_error());
  }
}

static int lines;
static void count_lines(int level, const char *line) {
  lines += level >= ZCNBRH_LOG_WARNING && strchr(line, '\n') == NULL;
}

static int balanced(struct zcnbrh_queue *queue, struct zcnbrh_ledger *ledger) {
  ledger->size = sizeof *ledger;
  return zcnbrh_ledger(queue, ledger) == 0 && ledger->discrepancies == 0 && ledger->violations == 0 &&
         ledger->pool + ledger->application + ledger->rx_posted + ledger->tx_inflight == ledger->frames;
}

static void round_trips(struct zcnbrh_queue *queue) {
  static const char text[] = "a frame from C99";
  struct zcnbrh_frame frames[3];
  struct zcnbrh_ledger ledger;
  int i, all = 1;

  ok(zcnbrh_send_copy(queue, text, sizeof text) == 1, "send a copy");
  ok(zcnbrh_poll(queue, &frames[0]) == 1 && frames[0].length == sizeof text &&
         memcmp(frames[0].data, text, sizeof text) == 0,
     "poll it back, byte for byte");
  ok(balanced(queue, &ledger) && ledger.application == 1, "one frame is the application's");
  ok(zcnbrh_send(queue, &frames[0]) == 1, "send the received frame from where it lies");
  ok(zcnbrh_poll_batch(queue, frames, 3) == 1 && zcnbrh_release(queue, &frames[0]) == 0, "poll and release it");
  ok(zcnbrh_release(queue, &frames[0]) < 0, "it cannot be released twice");

  ok(zcnbrh_alloc_batch(queue, frames, 3) == 3, "allocate three");
  for (i = 0; i < 3; i++) {
    memset(frames[i].data, 'a' + i, 100);
    frames[i].length = 100;
  }
  ok(zcnbrh_send_batch(queue, frames, 3) == 3, "send three");
  ok(zcnbrh_poll_batch(queue, frames, 3) == 3, "poll three");
  for (i = 0; i < 3; i++) all = all && ((char *)frames[i].data)[99] == 'a' + i;
  ok(all, "in order");
  ok(zcnbrh_release_batch(queue, frames, 3) == 3, "release three");
  ok(zcnbrh_flush(queue) == 0, "nothing is left to be sent");
  ok(balanced(queue, &ledger) && ledger.application == 0 && ledger.tx_inflight == 0, "all frames are back");
}

int main(void) {
  struct zcnbrh_options options;
  struct zcnbrh_queue *queue = NULL;
  struct zcnbrh_stats stats;

  zcnbrh_set_log(count_lines);
  zcnbrh_options_init(&options);
  options.iface = "no-such-iface0";
  ok(zcnbrh_open(&options, &queue) < 0 && queue == NULL && zcnbrh_last_error()[0] != '\0', "a wrong interface");
  options.iface = "loop";
  options.frames = 128;
  options.rx_desc = options.tx_desc = 64;
  ok(zcnbrh_open(&options, &queue) == 0, "open the loop");
  if (queue == NULL) return 1;
  ok(lines == 1, "the log was called with the mode");
  ok(strstr(zcnbrh_mode(queue), "loop") != NULL, "the mode names it");
  round_trips(queue);
  memset(&stats, 0, sizeof stats);
  stats.size = sizeof stats;
  ok(zcnbrh_stats(queue, &stats) == 0 && stats.rx_packets == 5 && stats.tx_packets == 5 && stats.frames == 128,
     "statistics");
  ok(zcnbrh_close(queue) == 0, "close");
  ok(zcnbrh_version()[0] == '0' + ZCNBRH_VERSION_MAJOR, "version");
  printf("1..%d\n", number);
  return failures != 0;
}
