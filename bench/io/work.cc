// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#include "bench/io/work.h"

#include <csignal>
#include <optional>
#include <vector>

#include "bench/io/meters.h"
#include "bench/io/packet_text.h"
#include "bench/io/stamp.h"

namespace zcnbrh::bench {
namespace {

constexpr double kPatience = 10;      // seconds for the first packet, and for each next
constexpr int kSleep = 50;            // milliseconds at most in wait(), to see the end of the time
constexpr uint32_t kClockEvery = 64;  // polls without a packet between two looks at the clock

volatile std::sig_atomic_t stopped;

class Runner {
 public:
  Runner(Path& path, const PathOptions& where, const WorkOptions& options)
      : path_(path), where_(where), options_(options), frame_(udp_frame(options.size, false)) {}

  Measured run() {
    if (options_.count_calls) calls_.emplace();
    const uint64_t patience = now_ns() + to_ns(kPatience);
    while (!options_.idle && step() == 0)
      if (now_ns() > patience) fail("no packet moved within ten seconds");
    run_for(options_.warm_up);
    start();
    run_for(options_.seconds);
    return stop();
  }

 private:
  static uint64_t to_ns(double seconds) { return static_cast<uint64_t>(seconds * 1e9); }

  void run_for(double seconds) {
    const uint64_t end = now_ns() + to_ns(seconds);
    for (uint32_t empty = 0;;) {
      if (step() == 0 && ++empty % kClockEvery != 0 && !where_.sleeps) continue;
      if (now_ns() >= end || stopped != 0) return;
    }
  }

  // One batch; returns the packets moved.
  uint32_t step() {
    const uint32_t moved = options_.work == Work::kSend ? give() : take();
    found_.packets += moved;
    return moved;
  }
  uint32_t give() {
    const uint64_t before = tsc();
    const uint32_t moved = path_.send(payload(frame_));
    if (moved != 0) found_.sending_cycles += tsc() - before;
    return moved;
  }
  uint32_t take() {
    ++found_.polls;
    const std::span<const Bytes> packets = path_.receive();
    const auto count = static_cast<uint32_t>(packets.size());
    if (count == 0) {
      if (where_.sleeps) path_.wait(kSleep);
      return 0;
    }
    note_times(packets);
    if (options_.work == Work::kEcho)
      echo(packets);
    else
      path_.release();
    return count;
  }
  void echo(std::span<const Bytes> packets) {
    if (!path_.datagrams())
      for (const Bytes packet : packets) swap_macs(packet);
    path_.send_back();
  }
  void note_times(std::span<const Bytes> packets) {
    uint64_t now = 0;  // one look at the clock a batch, and none where there is no stamp
    for (const Bytes packet : packets) {
      const uint64_t sent = Stamp::get(payload(packet));
      if (sent == 0) continue;
      if (now == 0) now = now_ns();
      found_.one_way.add(now > sent ? now - sent : 0);
    }
  }
  template <class Packet>
  std::span<typename Packet::value_type> payload(Packet& packet) const {
    const std::span<typename Packet::value_type> all(packet);
    const bool whole = options_.work == Work::kSend ? !path_.datagrams() : path_.datagrams();
    return whole || all.size() < kPayloadOffset ? all : all.subspan(kPayloadOffset);
  }

  void start() {
    found_ = {};
    core_ = core_times(where_.cpu);
    cpu_ = process_seconds();
    first_call_ = calls_ ? calls_->read() : 0;
    on_wire_ = netdev_sent(where_.netdev);
    tsc_ = tsc();
    started_ = now_ns();
  }
  Measured stop() {
    found_.seconds = static_cast<double>(now_ns() - started_) / 1e9;
    const auto cycles = static_cast<double>(tsc() - tsc_);
    found_.on_wire = netdev_sent(where_.netdev) - on_wire_;
    if (calls_) found_.calls = calls_->read() - first_call_;
    found_.cpu_seconds = process_seconds() - cpu_;
    const CoreTimes core = core_times(where_.cpu);
    if (const double all = core.all - core_.all; all > 0) {
      found_.core_share = (core.busy - core_.busy) / all;
      found_.softirq_share = (core.softirq - core_.softirq) / all;
    }
    found_.cycles = cycles * found_.core_share;
    return found_;
  }

  Path& path_;
  const PathOptions& where_;
  const WorkOptions& options_;
  std::vector<std::byte> frame_;
  std::optional<CallCounter> calls_;
  Measured found_;
  CoreTimes core_;
  double cpu_ = 0;
  int64_t first_call_ = 0;
  uint64_t tsc_ = 0, started_ = 0, on_wire_ = 0;
};

}  // namespace

Measured run_work(Path& path, const PathOptions& where, const WorkOptions& options) {
  std::signal(SIGTERM, [](int) { stopped = 1; });
  return Runner(path, where, options).run();
}

}  // namespace zcnbrh::bench
