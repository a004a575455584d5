// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// rte_flow as a program calls it: the life of rules beside the port's, handles, counts and every refusal.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <rte_flow.h>
#include <sys/socket.h>

#include <memory>

#include "lib/base/unique_fd.h"
#include "tests/dpdk/eal_port.h"
#include "tests/support/flow_packets.h"
#include "tests/support/net_namespace.h"

namespace zcnbrh::testing {
namespace {

using ::testing::HasSubstr;

constexpr unsigned kBuffers = 4095;

class FlowPortTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(here_.error(), "");
    ASSERT_EQ(NetNamespace::connect(here_, "zf0", there_, "zf1", 1), "");
    inside_ = std::make_unique<InNamespace>(here_);
    ASSERT_TRUE(eal_ready());
    pool_ = rte_pktmbuf_pool_create("flow", kBuffers, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
    port_ = open("net_zcnbrh_flow", "iface=zf0");
    ASSERT_EQ(port_->error(), "");
  }
  void TearDown() override {
    port_.reset();
    if (pool_ == nullptr) return;
    EXPECT_EQ(rte_mempool_avail_count(pool_), kBuffers);
    rte_mempool_free(pool_);
  }

  std::unique_ptr<EalPort> open(const char* name, const char* devargs, uint16_t queues = 1) {
    PortPlan plan;
    plan.devargs = devargs;
    plan.rx_queues = plan.tx_queues = queues;
    return std::make_unique<EalPort>(name, plan, pool_);
  }
  void reopen(const char* devargs, uint16_t queues) {
    port_.reset();
    port_ = open("net_zcnbrh_flow", devargs, queues);
    ASSERT_EQ(port_->error(), "");
  }

  rte_flow* make(std::vector<rte_flow_item> pattern, std::vector<rte_flow_action> actions,
                 rte_flow_attr attr = ingress()) {
    pattern.push_back({RTE_FLOW_ITEM_TYPE_END, nullptr, nullptr, nullptr});
    actions.push_back({RTE_FLOW_ACTION_TYPE_END, nullptr});
    error_ = {};
    return rte_flow_create(port_->id(), &attr, pattern.data(), actions.data(), &error_);
  }
  static rte_flow_attr ingress() {
    rte_flow_attr attr{};
    attr.ingress = 1;
    return attr;
  }

