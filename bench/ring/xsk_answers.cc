// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#include "bench/ring/xsk_answers.h"

#include <dlfcn.h>
#include <poll.h>
#include <xdp/xsk.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <memory>
#include <string>

#include "lib/base/uapi_xdp.h"

// libxdp's opaque types, ours here.
struct xsk_umem {
  zcnbrh::UniqueFd fd;  // the socket; one UMEM has one, as Debian's build shares none
  zcnbrh::Mapping fill, completion;
  bool in_use = false;
};
struct xsk_socket {
  xsk_umem* umem = nullptr;
  zcnbrh::Mapping rx, tx;
};

namespace zcnbrh::bench {
namespace {

constexpr int kMaxFd = 4096;
std::array<std::atomic<bool>, kMaxFd> answered_fd;
std::atomic<uint64_t> calls;  // by the application's thread
std::atomic<LoopSocket*> last_socket;

LoopKernel& kernel() { return LoopKernel::instance(); }

bool answered(int fd) {
  return fd >= 0 && fd < kMaxFd && answered_fd[static_cast<size_t>(fd)].load(std::memory_order_relaxed);
}
void count_call() { calls.store(calls.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed); }

// libc's own.
template <typename Function>
Function* next(const char* name) {
  return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
}

int set_option(int fd, int name, const void* value, socklen_t size) {
  return kernel().setsockopt(fd, SOL_XDP, name, value, size);
}

// Makes a ring of the socket and maps it; `Ring` is libxdp's view of it.
template <typename Desc, typename Ring>
int map_ring(int fd, int option, uint64_t page_offset, uint32_t entries,
             struct xdp_ring_offset xdp_mmap_offsets::*at, Mapping& mapping, Ring& ring) {
  if (int r = set_option(fd, option, &entries, sizeof entries); r != 0) return r;
  struct xdp_mmap_offsets offsets {};
  socklen_t size = sizeof offsets;
  if (int r = kernel().getsockopt(fd, SOL_XDP, XDP_MMAP_OFFSETS, &offsets, &size); r != 0) return r;
  const struct xdp_ring_offset& o = offsets.*at;
  auto made = kernel().map_ring(fd, o.desc + uint64_t{entries} * sizeof(Desc), page_offset);
  if (!made) return -made.error().code;
  mapping = std::move(*made);
  uint8_t* base = mapping.data();
  ring.mask = entries - 1;
  ring.size = entries;
  ring.producer = reinterpret_cast<uint32_t*>(base + o.producer);
  ring.consumer = reinterpret_cast<uint32_t*>(base + o.consumer);
  ring.flags = reinterpret_cast<uint32_t*>(base + o.flags);
  ring.ring = base + o.desc;
  ring.cached_prod = 0;
  ring.cached_cons = 0;
  return 0;
}

int make_umem(xsk_umem& umem, void* area, uint64_t size, xsk_ring_prod& fill, xsk_ring_cons& completion,
              const xsk_umem_config& config) {
  auto fd = kernel().socket(AF_XDP, SOCK_RAW, 0);
  if (!fd) return -fd.error().code;
  umem.fd = std::move(*fd);
  if (umem.fd.get() >= kMaxFd) return -EMFILE;
  struct xdp_umem_reg reg {};
  reg.addr = reinterpret_cast<uint64_t>(area);
  reg.len = size;
  reg.chunk_size = config.frame_size;
  reg.headroom = config.frame_headroom;
  reg.flags = config.flags;
  int r = set_option(umem.fd.get(), XDP_UMEM_REG, &reg, sizeof reg);
  if (r == 0)
    r = map_ring<uint64_t>(umem.fd.get(), XDP_UMEM_FILL_RING, XDP_UMEM_PGOFF_FILL_RING, config.fill_size,
                           &xdp_mmap_offsets::fr, umem.fill, fill);
  if (r == 0)
    r = map_ring<uint64_t>(umem.fd.get(), XDP_UMEM_COMPLETION_RING, XDP_UMEM_PGOFF_COMPLETION_RING,
                           config.comp_size, &xdp_mmap_offsets::cr, umem.completion, completion);
  fill.cached_cons = fill.size;  // libxdp's way to count free slots
  return r;
}

// Each socket is bound to a loop port of its own, whatever the netdev's name.
int bind_alone(int fd) {
  static int count = 0;
  auto ifindex = kernel().port("rival" + std::to_string(count++), {});
  if (!ifindex) return -ifindex.error().code;
  struct sockaddr_xdp address {};
  address.sxdp_family = AF_XDP;
  address.sxdp_ifindex = static_cast<uint32_t>(*ifindex);
  return kernel().bind(fd, reinterpret_cast<const struct sockaddr*>(&address), sizeof address);
}

int make_socket(xsk_socket& xsk, xsk_umem& umem, xsk_ring_cons& rx, xsk_ring_prod& tx,
                const xsk_socket_config& config) {
  if (umem.in_use) return -EBUSY;
  const int fd = umem.fd.get();
  int r = map_ring<struct xdp_desc>(fd, XDP_RX_RING, XDP_PGOFF_RX_RING, config.rx_size, &xdp_mmap_offsets::rx,
                                    xsk.rx, rx);
  if (r == 0)
    r = map_ring<struct xdp_desc>(fd, XDP_TX_RING, XDP_PGOFF_TX_RING, config.tx_size, &xdp_mmap_offsets::tx,
                                  xsk.tx, tx);
  tx.cached_cons = tx.size;
  if (r == 0) r = bind_alone(fd);
  if (r != 0) return r;
  xsk.umem = &umem;
  umem.in_use = true;
  answered_fd[static_cast<size_t>(fd)].store(true);
  last_socket.store(kernel().kernel_side(fd));
  return 0;
}

}  // namespace

LoopSocket* answered_socket() { return last_socket.load(); }
uint64_t answered_calls() { return calls.load(std::memory_order_relaxed); }

}  // namespace zcnbrh::bench

