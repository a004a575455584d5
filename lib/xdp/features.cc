// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#include "lib/xdp/features.h"

#include <sys/utsname.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <iterator>
#include <utility>

#include "lib/base/log.h"
#include "lib/xdp/feature_probes.h"

namespace zcnbrh {
namespace {

struct Row {
  Feature feature;
  FeatureInfo info;
  Probe (*probe)(Kernel&);
};

constexpr Row kRows[] = {
    {Feature::kAfXdp, {"af_xdp", "AF_XDP sockets", "4.18"}, probes::af_xdp},
    {Feature::kNeedWakeup, {"need_wakeup", "wakeup only when the ring asks", "5.4"}, probes::need_wakeup},
    {Feature::kUnalignedChunks, {"unaligned_chunks", "unaligned UMEM chunks", "5.4"}, probes::unaligned_chunks},
    {Feature::kSharedUmemQueues,
     {"shared_umem_queues", "one UMEM for several queues", "5.10"},
     probes::shared_umem_queues},
    {Feature::kSixStatistics, {"six_statistics", "six-field XDP_STATISTICS", "5.9"}, probes::six_statistics},
    {Feature::kRecvWakeup, {"recv_wakeup", "RX wakeup by recvfrom", "5.11"}, probes::recv_wakeup},
    {Feature::kBusyPoll, {"busy_poll", "preferred busy polling", "5.11"}, probes::busy_poll},
    {Feature::kMultiBuffer, {"multi_buffer", "multi-buffer packets (XDP_USE_SG)", "6.6"}, probes::multi_buffer},
    {Feature::kTxMetadata, {"tx_metadata", "TX metadata", "6.8"}, probes::tx_metadata},
    {Feature::kTxMetadataFlag,
     {"tx_metadata_flag", "TX metadata needs its flag", "6.11"},
     probes::tx_metadata_flag},
    {Feature::kMaxTxSkbBudget,
     {"max_tx_skb_budget", "XDP_MAX_TX_SKB_BUDGET", "6.17"},
     probes::max_tx_skb_budget},
    {Feature::kBpfProgLoad, {"bpf_prog_load", "loading XDP programs", "4.8"}, probes::bpf_prog_load},
    {Feature::kRedirectMapDefault,
     {"redirect_map_default", "bpf_redirect_map default action", "5.3"},
     probes::redirect_map_default},
    {Feature::kBpfLink, {"bpf_link", "bpf_link for XDP", "5.9"}, probes::bpf_link},
    {Feature::kProgExtension,
     {"prog_extension", "BPF_PROG_TYPE_EXT (libxdp dispatcher)", "5.6"},
     probes::prog_extension},
    {Feature::kLiveFrames, {"live_frames", "live frames in BPF_PROG_TEST_RUN", "5.18"}, probes::live_frames},
    {Feature::kNetdevGenl, {"netdev_genl", "netdev generic netlink family", "6.3"}, probes::netdev_genl},
};

constexpr bool rows_are_in_order() {
  for (size_t i = 0; i < kFeatureCount; ++i) {
    if (kRows[i].feature != static_cast<Feature>(i)) return false;
  }
  return true;
}
static_assert(std::size(kRows) == kFeatureCount && rows_are_in_order(), "one row a Feature, in its order");

const Row& row(Feature feature) { return kRows[static_cast<size_t>(feature)]; }

FeatureSet& real_set() {
  // Never destroyed: other threads may ask until the process ends.
  static FeatureSet* set = [] {
    auto* made = new FeatureSet(Kernel::real());
    const char* list = ::secure_getenv("ZCNBRH_FORCE_FEATURES");
    if (list == nullptr) return made;
    std::string unknown = made->force_list(list);
    if (!unknown.empty()) {
      std::string names;
      for (const Row& each : kRows) names += std::string(names.empty() ? "" : " ") + each.info.name;
      log_line(LogLevel::kWarning, "ZCNBRH_FORCE_FEATURES: \"%s\" is no feature; known are: %s",
               unknown.c_str(), names.c_str());
    }
    return made;
  }();
  return *set;
}

std::string kernel_release() {
  utsname name{};
  return ::uname(&name) == 0 ? name.release : "unknown";
}

std::string json_text(const std::string& text) {
  std::string out = "\"";
  for (char c : text) {
    char escaped[8];
    if (c == '"' || c == '\\') {
      out += {'\\', c};
    } else if (static_cast<unsigned char>(c) < 0x20) {
      std::snprintf(escaped, sizeof(escaped), "\\u%04x", static_cast<unsigned>(c));
      out += escaped;
    } else {
      out += c;
    }
  }
  return out + "\"";
}

}  // namespace

const FeatureInfo& feature_info(Feature feature) { return row(feature).info; }

std::optional<Feature> find_feature(const std::string& name) {
  for (const Row& each : kRows) {
    if (name == each.info.name) return each.feature;
  }
  return std::nullopt;
}

Probe FeatureSet::get(Feature feature) const {
  std::lock_guard<std::mutex> guard(lock_);
  std::optional<Probe>& answer = answers_[static_cast<size_t>(feature)];
  if (!answer) answer = row(feature).probe(kernel_);
  return *answer;
}

void FeatureSet::force(Feature feature, Probe probe) {
  probe.forced = true;
  std::lock_guard<std::mutex> guard(lock_);
  answers_[static_cast<size_t>(feature)] = std::move(probe);
}

std::string FeatureSet::force_list(const std::string& list) {
  std::string first_unknown;
  for (size_t start = 0; start <= list.size();) {
    const size_t end = std::min(list.find(',', start), list.size());
    std::string part = list.substr(start, end - start);
    start = end + 1;
    if (part.empty()) continue;
    const bool on = part[0] != '-';
    const std::string name = part[0] == '-' || part[0] == '+' ? part.substr(1) : part;
    if (std::optional<Feature> feature = find_feature(name)) {
      force(*feature, Probe{on, std::string("forced ") + (on ? "on" : "off"), true});
    } else if (first_unknown.empty()) {
      first_unknown = part;
    }
  }
  return first_unknown;
}

const FeatureSet& kernel_features() { return real_set(); }

void force_feature(Feature feature, Probe probe) { real_set().force(feature, std::move(probe)); }

std::string feature_report(const FeatureSet& features) {
  std::string out = "kernel " + kernel_release() + "\n";
  for (const Row& each : kRows) {
    const Probe probe = features.get(each.feature);
    char line[160];
    std::snprintf(line, sizeof(line), "%-3s  %-21s since %-5s  %-38s ", probe.supported ? "yes" : "no",
                  each.info.name, each.info.since, each.info.title);
    out += line + probe.reason + "\n";
  }
  return out;
}

std::string feature_report_json(const FeatureSet& features) {
  std::string out = "{\"kernel\": " + json_text(kernel_release()) + ", \"features\": [";
  const char* separator = "";
  for (const Row& each : kRows) {
    const Probe probe = features.get(each.feature);
    out += separator;
    out += "{\"name\": " + json_text(each.info.name) +
           ", \"supported\": " + (probe.supported ? "true" : "false") +
           ", \"since\": " + json_text(each.info.since) + ", \"forced\": " + (probe.forced ? "true" : "false") +
           ", \"reason\": " + json_text(probe.reason) + "}";
    separator = ", ";
  }
  return out + "]}";
}

std::string lacks(const Kernel& kernel, Feature feature) {
  if (&kernel != &Kernel::real()) return {};
  const Probe probe = kernel_features().get(feature);
  if (probe.supported) return {};
  const FeatureInfo& info = feature_info(feature);
  return std::string(info.title) + ": " + probe.reason + " (needs Linux " + info.since + ")";
}

}  // namespace zcnbrh
