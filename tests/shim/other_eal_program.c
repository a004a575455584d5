/* SPDX-License-Identifier: Apache-2.0
 * Copyright 2026 The Z-CNBRH authors */
#include <stdio.h>

int rte_eal_init(int argc, char** argv);
int rte_dev_probe(const char* devargs);

int main(int argc, char** argv) {
  printf("init %d\n", rte_eal_init(argc, argv));
  printf("probe %d\n", rte_dev_probe("net_null0,x=1"));
  return 5;
}
