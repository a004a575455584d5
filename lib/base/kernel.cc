// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#include "lib/base/kernel.h"

#include <bpf/bpf.h>

#include <cerrno>

namespace zcnbrh {
namespace {

void* context_of(int fd) { return reinterpret_cast<void*>(static_cast<intptr_t>(fd)); }
int fd_of(void* context) { return static_cast<int>(reinterpret_cast<intptr_t>(context)); }

int kick_tx(void* context) noexcept {
  return ::sendto(fd_of(context), nullptr, 0, MSG_DONTWAIT, nullptr, 0) < 0 ? -errno : 0;
}

int poke_rx(void* context) noexcept {
  return ::recvfrom(fd_of(context), nullptr, 0, MSG_DONTWAIT, nullptr, nullptr) < 0 ? -errno : 0;
}

int kick_tx_by_poll(void* context) noexcept {
  struct pollfd one {
    fd_of(context), POLLOUT, 0
  };
  return ::poll(&one, 1, 0) < 0 ? -errno : 0;
}

}  // namespace

Result<UniqueFd> Kernel::socket(int domain, int type, int protocol) noexcept {
  int fd = ::socket(domain, type | SOCK_CLOEXEC, protocol);
  if (fd < 0) return Error{errno, "socket(AF_XDP)", {}};
  return UniqueFd(fd);
}

int Kernel::setsockopt(int fd, int level, int name, const void* value, socklen_t length) noexcept {
  return ::setsockopt(fd, level, name, value, length) < 0 ? -errno : 0;
}

int Kernel::getsockopt(int fd, int level, int name, void* value, socklen_t* length) noexcept {
  return ::getsockopt(fd, level, name, value, length) < 0 ? -errno : 0;
}

int Kernel::bind(int fd, const struct sockaddr* address, socklen_t length) noexcept {
  return ::bind(fd, address, length) < 0 ? -errno : 0;
}

Result<Mapping> Kernel::map_ring(int fd, size_t length, uint64_t page_offset) noexcept {
  // MAP_POPULATE: the first burst must not fault.
  auto ring = Mapping::create(nullptr, length, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd,
                              page_offset, "mmap of an AF_XDP ring");
  // A child's mapping would hold the socket, and so the queue, after our close().
  if (ring) ::madvise(ring->data(), ring->size(), MADV_DONTFORK);
  return ring;
}

void Kernel::before_close(int /*fd*/) noexcept {}

Wake Kernel::wake(int fd) noexcept { return {context_of(fd), kick_tx, poke_rx, kick_tx_by_poll}; }

int Kernel::map_update(int map_fd, const void* key, const void* value) noexcept {
  return ::bpf_map_update_elem(map_fd, key, value, 0) < 0 ? -errno : 0;
}

int Kernel::map_delete(int map_fd, const void* key) noexcept {
  return ::bpf_map_delete_elem(map_fd, key) < 0 ? -errno : 0;
}

Kernel& Kernel::real() noexcept {
  static Kernel kernel;
  return kernel;
}

}  // namespace zcnbrh
