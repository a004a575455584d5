// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// Flow rules that need filters of the NIC, from rte_flow_create() to ethtool's ioctls, and what becomes of them
// when the netdev goes and another one of its name comes. veth has no filters: this program has an ioctl() of
// its own, which answers for a NIC of paper and which the driver's calls meet before the C library's.
#include <gtest/gtest.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <rte_flow.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdarg>
#include <cstring>
#include <list>
#include <memory>
#include <mutex>

#include "tests/dpdk/eal_port.h"
#include "tests/dpdk/wire.h"
#include "tests/fakes/fake_ethtool.h"
#include "tests/support/net_namespace.h"

namespace {

// The driver asks on EAL's interrupt thread, too.
std::mutex g_lock;
zcnbrh::testing::FakeEthtool* g_nic = nullptr;

bool is_of_filters(uint32_t command) {
  switch (command) {
    case ETHTOOL_GFLAGS:
    case ETHTOOL_GRXCLSRLCNT:
    case ETHTOOL_GRXCLSRLALL:
    case ETHTOOL_SRXCLSRLINS:
    case ETHTOOL_SRXCLSRLDEL:
    case ETHTOOL_GRSSH:
    case ETHTOOL_SRSSH:
      return true;
    default:
      return false;
  }
}

}  // namespace

extern "C" int ioctl(int fd, unsigned long request, ...) noexcept {
  va_list rest;
  va_start(rest, request);
  void* argument = va_arg(rest, void*);
  va_end(rest);
  if (request == SIOCETHTOOL) {
    const std::scoped_lock guard(g_lock);
    auto* question = static_cast<struct ifreq*>(argument);
    uint32_t command;
    std::memcpy(&command, question->ifr_data, sizeof command);
    const bool there = std::strcmp(question->ifr_name, "zg0") == 0 && ::if_nametoindex("zg0") != 0;
    if (g_nic != nullptr && there && is_of_filters(command)) {
      const int answer = g_nic->call(question->ifr_data);
      if (answer == 0) return 0;
      errno = -answer;
      return -1;
    }
  }
  return static_cast<int>(::syscall(SYS_ioctl, fd, request, argument));
}

namespace zcnbrh::testing {
namespace {

constexpr unsigned kBuffers = 4095;
constexpr uint16_t kQueues = 4;
constexpr uint64_t kStrangers = 77;  // the ring of filters that are not ours

class FlowNic : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(here_.error(), "");
    ASSERT_NO_FATAL_FAILURE(plug());
    inside_ = std::make_unique<InNamespace>(here_);
    ASSERT_TRUE(eal_ready());
    pool_ = rte_pktmbuf_pool_create("flow_nic", kBuffers, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
    ASSERT_NE(pool_, nullptr);
  }
  void TearDown() override {
    port_.reset();
    use(nullptr);
    EXPECT_EQ(rte_mempool_avail_count(pool_), kBuffers);
    rte_mempool_free(pool_);
  }
  // Lives as long as the port; with somebody else's filters at the first `strangers` places.
  FakeEthtool& made_nic(uint32_t strangers) {
    FakeEthtool& nic = nics_.emplace_back();
    nic.table_size = 8;
    for (uint32_t location = 0; location < strangers; ++location)
      nic.filters[location].spec.ring_cookie = kStrangers;
    return nic;
  }
  static void use(FakeEthtool* nic) {
    const std::scoped_lock guard(g_lock);
    g_nic = nic;
  }
  void open(FakeEthtool& nic, const std::string& keys = "") {
    use(&nic);
    PortPlan plan;
    plan.devargs = "iface=zg0,queue_count=4,mode=skb" + keys;
    plan.rx_queues = plan.tx_queues = kQueues;
    plan.rx_desc = plan.tx_desc = 128;
    port_ = std::make_unique<EalPort>("net_zcnbrh_flownic", plan, pool_);
    ASSERT_EQ(port_->error(), "");
  }
  void plug() { ASSERT_EQ(NetNamespace::connect(here_, "zg0", there_, "zg1", kQueues), ""); }
  void unplug() { ASSERT_TRUE(here_.shell("ip link del zg0")); }
  bool up() const {
    rte_eth_link link{};
    rte_eth_link_get_nowait(port_->id(), &link);
    return link.link_status == RTE_ETH_LINK_UP;
  }
  bool goes_down() const {
    return eventually([&] { return !up(); });
  }
  bool comes_up() const {
    return eventually([&] { return up(); });
  }
  // Another netdev of the name, which is `nic`.
  void exchange_for(FakeEthtool& nic) {
    ASSERT_NO_FATAL_FAILURE(unplug());
    ASSERT_TRUE(goes_down());
    use(&nic);
    ASSERT_NO_FATAL_FAILURE(plug());
    ASSERT_TRUE(comes_up());
  }

