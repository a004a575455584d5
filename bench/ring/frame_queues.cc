// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#include "bench/ring/frame_queues.h"

#include <stdexcept>

#include "lib/base/uapi_xdp.h"

namespace zcnbrh::bench {
namespace {

template <typename Outcome>
void must(const Outcome& outcome) {
  if (!outcome.ok()) throw std::runtime_error(outcome.error().text());
}

}  // namespace

void ApiQueue::fail() { throw std::runtime_error(std::string("C API: ") + zcnbrh_last_error()); }

ApiQueue::ApiQueue(const std::string& name, const FramePlan& plan) {
  struct zcnbrh_options options;
  zcnbrh_options_init(&options);
  options.iface = "loop";
  options.loop_name = name.c_str();
  options.frames = plan.frames;
  options.rx_desc = options.tx_desc = plan.descriptors;
  if (zcnbrh_open(&options, &queue_) != 0) fail();
  socket_ = LoopKernel::instance().kernel_side(name, 0);
}

ApiQueue::~ApiQueue() { zcnbrh_close(queue_); }

void ApiQueue::expect_at_rest() {
  struct zcnbrh_ledger now = {};
  now.size = sizeof now;
  good(zcnbrh_ledger(queue_, &now));
  if (now.application != 0 || now.tx_inflight != 0 || now.violations != 0 || now.discrepancies != 0 ||
      now.pool + now.rx_posted != now.frames)
    throw std::runtime_error("C API: frames are missing: " + std::to_string(now.pool) + " in the pool, " +
                             std::to_string(now.rx_posted) + " posted, of " + std::to_string(now.frames));
}

template <bool kOwners>
BareQueue<kOwners>::BareQueue(const std::string& name, const FramePlan& plan)
    : target_(plan.descriptors), drain_mark_(plan.descriptors / 2), free_(plan.frames), words_(plan.frames) {
  auto memory = NumaMemory::allocate(size_t{plan.frames} * kMinChunk, kAnyNode);
  must(memory);
  memory_ = std::move(*memory);
  UmemLayout layout;
  layout.base = base_ = memory_.data();
  layout.size = uint64_t{plan.frames} * kMinChunk;
  layout.chunk_size = kMinChunk;
  format_ = layout.format();
  LoopKernel& kernel = LoopKernel::instance();
  auto xsk = XskSocket::create(kernel);
  must(xsk);
  xsk_ = std::move(*xsk);
  must(Umem(layout).register_on(kernel, xsk_.fd()));
  must(xsk_.make_rings({plan.descriptors, plan.descriptors, plan.descriptors, plan.descriptors}));
  auto ifindex = kernel.port(name, {});
  must(ifindex);
  if (const int r = xsk_.bind(*ifindex, 0, XDP_COPY | XDP_USE_NEED_WAKEUP); r != 0)
    throw std::runtime_error("bind: " + std::to_string(r));
  socket_ = kernel.kernel_side(name, 0);
  give(plan.frames, [](uint32_t i) { return uint64_t{i} * kMinChunk; });
}

template <bool kOwners>
void BareQueue<kOwners>::expect_at_rest() {
  if (in_flight_ != 0 || posted_ + free_count_ != free_.size())
    throw std::runtime_error("bare rings: frames are missing");
}

template <bool kOwners>
void BareQueue<kOwners>::not_lent() {
  throw std::runtime_error("bare rings: a frame that is not lent came back");
}

template class BareQueue<false>;
template class BareQueue<true>;

}  // namespace zcnbrh::bench
