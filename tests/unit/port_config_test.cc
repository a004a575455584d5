// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#include "lib/config/port_config.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <ostream>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "devtools/devargs_table/splice.h"
#include "lib/config/key_table.h"
#include "lib/config/port_keys.h"
#include "lib/config/queue_sizes.h"

namespace zcnbrh {

void PrintTo(const PortConfig& config, std::ostream* out) { *out << "\"" << print_port_config(config) << "\""; }

namespace {

using config::Key;
using config::Kind;
using std::string_literals::operator""s;
using std::string_view_literals::operator""sv;

PortConfig parsed(std::string_view text) {
  const Result<PortConfig> config = parse_port_config(text);
  EXPECT_TRUE(config.ok()) << text << ": " << config.error().text();
  return config ? *config : PortConfig();
}

std::string parse_error(std::string_view text) {
  const Result<PortConfig> config = parse_port_config(text);
  if (config) return "(accepted)";
  EXPECT_EQ(config.error().code, EINVAL) << text;
  EXPECT_STREQ(config.error().call, "devargs");
  return config.error().why;
}

Status validated(std::string_view text) { return validate(parsed(text)); }

bool holds(const std::string& text, std::string_view part) { return text.find(part) != text.npos; }

bool printable(const std::string& text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= 0x20 && c < 0x7f; });
}

// The keys and choices a user may count on; a change here is a change of the interface.
TEST(PortConfigParse, SetsEachKeysField) {
  EXPECT_EQ(parsed("iface=eth0").iface, "eth0");
  EXPECT_EQ(parsed("peer=net_zcnbrh1").peer, "net_zcnbrh1");
  EXPECT_EQ(parsed("start_queue=7").start_queue, 7u);
  EXPECT_EQ(parsed("queue_count=4").queue_count, 4u);
  EXPECT_EQ(parsed("shared_umem=0").shared_umem, false);
  EXPECT_EQ(parsed("shared_umem=1").shared_umem, true);
  EXPECT_EQ(parsed("xdp_prog=/opt/x=1.o").xdp_prog, "/opt/x=1.o");
  EXPECT_EQ(parsed("busy_budget=0").busy_budget, 0u);
  EXPECT_EQ(parsed("busy_budget=65535").busy_budget, 65535u);
  EXPECT_TRUE(parsed("force_copy=1").force_copy);
  EXPECT_TRUE(parsed("use_cni=1").use_cni);
  EXPECT_TRUE(parsed("use_pinned_map=1").use_pinned_map);
  EXPECT_EQ(parsed("dp_path=/tmp/a.sock").dp_path, "/tmp/a.sock");
  EXPECT_EQ(parsed("mode=auto").mode, XdpMode::kAuto);
  EXPECT_EQ(parsed("mode=drv").mode, XdpMode::kDrv);
  EXPECT_EQ(parsed("mode=skb").mode, XdpMode::kSkb);
  EXPECT_EQ(parsed("mode=hw").mode, XdpMode::kHw);
  EXPECT_EQ(parsed("zc=require").zc, ZeroCopy::kRequire);
  EXPECT_EQ(parsed("zc=prefer").zc, ZeroCopy::kPrefer);
  EXPECT_EQ(parsed("zc=off").zc, ZeroCopy::kOff);
  EXPECT_FALSE(parsed("allow_skb=0").allow_skb);
  EXPECT_EQ(parsed("attach=link").attach, Attach::kLink);
  EXPECT_EQ(parsed("attach=dispatcher").attach, Attach::kDispatcher);
  EXPECT_EQ(parsed("on_empty=drop").on_empty, OnEmpty::kDrop);
  EXPECT_EQ(parsed("on_empty=pass").on_empty, OnEmpty::kPass);
  EXPECT_EQ(parsed("window=512").window, 512u);
  EXPECT_EQ(parsed("sched=auto").sched, Sched::kAuto);
  EXPECT_EQ(parsed("sched=wakeup").sched, Sched::kWakeup);
  EXPECT_EQ(parsed("sched=busy").sched, Sched::kBusy);
  EXPECT_EQ(parsed("sched=threaded").sched, Sched::kThreaded);
  EXPECT_EQ(parsed("sched=busy").busy_polling(), 64U);
  EXPECT_EQ(parsed("sched=busy,busy_budget=7").busy_polling(), 7U);
  EXPECT_EQ(parsed("busy_budget=7").busy_polling(), 7U);
  EXPECT_EQ(parsed("sched=threaded").busy_polling(), 0U);
  EXPECT_EQ(parsed("kick=auto").kick, Kick::kAuto);
  EXPECT_EQ(parsed("kick=inline").kick, Kick::kInline);
  EXPECT_EQ(parsed("kick=thread").kick, Kick::kThread);
  EXPECT_EQ(parsed("chunks=aligned").chunks, Chunks::kAligned);
  EXPECT_EQ(parsed("chunks=unaligned").chunks, Chunks::kUnaligned);
  EXPECT_EQ(parsed("fill_ring=64").fill_ring, 64u);
  EXPECT_EQ(parsed("rx_ring=128").rx_ring, 128u);
  EXPECT_EQ(parsed("tx_ring=4096").tx_ring, 4096u);
  EXPECT_EQ(parsed("comp_ring=65536").comp_ring, 65536u);
  EXPECT_EQ(parsed("tx_bounce=16").tx_bounce, 16u);
  EXPECT_FALSE(parsed("pool_ops=0").pool_ops);
  EXPECT_TRUE(parsed("packet_types=1").packet_types);
  EXPECT_TRUE(parsed("ledger=1").ledger);
  EXPECT_TRUE(parsed("reattach=1").reattach);
}

