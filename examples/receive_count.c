/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Z-CNBRH authors */
/*
 * Receives, counts and throws away, on one or several queues of an interface, asleep while nothing comes.
 * Prints the counts once a second that brought packets, and all of them at SIGINT or SIGTERM.
 *
 *   cc -o receive_count receive_count.c $(pkg-config --cflags --libs libzcnbrh)
 *   sudo ./receive_count IFACE [QUEUES]
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <zcnbrh/zcnbrh.h>

enum { BATCH = 64, MOST_QUEUES = 64 };

static volatile sig_atomic_t stopped;

static void stop(int signal_number) {
  (void)signal_number;
  stopped = 1;
}

struct count {
  uint64_t packets, bytes;
};

/* All that waits in a queue. 0 or a negative errno. */
static int drain(struct zcnbrh_queue *queue, struct count *count) {
  struct zcnbrh_frame frames[BATCH];
  int i, got;

  while ((got = zcnbrh_poll_batch(queue, frames, BATCH)) > 0) {
    for (i = 0; i < got; i++) count->bytes += frames[i].length;
    count->packets += (uint64_t)got;
    zcnbrh_release_batch(queue, frames, (uint32_t)got);
    if (got < BATCH) break; /* the others have their turn */
  }
  return got < 0 ? got : 0;
}

static void print(const char *when, const struct count *count) {
  printf("%s%" PRIu64 " packets, %" PRIu64 " bytes\n", when, count->packets, count->bytes);
  fflush(stdout);
}

static int run(struct zcnbrh_wait_item *items, uint32_t queues, struct count *count) {
  time_t told = time(NULL);
  uint64_t told_packets = 0;
  uint32_t i;
  int result;

  while (!stopped) {
    result = zcnbrh_wait(items, queues, 1000);
    if (result < 0 && result != -EINTR) return result;
    for (i = 0; i < queues; i++) {
      if (items[i].ready & ZCNBRH_WAIT_DOWN) return -ENETDOWN;
      if (items[i].ready && (result = drain(items[i].queue, count)) < 0) return result;
    }
    if (time(NULL) == told || count->packets == told_packets) continue;
    told = time(NULL);
    told_packets = count->packets;
    print("", count);
  }
  return 0;
}

int main(int argc, char **argv) {
  struct zcnbrh_wait_item items[MOST_QUEUES] = {{0}};
  struct zcnbrh_options options;
  struct count count = {0, 0};
  uint32_t i, queues = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : 1;
  int result = 0;

  if (argc < 2 || argc > 3 || queues < 1 || queues > MOST_QUEUES) {
    fprintf(stderr, "usage: %s IFACE [QUEUES]\n", argv[0]);
    return 2;
  }
  signal(SIGINT, stop);
  signal(SIGTERM, stop);
  zcnbrh_options_init(&options);
  options.iface = argv[1];
  for (i = 0; i < queues && result == 0; i++) {
    options.queue = i;
    items[i].events = ZCNBRH_WAIT_RX;
    result = zcnbrh_open(&options, &items[i].queue);
    if (result == 0) printf("queue %" PRIu32 " of %s: %s\n", i, argv[1], zcnbrh_mode(items[i].queue));
  }
  fflush(stdout);
  if (result == 0) result = run(items, queues, &count);
  if (result < 0) fprintf(stderr, "%s\n", zcnbrh_last_error());
  print("in all ", &count);
  for (i = 0; i < queues && items[i].queue; i++) zcnbrh_close(items[i].queue);
  return result < 0;
}
