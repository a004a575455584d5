// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// A small DPDK program that knows nothing of us: EAL's arguments, "--", and what to do, word by word. It prints
// what it finds, for the tests to compare.
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace {

void list_ports() {
  uint16_t port;
  RTE_ETH_FOREACH_DEV(port) {
    char name[RTE_ETH_NAME_MAX_LEN];
    struct rte_eth_dev_info info;
    if (rte_eth_dev_get_name_by_port(port, name) != 0 || rte_eth_dev_info_get(port, &info) != 0) continue;
    uint16_t found = UINT16_MAX;
    rte_eth_dev_get_port_by_name(name, &found);
    std::printf("port %u %s %s %u\n", port, name, info.driver_name, found);
  }
}

// A child that ends as children do, with exit(), while the parent goes on.
void fork_child() {
  std::fflush(stdout);
  const pid_t child = fork();
  if (child == 0) {
    list_ports();
    std::exit(3);
  }
  int status = 0;
  waitpid(child, &status, 0);
  std::printf("child ended with %d\n", WEXITSTATUS(status));
}

void keep_errno() {
  errno = E2BIG;
  uint16_t port;
  rte_eth_dev_get_port_by_name("net_null0", &port);
  std::printf("errno %s\n", errno == E2BIG ? "kept" : std::strerror(errno));
}

void run(const char* word) {
  if (std::strcmp(word, "ports") == 0) list_ports();
  if (std::strcmp(word, "fork") == 0) fork_child();
  if (std::strcmp(word, "errno") == 0) keep_errno();
}

}  // namespace

int main(int argc, char** argv) {
  const int used = rte_eal_init(argc, argv);
  if (used < 0) {
    std::printf("rte_eal_init: %s\n", rte_strerror(rte_errno));
    return 9;
  }
  for (int i = used + 1; i < argc; ++i) run(argv[i]);
  std::fflush(stdout);
  return 4;  // without rte_eal_cleanup(), as many do
}
