// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// zcnbrh_memory_*: frames that several queues share. What the calls mean is in include/zcnbrh/memory.h.
#include "include/zcnbrh/memory.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "lib/capi/last_error.h"
#include "lib/capi/open_plan.h"
#include "lib/capi/sized.h"

using zcnbrh::Error;
using zcnbrh::Result;
using zcnbrh::capi::copy_sized;
using zcnbrh::capi::fail;
using zcnbrh::capi::FrameMemory;
using zcnbrh::capi::has_size;
using zcnbrh::capi::MemoryHandle;
using zcnbrh::capi::MemoryPlan;

namespace {

constexpr const char* kCall = "zcnbrh_memory_open options";
constexpr size_t kLeastSize = sizeof(struct zcnbrh_memory_options);  // of the first version

FrameMemory* inside(struct zcnbrh_memory* memory) {
  return reinterpret_cast<MemoryHandle*>(memory)->memory.get();
}
const FrameMemory* inside(const struct zcnbrh_memory* memory) {
  return reinterpret_cast<const MemoryHandle*>(memory)->memory.get();
}

Error bad(std::string why, int code = EINVAL) { return Error{code, kCall, std::move(why)}; }

Result<MemoryPlan> read_options(const struct zcnbrh_memory_options& o) {
  if (o.size < kLeastSize || o.size > zcnbrh::capi::kMostSize)
    return bad("size=" + std::to_string(o.size) + ": call zcnbrh_memory_options_init() first");
  const auto* bytes = reinterpret_cast<const unsigned char*>(&o);
  if (std::any_of(bytes + sizeof o, bytes + o.size, [](unsigned char byte) { return byte != 0; }))
    return bad("options of a newer memory.h are set that this libzcnbrh.so does not know", E2BIG);
  if (o.frames < zcnbrh::capi::kLeastFrames || o.frames > zcnbrh::capi::kMostFrames)
    return bad("frames=" + std::to_string(o.frames) + ": takes 64..1048576");
  if (o.chunks < ZCNBRH_CHUNKS_AUTO || o.chunks > ZCNBRH_CHUNKS_UNALIGNED)
    return bad("chunks=" + std::to_string(o.chunks) + ": takes 0..2");
  if (o.numa_node < -1 || o.numa_node > 1023)
    return bad("numa_node=" + std::to_string(o.numa_node) + ": takes -1 (any) or a node's number");
  if (o.ledger != 0 && o.ledger != 1) return bad("ledger=" + std::to_string(o.ledger) + ": takes 0 or 1");
  MemoryPlan plan;
  plan.frames = o.frames;
  plan.frame_size = o.frame_size != 0 ? o.frame_size : zcnbrh::kMinChunk;
  plan.unaligned = o.chunks == ZCNBRH_CHUNKS_UNALIGNED ||
                   (o.chunks == ZCNBRH_CHUNKS_AUTO && plan.frame_size != 2048 && plan.frame_size != 4096);
  plan.page_bound = true;  // which devices come is not known yet
  plan.node = o.numa_node;
  plan.history = o.ledger == 1;
  plan.shared = true;
  return plan;
}

// Out of the noexcept function: a failed new ends the process, and clang-tidy wants that said.
struct zcnbrh_memory* handle_of(std::shared_ptr<FrameMemory> memory) {
  return reinterpret_cast<struct zcnbrh_memory*>(new MemoryHandle{std::move(memory)});
}

// 0 when the call may go on.
int refuse(const struct zcnbrh_memory* memory, const void* argument, const char* call) {
  if (memory == nullptr || argument == nullptr) [[unlikely]]
    return fail(EINVAL, call, "an argument is NULL");
  if (!inside(memory)->is_of_this_process()) [[unlikely]]
    return fail(EPERM, call, "the memory belongs to the parent process; open one after fork()");
  return 0;
}

}  // namespace

extern "C" {

int zcnbrh_memory_open(const struct zcnbrh_memory_options* options, struct zcnbrh_memory** out) noexcept {
  if (out == nullptr) return fail(EINVAL, "zcnbrh_memory_open", "an argument is NULL");
  *out = nullptr;
  if (options == nullptr) return fail(EINVAL, "zcnbrh_memory_open", "an argument is NULL");
  auto plan = read_options(*options);
  if (!plan) return fail(plan.error());
  auto memory = FrameMemory::create(*plan);
  if (!memory) return fail(memory.error());
  *out = handle_of(std::move(*memory));
  return 0;
}

int zcnbrh_memory_close(struct zcnbrh_memory* memory) noexcept {
  if (memory == nullptr) return fail(EINVAL, "zcnbrh_memory_close", "an argument is NULL");
  auto* handle = reinterpret_cast<MemoryHandle*>(memory);
  if (!handle->memory->is_of_this_process()) return 0;
  {
    const std::lock_guard guard(handle->memory->lock());
    if (handle->memory->in_use())
      return fail(EBUSY, "zcnbrh_memory_close", "queues of this memory are open; close them first");
  }
  delete handle;
  return 0;
}

int zcnbrh_memory_release_batch(struct zcnbrh_memory* memory, const struct zcnbrh_frame* frames,
                                uint32_t count) noexcept {
  if (const int error = refuse(memory, frames, "zcnbrh_memory_release")) return error;
  uint32_t no_credits = 0;  // frames of a shared memory have none
  const uint32_t done = inside(memory)->book().release(frames, count, no_credits);
  if (done != 0 || count == 0) return static_cast<int>(done);
  return fail(EINVAL, "zcnbrh_memory_release",
              "the application does not hold this frame of this memory; it was given back already, is another "
              "memory's, or its data or cookie were overwritten");
}

int zcnbrh_memory_release(struct zcnbrh_memory* memory, const struct zcnbrh_frame* frame) noexcept {
  const int released = zcnbrh_memory_release_batch(memory, frame, 1);
  return released < 0 ? released : 0;
}

int zcnbrh_memory_ledger(const struct zcnbrh_memory* memory, struct zcnbrh_ledger* ledger) noexcept {
  if (const int error = refuse(memory, ledger, "zcnbrh_memory_ledger")) return error;
  if (!has_size(ledger)) return fail(EINVAL, "zcnbrh_memory_ledger", "ledger->size is not set");
  struct zcnbrh_ledger known {};
  {
    const std::lock_guard guard(inside(memory)->lock());
    inside(memory)->read_ledger(known);
  }
  copy_sized(known, ledger);
  return 0;
}

}  // extern "C"
