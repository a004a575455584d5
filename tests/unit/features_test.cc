// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// The feature table against a fake kernel of each age, and against the one that runs here.
#include "lib/xdp/features.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/if_xdp.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <map>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "lib/base/log.h"
#include "lib/base/uapi_xdp.h"

namespace zcnbrh {
namespace {

constexpr int version(int major, int minor) { return major * 100 + minor; }

// Answers as net/xdp/xsk.c of a given version does, as far as the probes ask.
class AgedKernel : public Kernel {
 public:
  explicit AgedKernel(int age) : age_(age) {}

  int socket_error = 0;                             // errno of socket(), 0: it works
  std::map<std::pair<int, int>, int> option_error;  // {level, name} -> errno that setsockopt answers
  std::atomic<int> sockets{0};
  int closes = 0, successful_binds = 0;

  Result<UniqueFd> socket(int, int, int) noexcept override {
    ++sockets;
    if (socket_error != 0) return Error{socket_error, "socket(AF_XDP)", {}};
    return UniqueFd(::eventfd(0, EFD_CLOEXEC));
  }
  void before_close(int) noexcept override { ++closes; }

  int setsockopt(int, int level, int name, const void* value, socklen_t length) noexcept override {
    auto forced = option_error.find({level, name});
    if (forced != option_error.end()) return -forced->second;
    if (level == SOL_SOCKET) return age_ >= version(5, 11) ? 0 : -ENOPROTOOPT;
    switch (name) {
      case XDP_UMEM_REG:
        return reg(value, length);
      case XDP_UMEM_FILL_RING:
        return age_ >= version(5, 10) ? 0 : -EINVAL;
      case uapi::kXdpMaxTxSkbBudget:
        return age_ >= version(6, 17) ? -EACCES : -ENOPROTOOPT;
      default:
        return -ENOPROTOOPT;
    }
  }
  int getsockopt(int, int, int name, void*, socklen_t* length) noexcept override {
    if (name == XDP_STATISTICS) *length = age_ >= version(5, 9) ? 48 : 24;
    if (name == XDP_MMAP_OFFSETS) *length = age_ >= version(5, 4) ? 128 : 96;
    return 0;
  }
  int bind(int, const sockaddr* address, socklen_t) noexcept override {
    const auto* xdp = reinterpret_cast<const sockaddr_xdp*>(address);
    unsigned known = XDP_SHARED_UMEM | XDP_COPY | XDP_ZEROCOPY | XDP_USE_NEED_WAKEUP;
    if (age_ >= version(6, 6)) known |= uapi::kXdpUseSg;
    if (age_ >= version(5, 3) && (xdp->sxdp_flags & ~known) != 0) return -EINVAL;
    if (xdp->sxdp_ifindex > 1000) return -ENODEV;
    ++successful_binds;
    return 0;
  }
  Wake wake(int) noexcept override {
    if (age_ >= version(5, 11)) return {nullptr, nullptr, [](void*) noexcept { return -ENXIO; }};
    return {nullptr, nullptr, [](void*) noexcept { return -EOPNOTSUPP; }};
  }

 private:
  int reg(const void* value, socklen_t length) const {
    struct {
      uint64_t addr, len;
      uint32_t chunk_size, headroom, flags, tx_metadata_len;
    } asked{};
    std::memcpy(&asked, value, std::min<size_t>(length, sizeof(asked)));
    unsigned known = age_ >= version(5, 4) ? XDP_UMEM_UNALIGNED_CHUNK_FLAG : 0;
    if (age_ >= version(6, 11)) known |= 4;
    if ((asked.flags & ~known) != 0 || asked.addr % 4096 != 0) return -EINVAL;
    const bool unaligned = (asked.flags & XDP_UMEM_UNALIGNED_CHUNK_FLAG) != 0;
    if (!unaligned && (asked.chunk_size & (asked.chunk_size - 1)) != 0) return -EINVAL;
    const bool reads_length = age_ >= version(6, 11) ? (asked.flags & 4) != 0 : age_ >= version(6, 8);
    if (reads_length && (asked.tx_metadata_len >= 256 || asked.tx_metadata_len % 8 != 0)) return -EINVAL;
    return 0;
  }

