// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// RX interrupts: the handle through which ethdev lets an lcore sleep in epoll until packets come.
#pragma once

#include <rte_interrupts.h>

#include <cstdint>
#include <memory>

#include "lib/base/result.h"

struct rte_eth_dev;

namespace zcnbrh::pmd {

struct PmdPort;

struct FreeHandle {
  void operator()(struct rte_intr_handle* handle) const { rte_intr_instance_free(handle); }
};

// A member of PmdPort.
struct RxInterrupts {
  std::unique_ptr<struct rte_intr_handle, FreeHandle> handle;  // there while the port is started with rxq=1
};

// Did the application ask for them in rte_eth_dev_configure()?
bool wants_rx_interrupts(const PmdPort& port);
// At start, with the sockets there. Nothing if they were not asked for.
Status set_up_interrupts(struct rte_eth_dev* dev);
// At stop and close, before a socket goes: takes the descriptors out of every epoll set EAL put them into.
void take_down_interrupts(struct rte_eth_dev* dev);
// After a queue's socket was closed, and after it has another: puts that where the old one was.
void interrupts_follow(PmdPort& port, uint16_t queue);

}  // namespace zcnbrh::pmd
