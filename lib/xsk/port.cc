// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#include "lib/xsk/port.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>

#include "lib/base/log.h"
#include "lib/xdp/features.h"
#include "lib/xdp/rx_metadata.h"
#include "lib/xdp/xdp_occupant.h"
#include "lib/xsk/loop_kernel.h"
#include "lib/xsk/segments.h"

namespace zcnbrh {
namespace {

XdpProgramOptions program_options(const PortConfig& config, const NetdevInfo& info, bool frags) {
  XdpProgramOptions options;
  options.ifindex = info.ifindex;
  options.ifname = info.name;
  switch (config.attach) {
    case Attach::kAuto:
      options.attach = AttachMode::kAuto;
      break;
    case Attach::kLink:
      options.attach = AttachMode::kLink;
      break;
    case Attach::kDispatcher:
      options.attach = AttachMode::kDispatcher;
      break;
  }
  switch (config.on_empty) {
    case OnEmpty::kOff:
      options.on_empty = GateMode::kOff;
      break;
    case OnEmpty::kDrop:
      options.on_empty = GateMode::kDrop;
      break;
    case OnEmpty::kPass:
      options.on_empty = GateMode::kPass;
      break;
  }
  switch (config.mode) {
    case XdpMode::kAuto:
    case XdpMode::kDrv:
      break;
    case XdpMode::kSkb:
      options.mode = ProgramMode::kSkb;
      break;
    case XdpMode::kHw:
      options.mode = ProgramMode::kOffload;
      break;
  }
  options.counters = config.on_empty != OnEmpty::kOff;  // what the gate turns away must be counted
  options.user_object = config.xdp_prog;
  options.frags = frags;
  options.max_queues = std::max(config.start_queue + config.queue_count, std::max(info.rx_queues, 64U));
  return options;
}

ZeroCopyPolicy policy_of(const PortConfig& config) {
  if (config.copy_only()) return ZeroCopyPolicy::kOff;
  return config.zc == ZeroCopy::kRequire ? ZeroCopyPolicy::kRequire : ZeroCopyPolicy::kPrefer;
}

}  // namespace

Result<std::unique_ptr<Port>> Port::open(const PortConfig& config, const std::string& loop_name) {
  std::unique_ptr<Port> out(new Port(config));
  const Status s = config.is_loop() ? out->open_loop(loop_name) : out->open_netdev(config.iface);
  if (!s) return s.error();
  return out;
}

Status Port::open_loop(const std::string& loop_name) {
  auto ifindex = LoopKernel::instance().port(loop_name, config_.peer);
  if (!ifindex) return ifindex.error();
  kernel_ = &LoopKernel::instance();
  ifindex_ = info_.ifindex = *ifindex;
  info_.name = loop_name;
  info_.driver = "loop";
  info_.admin_up = info_.carrier = true;
  info_.rx_queues = info_.tx_queues = config_.queue_count;
  return {};
}

Status Port::open_netdev(const std::string& name) {
  auto info = netdev_query(name);
  if (!info) return info.error();
  kernel_ = &Kernel::real();
  const uint32_t last = config_.start_queue + config_.queue_count;
  const uint32_t have = std::max(info->rx_queues, info->tx_queues);
  if (last > have)
    return Error{EINVAL, "devargs",
                 "start_queue=" + std::to_string(config_.start_queue) + ", queue_count=" +
                     std::to_string(config_.queue_count) + ": iface " + info->name + " has queues 0.." +
                     std::to_string(have - 1) + "; `ethtool -L " + info->name + "` may give it more"};
  info_ = std::move(*info);
  ifindex_ = info_.ifindex;
  features_ = {};
  if (auto features = query_xdp_features(ifindex_)) features_ = *features;
  if (const char* forced = ::secure_getenv("ZCNBRH_FORCE_XSK_FEATURES"); forced != nullptr) {
    features_.xsk_features = std::strtoull(forced, nullptr, 0);
    tx_features_forced_ = true;
  }
  if (config_.use_cni)
    plugin_ = DevicePlugin::at(dp_path());  // one session for all ports, from the first start on
  return {};
}

Status Port::attach() {
  if (attached()) return {};
  no_native_.clear();
  return config_.foreign_map() ? take_foreign_map() : attach_own();
}

Status Port::attach_own() {
  // Always where it can be had, so that an MTU may grow while the program is attached; it costs nothing.
  const bool frags = config_.mode != XdpMode::kHw && lacks(*kernel_, Feature::kMultiBuffer).empty() &&
                     (!features_.known || features_.has_rx_sg());
  XdpProgramOptions options = program_options(config_, info_, frags);
  if (config_.mode == XdpMode::kHw && features_.known && !features_.has_offload())
    return Error{
        EOPNOTSUPP, "mode=hw",
        "iface " + info_.name + ": driver " + info_.driver + " runs no XDP program on the NIC; give mode=drv"};
  if (config_.mode == XdpMode::kSkb) no_native_ = "mode=skb";
  auto program = XdpProgram::attach(options);
  if (!program && program.error().code == EOPNOTSUPP && config_.mode == XdpMode::kAuto && config_.allow_skb) {
    no_native_ = program.error().text();
    options.mode = ProgramMode::kSkb;
    program = XdpProgram::attach(options);
  }
  if (!program) return program.error();
  program_.emplace(std::move(*program));
  return {};
}

std::string Port::dp_path() const {
  if (!config_.dp_path.empty()) return config_.dp_path;
  return config_.use_cni ? default_plugin_socket(config_.iface) : default_pinned_map(config_.iface);
}

Status Port::take_foreign_map() {
  const std::string path = dp_path();
  Result<ForeignMap> map = Error{};
  if (config_.use_cni) {
    if (!plugin_) plugin_ = DevicePlugin::at(path);
    auto fd = plugin_->xsk_map(info_.name);
    if (!fd) return fd.error();
    feeder_ = "the device plugin's";
    map = ForeignMap::adopt(std::move(*fd), "what the device plugin at " + path + " gave for " + info_.name);
  } else {
    feeder_ = "pinned at " + path;
    map = ForeignMap::open_pinned(path);
  }
  if (!map) return map.error();
  if (Status s = look_at_feeder(); !s) return s;
  foreign_.emplace(std::move(*map));
  return {};
}

// The map is worth nothing without a program on our netdev that redirects to it. In which mode it runs decides
// about zero-copy: a packet that is an skb by then cannot go into a zero-copy socket.
Status Port::look_at_feeder() {
  const auto occupant = query_xdp_occupant(ifindex_, info_.name);
  if (!occupant) return occupant.error();
  if (occupant->kind == XdpOccupant::Kind::kNone) {
    log_line(LogLevel::kWarning,
             "iface %s has no XDP program: no packet comes until the owner of the XSKMAP (%s) attaches his",
             info_.name.c_str(), feeder_.c_str());
    return {};
  }
  if (!occupant->native) no_native_ = occupant->text() + " was attached so";
  if (config_.mode == XdpMode::kAuto && (occupant->native || config_.allow_skb)) return {};
  if (config_.mode == (occupant->native ? XdpMode::kDrv : XdpMode::kSkb)) return {};
  return Error{EOPNOTSUPP, config_.mode == XdpMode::kAuto ? "allow_skb=0" : "mode",
               "iface " + info_.name + ": " + occupant->text() + " of the XSKMAP's owner runs in " +
                   (occupant->native ? "native" : "SKB") +
                   " mode; leave the key out, or let the owner attach it anew"};
}

Status Port::set_busy_poll(QueuePair& pair, uint32_t budget) {
  Status by_ourselves = pair.set_busy_poll(budget);
  if (by_ourselves || !config_.use_cni) return by_ourselves;
  if (!plugin_) plugin_ = DevicePlugin::at(dp_path());
  if (Status s = plugin_->set_busy_poll(pair.socket().fd(), kBusyPollMicroseconds, budget); !s) return s;
  return pair.adopt_busy_poll();
}

uint32_t Port::device_metadata() const {
  const bool native = config_.mode == XdpMode::kAuto || config_.mode == XdpMode::kDrv;
  if (is_loop() || config_.foreign_map() || !native || !config_.xdp_prog.empty()) return 0;
  if (config_.attach == Attach::kDispatcher) return 0;  // no dispatcher takes a device-bound program
  return static_cast<uint32_t>(features_.rx_metadata) & ZCNBRH_META_DEVICE;
}

Status Port::use_metadata(uint32_t wanted) {
  if (!program_) return {};
  return program_->use_metadata(wanted & device_metadata());
}

Status Port::use_gate(GateMode gate) { return program_ ? program_->use_gate(gate) : Status(); }

void Port::detach() {
  program_.reset();
  foreign_.reset();
}

void Port::leave_netdev() {
  detach();
  plugin_.reset();
  ifindex_ = info_.ifindex = 0;
}

Status Port::find_netdev() {
  const std::string last = info_.name;
  Status s = open_netdev(config_.iface);
  if (!s && s.error().code == ENODEV && last != config_.iface) s = open_netdev(last);
  return s;
}

XskMap Port::xsks_map() const {
  // A loop port's number stands for its map, see lib/xsk/loop_kernel.h.
  if (is_loop()) return XskMap(ifindex_, config_.start_queue + config_.queue_count);
  if (foreign_) return foreign_->map();
  return program_ ? program_->xsks_map() : XskMap();
}

CreditGate Port::gate(uint32_t queue) const {
  struct zcnbrh_gate* gate = program_ ? program_->gate(queue) : nullptr;
  return gate != nullptr ? CreditGate{&gate->delivered, &gate->limit} : CreditGate{};
}

// In copy mode, packets sent: see lib/xsk/segments.h.
uint32_t Port::copy_segments() const {
  return info_.driver == "virtio_net" ? kCopySegmentsByPage : kCopySegments;
}

BindRequest Port::bind_request(uint32_t queue, std::string no_zero_copy_because,
                               SegmentsPolicy segments) const {
  BindRequest request;
  request.ifindex = ifindex_;
  request.ifname = info_.name;
  request.queue = queue;
  request.zero_copy = policy_of(config_);
  request.segments = segments;
  request.no_segments_because = lacks(*kernel_, Feature::kMultiBuffer);
  request.zc_max_segs = std::max(features_.zc_max_segs, 1U);
  request.copy_segments = copy_segments();
  if (!is_loop())
    if (auto now = netdev_query(ifindex_)) request.mtu = now->mtu;
  request.busy_timeout_ms = busy_timeout_ms_;
  if (is_loop())
    request.no_zero_copy_because = "the loop backend copies";
  else if (!no_native_.empty())
    request.no_zero_copy_because = "the XDP program runs in SKB mode (" + no_native_ + ")";
  else if (features_.known && !features_.has_zerocopy())
    request.no_zero_copy_because = "driver " + info_.driver + " has no AF_XDP zero-copy";
  else
    request.no_zero_copy_because = std::move(no_zero_copy_because);
  return request;
}

std::string Port::describe(const BindOutcome& outcome, bool busy_poll) const {
  std::string line = std::string(to_string(outcome.mode)) + " mode, " + (busy_poll ? "busy poll" : "wakeup");
  if (is_loop())
    line += ", built-in loop backend";
  else if (program_)
    line += std::string(", ") + (program_->mode() == ProgramMode::kSkb ? "SKB" : "native") + " XDP by " +
            program_->attach_kind();
  else if (foreign_)
    line +=
        std::string(", XSKMAP ") + feeder_ + ", fed in " + (no_native_.empty() ? "native" : "SKB") + " mode";
  if (outcome.segments()) line += ", multi-buffer";
  if (outcome.mode != XskMode::kZeroCopy && !outcome.reason.empty())
    line += "; not zero-copy: " + outcome.reason;
  if (!outcome.no_segments.empty()) line += "; no multi-buffer: " + outcome.no_segments;
  return line;
}

}  // namespace zcnbrh