  // Packets to an UDP port.
  rte_flow* make(uint16_t udp_port, const rte_flow_action& action) {
    rte_flow_attr attr{};
    attr.ingress = 1;
    rte_flow_item_udp spec{}, mask{};
    spec.hdr.dst_port = rte_cpu_to_be_16(udp_port);
    mask.hdr.dst_port = 0xffff;
    const rte_flow_item pattern[] = {{RTE_FLOW_ITEM_TYPE_IPV4, nullptr, nullptr, nullptr},
                                     {RTE_FLOW_ITEM_TYPE_UDP, &spec, nullptr, &mask},
                                     {RTE_FLOW_ITEM_TYPE_END, nullptr, nullptr, nullptr}};
    const rte_flow_action actions[] = {action, {RTE_FLOW_ACTION_TYPE_END, nullptr}};
    error_ = {};
    return rte_flow_create(port_->id(), &attr, pattern, actions, &error_);
  }
  rte_flow* to_queue(uint16_t udp_port, uint16_t queue) {
    const rte_flow_action_queue conf{queue};
    return make(udp_port, {RTE_FLOW_ACTION_TYPE_QUEUE, &conf});
  }
  rte_flow* to_some(uint16_t udp_port) {
    static constexpr uint16_t kSome[] = {1, 3};
    rte_flow_action_rss conf{};
    conf.queue = kSome;
    conf.queue_num = 2;
    return make(udp_port, {RTE_FLOW_ACTION_TYPE_RSS, &conf});
  }
  int destroy(rte_flow* flow) { return rte_flow_destroy(port_->id(), flow, &error_); }

  struct Seen {
    std::vector<uint32_t> ours, strangers;  // locations
    size_t contexts;
  };
  static Seen look(const FakeEthtool& nic) {
    const std::scoped_lock guard(g_lock);
    Seen seen{{}, {}, nic.contexts.size()};
    for (const auto& [location, filter] : nic.filters)
      (filter.spec.ring_cookie == kStrangers ? seen.strangers : seen.ours).push_back(location);
    return seen;
  }
  static FakeEthtool::Filter at(const FakeEthtool& nic, uint32_t location) {
    const std::scoped_lock guard(g_lock);
    const auto found = nic.filters.find(location);
    return found != nic.filters.end() ? found->second : FakeEthtool::Filter{};
  }
  static uint16_t udp_port_of(const FakeEthtool::Filter& filter) {
    return rte_be_to_cpu_16(filter.spec.h_u.udp_ip4_spec.pdst);
  }