TEST(PortConfigParse, ReadsSeveralKeysAndLeavesTheRestAtDefault) {
  PortConfig expected;
  expected.iface = "eth0";
  expected.queue_count = 2;
  EXPECT_EQ(parsed("queue_count=2,iface=eth0"), expected);
  EXPECT_EQ(parsed(""), PortConfig());
  EXPECT_EQ(PortConfig().shared_umem, std::nullopt);
  EXPECT_EQ(PortConfig().busy_budget, std::nullopt);
}

TEST(PortConfigParse, CopyOnlyByEitherKey) {
  EXPECT_FALSE(PortConfig().copy_only());
  EXPECT_TRUE(parsed("force_copy=1").copy_only());
  EXPECT_TRUE(parsed("zc=off").copy_only());
  EXPECT_FALSE(parsed("zc=require,force_copy=0").copy_only());
}

struct Refusal {
  std::string text;
  std::string why;  // the message begins with this
};

TEST(PortConfigParse, RefusesWithKeyValueAndRange) {
  const std::vector<Refusal> rows = {
      {"busy_budget=70000", "busy_budget=70000: out of range 0..65535"},
      {"busy_budget=99999999999999999999999", "busy_budget=99999999999999999999999: out of range 0..65535"},
      {"busy_budget=4294967296", "busy_budget=4294967296: out of range 0..65535"},
      {"queue_count=0", "queue_count=0: out of range 1..1024"},
      {"queue_count=-1", "queue_count=-1: not a decimal number; takes 1..1024"},
      {"queue_count=+1", "queue_count=+1: not a decimal number"},
      {"queue_count= 1", "queue_count= 1: not a decimal number"},
      {"queue_count=1 ", "queue_count=1 : not a decimal number"},
      {"queue_count=0x10", "queue_count=0x10: not a decimal number"},
      {"queue_count=2k", "queue_count=2k: not a decimal number"},
      {"queue_count=", "queue_count=: no value; takes 1..1024"},
      {"queue_count", "'queue_count': no '=' after the key; takes 1..1024"},
      {"shared_umem=2", "shared_umem=2: takes 0|1"},
      {"shared_umem=yes", "shared_umem=yes: not a decimal number; takes 0|1"},
      {"rx_ring=1000", "rx_ring=1000: not a power of two; takes 64..65536, a power of two"},
      {"rx_ring=32", "rx_ring=32: out of range 64..65536"},
      {"rx_ring=131072", "rx_ring=131072: out of range 64..65536"},
      {"tx_bounce=15", "tx_bounce=15: out of range 16..4096"},
      {"zc=on", "zc=on: takes require|prefer|off"},
      {"zc=req", "zc=req: takes require|prefer|off"},
      {"zc=require|prefer", "zc=require|prefer: takes"},
      {"zc=require,zc=require", "key 'zc' is given twice"},
      {"iface=", "iface=: no value; takes a name of at most 15 bytes"},
      {"iface=abcdefghijklmnop", "iface=abcdefghijklmnop: 16 bytes, takes 1..15"},
      {"iface=a/b", "iface=a/b: a name holds no '/', ':' or space"},
      {"iface=eth0:1", "iface=eth0:1: a name holds no"},
      {"iface=..", "iface=..: a name holds no"},
      {"iface=a b", "iface=a b: a name holds no"},
      {"iface=eth\0"s, "iface=eth\\x00: control character in the value"},
      {"iface=eth0\n", "iface=eth0\\x0a: control character"},
      {"iface=\x80/", "iface=\\x80/: a name holds no"},
      {"xdp_prog=" + std::string(4096, 'p'),
       "xdp_prog=" + std::string(64, 'p') + "...: 4096 bytes, takes 1..4095"},
      {"peer=" + std::string(64, 'p'), "peer=" + std::string(64, 'p') + ": 64 bytes, takes 1..63"},
      {"iface=eth0,", "empty item at byte 11; remove the stray comma"},
      {",iface=eth0", "empty item at byte 0"},
      {"iface=a,,zc=off", "empty item at byte 8"},
      {",", "empty item at byte 0"},
      {"=eth0", "'=eth0': no key before the '='"},
      {"\0"s, "unknown key '\\x00'; known keys: iface, peer,"},
      {std::string(20000, 'x'), "20000 bytes of text; at most 16384"},
  };
  for (const Refusal& row : rows) {
    const std::string why = parse_error(row.text);
    EXPECT_EQ(why.substr(0, row.why.size()), row.why) << why;
    EXPECT_TRUE(printable(why)) << why;
  }
  EXPECT_EQ(parse_port_config("busy_budget=70000").error().text(),
            "devargs: Invalid argument: busy_budget=70000: out of range 0..65535");
}

