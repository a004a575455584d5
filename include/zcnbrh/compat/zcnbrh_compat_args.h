/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Z-CNBRH authors */
/* The arguments before "--", as programs on DPDK have them: lcores and interfaces; the rest has no meaning
 * here. */
#ifndef ZCNBRH_COMPAT_ARGS_H
#define ZCNBRH_COMPAT_ARGS_H

#include <getopt.h>

#include "rte_launch.h"

enum {
  ZCNBRH_COMPAT_IGNORED = 256,
  ZCNBRH_COMPAT_IFACE,
  ZCNBRH_COMPAT_LCORES,
  ZCNBRH_COMPAT_MAIN_LCORE,
  ZCNBRH_COMPAT_PROC_TYPE,
  ZCNBRH_COMPAT_VDEV
};

struct zcnbrh_compat_args {
  cpu_set_t allowed; /* CPUs the process may use */
  bool has_lcores;
  int main_lcore; /* -1: the lowest */
  char ignored[512];
};

static inline int zcnbrh_compat_enable_lcore(const struct zcnbrh_compat_args *args, unsigned long lcore) {
  if (lcore >= RTE_MAX_LCORE || !CPU_ISSET(lcore, &args->allowed)) {
    zcnbrh_compat_say("lcore %lu: the process may not use a CPU of this number; see `taskset -p $$`", lcore);
    return -1;
  }
  zcnbrh_compat.lcores[lcore].enabled = true;
  return 0;
}

/* "0,2-4" */
static inline int zcnbrh_compat_read_list(struct zcnbrh_compat_args *args, const char *text) {
  const char *at = text;

  args->has_lcores = true;
  for (;;) {
    char *end;
    unsigned long first = strtoul(at, &end, 10), last = first;

    if (end == at) break;
    if (*end == '-') {
      at = end + 1;
      last = strtoul(at, &end, 10);
      if (end == at || last < first) break;
    }
    for (; first <= last; first++)
      if (zcnbrh_compat_enable_lcore(args, first) != 0) return -1;
    if (*end == '\0') return 0;
    if (*end != ',') break;
    at = end + 1;
  }
  zcnbrh_compat_say("lcores %s: takes a list like 0,2-4; every lcore runs on the CPU of its number", text);
  return -1;
}

/* Hexadecimal, CPU 0 in the last digit. */
static inline int zcnbrh_compat_read_mask(struct zcnbrh_compat_args *args, const char *text) {
  const char *digits = strncmp(text, "0x", 2) == 0 || strncmp(text, "0X", 2) == 0 ? text + 2 : text;
  const size_t length = strlen(digits);
  size_t i;
  unsigned bit;

  args->has_lcores = true;
  if (length == 0 || strspn(digits, "0123456789abcdefABCDEF") != length) {
    zcnbrh_compat_say("-c %s: takes a hexadecimal mask of CPUs", text);
    return -1;
  }
  for (i = 0; i < length; i++) {
    const char digit[2] = {digits[length - 1 - i], '\0'};
    const unsigned long value = strtoul(digit, NULL, 16);

    for (bit = 0; bit < 4; bit++)
      if ((value >> bit & 1U) != 0 && zcnbrh_compat_enable_lcore(args, i * 4 + bit) != 0) return -1;
  }
  return 0;
}

/* The next port. devargs: what the queue is opened with beside the interface, or NULL; it is copied. */
static inline int zcnbrh_compat_add_port(const char *iface, size_t length, const char *devargs) {
  const unsigned number = zcnbrh_compat.port_count;
  struct zcnbrh_compat_port *port = &zcnbrh_compat.ports[number];
  struct zcnbrh_iface info;

  if (number == RTE_MAX_ETHPORTS || length == 0 || length >= sizeof port->iface) {
    zcnbrh_compat_say("port %u: '%.*s' is no name of an interface, or there are more than %d ports", number,
                      (int)length, iface, RTE_MAX_ETHPORTS);
    return -1;
  }
  memcpy(port->iface, iface, length);
  port->iface[length] = '\0';
  info.size = sizeof info;
  if (zcnbrh_iface_query(port->iface, &info) != 0) {
    zcnbrh_compat_say("port %u: %s", number, zcnbrh_last_error());
    return -1;
  }
  port->devargs = devargs != NULL && *devargs != '\0' ? strdup(devargs) : NULL;
  port->present = true;
  zcnbrh_compat.port_count++;
  return 0;
}

