// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// The probes behind the table of lib/xdp/features.h; only that file calls them. Each says in its comment how
// the trick works and in which kernel the answer changes.
#pragma once

#include "lib/base/kernel.h"
#include "lib/xdp/features.h"

namespace zcnbrh::probes {

// Socket probes: on an AF_XDP socket that is never bound to an interface.
Probe af_xdp(Kernel& kernel);
Probe need_wakeup(Kernel& kernel);
Probe unaligned_chunks(Kernel& kernel);
Probe shared_umem_queues(Kernel& kernel);
Probe six_statistics(Kernel& kernel);
Probe recv_wakeup(Kernel& kernel);
Probe busy_poll(Kernel& kernel);
Probe multi_buffer(Kernel& kernel);
Probe tx_metadata(Kernel& kernel);
Probe tx_metadata_flag(Kernel& kernel);
Probe max_tx_skb_budget(Kernel& kernel);

// BPF and netlink probes: the argument is not used.
Probe bpf_prog_load(Kernel&);
Probe redirect_map_default(Kernel&);
Probe bpf_link(Kernel&);
Probe prog_extension(Kernel&);
Probe live_frames(Kernel&);
Probe netdev_genl(Kernel&);

}  // namespace zcnbrh::probes
