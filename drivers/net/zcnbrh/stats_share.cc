// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// EAL's own messages carry the question and the descriptor of the answer, so that statistics need neither a
// kernel that lends rings (Linux 6.4) nor queues that are open.
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_string_fns.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <optional>

#include "drivers/net/zcnbrh/control_lock.h"
#include "drivers/net/zcnbrh/netdev_watch.h"
#include "drivers/net/zcnbrh/ops.h"
#include "drivers/net/zcnbrh/xstats.h"
#include "lib/base/clock.h"

namespace zcnbrh::pmd {
namespace {

constexpr const char* kStatsAction = "zcnbrh_stats";  // of rte_mp
constexpr uint32_t kTimeoutS = 3;
constexpr uint32_t kPauseMs = 5;

struct Question {
  uint32_t version = sizeof(Xstat);
  uint16_t port = 0;
};
struct Answer {
  int32_t error = 0;  // positive errno; EAGAIN: a control call is under way
  uint32_t extended = 0;
};

// The port's numbers: the basic ones, and the extended ones behind them.
Result<UniqueFd> write_down(struct rte_eth_dev* dev, uint32_t& extended) {
  struct rte_eth_stats basic {};
  if (const int error = dev->dev_ops->stats_get(dev, &basic); error != 0)
    return Error{-error, kStatsAction, {}};
  const std::vector<Xstat> all = xstats_since_reset(dev);
  extended = static_cast<uint32_t>(all.size());
  UniqueFd file(::memfd_create("zcnbrh-stats", MFD_CLOEXEC));
  if (!file) return Error{errno, "memfd_create", {}};
  const auto length = static_cast<ssize_t>(all.size() * sizeof(Xstat));
  if (::write(file.get(), &basic, sizeof basic) != sizeof basic ||
      ::write(file.get(), all.data(), static_cast<size_t>(length)) != length)
    return Error{EIO, "write of statistics", {}};
  return file;
}

// On EAL's message thread, which control calls may be waiting for with the lock held (EAL tells other processes
// of new memory by it): so never waits for the lock.
Result<UniqueFd> answer(const Question& question, uint32_t& extended) {
  const TryControlLock lock;
  if (!lock) return Error{EAGAIN, kStatsAction, {}};
  if (question.version != sizeof(Xstat) || !rte_eth_dev_is_valid_port(question.port))
    return Error{ENODEV, kStatsAction, {}};
  struct rte_eth_dev* dev = &rte_eth_devices[question.port];
  PmdPort* port = dev->dev_ops == ethdev_ops() ? port_of(dev) : nullptr;
  if (port == nullptr || !port->port) return Error{ENODEV, kStatsAction, {}};
  std::optional<InNetns> there;
  if (port->control.watch != nullptr) there.emplace(port->control.watch->netns());
  if (there && !there->status()) return there->status().error();
  return write_down(dev, extended);
}

int on_question(const struct rte_mp_msg* request, const void* from) {
  struct rte_mp_msg reply {};
  rte_strscpy(reply.name, request->name, sizeof reply.name);
  Question question;
  Answer head;
  Result<UniqueFd> file = Error{EINVAL, kStatsAction, {}};
  if (request->len_param == sizeof question) {
    std::memcpy(&question, request->param, sizeof question);
    file = answer(question, head.extended);
  }
  if (file) {
    reply.fds[0] = file->get();
    reply.num_fds = 1;
  } else {
    head.error = file.error().code;
  }
  std::memcpy(reply.param, &head, sizeof head);
  reply.len_param = sizeof head;
  return rte_mp_reply(&reply, static_cast<const char*>(from));
}

Result<AllStats> read_down(const UniqueFd& file, uint32_t extended) {
  AllStats out;
  struct stat about {};
  const size_t length = extended * sizeof(Xstat);
  if (::fstat(file.get(), &about) != 0 || static_cast<size_t>(about.st_size) != sizeof out.basic + length)
    return Error{EIO, "statistics of the primary process", "it runs another version of the driver"};
  out.extended.resize(extended);
  if (::pread(file.get(), &out.basic, sizeof out.basic, 0) != sizeof out.basic ||
      ::pread(file.get(), out.extended.data(), length, sizeof out.basic) != static_cast<ssize_t>(length))
    return Error{EIO, "read of statistics", {}};
  return out;
}

Result<AllStats> ask_once(uint16_t port) {
  struct rte_mp_msg request {};
  rte_strscpy(request.name, kStatsAction, sizeof request.name);
  Question question;
  question.port = port;
  std::memcpy(request.param, &question, sizeof question);
  request.len_param = sizeof question;
  struct rte_mp_reply reply {};
  const struct timespec limit { kTimeoutS, 0 };
  if (rte_mp_request_sync(&request, &reply, &limit) != 0) return Error{EIO, "rte_mp_request_sync", {}};
  Answer head;
  UniqueFd file;
  const bool answered = reply.nb_received == 1 && reply.msgs[0].len_param == sizeof head;
  if (answered) {
    std::memcpy(&head, reply.msgs[0].param, sizeof head);
    if (reply.msgs[0].num_fds == 1) file.reset(reply.msgs[0].fds[0]);
  }
  std::free(reply.msgs);
  if (!answered) return Error{EIO, "statistics of the primary process", "it gives no answer"};
  if (head.error != 0) return Error{head.error, "statistics of the primary process", {}};
  return read_down(file, head.extended);
}

}  // namespace

Status answer_stats() {
  if (rte_mp_action_register(kStatsAction, on_question) == 0 || rte_errno == ENOTSUP || rte_errno == EEXIST)
    return {};
  return Error{rte_errno, "rte_mp_action_register", {}};
}

Result<AllStats> ask_stats(uint16_t port) {
  static std::mutex one_at_a_time;  // EAL refuses a second question of the same name
  const std::scoped_lock lock(one_at_a_time);
  const uint64_t give_up = monotonic_ms() + kTimeoutS * 1000;
  for (;;) {
    auto stats = ask_once(port);
    if (stats || stats.error().code != EAGAIN) return stats;
    if (monotonic_ms() >= give_up) return Error{EBUSY, "statistics of the primary process", {}};
    sleep_ms(kPauseMs);
  }
}

}  // namespace zcnbrh::pmd
