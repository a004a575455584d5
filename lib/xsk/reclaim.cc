// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// The proof that the kernel has let a queue's pool go. Two witnesses: netdev generic netlink, which names
// the queues that AF_XDP uses (Linux 6.15; it disturbs nothing), and else a bind of our own to the queue,
// which meets EBUSY as long as the old pool is there. Either becomes free only after the driver was told to
// give its buffers up (xp_clear_dev() in net/xdp/xsk_buff_pool.c).
#include <algorithm>
#include <cerrno>

#include "lib/base/cacheline.h"
#include "lib/base/clock.h"
#include "lib/netdev/netdev_genl.h"
#include "lib/xsk/queue_pair.h"

namespace zcnbrh {
namespace {

constexpr uint32_t kProbeRing = 64;
constexpr uint32_t kLongestPauseMs = 50;

enum class Answer { kFree, kBusy, kUnknown };

// Binds in copy mode, which leaves the NIC alone, and lets go at once.
Answer probe_bind(Kernel& kernel, int ifindex, uint32_t queue) {
  auto memory =
      Mapping::create(nullptr, 2 * kPageSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (!memory) return Answer::kUnknown;
  UmemLayout layout;
  layout.base = memory->data();
  layout.size = memory->size();
  layout.chunk_size = kMinChunk;
  const Umem umem(layout);
  auto socket = XskSocket::create(kernel);
  if (!socket || !umem.register_on(kernel, socket->fd())) return Answer::kUnknown;
  if (!socket->make_rings({kProbeRing, kProbeRing, kProbeRing, 0})) return Answer::kUnknown;
  switch (socket->bind(ifindex, queue, XDP_COPY)) {
    case 0:
      return Answer::kFree;
    case -EBUSY:
      return Answer::kBusy;
    case -ENODEV:
      return Answer::kFree;  // an unregistered netdev takes its pools with it (xsk_notifier())
    case -EINVAL:
      return Answer::kFree;  // the queue is gone: the driver refuses that while a pool is on it
    default:
      return Answer::kUnknown;
  }
}

Answer ask(Kernel& kernel, int ifindex, uint32_t queue) {
  if (&kernel == &Kernel::real()) {
    switch (query_xsk_queue_use(ifindex, queue)) {
      case XskQueueUse::kFree:
      case XskQueueUse::kNoDevice:
        return Answer::kFree;
      case XskQueueUse::kInUse:
        return Answer::kBusy;
      case XskQueueUse::kUnknown:
        break;
    }
  }
  return probe_bind(kernel, ifindex, queue);
}

}  // namespace

bool wait_until_released(Kernel& kernel, int ifindex, uint32_t queue, uint32_t timeout_ms) {
  const uint64_t give_up = monotonic_ms() + timeout_ms;
  for (uint32_t pause = 1;; pause = std::min(pause * 2, kLongestPauseMs)) {
    if (ask(kernel, ifindex, queue) == Answer::kFree) return true;
    if (monotonic_ms() >= give_up) return false;
    sleep_ms(pause);
  }
}

}  // namespace zcnbrh