TEST(PortConfigParse, SuggestsTheNearestKeyAndListsAll) {
  const std::string why = parse_error("ifcae=eth0");
  EXPECT_TRUE(holds(why, "unknown key 'ifcae' (did you mean 'iface'?); known keys: iface, ")) << why;
  for (const Key& key : config::keys()) EXPECT_TRUE(holds(why, key.name)) << key.name;
  EXPECT_TRUE(holds(parse_error("iface=a, queue_count=2"), "(did you mean 'queue_count'?)"));
  EXPECT_TRUE(holds(parse_error("Zc=off"), "(did you mean 'zc'?)"));
  EXPECT_TRUE(holds(parse_error("busybudget"), "(did you mean 'busy_budget'?)"));
  EXPECT_FALSE(holds(parse_error("qdisc_bypass=1"), "did you mean"));
  EXPECT_FALSE(holds(parse_error("x=1"), "did you mean")) << parse_error("x=1");
  EXPECT_FALSE(holds(parse_error(std::string(33, 'i') + "=1"), "did you mean"));
}

TEST(PortConfigParse, SetsOneKeyAndLeavesTheConfigAloneOnError) {
  PortConfig config = parsed("iface=eth0,zc=off");
  const PortConfig before = config;
  EXPECT_TRUE(set_port_key(config, "busy_budget", "8"));
  EXPECT_EQ(config.busy_budget, 8u);
  config = before;
  for (const auto& [key, value] :
       {std::pair{"busy_budget", "x"}, {"zc", ""}, {"iface", "a/b"}, {"nokey", "1"}}) {
    EXPECT_EQ(set_port_key(config, key, value).error().code, EINVAL);
    EXPECT_EQ(config, before);
  }
}

