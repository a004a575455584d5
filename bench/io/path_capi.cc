// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// libzcnbrh, the project's own C API.
#include <poll.h>
#include <zcnbrh/zcnbrh.h>

#include <array>
#include <cstring>

#include "bench/io/path.h"

namespace zcnbrh::bench {
namespace {

class CapiPath final : public Path {
 public:
  explicit CapiPath(const PathOptions& options) {
    zcnbrh_options wanted;
    zcnbrh_options_init(&wanted);
    wanted.iface = options.netdev.c_str();
    wanted.devargs = options.keys.empty() ? nullptr : options.keys.c_str();
    if (zcnbrh_open(&wanted, &queue_) != 0) fail(zcnbrh_last_error());
  }
  ~CapiPath() override { zcnbrh_close(queue_); }

  std::span<const Bytes> receive() override {
    const int got = zcnbrh_poll_batch(queue_, frames_.data(), kBatch);
    if (got < 0) fail(zcnbrh_last_error());
    count_ = static_cast<uint32_t>(got);
    for (uint32_t i = 0; i < count_; ++i)
      packets_[i] = {static_cast<std::byte*>(frames_[i].data), frames_[i].length};
    return {packets_.data(), count_};
  }
  void release() override { zcnbrh_release_batch(queue_, frames_.data(), count_); }
  void send_back() override {
    const int sent = zcnbrh_send_batch(queue_, frames_.data(), count_);
    const uint32_t done = sent < 0 ? 0 : static_cast<uint32_t>(sent);
    if (done < count_) zcnbrh_release_batch(queue_, frames_.data() + done, count_ - done);
  }
  uint32_t send(std::span<const std::byte> packet) override {
    const int lent = zcnbrh_alloc_batch(queue_, frames_.data(), kBatch);
    if (lent <= 0) {
      zcnbrh_flush(queue_);
      return 0;
    }
    count_ = static_cast<uint32_t>(lent);
    for (uint32_t i = 0; i < count_; ++i) {
      std::memcpy(frames_[i].data, packet.data(), packet.size());
      frames_[i].length = static_cast<uint32_t>(packet.size());
    }
    const int sent = zcnbrh_send_batch(queue_, frames_.data(), count_);
    const uint32_t done = sent < 0 ? 0 : static_cast<uint32_t>(sent);
    if (done < count_) zcnbrh_release_batch(queue_, frames_.data() + done, count_ - done);
    return done;
  }
  void wait(int milliseconds) override {
    pollfd events{zcnbrh_fd(queue_), POLLIN, 0};
    ::poll(&events, 1, milliseconds);
  }

 private:
  zcnbrh_queue* queue_ = nullptr;
  std::array<zcnbrh_frame, kBatch> frames_{};
  std::array<Bytes, kBatch> packets_{};
  uint32_t count_ = 0;
};

}  // namespace

std::unique_ptr<Path> open_capi(const PathOptions& options) { return std::make_unique<CapiPath>(options); }

}  // namespace zcnbrh::bench
