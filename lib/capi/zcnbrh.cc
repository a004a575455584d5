// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// The exported functions: check, call, translate to -errno and a line of text. What they mean is in
// include/zcnbrh/zcnbrh.h.
#include "include/zcnbrh/zcnbrh.h"

#include <atomic>
#include <cerrno>

#include "lib/base/log.h"
#include "lib/capi/frame_queue.h"
#include "lib/capi/last_error.h"
#include "lib/capi/open_plan.h"
#include "lib/capi/sized.h"

using zcnbrh::LogLevel;
using zcnbrh::capi::copy_sized;
using zcnbrh::capi::fail;
using zcnbrh::capi::FrameQueue;
using zcnbrh::capi::has_size;

namespace {

FrameQueue* inside(struct zcnbrh_queue* queue) { return reinterpret_cast<FrameQueue*>(queue); }
const FrameQueue* inside(const struct zcnbrh_queue* queue) {
  return reinterpret_cast<const FrameQueue*>(queue);
}

// 0 when the call may go on.
int refuse(const struct zcnbrh_queue* queue, const void* argument, const char* call) {
  if (queue == nullptr || argument == nullptr) [[unlikely]]
    return fail(EINVAL, call, "an argument is NULL");
  if (!inside(queue)->is_of_this_process()) [[unlikely]]
    return fail(EPERM, call,
                "the queue belongs to the parent process; open it after fork(), close it in the child");
  return 0;
}

int explain(const FrameQueue& queue, int code, const char* call) {
  switch (code) {
    case EINVAL:
      return fail(code, call,
                  "the application does not hold this frame of this queue; it was given back already, is "
                  "another queue's, or its data or cookie were overwritten");
    case EMSGSIZE:
      return fail(code, call, "length is 0 or more than the frame has behind data");
    case ENETDOWN:
      return fail(code, call, "packets wait and the interface is down or gone; set it up, or close the queue");
    case ENOTRECOVERABLE:
      return fail({code, call, "stopped at an ownership violation (ledger=1): " + queue.violation_text()});
    case ENOTSUP:
      return fail(code, call, "the loop backend has no file descriptor to wait on; poll it");
    default:
      return fail(code, call, "");
  }
}

// Passes counts through and gives errors their text.
int answer(const FrameQueue& queue, int result, const char* call) {
  if (result < 0) [[unlikely]]
    return explain(queue, -result, call);
  return result;
}

std::atomic<void (*)(int, const char*)> g_log{nullptr};

void forward_log(LogLevel level, const char* line) {
  if (auto* log = g_log.load(std::memory_order_acquire)) log(static_cast<int>(level), line);
}
static_assert(static_cast<int>(LogLevel::kWarning) == ZCNBRH_LOG_WARNING &&
              static_cast<int>(LogLevel::kNotice) == ZCNBRH_LOG_NOTICE &&
              static_cast<int>(LogLevel::kInfo) == ZCNBRH_LOG_INFO &&
              static_cast<int>(LogLevel::kDebug) == ZCNBRH_LOG_DEBUG);

#define ZCNBRH_TEXT_(x) #x
#define ZCNBRH_TEXT(x) ZCNBRH_TEXT_(x)
constexpr char kVersion[] = ZCNBRH_TEXT(ZCNBRH_VERSION_MAJOR) "." ZCNBRH_TEXT(
    ZCNBRH_VERSION_MINOR) "." ZCNBRH_TEXT(ZCNBRH_VERSION_PATCH);

}  // namespace

