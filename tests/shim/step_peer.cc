// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// step_peer PID STEPS: a native process that takes packets from the pool and puts them back, and takes packets
// from one ring and puts them into another, killed after so many instructions of it. Says "killed PID", or
// "done STEPS" when it came to its end before.
#include <sched.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zcnbrh/zcnbrh.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>

namespace {

constexpr uint32_t kFromPool = 2, kFromRing = 4;

int work(int pid) {
  struct zcnbrh_pool* pool = nullptr;
  struct zcnbrh_ring *in = nullptr, *out = nullptr;
  struct zcnbrh_mbuf* packets[kFromRing];
  if (zcnbrh_pool_attach(pid, "packets", &pool) != 0 || zcnbrh_ring_attach(pid, "to_stage", &in) != 0 ||
      zcnbrh_ring_attach(pid, "from_stage", &out) != 0) {
    std::fprintf(stderr, "%s\n", zcnbrh_last_error());
    return 1;
  }
  ::raise(SIGSTOP);
  const bool all = zcnbrh_pool_get(pool, packets, kFromPool) == kFromPool &&
                   zcnbrh_pool_put(pool, packets, kFromPool) == kFromPool &&
                   zcnbrh_ring_dequeue(in, packets, kFromRing) == kFromRing &&
                   zcnbrh_ring_enqueue(out, packets, kFromRing) == kFromRing;
  return all ? 0 : 1;
}

// A step is two switches, and from one CPU to another each would wake a sleeping one.
void stay_on_this_cpu() {
  cpu_set_t here;
  CPU_ZERO(&here);
  CPU_SET(::sched_getcpu(), &here);
  ::sched_setaffinity(0, sizeof here, &here);
}

// How many instructions it made, at most `steps`; `status` as waitpid() says.
long step(pid_t child, long steps, int& status) {
  for (long i = 0; i < steps; ++i) {
    if (::ptrace(PTRACE_SINGLESTEP, child, nullptr, nullptr) != 0) return i;
    if (::waitpid(child, &status, 0) != child || WIFEXITED(status)) return i;
  }
  return steps;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  stay_on_this_cpu();
  const pid_t child = ::fork();
  if (child == 0) {
    if (::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) _exit(3);
    _exit(work(std::atoi(argv[1])));
  }
  int status = 0;
  if (::waitpid(child, &status, 0) != child || !WIFSTOPPED(status)) return 1;
  const long steps = step(child, std::atol(argv[2]), status);
  if (WIFEXITED(status)) {
    std::printf("done %ld\n", steps);
    return WEXITSTATUS(status);
  }
  ::kill(child, SIGKILL);
  ::waitpid(child, &status, 0);
  std::printf("killed %d\n", static_cast<int>(child));
  return WIFSIGNALED(status) ? 0 : 1;
}
