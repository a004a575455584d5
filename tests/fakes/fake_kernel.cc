// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#include "tests/fakes/fake_kernel.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "lib/base/uapi_xdp.h"

namespace zcnbrh::testing {
namespace {

bool is_control(Call call) { return call != Call::kKick && call != Call::kPoke; }

// Takes one of `left`, from any thread.
bool take_one(std::atomic<uint32_t>& left) {
  uint32_t have = left.load();
  while (have != 0 && !left.compare_exchange_weak(have, have - 1)) {
  }
  return have != 0;
}

// A kernel that knows a shorter struct fills that much and says so.
int shorten(void* value, socklen_t* length, const void* whole, socklen_t known) {
  if (*length < known) return -EINVAL;
  std::memcpy(value, whole, known);
  *length = known;
  return 0;
}

}  // namespace

const char* to_string(Call call) {
  switch (call) {
    case Call::kSocket:
      return "socket";
    case Call::kSetsockopt:
      return "setsockopt";
    case Call::kGetsockopt:
      return "getsockopt";
    case Call::kMapRing:
      return "mmap";
    case Call::kBind:
      return "bind";
    case Call::kMapUpdate:
      return "map update";
    case Call::kMapDelete:
      return "map delete";
    case Call::kKick:
      return "sendto";
    case Call::kPoke:
      return "recvfrom";
    case Call::kEnd:
      break;
  }
  return "?";
}

void FakeKernel::fail(Call call, uint32_t nth, int error, int option) {
  orders_.push_back({call, option, nth, error});
}

void FakeKernel::fail_nth_control_call(uint32_t nth, int error) {
  any_left_ = nth;
  any_error_ = error;
  failed_ = false;
}

void FakeKernel::refuse_binds_with(int flags, int error) {
  refused_flags_ = flags;
  refused_error_ = error;
}

void FakeKernel::kicks_answer(int error, uint32_t times) {
  kick_error_ = error;
  kick_errors_left_ = times;
}

void FakeKernel::pokes_answer(int error, uint32_t times) {
  poke_error_ = error;
  poke_errors_left_ = times;
}

uint32_t FakeKernel::control_calls() const {
  uint32_t sum = 0;
  for (int call = 0; call < static_cast<int>(Call::kEnd); ++call)
    if (is_control(static_cast<Call>(call))) sum += calls(static_cast<Call>(call));
  return sum;
}

int FakeKernel::count(Call call, int option) {
  counts_[static_cast<size_t>(call)].fetch_add(1);
  if (!is_control(call)) return 0;
  int error = 0;
  for (Order& order : orders_) {
    const bool meant = order.call == call && (order.option == kAnyOption || order.option == option);
    if (meant && order.left != 0 && --order.left == 0) error = order.error;
  }
  if (any_left_ != 0 && --any_left_ == 0) error = any_error_;
  if (error != 0) failed_ = true;
  return -error;
}

Result<UniqueFd> FakeKernel::socket(int domain, int type, int protocol) noexcept {
  if (const int error = count(Call::kSocket); error != 0) return Error{-error, "socket(AF_XDP)", {}};
  return LoopKernel::socket(domain, type, protocol);
}

int FakeKernel::setsockopt(int fd, int level, int name, const void* value, socklen_t length) noexcept {
  if (const int error = count(Call::kSetsockopt, name); error != 0) return error;
  if (level == SOL_SOCKET) return 0;  // busy polling
  if (name == uapi::kXdpMaxTxSkbBudget) {
    LoopSocket* socket = kernel_side(fd);
    if (no_budget_ || socket == nullptr || length != sizeof socket->kick_budget) return -ENOPROTOOPT;
    std::memcpy(&socket->kick_budget, value, sizeof socket->kick_budget);
    return 0;
  }
  const int result = LoopKernel::setsockopt(fd, level, name, value, length);
  if (name == XDP_UMEM_REG && result == 0 && length == sizeof last_registration_) {
    ++registrations_;
    std::memcpy(&last_registration_, value, length);
  }
  return result;
}

int FakeKernel::getsockopt(int fd, int level, int name, void* value, socklen_t* length) noexcept {
  if (const int error = count(Call::kGetsockopt, name); error != 0) return error;
  if (name == XDP_OPTIONS && no_options_) return -ENOPROTOOPT;
  if (name == XDP_OPTIONS && claim_ >= 0) {
    const struct xdp_options options = {claim_ == 1 ? XDP_OPTIONS_ZEROCOPY : 0U};
    return shorten(value, length, &options, sizeof options);
  }
  if (name == XDP_MMAP_OFFSETS && old_offsets_) {
    const uint64_t offsets[12] = {};  // struct xdp_mmap_offsets_v1: three fields a ring
    return shorten(value, length, offsets, sizeof offsets);
  }
  if (name == XDP_STATISTICS && old_statistics_) {
    struct xdp_statistics all {};
    socklen_t whole = sizeof all;
    const int result = LoopKernel::getsockopt(fd, level, name, &all, &whole);
    return result < 0 ? result : shorten(value, length, &all, 3 * sizeof(uint64_t));
  }
  return LoopKernel::getsockopt(fd, level, name, value, length);
}

int FakeKernel::bind(int fd, const struct sockaddr* address, socklen_t length) noexcept {
  struct sockaddr_xdp asked {};
  std::memcpy(&asked, address, std::min<size_t>(length, sizeof asked));
  bind_flags_.push_back(asked.sxdp_flags);
  if (const int error = count(Call::kBind); error != 0) return error;
  if (busy_binds_ != 0) {
    --busy_binds_;
    return -EBUSY;
  }
  if ((asked.sxdp_flags & refused_flags_) != 0) return -refused_error_;
  return LoopKernel::bind(fd, address, length);
}

Result<Mapping> FakeKernel::map_ring(int fd, size_t length, uint64_t page_offset) noexcept {
  if (const int error = count(Call::kMapRing); error != 0) return Error{-error, "mmap of an AF_XDP ring", {}};
  return LoopKernel::map_ring(fd, length, page_offset);
}

void FakeKernel::before_close(int fd) noexcept {
  std::erase_if(entries_, [fd](const auto& entry) { return entry.second == fd; });  // as the kernel does
  LoopKernel::before_close(fd);
  wakers_.erase(fd);
}

Wake FakeKernel::wake(int fd) noexcept {
  auto& waker = wakers_[fd];
  if (!waker) waker = std::make_unique<Waker>(Waker{this, LoopKernel::wake(fd)});
  return {waker.get(), kick, poke, kick};
}

int FakeKernel::kick(void* context) noexcept {
  auto& waker = *static_cast<Waker*>(context);
  waker.kernel->count(Call::kKick);
  if (take_one(waker.kernel->kick_errors_left_)) return -waker.kernel->kick_error_;
  return waker.inner.kick_tx(waker.inner.context);
}

int FakeKernel::poke(void* context) noexcept {
  auto& waker = *static_cast<Waker*>(context);
  waker.kernel->count(Call::kPoke);
  if (take_one(waker.kernel->poke_errors_left_)) return -waker.kernel->poke_error_;
  return waker.inner.poke_rx(waker.inner.context);
}

int FakeKernel::map_update(int map_fd, const void* key, const void* value) noexcept {
  if (const int error = count(Call::kMapUpdate); error != 0) return error;
  const int result = LoopKernel::map_update(map_fd, key, value);
  uint32_t queue = 0;
  int fd = -1;
  std::memcpy(&queue, key, sizeof queue);
  std::memcpy(&fd, value, sizeof fd);
  if (result == 0) entries_[{map_fd, queue}] = fd;
  return result;
}

int FakeKernel::map_delete(int map_fd, const void* key) noexcept {
  if (const int error = count(Call::kMapDelete); error != 0) return error;
  uint32_t queue = 0;
  std::memcpy(&queue, key, sizeof queue);
  entries_.erase({map_fd, queue});
  return LoopKernel::map_delete(map_fd, key);
}

}  // namespace zcnbrh::testing
