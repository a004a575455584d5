// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// The one list of port keys ("devargs"). Parser, checker, printer, help text, the README's table and the
// literal that DPDK wants for its parameter string are all made from it. To add a key: a field of the same
// name in PortConfig, a line here, and a rule in validate() if it excludes another key.
//
// A list macro and not an included .def file, since DPDK's registration macro takes nothing but a string
// literal, and only a macro can expand to one.
//
//   TEXT(key, what, absent, origin, meaning)          what: kNetdev, kLabel or kPath
//   NUMBER(key, low, high, absent, origin, meaning)
//   RING(key, absent, origin, meaning)                a power of two kMinRing..kMaxRing
//   SWITCH(key, absent, origin, meaning)              0 or 1
//   CHOICE(key, choices, absent, origin, meaning)     choices in the order of the field's enum
//
// `absent` says what holds when the key is not given; "" where that is the value the field starts with.
// `origin` is net_af_xdp, with the DPDK release where it came after 22.11, or own.
#pragma once

// clang-format off
#define ZCNBRH_PORT_KEYS(TEXT, NUMBER, RING, SWITCH, CHOICE)                                                  \
  TEXT(iface, kNetdev, "required", "net_af_xdp",                                                              \
       "netdev to use, or `loop` for the built-in loop backend (no kernel, no privilege)")                    \
  TEXT(peer, kLabel, "none: a queue's packets come back on itself", "own",                                    \
       "name of the loop port to pair with; only with `iface=loop`")                                          \
  NUMBER(start_queue, 0, 65535, "", "net_af_xdp", "first netdev queue of the port")                           \
  NUMBER(queue_count, 1, 1024, "", "net_af_xdp", "netdev queues of the port, the most queues it offers")      \
  SWITCH(shared_umem, "one UMEM for all queues and ports alike", "net_af_xdp",                                \
         "0: one UMEM a queue; 1: as the default, with room for bounce frames of seven more ports")           \
  TEXT(xdp_prog, kPath, "built-in program", "net_af_xdp",                                                     \
       "XDP object file to load instead of the built-in program; it must hold a map `xsks_map`")              \
  NUMBER(busy_budget, 0, 65535, "our choice: wakeup mode", "net_af_xdp",                                      \
         "0: no busy polling; n: preferred busy polling with a budget of n packets a call")                   \
  CHOICE(sched, "wakeup|busy|threaded|auto", "", "own",                                                       \
         "who runs the kernel's part of receiving: softirqs (wakeup), the burst (busy), a kernel thread on a" \
         " free CPU (threaded), or what pays (auto)")                                                         \
  CHOICE(kick, "auto|inline|thread", "", "own",                                                        \
         "who makes the system calls that send: the burst, a thread on a core that no"\
         " lcore uses")                                                                                         \
  SWITCH(force_copy, "", "net_af_xdp", "1: copy mode, the same as `zc=off`")                                  \
  SWITCH(use_cni, "", "net_af_xdp 23.03",                                                                     \
         "1: the XDP program is the AF_XDP device plugin's for Kubernetes")                                   \
  SWITCH(use_pinned_map, "", "net_af_xdp 24.07",                                                              \
         "1: the XDP program is somebody else's; its XSKMAP is pinned")                                       \
  TEXT(dp_path, kPath, "/tmp/afxdp_dp/IFACE/afxdp.sock or xsks_map", "net_af_xdp 24.07",                      \
       "the device plugin's socket, or the pinned map")                                                       \
  CHOICE(mode, "auto|drv|skb|hw", "", "net_af_xdp 25.11",                                                     \
         "XDP attach mode; auto: native, else SKB mode")                                                      \
  CHOICE(zc, "require|prefer|off", "", "own",                                                                 \
         "zero-copy: require it or fail, prefer it and say why not, or off")                                  \
  SWITCH(allow_skb, "", "own", "1: the last resort of a bind is SKB (generic) mode; 0: fail instead")         \
  CHOICE(attach, "auto|link|dispatcher", "", "own",                                                           \
         "how the XDP program is attached: bpf_link, libxdp's dispatcher, or the one that fits")              \
  CHOICE(on_empty, "off|drop|pass", "", "own",                                                                \
         "what the XDP program does with packets beyond the delivery window: no gate, drop, pass to the"      \
         " kernel's stack")                                                                                   \
  NUMBER(window, 1, 65536, "our choice by ring and mode", "own",                                              \
         "delivery window in packets a queue; only with `on_empty=drop` or `pass`")                           \
  CHOICE(chunks, "auto|aligned|unaligned", "", "own", "layout of the UMEM's chunks")                          \
  RING(fill_ring, "from nb_rx_desc", "own", "fill ring entries a queue")                                      \
  RING(rx_ring, "from nb_rx_desc", "own", "RX ring entries a queue")                                          \
  RING(tx_ring, "from nb_tx_desc", "own", "TX ring entries a queue")                                          \
  RING(comp_ring, "from nb_tx_desc", "own", "completion ring entries a queue")                                \
  NUMBER(tx_bounce, 16, 4096, "nb_tx_desc, at most 512", "own", "bounce frames a TX queue, for mbufs that cannot be sent in place")  \
  SWITCH(pool_ops, "", "own", "1: make mempool ops `zcnbrh` the platform's default when the driver probes")   \
  SWITCH(packet_types, "", "own",                                                                             \
         "1: packet types in every received mbuf, as NICs' drivers do; 0: from when the program asks which"    \
         " there are")                                                                                         \
  SWITCH(reattach, "", "own",                                                                                 \
         "1: when the netdev goes, wait for one of its name and go on with that; 0: the port is gone with it")\
  SWITCH(ledger, "", "own", "1: keep each frame's history and stop at the first ownership violation")
// clang-format on

// "iface=<string> start_queue=<int> ... ": one string literal, for RTE_PMD_REGISTER_PARAM_STRING.
#define ZCNBRH_PARAM_TEXT(key, what, absent, origin, meaning) #key "=<string> "
#define ZCNBRH_PARAM_NUMBER(key, low, high, absent, origin, meaning) #key "=<int> "
#define ZCNBRH_PARAM_RING(key, absent, origin, meaning) #key "=<int> "
#define ZCNBRH_PARAM_SWITCH(key, absent, origin, meaning) #key "=<0|1> "
#define ZCNBRH_PARAM_CHOICE(key, choices, absent, origin, meaning) #key "=<" choices "> "
#define ZCNBRH_PORT_PARAM_STRING                                                                   \
  ZCNBRH_PORT_KEYS(ZCNBRH_PARAM_TEXT, ZCNBRH_PARAM_NUMBER, ZCNBRH_PARAM_RING, ZCNBRH_PARAM_SWITCH, \
                   ZCNBRH_PARAM_CHOICE)