TEST(PortConfigValidate, AcceptsWhatFits) {
  for (const char* text : {"iface=eth0",
                           "iface=loop",
                           "iface=loop,peer=net_zcnbrh1,queue_count=4",
                           "iface=eth0,zc=require,force_copy=0",
                           "iface=eth0,force_copy=1,zc=off",
                           "iface=eth0,on_empty=drop,window=256",
                           "iface=eth0,on_empty=pass",
                           "iface=eth0,start_queue=65535",
                           "iface=eth0,start_queue=64512,queue_count=1024",
                           "iface=eth0,use_cni=0,use_pinned_map=0,mode=auto",
                           "iface=eth0,zc=require,allow_skb=0",
                           "iface=eth0,reattach=1",
                           "iface=eth0,kick=thread",
                           "iface=eth0,sched=busy,busy_budget=64",
                           "iface=eth0,sched=wakeup,busy_budget=64",
                           "iface=eth0,sched=wakeup,busy_budget=0",
                           "iface=eth0,sched=threaded,busy_budget=0",
                           "iface=eth0,sched=auto,busy_budget=64",
                           "iface=loop,sched=wakeup",
                           "iface=loop,kick=inline",
                           "iface=loop,reattach=0"}) {
    const Status status = validated(text);
    EXPECT_TRUE(status.ok()) << text << ": " << status.error().text();
  }
}

TEST(PortConfigValidate, RefusesWhatExcludesEachOther) {
  const std::vector<Refusal> rows = {
      {"", "key iface is missing"},
      {"queue_count=2", "key iface is missing"},
      {"iface=eth0,force_copy=1,zc=require", "force_copy=1 and zc=require exclude each other"},
      {"iface=eth0,window=5", "window=5: there is no gate with on_empty=off"},
      {"iface=eth0,peer=p", "peer=p: pairs loop ports only; needs iface=loop"},
      {"iface=loop,xdp_prog=a.o", "key xdp_prog: iface=loop has no XDP program"},
      {"iface=loop,attach=link", "key attach: iface=loop has no XDP program"},
      {"iface=loop,on_empty=drop", "key on_empty: iface=loop has no XDP program"},
      {"iface=loop,sched=auto", "sched: iface=loop has no kernel whose work could be scheduled"},
      {"iface=loop,sched=threaded", "sched: iface=loop has no kernel whose work could be scheduled"},
      {"iface=eth0,sched=busy,busy_budget=0", "busy_budget=0 and sched=busy exclude each other"},
      {"iface=eth0,sched=threaded,busy_budget=64", "busy_budget=64 and sched=threaded exclude each other"},
      {"iface=loop,kick=thread", "kick=thread: iface=loop makes no system calls"},
      {"iface=loop,reattach=1", "reattach=1: a loop port has no netdev"},
      {"iface=loop,zc=require", "iface=loop and zc=require exclude each other"},
      {"iface=eth0,use_cni=1,reattach=1", "reattach=1: the device plugin gives a netdev out once"},
      {"iface=eth0,start_queue=65535,queue_count=2",
       "start_queue=65535,queue_count=2: the last queue is out of range 0..65535"},
  };
  for (const Refusal& row : rows) {
    const Status status = validated(row.text);
    EXPECT_EQ(status.error().code, EINVAL) << row.text;
    EXPECT_EQ(status.error().why.substr(0, row.why.size()), row.why);
  }
}

