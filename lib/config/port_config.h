// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// What a user asks of a port, as one struct with one parser, one validator and one printer. It feeds the
// PMD's devargs, the C API's options and the help text. The keys are listed in lib/config/port_keys.h.
//
// A key that net_af_xdp has too means, when given, what it means there. Where our own best choice differs
// from net_af_xdp's default, the field is an optional, and no value means "choose".
//
// Control path only; pure functions without state, from any thread. Nothing here looks at the machine:
// whether a netdev, a queue or a file exists is found out by those who use them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "lib/base/result.h"

namespace zcnbrh {

inline constexpr std::string_view kLoopIface = "loop";
inline constexpr uint32_t kBusyBudget = 64;  // of sched=busy, packets a call; the kernel's own weight of a NAPI

// The order of each enum is the order of the choices in lib/config/port_keys.h.
enum class XdpMode : uint8_t { kAuto, kDrv, kSkb, kHw };
enum class ZeroCopy : uint8_t { kRequire, kPrefer, kOff };
enum class Attach : uint8_t { kAuto, kLink, kDispatcher };
enum class OnEmpty : uint8_t { kOff, kDrop, kPass };
enum class Chunks : uint8_t { kAuto, kAligned, kUnaligned };
enum class Sched : uint8_t { kWakeup, kBusy, kThreaded, kAuto };
enum class Kick : uint8_t { kAuto, kInline, kThread };

struct PortConfig {
  std::string iface;  // empty: not given
  std::string peer;   // empty: none
  uint32_t start_queue = 0;
  uint32_t queue_count = 1;
  std::optional<bool> shared_umem;
  std::string xdp_prog;                 // empty: the built-in program
  std::optional<uint32_t> busy_budget;  // packets; 0: no busy polling
  Sched sched = Sched::kWakeup;         // busy_budget says more, and goes before it
  Kick kick = Kick::kAuto;
  bool force_copy = false;  // ask copy_only() instead
  bool use_cni = false;
  bool use_pinned_map = false;
  std::string dp_path;
  XdpMode mode = XdpMode::kAuto;

  ZeroCopy zc = ZeroCopy::kPrefer;  // ask copy_only() for kOff
  bool allow_skb = true;
  Attach attach = Attach::kAuto;
  OnEmpty on_empty = OnEmpty::kOff;
  std::optional<uint32_t> window;  // packets
  Chunks chunks = Chunks::kAuto;
  std::optional<uint32_t> fill_ring, rx_ring, tx_ring, comp_ring;  // entries; see queue_sizes()
  std::optional<uint32_t> tx_bounce;                               // frames a TX queue
  bool pool_ops = true;
  bool packet_types = false;
  bool reattach = false;
  bool ledger = false;

  bool is_loop() const { return iface == kLoopIface; }
  // The XDP program is attached by somebody else, and he gives us the XSKMAP.
  bool foreign_map() const { return use_cni || use_pinned_map; }
  // Our own program runs, of which we know that it never moves a packet's head.
  bool own_program() const { return xdp_prog.empty() && !foreign_map(); }
  // Packets a call of the busy polling that is asked for; 0: none.
  uint32_t busy_polling() const { return busy_budget.value_or(sched == Sched::kBusy ? kBusyBudget : 0); }
  // Zero-copy is not wanted, by either of the two keys that say so.
  bool copy_only() const { return force_copy || zc == ZeroCopy::kOff; }

  bool operator==(const PortConfig&) const = default;
};

// Reads "key=value,key=value". Values hold no comma and no control character; numbers are decimal digits
// only (no sign, no space, no hexadecimal). An empty text is a config of defaults.
// Errors: EINVAL with key, value and range in Error::why. The caller goes on with validate().
Result<PortConfig> parse_port_config(std::string_view text);

// Sets one key as the parser would; what an options struct or a command line of another form calls.
// On an error `config` is unchanged.
Status set_port_key(PortConfig& config, std::string_view key, std::string_view value);

// Each key's own range (for a config that was not parsed from text), then the rules between keys.
// Errors: EINVAL; ENOTSUP for a key that this version parses but does not serve.
Status validate(const PortConfig& config);

// Canonical text: the keys that differ from their default, in the list's order. For a valid config
// parse_port_config() reads back an equal one.
std::string print_port_config(const PortConfig& config);

std::string devargs_help();          // for a terminal, lines of at most 100 columns
std::string devargs_markdown();      // a Markdown table, for README and docs
std::string devargs_param_string();  // ZCNBRH_PORT_PARAM_STRING of lib/config/port_keys.h

}  // namespace zcnbrh
