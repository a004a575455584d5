// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// A port's hold on its interface, for the PMD and the C API alike: the netdev (or the loop backend) with
// what is known of it, the XDP program while attached, and the order of the bind ladder's outermost rung:
// native XDP, else SKB mode. Queues are made by the users (lib/xsk/queue_pair.h).
// Control path, one thread at a time.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "lib/base/kernel.h"
#include "lib/base/result.h"
#include "lib/config/port_config.h"
#include "lib/netdev/netdev.h"
#include "lib/netdev/netdev_genl.h"
#include "lib/ring/credits.h"
#include "lib/share/device_plugin.h"
#include "lib/xdp/foreign_map.h"
#include "lib/xdp/xdp_program.h"
#include "lib/xdp/xsk_map.h"
#include "lib/xsk/bind_ladder.h"
#include "lib/xsk/queue_pair.h"

namespace zcnbrh {

class Port {
 public:
  // `config` must be valid (validate()). `loop_name` names a loop port among its peers; else unused.
  // Changes nothing on the machine. Errors: ENODEV, EINVAL (queues that the netdev does not have), EPERM.
  static Result<std::unique_ptr<Port>> open(const PortConfig& config, const std::string& loop_name);

  const PortConfig& config() const { return config_; }
  Kernel& kernel() const { return *kernel_; }
  bool is_loop() const { return config_.is_loop(); }
  int ifindex() const { return ifindex_; }
  // The netdev as it was at open(), but for its name; for a loop port only the name. Ask netdev_query() for
  // fresh facts.
  const NetdevInfo& info() const { return info_; }
  void set_name(std::string name) { info_.name = std::move(name); }  // the netdev was renamed
  const XdpDeviceFeatures& features() const { return features_; }

  // Loads and attaches the XDP program if that is not done yet, or gets the XSKMAP of somebody else's
  // (use_cni=, use_pinned_map=). Before the first queue is bound.
  Status attach();
  // The queues are bound and set up: nothing more is wanted of the device plugin, whose session may end.
  void settle() { plugin_.reset(); }
  // Detaches it if we attached it and nobody else in this process uses it. After the last queue is gone.
  void detach();
  bool attached() const { return is_loop() || program_.has_value() || foreign_.has_value(); }

  // Receive metadata, of enum zcnbrh_meta_field: what the device has and this port's program may write; have it
  // written, as far as that goes (see XdpProgram::use_metadata()); what is written now.
  uint32_t device_metadata() const;
  Status use_metadata(uint32_t wanted);
  uint32_t metadata() const { return program_ ? program_->metadata() : 0; }

  // What the device does with a packet on request by TX metadata, of uapi::kNetdevXsk*. For tests the
  // environment can say so instead (ZCNBRH_FORCE_XSK_FEATURES=<bits>), and the kernel then does the checksums.
  uint64_t device_tx_features() const { return is_loop() ? 0 : features_.xsk_features; }
  bool tx_features_forced() const { return tx_features_forced_; }

  // on_empty= anew: of the running program, see XdpProgram::use_gate(); for those that are attached from now
  // on.
  Status use_gate(GateMode gate);
  void set_gate(OnEmpty on_empty) {
    config_.on_empty = on_empty;
    if (on_empty == OnEmpty::kOff) config_.window.reset();
  }

  // QueuePair::set_busy_poll(), or, where that needs a privilege that we lack and the device plugin has, by it.
  Status set_busy_poll(QueuePair& pair, uint32_t budget);

  // The netdev is gone, and what was attached to it with it. All queues are closed. ifindex() is 0 from now on.
  void leave_netdev();
  // Takes the netdev that has one of the two names now, the configured or the last one: not attached yet.
  // ENODEV: there is none; others as open()'s, and the port stays without a netdev.
  Status find_netdev();
  // How long a bind waits for a queue that somebody else is just giving up.
  void set_busy_timeout(uint32_t milliseconds) { busy_timeout_ms_ = milliseconds; }

  XskMap xsks_map() const;
  // The XDP program's delivery gate of a netdev queue; off unless on_empty= asked for it.
  CreditGate gate(uint32_t queue) const;
  // The gates as a file, for another process; -1: there is no gate.
  int gates_fd() const { return program_ ? program_->gates_map_fd() : -1; }
  const XdpProgram* program() const { return program_ ? &*program_ : nullptr; }

  // What bind needs for netdev queue `queue`. `no_zero_copy_because`: the caller's own reason, or empty.
  BindRequest bind_request(uint32_t queue, std::string no_zero_copy_because,
                           SegmentsPolicy segments = SegmentsPolicy::kOff) const;
  uint32_t copy_segments() const;  // descriptors a packet may have in copy mode

  // "copy mode, wakeup, native XDP by bpf_link; not zero-copy: driver veth has no AF_XDP zero-copy"
  std::string describe(const BindOutcome& outcome, bool busy_poll) const;

 private:
  explicit Port(const PortConfig& config) : config_(config) {}
  Status open_netdev(const std::string& name);
  Status open_loop(const std::string& loop_name);
  std::string dp_path() const;
  Status attach_own();
  Status take_foreign_map();
  Status look_at_feeder();

  PortConfig config_;
  Kernel* kernel_ = nullptr;
  int ifindex_ = 0;
  NetdevInfo info_;
  XdpDeviceFeatures features_;
  uint32_t busy_timeout_ms_ = BindRequest{}.busy_timeout_ms;
  bool tx_features_forced_ = false;
  std::optional<XdpProgram> program_;
  std::string no_native_;  // why the program runs in SKB mode; empty: it does not
  std::optional<ForeignMap> foreign_;
  std::string feeder_;                    // who fills it, for messages
  std::shared_ptr<DevicePlugin> plugin_;  // use_cni=1, while it is needed
};

}  // namespace zcnbrh