// Exported from the program.
extern "C" {

using namespace zcnbrh::bench;

int xsk_umem__create(xsk_umem** umem, void* area, __u64 size, xsk_ring_prod* fill, xsk_ring_cons* completion,
                     const xsk_umem_config* config) {
  auto made = std::make_unique<xsk_umem>();
  if (const int r = make_umem(*made, area, size, *fill, *completion, *config); r != 0) return r;
  *umem = made.release();
  return 0;
}

int xsk_umem__delete(xsk_umem* umem) {
  if (umem == nullptr) return 0;
  if (umem->in_use) return -EBUSY;
  kernel().before_close(umem->fd.get());
  delete umem;
  return 0;
}

int xsk_socket__create(xsk_socket** xsk, const char* /*ifname*/, __u32 /*queue*/, xsk_umem* umem,
                       xsk_ring_cons* rx, xsk_ring_prod* tx, const xsk_socket_config* config) {
  auto made = std::make_unique<xsk_socket>();
  if (const int r = make_socket(*made, *umem, *rx, *tx, *config); r != 0) return r;
  *xsk = made.release();
  return 0;
}

int xsk_socket__fd(const xsk_socket* xsk) { return xsk == nullptr ? -EINVAL : xsk->umem->fd.get(); }

void xsk_socket__delete(xsk_socket* xsk) {
  if (xsk == nullptr) return;
  answered_fd[static_cast<size_t>(xsk->umem->fd.get())].store(false);
  xsk->umem->in_use = false;
  delete xsk;
}

// The netdev that net_af_xdp is given carries no program of this bench: nothing is to be looked for or taken
// off.
int bpf_xdp_query_id(int /*ifindex*/, int /*flags*/, __u32* id) {
  *id = 0;
  return 0;
}
int bpf_xdp_detach(int /*ifindex*/, __u32 /*flags*/, const struct bpf_xdp_attach_opts* /*options*/) {
  return 0;
}

ssize_t recvfrom(int fd, void* buffer, size_t size, int flags, struct sockaddr* from, socklen_t* length) {
  if (answered(fd)) {
    count_call();
    errno = EAGAIN;
    return -1;
  }
  static auto* const real = next<decltype(recvfrom)>("recvfrom");
  return real(fd, buffer, size, flags, from, length);
}

ssize_t send(int fd, const void* buffer, size_t size, int flags) {
  if (answered(fd)) {
    count_call();
    return 0;
  }
  static auto* const real = next<decltype(send)>("send");
  return real(fd, buffer, size, flags);
}

// glibc says that poll() only writes there.
#ifndef __clang__
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
int poll(struct pollfd* fds, nfds_t count, int timeout) {
  if (count == 1 && answered(fds[0].fd)) {
    count_call();
    fds[0].revents = 0;
    return 0;
  }
  static auto* const real = next<decltype(poll)>("poll");
  return real(fds, count, timeout);
}
#ifndef __clang__
#pragma GCC diagnostic pop
#endif

// Preferred busy polling can be had.
int setsockopt(int fd, int level, int name, const void* value, socklen_t length) noexcept {
  if (answered(fd)) return 0;
  static auto* const real = next<decltype(setsockopt)>("setsockopt");
  return real(fd, level, name, value, length);
}

int getsockopt(int fd, int level, int name, void* value, socklen_t* length) noexcept {
  if (answered(fd)) {
    if (level != SOL_XDP) return 0;
    const int r = kernel().getsockopt(fd, level, name, value, length);
    if (r < 0) errno = -r;
    return r < 0 ? -1 : 0;
  }
  static auto* const real = next<decltype(getsockopt)>("getsockopt");
  return real(fd, level, name, value, length);
}

}  // extern "C"
