// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// A value, or more, that each port key must refuse. The tests that use the list go through the keys of
// lib/config/port_keys.h: a new key without a line here fails them.
#pragma once

#include <string>

namespace zcnbrh::testing {

struct WrongValue {
  const char* key;
  const char* value;
  const char* says;  // what it takes, as the message has it

  std::string text() const { return std::string(key) + "=" + value; }
};

inline constexpr WrongValue kWrongValues[] = {
    {"iface", "", "a name of at most 15 bytes"},
    {"iface", "abcdefghijklmnop", "16 bytes, takes 1..15"},
    {"iface", "a/b", "holds no '/'"},
    {"peer", "", "a name of at most 63 bytes"},
    {"peer", "a:b", "holds no '/', ':'"},
    {"start_queue", "65536", "0..65535"},
    {"start_queue", "-1", "not a decimal number"},
    {"queue_count", "0", "1..1024"},
    {"queue_count", "1025", "1..1024"},
    {"shared_umem", "2", "0|1"},
    {"xdp_prog", "", "a path"},
    {"busy_budget", "65536", "0..65535"},
    {"busy_budget", "64k", "not a decimal number"},
    {"sched", "", "wakeup|busy|threaded|auto"},
    {"sched", "napi", "wakeup|busy|threaded|auto"},
    {"sched", "Auto", "wakeup|busy|threaded|auto"},
    {"sched", "1", "wakeup|busy|threaded|auto"},
    {"kick", "", "auto|inline|thread"},
    {"kick", "burst", "auto|inline|thread"},
    {"kick", "Thread", "auto|inline|thread"},
    {"kick", "1", "auto|inline|thread"},
    {"force_copy", "2", "0|1"},
    {"force_copy", "yes", "0|1"},
    {"use_cni", "2", "0|1"},
    {"use_cni", "on", "0|1"},
    {"use_pinned_map", "2", "0|1"},
    {"use_pinned_map", "/sys/fs/bpf/xsks_map", "0|1"},
    {"dp_path", "", "a path"},
    {"mode", "native", "auto|drv|skb|hw"},
    {"zc", "maybe", "require|prefer|off"},
    {"zc", "1", "require|prefer|off"},
    {"allow_skb", "2", "0|1"},
    {"allow_skb", "never", "0|1"},
    {"attach", "netlink", "auto|link|dispatcher"},
    {"on_empty", "abort", "off|drop|pass"},
    {"window", "0", "1..65536"},
    {"window", "65537", "1..65536"},
    {"window", "auto", "not a decimal number"},
    {"chunks", "2048", "auto|aligned|unaligned"},
    {"fill_ring", "63", "64..65536"},
    {"rx_ring", "1000", "not a power of two"},
    {"tx_ring", "131072", "64..65536"},
    {"comp_ring", "0", "64..65536"},
    {"comp_ring", "3000", "not a power of two"},
    {"comp_ring", "131072", "64..65536"},
    {"tx_bounce", "15", "16..4096"},
    {"tx_bounce", "4097", "16..4096"},
    {"packet_types", "2", "0|1"},
    {"packet_types", "all", "0|1"},
    {"pool_ops", "2", "0|1"},
    {"pool_ops", "zcnbrh", "0|1"},
    {"reattach", "2", "0|1"},
    {"reattach", "true", "0|1"},
    {"ledger", "2", "0|1"},
    {"ledger", "full", "0|1"},
};

}  // namespace zcnbrh::testing
