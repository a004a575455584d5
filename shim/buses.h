// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// Who probes devices while EAL starts. EAL scans its buses, then calls the probe function of each: in the order
// in which they were registered, the vdev bus last. Between these two calls nothing of ours runs, but the probe
// function is a pointer in the bus: for the time of rte_eal_init() it is ours. For a bus without mapped devices
// it calls the bus's own. Else it goes through the bus's devices in the bus's order and has each probed by the
// bus, or, if it is mapped, makes a port of net_zcnbrh in its place. So port numbers are those of the original
// command line, EAL chose IOVA mode and everything else as it would have, and the ports are there before EAL's
// last steps. (Replacing EAL's arguments and probing afterwards would lose that: with no device scanned EAL may
// choose an IOVA mode that an unmapped device cannot work with.)
#pragma once

namespace zcnbrh::shim {

void take_buses() noexcept;  // those registered now, and those that come
void give_back_buses() noexcept;

}  // namespace zcnbrh::shim
