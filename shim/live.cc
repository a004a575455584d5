// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#include "shim/live.h"

#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cstring>

#include "lib/base/unique_fd.h"
#include "shim/interrupt.h"
#include "shim/next.h"
#include "shim/report.h"
#include "shim/say.h"

namespace zcnbrh::shim {
namespace {

constexpr suseconds_t kPatienceUs = 200'000;
constexpr int kPeersAtOnce = 8;

bool may_ask(int peer) {
  ucred who{};
  socklen_t length = sizeof who;
  if (::getsockopt(peer, SOL_SOCKET, SO_PEERCRED, &who, &length) != 0) return false;
  return who.uid == 0 || who.uid == ::geteuid();
}

void answer(int peer) {
  const timeval patience{0, kPatienceUs};
  ::setsockopt(peer, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  const std::string text = report_json();
  for (size_t sent = 0; sent < text.size();) {
    const ssize_t now = ::send(peer, text.data() + sent, text.size() - sent, MSG_NOSIGNAL);
    if (now <= 0) return;
    sent += static_cast<size_t>(now);
  }
}

bool serve(void* listener) noexcept {
  const ErrnoGuard guard;
  const int fd = static_cast<int>(reinterpret_cast<intptr_t>(listener));
  for (int i = 0; i < kPeersAtOnce; ++i) {
    const UniqueFd peer(::accept4(fd, nullptr, nullptr, SOCK_CLOEXEC));
    if (!peer) break;
    if (may_ask(peer.get())) answer(peer.get());
  }
  return true;
}

}  // namespace

std::string live_name(pid_t pid) { return "@zcnbrh-shim/" + std::to_string(pid); }

void open_live() noexcept {
  const ErrnoGuard guard;
  UniqueFd listener = listen_abstract(live_name(::getpid()), SOCK_STREAM);
  auto* argument = reinterpret_cast<void*>(static_cast<intptr_t>(listener.get()));
  const Status s = listener ? watch_fd(listener.get(), serve, argument) : Status(Error{errno, "socket", {}});
  if (s)
    listener.release();  // for the life of the process
  else
    say(Say::kWarning, "no live report: %s", s.error().text().c_str());
}

}  // namespace zcnbrh::shim