  using Places = std::vector<uint32_t>;
  std::list<FakeEthtool> nics_;
  NetNamespace here_, there_;
  std::unique_ptr<InNamespace> inside_;
  rte_mempool* pool_ = nullptr;
  std::unique_ptr<EalPort> port_;
  rte_flow_error error_{};
};

TEST_F(FlowNic, ARuleIsAFilterFromCreateToDestroy) {
  FakeEthtool& nic = made_nic(2);
  ASSERT_NO_FATAL_FAILURE(open(nic));
  rte_flow* one = to_queue(4789, 2);
  ASSERT_NE(one, nullptr) << error_.message;
  rte_flow* some = to_some(319);
  ASSERT_NE(some, nullptr) << error_.message;
  EXPECT_EQ(look(nic).ours, (Places{2, 3}));
  EXPECT_EQ(at(nic, 2).spec.flow_type, static_cast<uint32_t>(UDP_V4_FLOW));
  EXPECT_EQ(at(nic, 2).spec.ring_cookie, 2U);
  EXPECT_EQ(udp_port_of(at(nic, 2)), 4789);
  EXPECT_EQ(udp_port_of(at(nic, 3)), 319);
  EXPECT_EQ(nic.contexts[at(nic, 3).context], (Places{1, 3, 1, 3, 1, 3, 1, 3}));
  ASSERT_EQ(rte_eth_dev_stop(port_->id()), 0);
  ASSERT_EQ(rte_eth_dev_start(port_->id()), 0);
  EXPECT_EQ(look(nic).ours, (Places{2, 3})) << "no second time";
  ASSERT_EQ(destroy(one), 0);
  EXPECT_EQ(look(nic).ours, (Places{3}));
  ASSERT_EQ(rte_flow_flush(port_->id(), &error_), 0);
  EXPECT_TRUE(look(nic).ours.empty());
  EXPECT_EQ(look(nic).contexts, 0U);
  EXPECT_EQ(look(nic).strangers, (Places{0, 1}));
}

TEST_F(FlowNic, TheNextNetdevGetsTheFiltersAndKeepsItsOwn) {
  FakeEthtool &first = made_nic(0), &second = made_nic(2), &third = made_nic(1);
  ASSERT_NO_FATAL_FAILURE(open(first, ",reattach=1"));
  rte_flow* one = to_queue(4789, 2);
  rte_flow* some = to_some(319);
  ASSERT_NE(some, nullptr) << error_.message;
  ASSERT_EQ(look(first).ours, (Places{0, 1}));
  ASSERT_NO_FATAL_FAILURE(exchange_for(second));
  EXPECT_EQ(look(second).ours, (Places{2, 3}));
  EXPECT_EQ(at(second, 2).spec.ring_cookie, 2U);
  EXPECT_EQ(udp_port_of(at(second, 2)), 4789);
  EXPECT_EQ(udp_port_of(at(second, 3)), 319);
  EXPECT_EQ(second.contexts[at(second, 3).context], (Places{1, 3, 1, 3, 1, 3, 1, 3}));
  ASSERT_EQ(destroy(one), 0);
  EXPECT_EQ(look(second).ours, (Places{3}));
  EXPECT_EQ(look(second).strangers, (Places{0, 1})) << "the first netdev's location was 0";
  ASSERT_NO_FATAL_FAILURE(exchange_for(third));
  EXPECT_EQ(look(third).ours, (Places{1})) << "a rule that was destroyed does not come again";
  port_->close();
  EXPECT_TRUE(look(third).ours.empty());
  EXPECT_EQ(look(third).contexts, 0U);
  EXPECT_EQ(look(third).strangers, (Places{0}));
  EXPECT_EQ(look(second).strangers, (Places{0, 1}));
}

TEST_F(FlowNic, RulesMadeAndDestroyedWithoutANetdev) {
  FakeEthtool &first = made_nic(0), &second = made_nic(1);
  ASSERT_NO_FATAL_FAILURE(open(first, ",reattach=1"));
  rte_flow* one = to_queue(4789, 2);
  ASSERT_NE(to_queue(319, 1), nullptr) << error_.message;
  ASSERT_NO_FATAL_FAILURE(unplug());
  ASSERT_TRUE(goes_down());
  use(&second);
  EXPECT_EQ(to_queue(320, 3), nullptr);
  EXPECT_NE(std::strstr(error_.message, "the netdev is gone"), nullptr) << error_.message;
  ASSERT_EQ(destroy(one), 0);
  ASSERT_NO_FATAL_FAILURE(plug());
  ASSERT_TRUE(comes_up());
  EXPECT_EQ(look(second).ours, (Places{1}));
  EXPECT_EQ(udp_port_of(at(second, 1)), 319);
  EXPECT_EQ(look(second).strangers, (Places{0}));
}

// The driver hears of netdevs from rtnetlink, so a rule may be destroyed before it has.
TEST_F(FlowNic, ARuleThatIsDestroyedAsTheNetdevChangesTouchesNoStranger) {
  for (int turn = 0; turn < 10; ++turn) {
    FakeEthtool &first = made_nic(0), &second = made_nic(2);
    ASSERT_NO_FATAL_FAILURE(open(first, turn % 2 != 0 ? ",reattach=1" : ""));
    rte_flow* one = to_queue(4789, 2);
    ASSERT_NE(one, nullptr) << error_.message;
    ASSERT_NO_FATAL_FAILURE(unplug());
    use(&second);
    ASSERT_NO_FATAL_FAILURE(plug());
    ASSERT_EQ(destroy(one), 0);
    EXPECT_EQ(look(second).strangers, (Places{0, 1}));
    EXPECT_TRUE(look(second).ours.empty());
    port_.reset();
    EXPECT_EQ(look(second).strangers, (Places{0, 1}));
    use(nullptr);
  }
}

TEST_F(FlowNic, ADeadPortLeavesTheNextNetdevAlone) {
  FakeEthtool &first = made_nic(0), &second = made_nic(2);
  ASSERT_NO_FATAL_FAILURE(open(first));
  ASSERT_NE(to_some(319), nullptr) << error_.message;
  ASSERT_NO_FATAL_FAILURE(unplug());
  ASSERT_TRUE(goes_down());
  use(&second);
  ASSERT_NO_FATAL_FAILURE(plug());
  port_->close();
  EXPECT_EQ(look(second).strangers, (Places{0, 1}));
  EXPECT_TRUE(look(second).ours.empty());
}

// Without its filters a rule would be a lie: the port waits until the NIC takes them, and leaves no half of
// them behind.
TEST_F(FlowNic, TheReturnWaitsForTheFilters) {
  FakeEthtool &first = made_nic(0), &second = made_nic(1);
  second.table_size = 2;
  ASSERT_NO_FATAL_FAILURE(open(first, ",reattach=1"));
  ASSERT_NE(to_queue(4789, 2), nullptr) << error_.message;
  ASSERT_NE(to_queue(319, 3), nullptr) << error_.message;
  ASSERT_NO_FATAL_FAILURE(unplug());
  ASSERT_TRUE(goes_down());
  use(&second);
  ASSERT_NO_FATAL_FAILURE(plug());
  EXPECT_FALSE(eventually([&] { return up(); }, std::chrono::seconds(2)));
  ASSERT_NO_FATAL_FAILURE(unplug());
  ASSERT_TRUE(eventually([&] { return look(second).ours.empty(); })) << "one fitted, the other did not";
  {
    const std::scoped_lock guard(g_lock);
    second.table_size = 8;
    second.filters_on = false;
  }
  ASSERT_NO_FATAL_FAILURE(plug());
  EXPECT_FALSE(eventually([&] { return up(); }, std::chrono::seconds(2)));
  {
    const std::scoped_lock guard(g_lock);
    second.filters_on = true;
  }
  ASSERT_TRUE(comes_up());
  EXPECT_EQ(look(second).ours, (Places{1, 2}));
}

// A netdev that was in another namespace for a while has its filters still.
TEST_F(FlowNic, AFilterThatIsThereAlreadyIsNoReasonToStayAway) {
  FakeEthtool &first = made_nic(0), &second = made_nic(1);
  second.fails[ETHTOOL_SRXCLSRLINS] = EEXIST;
  ASSERT_NO_FATAL_FAILURE(open(first, ",reattach=1"));
  rte_flow* one = to_queue(4789, 2);
  ASSERT_NE(one, nullptr) << error_.message;
  ASSERT_NO_FATAL_FAILURE(exchange_for(second));
  ASSERT_EQ(destroy(one), 0);
  EXPECT_EQ(look(second).strangers, (Places{0}));
}

}  // namespace
}  // namespace zcnbrh::testing
