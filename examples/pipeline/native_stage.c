/* SPDX-License-Identifier: Apache-2.0
 * Copyright 2026 The Z-CNBRH authors
 *
 * The middle stage of a pipeline whose other stages are a DPDK program's (dpdk_side.c), without DPDK and
 * without a copy: exchanges the Ethernet addresses of each packet.
 *
 *   pipeline_stage PID
 *
 * It ends when the rings are freed or their process ends. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zcnbrh/zcnbrh.h>

#define BURST 32

static void exchange_addresses(struct zcnbrh_mbuf *packet) {
  unsigned char *bytes = zcnbrh_mbuf_data(packet), kept[6];
  if (zcnbrh_mbuf_length(packet) < 12) return;
  memcpy(kept, bytes, 6);
  memcpy(bytes, bytes + 6, 6);
  memcpy(bytes + 6, kept, 6);
}

static int fail(void) {
  fprintf(stderr, "stage: %s\n", zcnbrh_last_error());
  return 1;
}

/* All of them, or the pipeline has ended. */
static int pass_on(struct zcnbrh_ring *out, struct zcnbrh_mbuf **packets, int count) {
  int done = 0;
  while (done < count) {
    const int now = zcnbrh_ring_enqueue(out, packets + done, (uint32_t)(count - done));
    if (now < 0) return now;
    done += now;
  }
  return done;
}

int main(int argc, char **argv) {
  struct zcnbrh_pool *pool;
  struct zcnbrh_ring *in, *out;
  struct zcnbrh_mbuf *packets[BURST];
  const int pid = argc > 1 ? atoi(argv[1]) : 0;
  int count, i;
  if (zcnbrh_pool_attach(pid, "packets", &pool) != 0 || zcnbrh_ring_attach(pid, "to_stage", &in) != 0 ||
      zcnbrh_ring_attach(pid, "from_stage", &out) != 0)
    return fail();
  printf("attached\n");
  fflush(stdout);
  while ((count = zcnbrh_ring_dequeue(in, packets, BURST)) >= 0) {
    for (i = 0; i < count; ++i) exchange_addresses(packets[i]);
    if (pass_on(out, packets, count) < 0) break;
  }
  printf("%s\n", zcnbrh_last_error());
  zcnbrh_ring_detach(out);
  zcnbrh_ring_detach(in);
  zcnbrh_pool_detach(pool);
  return 0;
}