/* "net_zcnbrh0,iface=eth0[,key=value]" */
static inline int zcnbrh_compat_read_vdev(const char *text) {
  static const char driver[] = "net_zcnbrh", key[] = ",iface=";
  const char *iface = strstr(text, key);
  char rest[512];
  size_t length;

  if (strncmp(text, driver, sizeof driver - 1) != 0 || iface == NULL || strlen(text) >= sizeof rest) {
    zcnbrh_compat_say("--vdev %s: takes net_zcnbrh<number>,iface=<interface>[,key=value]", text);
    return -1;
  }
  iface += sizeof key - 1;
  length = strcspn(iface, ",");
  /* What is left without the device's name and iface=, both with a comma in front of the next key. */
  snprintf(rest, sizeof rest, "%.*s%s", (int)(iface - (sizeof key - 1) - strchr(text, ',')), strchr(text, ','),
           iface + length);
  return zcnbrh_compat_add_port(iface, length, rest[0] == ',' ? rest + 1 : rest);
}

/* "eth0,eth1" */
static inline int zcnbrh_compat_read_ifaces(const char *text) {
  while (*text != '\0') {
    const size_t length = strcspn(text, ",");

    if (zcnbrh_compat_add_port(text, length, NULL) != 0) return -1;
    text += length + (text[length] == ',');
  }
  return 0;
}

static inline void zcnbrh_compat_ignore(struct zcnbrh_compat_args *args, const char *name, const char *value) {
  const size_t used = strlen(args->ignored);

  snprintf(args->ignored + used, sizeof args->ignored - used, " %s%s%s%s", strlen(name) == 1 ? "-" : "--", name,
           value != NULL ? " " : "", value != NULL ? value : "");
}

static inline void zcnbrh_compat_usage(const char *program) {
  printf(
      "Usage: %s [options] [-- the program's own]\n"
      "  --iface IFACE                              a port on this interface; the order gives the port "
      "numbers\n"
      "  --vdev net_zcnbrhN,iface=IFACE[,key=value] the same, with keys of the driver net_zcnbrh\n"
      "  -l LIST, --lcores LIST                     lcores, as CPUs: 0,2-4 (default: all that may be used)\n"
      "  -c MASK                                    the same as a hexadecimal mask\n"
      "  --main-lcore LCORE                         the one that main() runs on (default: the lowest)\n"
      "  ZCNBRH_IFACES=IFACE,IFACE                  in the environment: ports, where no argument names one\n"
      "Other arguments of DPDK's EAL are taken and have no effect.\n",
      program);
}

/* One argument; 0 or -1. */
static inline int zcnbrh_compat_take(struct zcnbrh_compat_args *args, int option, const char *name,
                                     const char *program) {
  char *end;

  switch (option) {
    case 'l':
    case ZCNBRH_COMPAT_LCORES:
      return zcnbrh_compat_read_list(args, optarg);
    case 'c':
      return zcnbrh_compat_read_mask(args, optarg);
    case ZCNBRH_COMPAT_MAIN_LCORE:
      args->main_lcore = (int)strtol(optarg, &end, 10);
      if (end != optarg && *end == '\0' && args->main_lcore >= 0) return 0;
      zcnbrh_compat_say("--main-lcore %s: takes an lcore's number", optarg);
      return -1;
    case ZCNBRH_COMPAT_IFACE:
      return zcnbrh_compat_add_port(optarg, strlen(optarg), NULL);
    case ZCNBRH_COMPAT_VDEV:
      return zcnbrh_compat_read_vdev(optarg);
    case ZCNBRH_COMPAT_PROC_TYPE:
      if (strcmp(optarg, "secondary") != 0) break;
      zcnbrh_compat_say("--proc-type secondary: there are no secondary processes here");
      return -1;
    case 's':
    case 'S':
      zcnbrh_compat_say("-%c %s: there are no service cores here; leave it out", option, optarg);
      return -1;
    case 'h':
      zcnbrh_compat_usage(program);
      exit(EXIT_SUCCESS);
    case '?':
    case ':':
      return -1;
    default:
      break;
  }
  zcnbrh_compat_ignore(args, name, optarg);
  return 0;
}

#endif /* ZCNBRH_COMPAT_ARGS_H */