TEST(PortConfigValidate, KnowsWhoseProgramItIs) {
  const std::vector<std::string> good = {"use_cni=1", "use_cni=1,dp_path=/tmp/a.sock,busy_budget=64",
                                         "use_pinned_map=1,dp_path=/sys/fs/bpf/xsks_map", "use_cni=1,mode=drv",
                                         "use_pinned_map=1,mode=skb"};
  for (const std::string& text : good) EXPECT_TRUE(validated("iface=eth0," + text)) << text;
  const Refusal rows[] = {
      {"use_cni=1,use_pinned_map=1", "use_cni=1 and use_pinned_map=1 exclude each other"},
      {"dp_path=/tmp/a.sock", "dp_path=/tmp/a.sock: needs use_cni=1 or use_pinned_map=1"},
      {"use_cni=1,xdp_prog=/a.o", "key xdp_prog: with use_cni=1 the XDP program is somebody else's"},
      {"use_pinned_map=1,attach=link", "key attach: with use_pinned_map=1 the XDP program"},
      {"use_cni=1,on_empty=drop", "key on_empty: with use_cni=1"},
      {"use_cni=1,mode=hw", "mode=hw: a program on the NIC cannot feed a socket"},
  };
  for (const Refusal& row : rows) {
    const Status status = validated("iface=eth0," + std::string(row.text));
    EXPECT_EQ(status.error().code, EINVAL) << row.text;
    EXPECT_TRUE(holds(status.error().why, row.why)) << status.error().why;
  }
  for (const char* key : {"use_cni=1", "use_pinned_map=1", "mode=skb"})
    EXPECT_TRUE(holds(validated(std::string("iface=loop,") + key).error().why, "iface=loop has no XDP program"))
        << key;
}

TEST(PortConfigValidate, KnowsWhatAnAttachModeExcludes) {
  for (const char* text : {"mode=drv", "mode=drv,zc=require", "mode=drv,allow_skb=0", "mode=skb", "mode=hw"})
    EXPECT_TRUE(validated(std::string("iface=eth0,") + text)) << text;
  const Refusal rows[] = {
      {"mode=skb,allow_skb=0", "mode=skb and allow_skb=0 exclude each other"},
      {"mode=skb,zc=require", "mode=skb and zc=require exclude each other"},
      {"mode=hw,attach=dispatcher", "mode=hw: libxdp's dispatcher"},
      {"mode=skb,on_empty=drop", "mode=skb and on_empty exclude each other"},
      {"mode=skb,on_empty=pass", "mode=skb and on_empty exclude each other"},
  };
  for (const Refusal& row : rows) {
    const Status status = validated("iface=eth0," + std::string(row.text));
    EXPECT_EQ(status.error().code, EINVAL) << row.text;
    EXPECT_TRUE(holds(status.error().why, row.why)) << status.error().why;
  }
}

// A config filled in by hand (C API) gets the same range checks as a parsed one.
TEST(PortConfigValidate, ChecksRangesOfAFilledInConfig) {
  const auto refusal = [](auto change) {
    PortConfig config;
    config.iface = "eth0";
    change(config);
    return validate(config).error().why;
  };
  EXPECT_EQ(refusal([](PortConfig&) {}), "");
  EXPECT_TRUE(holds(refusal([](PortConfig& c) { c.iface = "much-too-long-a-name"; }), "takes 1..15"));
  EXPECT_TRUE(holds(refusal([](PortConfig& c) { c.iface = std::string("e\0", 2); }), "control character"));
  EXPECT_TRUE(holds(refusal([](PortConfig& c) { c.iface = "a,zc=off"; }), "no comma"));
  EXPECT_TRUE(holds(refusal([](PortConfig& c) { c.queue_count = 0; }), "queue_count=0: out of range"));
  EXPECT_TRUE(holds(refusal([](PortConfig& c) { c.busy_budget = 65536; }), "busy_budget=65536: out of range"));
  EXPECT_TRUE(holds(refusal([](PortConfig& c) { c.tx_ring = 1000; }), "tx_ring=1000: not a power of two"));
  EXPECT_TRUE(holds(refusal([](PortConfig& c) { c.zc = static_cast<ZeroCopy>(9); }), "zc=9: out of range"));
}

