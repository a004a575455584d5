// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// A kernel that misbehaves to order. Below it is a loop kernel of its own, so a socket that is not told to
// fail works; every call is counted, and every socket and XSKMAP entry that is left behind can be seen.
// Threads: knobs before the threads start, calls from any thread.
#pragma once

#include <array>
#include <atomic>
#include <map>
#include <memory>
#include <set>
#include <utility>
#include <vector>

#include "lib/base/uapi_xdp.h"
#include "lib/xsk/loop_kernel.h"

namespace zcnbrh::testing {

// The calls that can fail. kKick and kPoke are those of the bursts.
enum class Call {
  kSocket,
  kSetsockopt,
  kGetsockopt,
  kMapRing,
  kBind,
  kMapUpdate,
  kMapDelete,
  kKick,
  kPoke,
  kEnd
};
const char* to_string(Call call);

class FakeKernel : public LoopKernel {
 public:
  static constexpr int kAnyOption = -1;

  // --- knobs ---
  // The nth call of this kind from now on (1: the next one) fails with -error and does nothing; with
  // `option` only calls for that socket option count.
  void fail(Call call, uint32_t nth, int error, int option = kAnyOption);
  // The nth control call of any kind from now on fails. A sweep over n meets every error path.
  void fail_nth_control_call(uint32_t nth, int error);
  void busy_binds(uint32_t count) { busy_binds_ = count; }  // the next binds answer EBUSY
  void refuse_binds_with(int flags, int error);             // binds with one of these flags answer -error
  void kicks_answer(int error, uint32_t times);             // and send nothing
  void pokes_answer(int error, uint32_t times);
  void old_mmap_offsets(bool on) { old_offsets_ = on; }     // before Linux 5.4: no flags in them
  void no_xdp_options(bool on) { no_options_ = on; }        // before Linux 5.3
  void old_statistics(bool on) { old_statistics_ = on; }    // before Linux 5.9: three fields
  void no_send_budget_option(bool on) { no_budget_ = on; }  // before Linux 6.17
  // What XDP_OPTIONS says whatever was bound.
  void claim_zero_copy(bool says) { claim_ = says ? 1 : 0; }

  // --- what happened ---
  uint32_t calls(Call call) const { return counts_[static_cast<size_t>(call)].load(); }
  uint32_t control_calls() const;
  uint32_t registrations() const { return registrations_; }  // XDP_UMEM_REG that succeeded
  const uapi::XdpUmemReg& last_registration() const { return last_registration_; }
  bool failed() const { return failed_; }  // an ordered failure of a control call was delivered
  std::vector<int> bind_flags() const { return bind_flags_; }  // of each bind that was asked for, in order
  size_t map_entries() const { return entries_.size(); }

  Result<UniqueFd> socket(int domain, int type, int protocol) noexcept override;
  int setsockopt(int fd, int level, int name, const void* value, socklen_t length) noexcept override;
  int getsockopt(int fd, int level, int name, void* value, socklen_t* length) noexcept override;
  int bind(int fd, const struct sockaddr* address, socklen_t length) noexcept override;
  Result<Mapping> map_ring(int fd, size_t length, uint64_t page_offset) noexcept override;
  void before_close(int fd) noexcept override;
  Wake wake(int fd) noexcept override;
  int map_update(int map_fd, const void* key, const void* value) noexcept override;
  int map_delete(int map_fd, const void* key) noexcept override;

 private:
  struct Order {
    Call call = Call::kEnd;
    int option = kAnyOption;
    uint32_t left = 0;
    int error = 0;
  };
  struct Waker {
    FakeKernel* kernel;
    Wake inner;
  };

  int count(Call call, int option = kAnyOption);  // 0, or the -error that was ordered
  static int kick(void* context) noexcept;
  static int poke(void* context) noexcept;

  std::array<std::atomic<uint32_t>, static_cast<size_t>(Call::kEnd)> counts_{};
  std::vector<Order> orders_;
  uint32_t any_left_ = 0;
  int any_error_ = 0;
  bool failed_ = false;
  uint32_t busy_binds_ = 0;
  int refused_flags_ = 0;
  int refused_error_ = 0;
  std::atomic<uint32_t> kick_errors_left_{0};
  int kick_error_ = 0;
  std::atomic<uint32_t> poke_errors_left_{0};
  int poke_error_ = 0;
  bool old_offsets_ = false;
  bool no_options_ = false;
  bool old_statistics_ = false;
  bool no_budget_ = false;
  int claim_ = -1;
  uint32_t registrations_ = 0;
  uapi::XdpUmemReg last_registration_{};
  std::vector<int> bind_flags_;
  std::map<std::pair<int, uint32_t>, int> entries_;  // (map, queue) -> socket
  std::map<int, std::unique_ptr<Waker>> wakers_;
};

}  // namespace zcnbrh::testing