extern "C" {

int zcnbrh_open(const struct zcnbrh_options* options, struct zcnbrh_queue** out) noexcept {
  if (out == nullptr) return fail(EINVAL, "zcnbrh_open", "an argument is NULL");
  *out = nullptr;
  if (options == nullptr) return fail(EINVAL, "zcnbrh_open", "an argument is NULL");
  auto plan = zcnbrh::capi::read_options(*options);
  if (!plan) return fail(plan.error());
  auto queue = FrameQueue::open(*plan);
  if (!queue) return fail(queue.error());
  *out = reinterpret_cast<struct zcnbrh_queue*>(queue->release());
  return 0;
}

int zcnbrh_close(struct zcnbrh_queue* queue) noexcept {
  if (queue == nullptr) return fail(EINVAL, "zcnbrh_close", "an argument is NULL");
  FrameQueue* inner = inside(queue);
  if (!inner->is_of_this_process()) {
    inner->abandon();
    return 0;
  }
  const bool free = inner->close();
  delete inner;
  return free ? 0
              : fail(EBUSY, "zcnbrh_close",
                     "the kernel has not let go of the frames; their memory stays mapped");
}

int zcnbrh_poll_batch(struct zcnbrh_queue* queue, struct zcnbrh_frame* frames, uint32_t count) noexcept {
  if (const int error = refuse(queue, frames, "zcnbrh_poll")) return error;
  return answer(*inside(queue), inside(queue)->poll(frames, count), "zcnbrh_poll");
}

int zcnbrh_poll(struct zcnbrh_queue* queue, struct zcnbrh_frame* frame) noexcept {
  return zcnbrh_poll_batch(queue, frame, 1);
}

int zcnbrh_release_batch(struct zcnbrh_queue* queue, const struct zcnbrh_frame* frames,
                         uint32_t count) noexcept {
  if (const int error = refuse(queue, frames, "zcnbrh_release")) return error;
  return answer(*inside(queue), inside(queue)->release(frames, count), "zcnbrh_release");
}

int zcnbrh_release(struct zcnbrh_queue* queue, const struct zcnbrh_frame* frame) noexcept {
  const int released = zcnbrh_release_batch(queue, frame, 1);
  return released < 0 ? released : 0;
}

int zcnbrh_alloc_batch(struct zcnbrh_queue* queue, struct zcnbrh_frame* frames, uint32_t count) noexcept {
  if (const int error = refuse(queue, frames, "zcnbrh_alloc")) return error;
  return answer(*inside(queue), inside(queue)->alloc(frames, count), "zcnbrh_alloc");
}

int zcnbrh_alloc(struct zcnbrh_queue* queue, struct zcnbrh_frame* frame) noexcept {
  return zcnbrh_alloc_batch(queue, frame, 1);
}

int zcnbrh_send_batch(struct zcnbrh_queue* queue, const struct zcnbrh_frame* frames, uint32_t count) noexcept {
  if (const int error = refuse(queue, frames, "zcnbrh_send")) return error;
  return answer(*inside(queue), inside(queue)->send(frames, count), "zcnbrh_send");
}

int zcnbrh_send(struct zcnbrh_queue* queue, const struct zcnbrh_frame* frame) noexcept {
  return zcnbrh_send_batch(queue, frame, 1);
}

int zcnbrh_send_copy(struct zcnbrh_queue* queue, const void* data, size_t length) noexcept {
  if (const int error = refuse(queue, data, "zcnbrh_send_copy")) return error;
  return answer(*inside(queue), inside(queue)->send_copy(data, length), "zcnbrh_send_copy");
}

int zcnbrh_flush(struct zcnbrh_queue* queue) noexcept {
  if (const int error = refuse(queue, queue, "zcnbrh_flush")) return error;
  return answer(*inside(queue), inside(queue)->flush(), "zcnbrh_flush");
}

int zcnbrh_fd(const struct zcnbrh_queue* queue) noexcept {
  if (const int error = refuse(queue, queue, "zcnbrh_fd")) return error;
  return answer(*inside(queue), inside(queue)->fd(), "zcnbrh_fd");
}

int zcnbrh_wait(struct zcnbrh_wait_item* items, uint32_t count, int timeout_ms) noexcept {
  constexpr const char* kCall = "zcnbrh_wait";
  if (items == nullptr) return fail(EINVAL, kCall, "an argument is NULL");
  if (count == 0 || count > zcnbrh::capi::kMostWaited) return fail(EINVAL, kCall, "count: takes 1..256");
  for (uint32_t i = 0; i < count; ++i) {
    if (const int error = refuse(items[i].queue, items, kCall)) return error;
    if (items[i].events == 0 || (items[i].events & ~uint32_t{ZCNBRH_WAIT_RX | ZCNBRH_WAIT_TX}) != 0)
      return fail(EINVAL, kCall, "events: takes ZCNBRH_WAIT_RX, ZCNBRH_WAIT_TX or both");
  }
  const int result = zcnbrh::capi::wait_for(items, count, timeout_ms);
  return result < 0 ? fail(-result, kCall, "") : result;
}

int zcnbrh_stats(const struct zcnbrh_queue* queue, struct zcnbrh_stats* stats) noexcept {
  if (const int error = refuse(queue, stats, "zcnbrh_stats")) return error;
  if (!has_size(stats)) return fail(EINVAL, "zcnbrh_stats", "stats->size is not set");
  struct zcnbrh_stats known {};
  inside(queue)->read_stats(known);
  copy_sized(known, stats);
  return 0;
}

int zcnbrh_ledger(const struct zcnbrh_queue* queue, struct zcnbrh_ledger* ledger) noexcept {
  if (const int error = refuse(queue, ledger, "zcnbrh_ledger")) return error;
  if (!has_size(ledger)) return fail(EINVAL, "zcnbrh_ledger", "ledger->size is not set");
  struct zcnbrh_ledger known {};
  inside(queue)->read_ledger(known);
  copy_sized(known, ledger);
  return 0;
}

const char* zcnbrh_mode(const struct zcnbrh_queue* queue) noexcept {
  return queue != nullptr ? inside(queue)->mode().c_str() : "";
}

const char* zcnbrh_last_error(void) noexcept { return zcnbrh::capi::last_error(); }

const char* zcnbrh_version(void) noexcept { return kVersion; }

void zcnbrh_set_log(void (*log)(int level, const char* line)) noexcept {
  g_log.store(log, std::memory_order_release);
  zcnbrh::set_log_sink(log != nullptr ? forward_log : nullptr);
}

}  // extern "C"
