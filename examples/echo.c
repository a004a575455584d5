/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Z-CNBRH authors */
/*
 * Sends every frame back to where it came from, MAC addresses swapped, without copying it. Runs until SIGINT
 * or SIGTERM, then prints its counts.
 *
 *   cc -o echo echo.c $(pkg-config --cflags --libs libzcnbrh)
 *   sudo ./echo IFACE [QUEUE]
 */
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zcnbrh/zcnbrh.h>

enum { BATCH = 32, MAC_BYTES = 6 };

static volatile sig_atomic_t stopped;

static void stop(int signal_number) {
  (void)signal_number;
  stopped = 1;
}

static void swap_macs(struct zcnbrh_frame *frame) {
  unsigned char *to = frame->data, *from = to + MAC_BYTES, spare[MAC_BYTES];

  memcpy(spare, to, MAC_BYTES);
  memcpy(to, from, MAC_BYTES);
  memcpy(from, spare, MAC_BYTES);
}

/* One batch there and back; how many came, or a negative errno. */
static int echo(struct zcnbrh_queue *queue) {
  struct zcnbrh_frame frames[BATCH];
  int i, sent, count = zcnbrh_poll_batch(queue, frames, BATCH);

  if (count <= 0) return count;
  for (i = 0; i < count; i++)
    if (frames[i].length >= 2 * MAC_BYTES) swap_macs(&frames[i]);
  sent = zcnbrh_send_batch(queue, frames, (uint32_t)count);
  if (sent < 0) return sent;
  /* What the TX ring had no room for is dropped: an echo that waits would only come later. */
  if (sent < count) zcnbrh_release_batch(queue, frames + sent, (uint32_t)(count - sent));
  return count;
}

int main(int argc, char **argv) {
  struct zcnbrh_options options;
  struct zcnbrh_stats stats = {.size = sizeof stats};
  struct zcnbrh_queue *queue;
  struct pollfd events = {.events = POLLIN};
  int count = 0;

  if (argc < 2 || argc > 3) {
    fprintf(stderr, "usage: %s IFACE [QUEUE]\n", argv[0]);
    return 2;
  }
  zcnbrh_options_init(&options);
  options.iface = argv[1];
  if (argc > 2) options.queue = (uint32_t)strtoul(argv[2], NULL, 10);
  if (zcnbrh_open(&options, &queue) != 0) {
    fprintf(stderr, "%s\n", zcnbrh_last_error());
    return 1;
  }
  signal(SIGINT, stop);
  signal(SIGTERM, stop);
  printf("libzcnbrh %s, queue %" PRIu32 " of %s: %s\n", zcnbrh_version(), options.queue, options.iface,
         zcnbrh_mode(queue));
  fflush(stdout);

  events.fd = zcnbrh_fd(queue); /* negative for the loop backend, which poll(2) then leaves out */
  while (!stopped && (count = echo(queue)) >= 0)
    if (count == 0) poll(&events, 1, 100);

  if (count < 0) fprintf(stderr, "%s\n", zcnbrh_last_error());
  zcnbrh_stats(queue, &stats);
  printf("%" PRIu64 " frames came, %" PRIu64 " went back\n", stats.rx_packets, stats.tx_packets);
  zcnbrh_flush(queue);
  zcnbrh_close(queue);
  return count < 0;
}
