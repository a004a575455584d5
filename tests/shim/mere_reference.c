// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// A program without DPDK that would use one if there was one: it refers to a few of DPDK's symbols, data and
// functions, weakly, as plug-in hosts do. It prints what it finds of the data, and does what such a program
// does: starts EAL.
#include <stdio.h>

extern int rte_eal_init(int argc, char** argv) __attribute__((weak));
extern char rte_eth_fp_ops[] __attribute__((weak));
extern char rte_eth_devices[] __attribute__((weak));

static char* const kept[] = {rte_eth_fp_ops, rte_eth_devices};  // references in data

int main(int argc, char** argv) {
  printf("%s %s\n", kept[0] == NULL ? "none" : "there", kept[1] == NULL ? "none" : "there");
  if (rte_eal_init != NULL && rte_eal_init(argc, argv) >= 0) return 1;
  puts("no DPDK");
  return 5;
}
