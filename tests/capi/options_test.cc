// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// Options: what is taken, and the one line for what is not.
#include <cerrno>

#include "tests/capi/queue.h"

namespace zcnbrh::testing {
namespace {

struct Refusal {
  const char* name;
  void (*change)(struct zcnbrh_options&);
  int code;
  const char* text;
};

const Refusal kRefusals[] = {
    {"NoIface", [](auto& o) { o.iface = nullptr; }, EINVAL, "key iface is missing"},
    {"EmptyIface", [](auto& o) { o.iface = ""; }, EINVAL, "iface=: no value"},
    {"CommaInIface", [](auto& o) { o.iface = "loop,zc=off"; }, EINVAL, "a value holds no comma"},
    {"LongIface", [](auto& o) { o.iface = "abcdefghijklmnop"; }, EINVAL, "16 bytes, takes 1..15"},
    {"NoSuchIface", [](auto& o) { o.iface = "zcnbrh-none"; }, ENODEV, "no such netdev"},
    {"NotInitialised", [](auto& o) { o.size = 0; }, EINVAL, "zcnbrh_options_init"},
    {"FewFrames", [](auto& o) { o.frames = 63; }, EINVAL, "frames=63: takes 64..1048576"},
    {"ManyFrames", [](auto& o) { o.frames = 1048577; }, EINVAL, "frames=1048577: takes 64..1048576"},
    {"SmallFrame", [](auto& o) { o.frame_size = 2047; }, EINVAL, "2047 bytes: kernels take 2048 to 4096"},
    {"LargeFrame", [](auto& o) { o.frame_size = 8192; }, EINVAL, "8192 bytes: kernels take 2048 to 4096"},
    {"OddFrame", [](auto& o) { o.frame_size = 3000; }, EINVAL, "multiple of 64"},
    {"OddAligned",
     [](auto& o) {
       o.frame_size = 3008;
       o.chunks = ZCNBRH_CHUNKS_ALIGNED;
     },
     EINVAL, "aligned chunks are 2048 or 4096"},
    {"FewDescriptors", [](auto& o) { o.rx_desc = 63; }, EINVAL, "nb_rx_desc=63"},
    {"ManyDescriptors", [](auto& o) { o.tx_desc = 32769; }, EINVAL, "nb_tx_desc=32769"},
    {"NoSuchChoice", [](auto& o) { o.zero_copy = 3; }, EINVAL, "zc=3: takes 0..2"},
    {"NegativeChoice", [](auto& o) { o.attach = -1; }, EINVAL, "attach=-1: takes 0..2"},
    {"BadLedger", [](auto& o) { o.ledger = 2; }, EINVAL, "ledger=2: takes 0..1"},
    {"BadTimestamps", [](auto& o) { o.timestamps = 2; }, EINVAL, "timestamps=2: takes 0 or 1"},
    {"BadNode", [](auto& o) { o.numa_node = -2; }, EINVAL, "numa_node=-2"},
    {"BadBudget", [](auto& o) { o.busy_budget = -2; }, EINVAL, "busy_budget"},
    {"ZeroCopyOnLoop", [](auto& o) { o.zero_copy = ZCNBRH_ZERO_COPY_REQUIRE; }, EINVAL,
     "the loop backend copies"},
    {"GateOnLoop", [](auto& o) { o.on_empty = ZCNBRH_GATE_DROP; }, EINVAL, "iface=loop has no XDP program"},
    {"WindowWithoutGate", [](auto& o) { o.window = 10; }, EINVAL, "add on_empty"},
    {"PeerWithoutLoop",
     [](auto& o) {
       o.iface = "lo";
       o.peer = "other";
     },
     EINVAL, "pairs loop ports only"},
    {"LoopNameWithoutLoop",
     [](auto& o) {
       o.iface = "lo";
       o.loop_name = "other";
     },
     EINVAL, "not loop"},
    {"EmptyLoopName", [](auto& o) { o.loop_name = ""; }, EINVAL, "loop_name: takes 1..63 bytes"},
    {"UnknownKey", [](auto& o) { o.devargs = "zcc=off"; }, EINVAL, "did you mean 'zc'"},
    {"BadValue", [](auto& o) { o.devargs = "tx_ring=100"; }, EINVAL, "not a power of two"},
    {"GivenTwice",
     [](auto& o) {
       o.zero_copy = ZCNBRH_ZERO_COPY_OFF;
       o.devargs = "zc=off";
     },
     EINVAL, "key 'zc' is given twice"},
    {"RingTooSmall", [](auto& o) { o.rx_desc = 128, o.devargs = "rx_ring=64"; }, EINVAL,
     "smaller than nb_rx_desc=128"},
    {"DriversKey", [](auto& o) { o.devargs = "tx_bounce=128"; }, ENOTSUP, "key tx_bounce is the DPDK driver's"},
    {"SeveralQueues", [](auto& o) { o.devargs = "queue_count=2"; }, ENOTSUP, "key queue_count"},
    {"PluginOfNobody", [](auto& o) { o.devargs = "use_cni=1"; }, EINVAL, "use_cni: iface=loop has no XDP"},
};

class Refused : public ::testing::TestWithParam<Refusal> {};
INSTANTIATE_TEST_SUITE_P(Options, Refused, ::testing::ValuesIn(kRefusals),
                         [](const auto& info) { return std::string(info.param.name); });

TEST_P(Refused, WithAnErrorThatNamesTheOption) {
  struct zcnbrh_options options = small_options("loop");
  GetParam().change(options);
  auto* out = reinterpret_cast<struct zcnbrh_queue*>(8);
  EXPECT_EQ(zcnbrh_open(&options, &out), -GetParam().code) << zcnbrh_last_error();
  EXPECT_EQ(out, nullptr);
  const std::string text = zcnbrh_last_error();
  EXPECT_NE(text.find(GetParam().text), std::string::npos) << text;
  EXPECT_EQ(text.find('\n'), std::string::npos) << text;
}

TEST(Options, DefaultsOpenTheLoop) {
  struct zcnbrh_options options;
  zcnbrh_options_init(&options);
  options.iface = "loop";
  Queue queue(options);
  const struct zcnbrh_ledger l = queue.ledger();
  EXPECT_EQ(l.frames, 2048U + 2048U + 1024U);
  EXPECT_EQ(l.rx_posted, 2048U);
  EXPECT_EQ(std::string(zcnbrh_mode(queue)).rfind("copy mode, wakeup, built-in loop backend", 0), 0U)
      << zcnbrh_mode(queue);
}

TEST(Options, DevargsAreTakenBesideTheFields) {
  const std::string name = fresh_port_name();
  struct zcnbrh_options options = small_options("loop");
  options.loop_name = name.c_str();
  options.devargs = "tx_ring=65536,rx_ring=4096,chunks=unaligned,ledger=1";
  Queue queue(options);
  ASSERT_EQ(zcnbrh_send_copy(queue, "abc", 3), 1);
  struct zcnbrh_frame frame;
  ASSERT_EQ(zcnbrh_poll(queue, &frame), 1);
  EXPECT_EQ(frame.length, 3U);
  EXPECT_EQ(zcnbrh_release(queue, &frame), 0);
}

TEST(Options, OlderAndNewerStructsAreTold) {
  const std::string name = fresh_port_name();
  struct {
    struct zcnbrh_options known;
    uint64_t later;
  } options = {small_options("loop"), 0};
  options.known.loop_name = name.c_str();
  options.known.size = sizeof options;
  struct zcnbrh_queue* queue = nullptr;
  ASSERT_EQ(zcnbrh_open(&options.known, &queue), 0) << "a newer struct, its new fields at their default";
  EXPECT_EQ(zcnbrh_close(queue), 0);
  options.later = 1;
  EXPECT_EQ(zcnbrh_open(&options.known, &queue), -E2BIG);
  // An older one: what it lacks has its default, whatever lies behind it in memory.
  options.known.size = offsetof(struct zcnbrh_options, busy_budget);
  options.known.busy_budget = -77;
  options.known.ledger = 77;
  ASSERT_EQ(zcnbrh_open(&options.known, &queue), 0) << zcnbrh_last_error();
  EXPECT_EQ(zcnbrh_close(queue), 0);
}

TEST(Options, APortKeepsItsPeer) {
  const std::string name = fresh_port_name();
  struct zcnbrh_options options = small_options("loop");
  options.loop_name = name.c_str();
  { Queue queue(options); }
  options.peer = "other";
  struct zcnbrh_queue* queue = nullptr;
  EXPECT_EQ(zcnbrh_open(&options, &queue), -EEXIST);
}

TEST(Options, VersionIsTheHeadersAndTheProjects) {
  const std::string header = std::to_string(ZCNBRH_VERSION_MAJOR) + "." + std::to_string(ZCNBRH_VERSION_MINOR) +
                             "." + std::to_string(ZCNBRH_VERSION_PATCH);
  EXPECT_EQ(zcnbrh_version(), header);
  EXPECT_EQ(header, ZCNBRH_PROJECT_VERSION);
}

}  // namespace
}  // namespace zcnbrh::testing
