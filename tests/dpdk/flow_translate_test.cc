// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// rte_flow's queue and rss actions on a NIC that can choose the queue, which no netdev here can: what is asked
// of it, and what is refused where it cannot. The filters themselves: tests/unit/ntuple_test.cc. Not seen on
// hardware.
#include "drivers/net/zcnbrh/flow_translate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace zcnbrh::pmd {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

struct Case {
  FlowPort port;
  std::vector<rte_flow_action> actions;

  std::optional<FlowRefusal> translate(TranslatedFlow& out) const {
    rte_flow_attr attr{};
    attr.ingress = 1;
    const rte_flow_item pattern[] = {{RTE_FLOW_ITEM_TYPE_IPV4, nullptr, nullptr, nullptr},
                                     {RTE_FLOW_ITEM_TYPE_END, nullptr, nullptr, nullptr}};
    auto list = actions;
    list.push_back({RTE_FLOW_ACTION_TYPE_END, nullptr});
    return translate_flow(port, &attr, pattern, list.data(), out);
  }
};

const FlowPort kSteered = {{4, 8}, 3, ""};  // netdev queues 4..11, three of them configured
const FlowPort kPlain = {{4, 8}, 3, "the NIC's driver has no receive filters"};

TEST(FlowTranslate, QueueByTheNicsFilters) {
  const rte_flow_action_queue queue = {2};
  TranslatedFlow out;
  const Case steered = {kSteered, {{RTE_FLOW_ACTION_TYPE_QUEUE, &queue}}};
  ASSERT_FALSE(steered.translate(out));
  EXPECT_THAT(out.steer_to, ElementsAre(6U)) << "a queue of the netdev";
  EXPECT_TRUE(out.must_steer);
  EXPECT_EQ(out.rule.queues.first, 4U) << "packets on their way when the filter comes are the port's, too";
  EXPECT_EQ(out.rule.queues.count, 8U);
  const Case plain = {kPlain, {{RTE_FLOW_ACTION_TYPE_QUEUE, &queue}}};
  const auto refused = plain.translate(out);
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->type, RTE_FLOW_ERROR_TYPE_ACTION);
  EXPECT_THAT(refused->why, HasSubstr("its own queue alone, and the NIC's driver has no receive filters"));
}

TEST(FlowTranslate, OnlyQueueOfAPort) {
  const rte_flow_action_queue queue = {0};
  TranslatedFlow out;
  FlowPort one = kPlain;
  one.rx_queues = 1;
  ASSERT_FALSE((Case{one, {{RTE_FLOW_ACTION_TYPE_QUEUE, &queue}}}.translate(out)));
  EXPECT_THAT(out.steer_to, IsEmpty());
  EXPECT_EQ(out.rule.queues.first, 4U);
  EXPECT_EQ(out.rule.queues.count, 1U);
  one.no_filters.clear();
  ASSERT_FALSE((Case{one, {{RTE_FLOW_ACTION_TYPE_QUEUE, &queue}}}.translate(out)));
  EXPECT_THAT(out.steer_to, ElementsAre(4U)) << "the netdev may have more queues than the port";
  EXPECT_FALSE(out.must_steer);
}

TEST(FlowTranslate, RssOverSomeQueuesByContext) {
  const uint16_t some[] = {2, 0}, all[] = {0, 1, 2};
  rte_flow_action_rss rss{};
  rss.queue = some;
  rss.queue_num = 2;
  TranslatedFlow out;
  ASSERT_FALSE((Case{kSteered, {{RTE_FLOW_ACTION_TYPE_RSS, &rss}}}.translate(out)));
  EXPECT_THAT(out.steer_to, ElementsAre(6U, 4U));
  EXPECT_TRUE(out.must_steer);
  const auto refused = Case{kPlain, {{RTE_FLOW_ACTION_TYPE_RSS, &rss}}}.translate(out);
  ASSERT_TRUE(refused);
  EXPECT_THAT(refused->why, HasSubstr("without RSS contexts rss is for all queues of the port"));
  rss.queue = all;
  rss.queue_num = 3;
  ASSERT_FALSE((Case{kSteered, {{RTE_FLOW_ACTION_TYPE_RSS, &rss}}}.translate(out)));
  EXPECT_THAT(out.steer_to, IsEmpty()) << "they are spread over all already";
}

// Every refusal names the thing at fault.
TEST(FlowTranslate, CauseIsTheItemOrTheAction) {
  const rte_flow_action_queue beyond = {3};
  const Case queue = {kSteered, {{RTE_FLOW_ACTION_TYPE_COUNT, nullptr}, {RTE_FLOW_ACTION_TYPE_QUEUE, &beyond}}};
  TranslatedFlow out;
  const auto refused = queue.translate(out);
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->code, EINVAL);
  EXPECT_NE(refused->cause, nullptr);
  EXPECT_THAT(refused->why, HasSubstr("RX queues 0..2"));
  EXPECT_TRUE(translate_flow(kSteered, nullptr, nullptr, nullptr, out));
  rte_flow_attr attr{};
  attr.ingress = 1;
  EXPECT_EQ(translate_flow(kSteered, &attr, nullptr, nullptr, out)->type, RTE_FLOW_ERROR_TYPE_ITEM_NUM);
  const rte_flow_item end[] = {{RTE_FLOW_ITEM_TYPE_END, nullptr, nullptr, nullptr}};
  EXPECT_EQ(translate_flow(kSteered, &attr, end, nullptr, out)->type, RTE_FLOW_ERROR_TYPE_ACTION_NUM);
}

}  // namespace
}  // namespace zcnbrh::pmd
