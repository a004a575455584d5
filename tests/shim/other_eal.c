/* SPDX-License-Identifier: Apache-2.0
 * Copyright 2026 The Z-CNBRH authors
 *
 * An EAL of another ABI: as much of it as a program needs that asks for it. */
#include <stdio.h>

int rte_eal_init(int argc, char** argv);
int rte_dev_probe(const char* devargs);

int rte_eal_init(int argc, char** argv) {
  printf("other EAL: %d arguments, the first %s\n", argc, argv[0]);
  return 7;
}

int rte_dev_probe(const char* devargs) {
  printf("other EAL: probe %s\n", devargs);
  return -5;
}
