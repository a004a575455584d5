/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Z-CNBRH authors */
/* Preloaded behind the shim: ports on the NUMA nodes that FAKE_NODES names, "0,1,-1" port by port. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int rte_eth_dev_socket_id(uint16_t port_id);

int rte_eth_dev_socket_id(uint16_t port_id) {
  const char* at = getenv("FAKE_NODES");
  for (; at != NULL && port_id > 0; --port_id) {
    at = strchr(at, ',');
    if (at != NULL) ++at;
  }
  return at != NULL ? atoi(at) : -1;
}
