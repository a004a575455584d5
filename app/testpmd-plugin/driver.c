/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Z-CNBRH authors */
#define _GNU_SOURCE /* RTLD_DEFAULT, RTLD_NOLOAD, dl_iterate_phdr() */
#include "app/testpmd-plugin/driver.h"

#include <dlfcn.h>
#include <link.h>
#include <stddef.h>
#include <string.h>

#define DRIVER_FILE "librte_net_zcnbrh.so"

/* The object whose file is called so, whatever folder or version it has. */
static int is_driver(struct dl_phdr_info *info, size_t size, void *handle) {
  const char *base = strrchr(info->dlpi_name, '/');

  (void)size;
  base = base != NULL ? base + 1 : info->dlpi_name;
  if (strncmp(base, DRIVER_FILE, strlen(DRIVER_FILE)) != 0) return 0;
  *(const char **)handle = info->dlpi_name;
  return 1;
}

/* Linked with the program, or loaded by EAL, which keeps a driver's symbols to itself. */
static void *driver_handle(void) {
  const char *path = NULL;
  void *handle;

  if (dlsym(RTLD_DEFAULT, "rte_pmd_zcnbrh_api_version") != NULL) return RTLD_DEFAULT;
  handle = dlopen(DRIVER_FILE, RTLD_NOW | RTLD_NOLOAD);
  if (handle == NULL && dl_iterate_phdr(is_driver, &path) == 1) handle = dlopen(path, RTLD_NOW | RTLD_NOLOAD);
  return handle;
}

const struct zcnbrh_driver *zcnbrh_driver(const char **why) {
  static struct zcnbrh_driver driver;
  void *handle;

  if (driver.api_version != NULL) return &driver;
  handle = driver_handle();
  if (handle == NULL && dlsym(RTLD_DEFAULT, "rte_pmd_zcnbrh_api_version") == NULL) {
    *why = "the driver net_zcnbrh is not loaded; start testpmd with -d " DRIVER_FILE;
    return NULL;
  }
  /* POSIX: the object pointer that dlsym() returns may be used as a function's. */
#define ZCNBRH_LOOK_UP(name)                                         \
  *(void **)(&driver.name) = dlsym(handle, "rte_pmd_zcnbrh_" #name); \
  if (driver.name == NULL) goto too_old;
  ZCNBRH_DRIVER_FUNCTIONS(ZCNBRH_LOOK_UP)
  if (driver.api_version() < RTE_PMD_ZCNBRH_API_VERSION) goto too_old;
  return &driver;

too_old:
  memset(&driver, 0, sizeof driver);
  *why = "the driver that is loaded is older than these commands; take both from one build";
  return NULL;
}
