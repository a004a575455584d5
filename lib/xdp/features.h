// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// What the running kernel, with this process's privileges, can do for us: one table, one probe a row, each
// run at most once. Nothing is decided by a version at compile time or by uname; the version in the table is
// for messages only. A probe asks by trying: it binds no socket, attaches no program, touches no interface,
// and leaves no file descriptor, map or program behind (tests/unit/features_test.cc counts them).
//
// What a certain interface's driver can do is another question: lib/netdev/netdev_genl.h.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>

#include "lib/base/kernel.h"

namespace zcnbrh {

enum class Feature : uint8_t {
  kAfXdp,               // an AF_XDP socket can be made here, by us
  kNeedWakeup,          // XDP_USE_NEED_WAKEUP and the ring flags
  kUnalignedChunks,     // UMEM chunks of any size and place
  kSharedUmemQueues,    // one UMEM for several queues, each with its own fill and completion ring
  kSixStatistics,       // XDP_STATISTICS with all six counters
  kRecvWakeup,          // recvfrom(MSG_DONTWAIT) as RX wakeup
  kBusyPoll,            // SO_PREFER_BUSY_POLL and SO_BUSY_POLL_BUDGET may be set by us
  kMultiBuffer,         // XDP_USE_SG
  kTxMetadata,          // tx_metadata_len in the UMEM registration
  kTxMetadataFlag,      // and it has to be announced by XDP_UMEM_TX_METADATA_LEN
  kMaxTxSkbBudget,      // XDP_MAX_TX_SKB_BUDGET: more than 32 copy-mode descriptors a kick
  kBpfProgLoad,         // XDP programs may be loaded by us
  kRedirectMapDefault,  // bpf_redirect_map() answers with the flags' action when the entry is empty
  kBpfLink,             // an XDP program can be attached by a bpf_link, which dies with its owner
  kProgExtension,       // BPF_PROG_TYPE_EXT, what libxdp's dispatcher is built on
  kLiveFrames,          // BPF_PROG_TEST_RUN with BPF_F_TEST_XDP_LIVE_FRAMES (traffic for tests)
  kNetdevGenl,          // the "netdev" generic netlink family
};
inline constexpr size_t kFeatureCount = static_cast<size_t>(Feature::kNetdevGenl) + 1;

struct Probe {
  bool supported = false;
  std::string reason;   // why it is so, in a few words; never empty after probing
  bool forced = false;  // not probed: set by force_feature() or the environment
};

struct FeatureInfo {
  const char* name;   // "busy_poll": for ZCNBRH_FORCE_FEATURES and JSON
  const char* title;  // "preferred busy polling": for a person
  const char* since;  // first Linux version with it, for messages only
};
const FeatureInfo& feature_info(Feature feature);
std::optional<Feature> find_feature(const std::string& name);

// A lazily filled table of answers. Every function may be called from any thread; a probe runs under the
// set's lock. The answers are those of the thread that asked first (its capabilities, its namespaces), and
// are kept.
class FeatureSet {
 public:
  // `kernel` must outlive the set. Probes that are no socket calls (BPF, netlink) ask the real kernel.
  explicit FeatureSet(Kernel& kernel) : kernel_(kernel) {}
  FeatureSet(const FeatureSet&) = delete;
  FeatureSet& operator=(const FeatureSet&) = delete;

  bool has(Feature feature) const { return get(feature).supported; }
  Probe get(Feature feature) const;

  // From now on get(feature) answers `probe` (marked as forced); for tests.
  void force(Feature feature, Probe probe);
  // Forces from a list as in ZCNBRH_FORCE_FEATURES: "-bpf_link,+busy_poll". A bare name means +. Returns the
  // first part that is no feature's name, empty when all were; the others are applied all the same.
  std::string force_list(const std::string& list);

 private:
  Kernel& kernel_;
  mutable std::mutex lock_;
  mutable std::array<std::optional<Probe>, kFeatureCount> answers_;
};

// The set of the running kernel, one a process. The environment variable ZCNBRH_FORCE_FEATURES is read when
// it is first asked for (not in set-uid programs), so that an unmodified program can be tried on "a kernel
// without": ZCNBRH_FORCE_FEATURES=-bpf_link,-busy_poll.
const FeatureSet& kernel_features();
// Changes the answer of kernel_features(); for tests.
void force_feature(Feature feature, Probe probe);

// Why `kernel` cannot do it, or "": what the ring core asks before it relies on a feature. A stand-in for the
// kernel (loop backend, fake) answers for itself and is not asked here.
std::string lacks(const Kernel& kernel, Feature feature);

// The whole table, probing what was not asked for yet: aligned text, a line a feature, or a JSON object
// {"kernel": release, "features": [{"name", "supported", "since", "forced", "reason"}, ...]}.
std::string feature_report(const FeatureSet& features);
std::string feature_report_json(const FeatureSet& features);

}  // namespace zcnbrh