  const int age_;
};

// Of the features that a socket can tell, with the version that has each.
const std::map<Feature, int> kSince = {
    {Feature::kAfXdp, version(4, 18)},
    {Feature::kNeedWakeup, version(5, 4)},
    {Feature::kUnalignedChunks, version(5, 4)},
    {Feature::kSixStatistics, version(5, 9)},
    {Feature::kSharedUmemQueues, version(5, 10)},
    {Feature::kRecvWakeup, version(5, 11)},
    {Feature::kBusyPoll, version(5, 11)},
    {Feature::kMultiBuffer, version(6, 6)},
    {Feature::kTxMetadata, version(6, 8)},
    {Feature::kTxMetadataFlag, version(6, 11)},
    {Feature::kMaxTxSkbBudget, version(6, 17)},
};

int open_fds() {
  int count = 0;
  for (int fd = 0; fd < 1024; ++fd) count += ::fcntl(fd, F_GETFD) >= 0 ? 1 : 0;
  return count;
}

class KernelOfEachAge : public ::testing::TestWithParam<int> {};

TEST_P(KernelOfEachAge, AnswersAreThoseOfItsVersion) {
  AgedKernel kernel(GetParam());
  const int fds = open_fds();
  FeatureSet features(kernel);
  for (const auto& [feature, since] : kSince) {
    Probe probe = features.get(feature);
    EXPECT_EQ(probe.supported, GetParam() >= since) << feature_info(feature).name << ": " << probe.reason;
    EXPECT_FALSE(probe.reason.empty()) << feature_info(feature).name;
    EXPECT_FALSE(probe.forced);
  }
  EXPECT_EQ(kernel.successful_binds, 0) << "a probe bound a socket to an interface";
  EXPECT_EQ(kernel.closes, kernel.sockets) << "a socket was closed without notice to the seam";
  EXPECT_EQ(open_fds(), fds);
}
INSTANTIATE_TEST_SUITE_P(Ages, KernelOfEachAge,
                         ::testing::Values(version(4, 18), version(5, 3), version(5, 4), version(5, 8),
                                           version(5, 9), version(5, 10), version(5, 11), version(6, 1),
                                           version(6, 6), version(6, 8), version(6, 10), version(6, 11),
                                           version(6, 17)));

TEST(Features, WithoutASocketEveryProbeSaysWhy) {
  AgedKernel none(version(6, 17));
  none.socket_error = EAFNOSUPPORT;
  FeatureSet built_without(none);
  AgedKernel unprivileged(version(6, 17));
  unprivileged.socket_error = EPERM;
  FeatureSet not_permitted(unprivileged);
  for (const auto& [feature, since] : kSince) {
    SCOPED_TRACE(feature_info(feature).name);
    EXPECT_FALSE(built_without.has(feature));
    EXPECT_NE(built_without.get(feature).reason.find("CONFIG_XDP_SOCKETS"), std::string::npos);
    EXPECT_FALSE(not_permitted.has(feature));
    EXPECT_NE(not_permitted.get(feature).reason.find("CAP_NET_RAW"), std::string::npos);
  }
}

TEST(Features, BusyPollRefusedForLackOfPrivilegeNamesIt) {
  for (int option : {SO_PREFER_BUSY_POLL, SO_BUSY_POLL_BUDGET}) {
    AgedKernel kernel(version(6, 17));
    kernel.option_error[{SOL_SOCKET, option}] = EPERM;
    Probe probe = FeatureSet(kernel).get(Feature::kBusyPoll);
    EXPECT_FALSE(probe.supported);
    EXPECT_NE(probe.reason.find("CAP_NET_ADMIN"), std::string::npos) << probe.reason;
  }
}

// What stands in a probe's way is not "the kernel does not know it".
TEST(Features, LockedMemoryLimitIsNamed) {
  AgedKernel kernel(version(6, 17));
  kernel.option_error[{SOL_XDP, XDP_UMEM_REG}] = ENOBUFS;
  FeatureSet features(kernel);
  for (Feature feature : {Feature::kUnalignedChunks, Feature::kTxMetadata, Feature::kTxMetadataFlag}) {
    Probe probe = features.get(feature);
    EXPECT_FALSE(probe.supported);
    EXPECT_NE(probe.reason.find("RLIMIT_MEMLOCK"), std::string::npos) << probe.reason;
  }
}

TEST(Features, EachIsProbedOnceHoweverManyAsk) {
  AgedKernel kernel(version(6, 17));
  FeatureSet features(kernel);
  std::vector<std::thread> threads;
  threads.reserve(4);
  std::atomic<int> yes{0};
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int round = 0; round < 100; ++round) yes += features.has(Feature::kSixStatistics) ? 1 : 0;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(yes, 400);
  EXPECT_EQ(kernel.sockets, 1);
}

TEST(Features, ForcedAnswersReplaceProbes) {
  AgedKernel kernel(version(6, 17));
  FeatureSet features(kernel);
  EXPECT_TRUE(features.has(Feature::kBusyPoll));
  features.force(Feature::kBusyPoll, Probe{false, "test", false});
  EXPECT_FALSE(features.has(Feature::kBusyPoll));
  EXPECT_TRUE(features.get(Feature::kBusyPoll).forced);
  const int sockets = kernel.sockets;
  EXPECT_EQ(features.force_list("-recv_wakeup,+prog_extension,,netdev_genl"), "");
  EXPECT_FALSE(features.has(Feature::kRecvWakeup));
  EXPECT_TRUE(features.has(Feature::kProgExtension));
  EXPECT_TRUE(features.has(Feature::kNetdevGenl));
  EXPECT_EQ(features.get(Feature::kRecvWakeup).reason, "forced off");
  EXPECT_EQ(kernel.sockets, sockets) << "a forced feature was probed";

  EXPECT_EQ(features.force_list("-bpf_lnik,-bpf_link"), "-bpf_lnik");
  EXPECT_FALSE(features.has(Feature::kBpfLink)) << "what follows an unknown name counts all the same";
  EXPECT_EQ(features.force_list(""), "");
}

TEST(Features, NamesAreDistinctAndFound) {
  std::set<std::string> names;
  for (size_t i = 0; i < kFeatureCount; ++i) {
    const auto feature = static_cast<Feature>(i);
    EXPECT_TRUE(names.insert(feature_info(feature).name).second);
    EXPECT_EQ(find_feature(feature_info(feature).name), feature);
  }
  EXPECT_EQ(find_feature("nonsense"), std::nullopt);
}

TEST(Features, ReportsNameEveryRow) {
  AgedKernel kernel(version(5, 10));
  FeatureSet features(kernel);
  const std::string plain = feature_report(features);
  EXPECT_EQ(std::count(plain.begin(), plain.end(), '\n'), static_cast<long>(kFeatureCount + 1));
  features.force(Feature::kBpfLink, Probe{false, "quote \" backslash \\ newline \n", false});
  const std::string text = feature_report(features);
  const std::string json = feature_report_json(features);
  for (size_t i = 0; i < kFeatureCount; ++i) {
    const std::string name = feature_info(static_cast<Feature>(i)).name;
    EXPECT_NE(text.find(name), std::string::npos) << name;
    EXPECT_NE(json.find("\"name\": \"" + name + "\""), std::string::npos) << name;
  }
  EXPECT_NE(json.find(R"("reason": "quote \" backslash \\ newline \u000a")"), std::string::npos) << json;
  EXPECT_NE(json.find(R"("name": "six_statistics", "supported": true)"), std::string::npos);
  EXPECT_NE(json.find(R"("name": "busy_poll", "supported": false)"), std::string::npos);
}

// The environment is read once a process, so this needs one of its own.
TEST(Features, EnvironmentForcesTheProcessWideSet) {
  static std::string warned;
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    ::setenv("ZCNBRH_FORCE_FEATURES", "-af_xdp,-no_such,+prog_extension", 1);
    set_log_sink([](LogLevel, const char* line) { warned += line; });
    const FeatureSet& features = kernel_features();
    bool good = !features.has(Feature::kAfXdp) && features.get(Feature::kAfXdp).forced &&
                features.has(Feature::kProgExtension) && !features.get(Feature::kNetdevGenl).forced &&
                warned.find("-no_such") != std::string::npos && warned.find("busy_poll") != std::string::npos;
    force_feature(Feature::kAfXdp, Probe{true, "test", false});
    good = good && features.has(Feature::kAfXdp);
    ::_exit(good ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

// Whatever this machine and our privileges allow: the probes end, explain, and leave nothing behind.
TEST(Features, RunningKernelIsLeftAsItWas) {
  FeatureSet warm_up(Kernel::real());
  feature_report(warm_up);  // libraries open what they keep
  const int fds = open_fds();
  FeatureSet features(Kernel::real());
  for (size_t i = 0; i < kFeatureCount; ++i) {
    EXPECT_FALSE(features.get(static_cast<Feature>(i)).reason.empty());
  }
  EXPECT_EQ(open_fds(), fds);
  if (!features.has(Feature::kAfXdp)) GTEST_SKIP() << features.get(Feature::kAfXdp).reason;
  // Later features imply earlier ones on any mainline kernel.
  if (features.has(Feature::kMaxTxSkbBudget)) {
    for (Feature feature :
         {Feature::kNeedWakeup, Feature::kUnalignedChunks, Feature::kSharedUmemQueues, Feature::kSixStatistics,
          Feature::kRecvWakeup, Feature::kMultiBuffer, Feature::kTxMetadata, Feature::kTxMetadataFlag}) {
      EXPECT_TRUE(features.has(feature)) << feature_info(feature).name << ": " << features.get(feature).reason;
    }
  }
  // When programs load, what is as old as the oldest kernel we support must be seen.
  if (features.has(Feature::kBpfProgLoad) && features.has(Feature::kRecvWakeup)) {
    EXPECT_TRUE(features.has(Feature::kBpfLink)) << features.get(Feature::kBpfLink).reason;
    EXPECT_TRUE(features.has(Feature::kRedirectMapDefault))
        << features.get(Feature::kRedirectMapDefault).reason;
  }
}

}  // namespace
}  // namespace zcnbrh