TEST(PortConfigPrint, PrintsWhatDiffersFromTheDefaultInTheListsOrder) {
  EXPECT_EQ(print_port_config(PortConfig()), "");
  EXPECT_EQ(
      print_port_config(parsed("zc=off,queue_count=2,busy_budget=0,iface=eth0,start_queue=0,allow_skb=1")),
      "iface=eth0,queue_count=2,busy_budget=0,zc=off");
}

// A random valid value of a key, now and then a boundary.
std::string random_value(const Key& key, std::mt19937& random) {
  const auto below = [&](uint64_t n) { return static_cast<uint32_t>(random() % n); };
  if (key.text != nullptr) {
    static constexpr std::string_view kLetters = "abcXYZ019_-=.[]%\\|\"'\xc3\xa9";
    std::string text(1 + below(std::min(key.high, 40u)), 'a');
    for (char& c : text) c = kLetters[below(kLetters.size())];
    return text == "." || text == ".." ? "a" : text;
  }
  if (key.kind == Kind::kRing) return std::to_string(64u << below(11));
  const uint32_t number = below(8) == 0   ? key.low
                          : below(8) == 0 ? key.high
                                          : key.low + below(key.high - key.low + 1);
  if (key.kind != Kind::kChoice) return std::to_string(number);
  PortConfig config;
  key.put(config, number);
  return config::value_text(key, config);
}

TEST(PortConfigProperty, ParsePrintParseIsTheSame) {
  std::mt19937 random(1);
  for (int round = 0; round < 5000; ++round) {
    std::string text;
    for (const Key& key : config::keys())
      if (random() % 3 == 0)
        text += (text.empty() ? "" : ",") + std::string(key.name) + "=" + random_value(key, random);
    const PortConfig config = parsed(text);
    const std::string canonical = print_port_config(config);
    ASSERT_EQ(parsed(canonical), config) << text;
    ASSERT_EQ(print_port_config(parsed(canonical)), canonical);
    for (const Key& key : config::keys()) ASSERT_TRUE(check_value(key, config).ok());
  }
}

// Any bytes: a config or an EINVAL with a printable reason, never a crash; what is accepted round-trips.
void parse_any(const std::string& text, int* accepted) {
  const Result<PortConfig> config = parse_port_config(text);
  if (!config) {
    ASSERT_EQ(config.error().code, EINVAL);
    ASSERT_FALSE(config.error().why.empty());
    ASSERT_TRUE(printable(config.error().why));
    return;
  }
  ++*accepted;
  const std::string canonical = print_port_config(*config);
  const Result<PortConfig> again = parse_port_config(canonical);
  ASSERT_TRUE(again.ok()) << canonical;
  ASSERT_EQ(*again, *config);
  (void)validate(*config).ok();
}

// TSan finds nothing in one thread that the other runs do not, and takes fifty times as long.
#if defined(__SANITIZE_THREAD__)
constexpr int kRounds = 2000;
#else
constexpr int kRounds = 20000;
#endif

TEST(PortConfigProperty, SurvivesRandomBytes) {
  std::mt19937 random(2);
  int accepted = 0;
  for (int round = 0; round < kRounds; ++round) {
    std::string text(random() % 80, '\0');
    for (char& c : text) c = static_cast<char>(random());
    parse_any(text, &accepted);
    if (HasFatalFailure()) return;
  }
}

