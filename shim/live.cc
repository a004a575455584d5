// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#include "shim/live.h"

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstddef>
#include <cstring>

#include "lib/base/unique_fd.h"
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

void on_peer(void* listener) {
  const int fd = static_cast<int>(reinterpret_cast<intptr_t>(listener));
  for (int i = 0; i < kPeersAtOnce; ++i) {
    const UniqueFd peer(::accept4(fd, nullptr, nullptr, SOCK_CLOEXEC));
    if (!peer) return;
    if (may_ask(peer.get())) answer(peer.get());
  }
}

UniqueFd listen_to(const std::string& name) {
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  name.copy(address.sun_path + 1, sizeof address.sun_path - 1);
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
  if (!fd || ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), length) != 0 ||
      ::listen(fd.get(), kPeersAtOnce) != 0)
    return {};
  return fd;
}

// Keeps the descriptor and the handle for the life of the process.
bool hand_to_eal(UniqueFd& listener) {
  struct rte_intr_handle* handle = NEXT(rte_intr_instance_alloc)(RTE_INTR_INSTANCE_F_PRIVATE);
  if (handle == nullptr) return false;
  NEXT(rte_intr_fd_set)(handle, listener.get());
  NEXT(rte_intr_type_set)(handle, RTE_INTR_HANDLE_EXT);  // EAL reads nothing from it
  auto* argument = reinterpret_cast<void*>(static_cast<intptr_t>(listener.get()));
  if (NEXT(rte_intr_callback_register)(handle, on_peer, argument) != 0) {
    NEXT(rte_intr_instance_free)(handle);
    return false;
  }
  listener.release();
  return true;
}

}  // namespace

std::string live_name(pid_t pid) { return "zcnbrh-shim/" + std::to_string(pid); }

void open_live() noexcept {
  const ErrnoGuard guard;
  UniqueFd listener = listen_to(live_name(::getpid()));
  if (!listener || !hand_to_eal(listener))
    say(Say::kWarning, "no live report: the UNIX socket @%s: %s", live_name(::getpid()).c_str(),
        std::strerror(errno));
}

}  // namespace zcnbrh::shim
