// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#pragma once

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>

namespace zcnbrh::testing {

// Runs `check` in a child of fork(); its answer. False too if the child died of it.
template <typename F>
bool true_in_child(F check) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(check() ? 0 : 1);
  int status = -1;
  return child > 0 && ::waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

// In a child: is the parent's page, which held `content`, not here? Its place may have been taken by something
// else since (a sanitizer's run-time maps memory in a child).
inline bool page_is_missing(const uint8_t* page, uint8_t content) {
  unsigned char present;
  if (::mincore(const_cast<uint8_t*>(page), 4096, &present) != 0) return errno == ENOMEM;
  return *page != content;
}

}  // namespace zcnbrh::testing