TEST(PortConfigProperty, SurvivesMutatedText) {
  const std::string valid =
      "iface=eth0,queue_count=2,busy_budget=64,zc=require,rx_ring=4096,xdp_prog=/a/b.o,shared_umem=1";
  static constexpr std::string_view kBytes = "=,=,|0123456789azAZ_-+ \0\n\x7f\xff"sv;
  std::mt19937 random(3);
  int accepted = 0;
  for (int round = 0; round < kRounds; ++round) {
    std::string text = valid;
    for (size_t edits = random() % 4; edits > 0 && !text.empty(); --edits) {
      const size_t at = random() % text.size();
      const char byte = kBytes[random() % kBytes.size()];
      switch (random() % 4) {
        case 0:
          text[at] = byte;
          break;
        case 1:
          text.insert(at, 1, byte);
          break;
        case 2:
          text.erase(at, 1 + random() % 8);
          break;
        default:
          text.insert(at, text.substr(random() % text.size(), random() % 20));
      }
    }
    parse_any(text, &accepted);
    if (HasFatalFailure()) return;
  }
  EXPECT_GT(accepted, kRounds / 5) << "the mutations no longer reach the accepting side";
  EXPECT_LT(accepted, kRounds * 9 / 10) << "the mutations no longer reach the refusing side";
}

TEST(PortConfigTexts, ListEveryKeyOnce) {
  const std::string markdown = devargs_markdown();
  const std::string help = devargs_help();
  const std::string params = devargs_param_string();
  std::set<std::string_view> names;
  for (const Key& key : config::keys()) {
    EXPECT_TRUE(names.insert(key.name).second) << key.name;
    EXPECT_TRUE(holds(markdown, "\n| `" + std::string(key.name) + "` | ")) << key.name;
    EXPECT_TRUE(holds(help, "\n  " + std::string(key.name) + "=   ")) << key.name;
    EXPECT_TRUE(holds(" " + params, " " + std::string(key.name) + "=<")) << key.name;
    EXPECT_FALSE(key.meaning.empty());
    EXPECT_TRUE(key.origin == "own" || key.origin.starts_with("net_af_xdp")) << key.origin;
  }
}

TEST(PortConfigTexts, MarkdownRows) {
  const std::string markdown = devargs_markdown();
  EXPECT_TRUE(holds(markdown, "| `zc` | require\\|prefer\\|off | prefer | ")) << markdown;
  EXPECT_TRUE(holds(markdown, "| `queue_count` | 1..1024 | 1 | ")) << markdown;
  EXPECT_TRUE(holds(markdown, "| `shared_umem` | 0\\|1 | one UMEM for all queues and ports alike | "))
      << markdown;
  for (size_t begin = 0; begin < markdown.size();) {  // six bars a row: five cells
    const size_t end = markdown.find('\n', begin);
    int bars = 0;
    for (size_t i = begin; i < end; ++i) bars += markdown[i] == '|' && (i == 0 || markdown[i - 1] != '\\');
    EXPECT_EQ(bars, 6) << markdown.substr(begin, end - begin);
    begin = end + 1;
  }
}

TEST(PortConfigTexts, HelpFitsATerminal) {
  const std::string help = devargs_help();
  size_t begin = 0;
  for (size_t end; (end = help.find('\n', begin)) != help.npos; begin = end + 1)
    EXPECT_LE(end - begin, 100u) << help.substr(begin, end - begin);
  EXPECT_EQ(begin, help.size());
}

TEST(PortConfigTexts, ParamStringIsALiteral) {
  static const char kLiteral[] = ZCNBRH_PORT_PARAM_STRING;  // the form DPDK's macro needs
  const std::string_view params = kLiteral;
  EXPECT_TRUE(params.starts_with("iface=<string> peer=<string> start_queue=<int> queue_count=<int> "));
  EXPECT_TRUE(holds(kLiteral, " zc=<require|prefer|off> "));
}