  // From the far end, `count` times; and a while for them to arrive.
  void send(const Bytes& packet, int count) {
    const InNamespace over_there(there_);
    const UniqueFd wire(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
    sockaddr_ll to{};
    to.sll_family = AF_PACKET;
    to.sll_ifindex = static_cast<int>(::if_nametoindex("zf1"));
    for (int i = 0; i < count; ++i)
      ASSERT_EQ(
          ::sendto(wire.get(), packet.data(), packet.size(), 0, reinterpret_cast<sockaddr*>(&to), sizeof to),
          static_cast<ssize_t>(packet.size()));
  }
  // Packets that come within half a second of the last one, at most `enough`; freed.
  unsigned receive(unsigned enough, int quiet_ms = 500) {
    unsigned found = 0;
    for (int idle = 0; idle < quiet_ms && found < enough;) {
      rte_mbuf* packets[32];
      const uint16_t n = rte_eth_rx_burst(port_->id(), 0, packets, 32);
      rte_pktmbuf_free_bulk(packets, n);
      found += n;
      if (n != 0) {
        idle = 0;
      } else {
        ::usleep(1000);
        ++idle;
      }
    }
    return found;
  }

  int query(rte_flow* flow, rte_flow_query_count& count) {
    const rte_flow_action actions[] = {{RTE_FLOW_ACTION_TYPE_COUNT, nullptr},
                                       {RTE_FLOW_ACTION_TYPE_END, nullptr}};
    error_ = {};
    return rte_flow_query(port_->id(), flow, actions, &count, &error_);
  }
  uint64_t hits(rte_flow* flow) {
    rte_flow_query_count count{};
    EXPECT_EQ(query(flow, count), 0) << error_.message;
    return count.hits;
  }

  NetNamespace here_, there_;
  std::unique_ptr<InNamespace> inside_;
  rte_mempool* pool_ = nullptr;
  std::unique_ptr<EalPort> port_;
  rte_flow_error error_{};
};

constexpr rte_flow_item kUdpItem = {RTE_FLOW_ITEM_TYPE_UDP, nullptr, nullptr, nullptr};
constexpr rte_flow_item kEthItem = {RTE_FLOW_ITEM_TYPE_ETH, nullptr, nullptr, nullptr};
constexpr rte_flow_action kDropAction = {RTE_FLOW_ACTION_TYPE_DROP, nullptr};
constexpr rte_flow_action kCountAction = {RTE_FLOW_ACTION_TYPE_COUNT, nullptr};
const Bytes kUdpPacket = eth(kTypeIpv4) + ipv4() + udp() + payload();
const Bytes kTcpPacket = eth(kTypeIpv4) + ipv4({.protocol = kTcp}) + tcp() + payload();

TEST_F(FlowPortTest, RulesOutliveStopAndNotClose) {
  rte_flow* rule = make({kUdpItem}, {kCountAction, kDropAction});
  ASSERT_NE(rule, nullptr) << error_.message;
  for (int turn = 1; turn <= 3; ++turn) {
    send(kUdpPacket, 5);
    send(kTcpPacket, 5);
    EXPECT_EQ(receive(5), 5U);
    EXPECT_EQ(hits(rule), 5U * turn);
    ASSERT_EQ(rte_eth_dev_stop(port_->id()), 0);
    ASSERT_EQ(rte_eth_dev_start(port_->id()), 0);
  }
  EXPECT_EQ(receive(1, 50), 0U);
  reopen("iface=zf0", 1);
  send(kUdpPacket, 5);
  EXPECT_EQ(receive(5), 5U) << "a rule of a port that is closed";
}

TEST_F(FlowPortTest, CountIsReadAndReset) {
  rte_flow* rule = make({kUdpItem}, {kCountAction, kDropAction});
  ASSERT_NE(rule, nullptr) << error_.message;
  send(kUdpPacket, 7);
  send(kTcpPacket, 1);
  ASSERT_EQ(receive(1), 1U);
  rte_flow_query_count count{};
  count.reset = 1;
  ASSERT_EQ(query(rule, count), 0) << error_.message;
  EXPECT_TRUE(count.hits_set && count.bytes_set);
  EXPECT_EQ(count.hits, 7U);
  EXPECT_EQ(count.bytes, 7 * kUdpPacket.size());
  EXPECT_EQ(hits(rule), 0U);
}

TEST_F(FlowPortTest, HandlesAreThePortsOwn) {
  rte_flow* rule = make({kUdpItem}, {kDropAction});
  ASSERT_NE(rule, nullptr) << error_.message;
  rte_flow_query_count count{};
  EXPECT_EQ(query(rule, count), -ENOTSUP);
  EXPECT_THAT(error_.message, HasSubstr("only a rule's own count"));
  auto* stranger = reinterpret_cast<rte_flow*>(&count);
  EXPECT_EQ(rte_flow_destroy(port_->id(), stranger, &error_), -EINVAL);
  EXPECT_EQ(error_.type, RTE_FLOW_ERROR_TYPE_HANDLE);
  EXPECT_EQ(query(stranger, count), -EINVAL);
  EXPECT_EQ(rte_flow_destroy(port_->id(), rule, &error_), 0);
  EXPECT_EQ(rte_flow_destroy(port_->id(), rule, &error_), -EINVAL) << "twice";
  EXPECT_EQ(rte_flow_flush(port_->id(), &error_), 0);
}

TEST_F(FlowPortTest, DumpShowsRules) {
  rte_flow* rule = make({kUdpItem}, {kCountAction, kDropAction});
  ASSERT_NE(rule, nullptr) << error_.message;
  ASSERT_EQ(rte_flow_isolate(port_->id(), 1, &error_), 0) << error_.message;
  char text[1024] = {};
  FILE* file = ::fmemopen(text, sizeof text - 1, "w");
  EXPECT_EQ(rte_flow_dev_dump(port_->id(), nullptr, file, &error_), 0);
  std::fclose(file);
  EXPECT_THAT(text, HasSubstr("priority 0: udp, queues 0..0: drop, 0 packets\n"));
  EXPECT_THAT(text, HasSubstr("isolated: any, queues 0..0: to the kernel's stack\n"));
}

// A full table is said before and at the attempt, and a free place is used again.
TEST_F(FlowPortTest, TableFillsUp) {
  std::vector<rte_flow*> rules;
  rte_flow_item_udp spec{};
  ASSERT_EQ(rte_eth_dev_stop(port_->id()), 0);
  for (uint16_t i = 0; i < 256; ++i) {
    spec.hdr.dst_port = i;
    rules.push_back(make({{RTE_FLOW_ITEM_TYPE_UDP, &spec, nullptr, nullptr}}, {kDropAction}));
    ASSERT_NE(rules.back(), nullptr) << error_.message;
  }
  EXPECT_EQ(make({kEthItem}, {kDropAction}), nullptr);
  EXPECT_EQ(error_.type, RTE_FLOW_ERROR_TYPE_STATE);
  EXPECT_THAT(error_.message, HasSubstr("256 rules a netdev"));
  const rte_flow_item pattern[] = {kEthItem, {RTE_FLOW_ITEM_TYPE_END, nullptr, nullptr, nullptr}};
  const rte_flow_action actions[] = {kDropAction, {RTE_FLOW_ACTION_TYPE_END, nullptr}};
  const rte_flow_attr attr = ingress();
  EXPECT_EQ(rte_flow_validate(port_->id(), &attr, pattern, actions, &error_), -ENOSPC);
  EXPECT_EQ(rte_flow_destroy(port_->id(), rules.back(), &error_), 0);
  EXPECT_NE(make({kEthItem}, {kDropAction}), nullptr) << error_.message;
}

struct Refusal {
  rte_flow_item item;
  rte_flow_action action;
  rte_flow_error_type type;
  const char* words;
};

TEST_F(FlowPortTest, RefusalsThatTestpmdCannotAskFor) {
  const rte_flow_item_udp udp_zero{};
  rte_flow_item_eth eth_reserved{};
  eth_reserved.reserved = 1;
  const rte_flow_item_eth eth_zero{};
  rte_flow_action_rss rss{};
  const uint16_t queue[] = {0};
  const uint8_t key[40] = {1};
  rss.queue = queue;
  rss.queue_num = 1;
  rte_flow_action_rss keyed = rss, leveled = rss, symmetric = rss, none{};
  keyed.key = key;
  keyed.key_len = sizeof key;
  leveled.level = 2;
  symmetric.func = RTE_ETH_HASH_FUNCTION_SYMMETRIC_TOEPLITZ;
  const char* as_is = "a rule cannot give hash function, key or level";
  const Refusal rows[] = {
      {{RTE_FLOW_ITEM_TYPE_UDP, nullptr, nullptr, &udp_zero},
       kDropAction,
       RTE_FLOW_ERROR_TYPE_ITEM_SPEC,
       "a mask without spec"},
      {{RTE_FLOW_ITEM_TYPE_UDP, &udp_zero, &udp_zero, nullptr},
       kDropAction,
       RTE_FLOW_ERROR_TYPE_ITEM_LAST,
       "no ranges"},
      {{RTE_FLOW_ITEM_TYPE_ETH, &eth_zero, nullptr, &eth_reserved},
       kDropAction,
       RTE_FLOW_ERROR_TYPE_ITEM_MASK,
       "reserved bits"},
      {kEthItem, {RTE_FLOW_ACTION_TYPE_VOID, nullptr}, RTE_FLOW_ERROR_TYPE_ACTION_NUM, "needs an action"},
      {kEthItem, {RTE_FLOW_ACTION_TYPE_QUEUE, nullptr}, RTE_FLOW_ERROR_TYPE_ACTION_CONF, "no such queue"},
      {kEthItem, {RTE_FLOW_ACTION_TYPE_RSS, nullptr}, RTE_FLOW_ERROR_TYPE_ACTION_CONF, "rss without queues"},
      {kEthItem, {RTE_FLOW_ACTION_TYPE_RSS, &none}, RTE_FLOW_ERROR_TYPE_ACTION_CONF, "rss without queues"},
      {kEthItem, {RTE_FLOW_ACTION_TYPE_RSS, &keyed}, RTE_FLOW_ERROR_TYPE_ACTION_CONF, as_is},
      {kEthItem, {RTE_FLOW_ACTION_TYPE_RSS, &leveled}, RTE_FLOW_ERROR_TYPE_ACTION_CONF, as_is},
      {kEthItem, {RTE_FLOW_ACTION_TYPE_RSS, &symmetric}, RTE_FLOW_ERROR_TYPE_ACTION_CONF, as_is},
  };
  for (const Refusal& row : rows) {
    EXPECT_EQ(make({row.item}, {row.action}), nullptr) << row.words;
    EXPECT_EQ(error_.type, row.type) << row.words;
    EXPECT_THAT(error_.message, HasSubstr(row.words));
  }
  rte_flow_attr nothing{};
  EXPECT_EQ(make({kEthItem}, {kDropAction}, nothing), nullptr);
  EXPECT_EQ(error_.type, RTE_FLOW_ERROR_TYPE_ATTR_INGRESS);
  // And with what is to be skipped in between, the same rule goes through.
  EXPECT_NE(make({{RTE_FLOW_ITEM_TYPE_VOID, nullptr, nullptr, nullptr}, kEthItem},
                 {{RTE_FLOW_ACTION_TYPE_VOID, nullptr}, {RTE_FLOW_ACTION_TYPE_RSS, &rss}}),
            nullptr)
      << error_.message;
}

}  // namespace
}  // namespace zcnbrh::testing
