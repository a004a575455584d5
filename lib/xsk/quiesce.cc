// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#include "lib/xsk/quiesce.h"

#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/base/clock.h"

namespace zcnbrh {
namespace {

constexpr uint32_t kPauseMs = 1;
constexpr uint32_t kStoreBufferPauseMs = 10;  // a store becomes visible within microseconds

bool membarrier(int command) { return ::syscall(SYS_membarrier, command, 0, 0) == 0; }

// A full barrier on every CPU that runs a thread of this process.
void barrier_everywhere() {
  // A registration is the process's, and free to repeat; a child of fork() inherits it.
  static const bool registered = membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED);
  if (registered && membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED)) return;
  std::atomic_thread_fence(std::memory_order_seq_cst);
  sleep_ms(kStoreBufferPauseMs);
}

}  // namespace

bool join_barriers() {
  static const bool joined = membarrier(MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED);
  return joined;
}
bool barrier_in_every_process() { return membarrier(MEMBARRIER_CMD_GLOBAL_EXPEDITED); }

bool shut_and_wait(std::span<BurstDoor* const> doors, uint32_t timeout_ms) {
  for (BurstDoor* door : doors) door->shut();
  barrier_everywhere();
  const uint64_t give_up = monotonic_ms() + timeout_ms;
  for (BurstDoor* door : doors)
    while (door->busy()) {
      if (monotonic_ms() >= give_up) return false;
      sleep_ms(kPauseMs);
    }
  return true;
}

}  // namespace zcnbrh