TEST(DevargsTable, SplicesBetweenTheMarkers) {
  const std::string file = "a\n<!-- devargs:begin -->\nold\n<!-- devargs:end -->\nb\n";
  const auto fresh = splice_table(file, "| new |\n");
  EXPECT_EQ(fresh, "a\n<!-- devargs:begin -->\n| new |\n<!-- devargs:end -->\nb\n");
  EXPECT_EQ(splice_table(*fresh, "| new |\n"), fresh);
  EXPECT_EQ(splice_table("<!-- devargs:end -->\n<!-- devargs:begin -->\n", ""), std::nullopt);
  EXPECT_EQ(splice_table("", ""), std::nullopt);
}

QueueSizes sizes(std::string_view text, uint32_t nb_rx_desc, uint32_t nb_tx_desc) {
  const Result<QueueSizes> result = queue_sizes(parsed(text), nb_rx_desc, nb_tx_desc);
  EXPECT_TRUE(result.ok()) << result.error().text();
  return result ? *result : QueueSizes();
}

std::string size_error(std::string_view text, uint32_t nb_rx_desc, uint32_t nb_tx_desc) {
  const Result<QueueSizes> result = queue_sizes(parsed(text), nb_rx_desc, nb_tx_desc);
  if (result) return "(accepted)";
  EXPECT_EQ(result.error().code, EINVAL);
  return result.error().why;
}

TEST(QueueSizes, FollowTheDescriptors) {
  EXPECT_EQ(sizes("", 2048, 1024), (QueueSizes{2048, 2048, 1024, 1024}));
  EXPECT_EQ(sizes("", 65, 1000), (QueueSizes{128, 128, 1024, 1024}));
  EXPECT_EQ(sizes("", 64, 32768), (QueueSizes{64, 64, 32768, 32768}));
  EXPECT_EQ(sizes("", 32767, 64), (QueueSizes{32768, 32768, 64, 64}));
}

TEST(QueueSizes, AQueueOfOneSideKeepsFillAndCompletionRing) {
  EXPECT_EQ(sizes("", 0, 1024), (QueueSizes{kTxOnlyFillRing, 0, 1024, 1024}));
  EXPECT_EQ(sizes("fill_ring=64,rx_ring=64", 0, 1024), (QueueSizes{64, 0, 1024, 1024}));
  EXPECT_EQ(sizes("tx_ring=64", 512, 0), (QueueSizes{512, 512, 0, kMinRing}));
}

TEST(QueueSizes, TakeLargerRingsFromTheKeys) {
  EXPECT_EQ(sizes("fill_ring=65536,rx_ring=4096,tx_ring=2048,comp_ring=8192", 4000, 2048),
            (QueueSizes{65536, 4096, 2048, 8192}));
}

TEST(QueueSizes, RefuseWithBothNumbers) {
  EXPECT_EQ(size_error("", 63, 64), "nb_rx_desc=63: out of range 64..32768");
  EXPECT_EQ(size_error("", 64, 32769), "nb_tx_desc=32769: out of range 64..32768");
  EXPECT_TRUE(holds(size_error("", 0, 0), "receives, transmits or both"));
  EXPECT_EQ(size_error("rx_ring=512", 513, 64),
            "rx_ring=512: smaller than nb_rx_desc=513; give at least 1024 or ask for fewer descriptors");
  EXPECT_TRUE(holds(size_error("fill_ring=64", 128, 64), "fill_ring=64: smaller than nb_rx_desc=128"));
  EXPECT_TRUE(holds(size_error("tx_ring=64", 64, 128), "tx_ring=64: smaller than nb_tx_desc=128"));
  EXPECT_TRUE(holds(size_error("comp_ring=64", 64, 128), "comp_ring=64: smaller than nb_tx_desc=128"));
  PortConfig unchecked;
  unchecked.rx_ring = 100;
  EXPECT_TRUE(holds(queue_sizes(unchecked, 64, 64).error().why, "rx_ring=100: takes a power of two"));
}

}  // namespace
}  // namespace zcnbrh
