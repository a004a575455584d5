/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Z-CNBRH authors */
/*
 * A filter between two interfaces: hands on, both ways, what is no IPv4 UDP packet to the given port, drops
 * those and counts both. Asleep while nothing comes. A packet crosses by one copy, since each queue has frames
 * of its own.
 *
 *   cc -o filter filter.c $(pkg-config --cflags --libs libzcnbrh)
 *   sudo ./filter IFACE IFACE UDP_PORT
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <zcnbrh/zcnbrh.h>

enum { BATCH = 32, SIDES = 2, ETHERNET = 14, IPV4 = 0x0800, UDP = 17 };

static volatile sig_atomic_t stopped;

static void stop(int signal_number) {
  (void)signal_number;
  stopped = 1;
}

static unsigned two_bytes(const unsigned char *at) { return (unsigned)at[0] << 8 | at[1]; }

/* Is it an IPv4 UDP packet to this port? Later fragments have no port and are handed on. */
static int is_wanted(const struct zcnbrh_frame *frame, unsigned port) {
  const unsigned char *ip = (const unsigned char *)frame->data + ETHERNET;
  unsigned header;

  if (frame->length < ETHERNET + 20 || two_bytes(ip - 2) != IPV4) return 0;
  header = (ip[0] & 15U) * 4;
  if (header < 20 || ip[9] != UDP || (two_bytes(ip + 6) & 0x1fff) != 0) return 0;
  return frame->length >= ETHERNET + header + 4 && two_bytes(ip + header + 2) == port;
}

struct side {
  struct zcnbrh_queue *queue;
  uint64_t passed, dropped;
};

/* One batch from one side to the other. A negative errno, or 0. */
static int pass(struct side *from, struct side *to, unsigned port) {
  struct zcnbrh_frame frames[BATCH];
  int i, sent, got = zcnbrh_poll_batch(from->queue, frames, BATCH);

  for (i = 0; i < got; i++) {
    sent = is_wanted(&frames[i], port) ? 0 : zcnbrh_send_copy(to->queue, frames[i].data, frames[i].length);
    if (sent < 0 && sent != -EMSGSIZE) return sent;
    if (sent == 1)
      from->passed++;
    else
      from->dropped++; /* also what the other side has no room for, as a switch would */
  }
  if (got > 0) zcnbrh_release_batch(from->queue, frames, (uint32_t)got);
  return got < 0 ? got : 0;
}

static int run(struct side *sides, unsigned port) {
  struct zcnbrh_wait_item items[SIDES] = {{sides[0].queue, ZCNBRH_WAIT_RX, 0},
                                          {sides[1].queue, ZCNBRH_WAIT_RX, 0}};
  int i, result = 0;

  while (!stopped && result >= 0) {
    result = zcnbrh_wait(items, SIDES, 500);
    if (result == -EINTR) result = 0;
    for (i = 0; i < SIDES && result >= 0; i++) {
      if (items[i].ready & ZCNBRH_WAIT_DOWN) return -ENETDOWN;
      if (items[i].ready) result = pass(&sides[i], &sides[1 - i], port);
    }
  }
  return result;
}

int main(int argc, char **argv) {
  struct side sides[SIDES] = {{NULL, 0, 0}, {NULL, 0, 0}};
  struct zcnbrh_options options;
  int i, result = 0;

  if (argc != 4) {
    fprintf(stderr, "usage: %s IFACE IFACE UDP_PORT\n", argv[0]);
    return 2;
  }
  signal(SIGINT, stop);
  signal(SIGTERM, stop);
  zcnbrh_options_init(&options);
  for (i = 0; i < SIDES && result == 0; i++) {
    options.iface = argv[1 + i];
    result = zcnbrh_open(&options, &sides[i].queue);
    if (result == 0) printf("%s: %s\n", argv[1 + i], zcnbrh_mode(sides[i].queue));
  }
  fflush(stdout);
  if (result == 0) result = run(sides, (unsigned)strtoul(argv[3], NULL, 10));
  if (result < 0) fprintf(stderr, "%s\n", zcnbrh_last_error());
  for (i = 0; i < SIDES && sides[i].queue; i++) {
    printf("from %s: %" PRIu64 " passed, %" PRIu64 " dropped\n", argv[1 + i], sides[i].passed,
           sides[i].dropped);
    zcnbrh_flush(sides[i].queue);
    zcnbrh_close(sides[i].queue);
  }
  return result < 0;
}
