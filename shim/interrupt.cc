// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#include "shim/interrupt.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <cstddef>

#include "shim/next.h"

namespace zcnbrh::shim {
namespace {

constexpr int kBacklog = 8;

struct Watch {
  struct rte_intr_handle* handle;
  Serve serve;
  void* argument;
};

void forget(struct rte_intr_handle* /*handle*/, void* watch) {
  auto* ended = static_cast<Watch*>(watch);
  NEXT(rte_intr_instance_free)(ended->handle);
  delete ended;
}

void on_readable(void* watch) {
  auto* one = static_cast<Watch*>(watch);
  if (one->serve(one->argument)) return;
  // From inside a callback EAL unregisters when that has returned.
  NEXT(rte_intr_callback_unregister_pending)(one->handle, on_readable, one, forget);
}

}  // namespace

Status watch_fd(int fd, Serve serve, void* argument) {
  struct rte_intr_handle* handle = NEXT(rte_intr_instance_alloc)(RTE_INTR_INSTANCE_F_PRIVATE);
  if (handle == nullptr) return Error{ENOMEM, "rte_intr_instance_alloc", {}};
  NEXT(rte_intr_fd_set)(handle, fd);
  NEXT(rte_intr_type_set)(handle, RTE_INTR_HANDLE_EXT);  // EAL reads nothing from it
  auto* watch = new Watch{handle, serve, argument};
  const int result = NEXT(rte_intr_callback_register)(handle, on_readable, watch);
  if (result == 0) return {};
  forget(handle, watch);
  return Error{-result, "rte_intr_callback_register", "EAL's interrupt thread does not take a socket"};
}

UniqueFd listen_abstract(const std::string& name, int type) {
  UniqueFd fd(::socket(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  name.copy(address.sun_path, sizeof address.sun_path);
  address.sun_path[0] = '\0';
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
  if (!fd || ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), length) != 0 ||
      ::listen(fd.get(), kBacklog) != 0)
    return {};
  return fd;
}

}  // namespace zcnbrh::shim
