// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// Wrong values of every key, whoever brings them: the text of devargs, one key set by itself (C API, command
// line), and both ends of each range, made from the list.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "lib/config/key_table.h"
#include "lib/config/port_config.h"
#include "tests/support/wrong_values.h"

namespace zcnbrh {
namespace {

using config::Key;
using config::Kind;
using testing::kWrongValues;
using testing::WrongValue;

TEST(PortKeysWrong, EveryKeyHasAWrongValue) {
  for (const Key& key : config::keys())
    EXPECT_TRUE(std::any_of(std::begin(kWrongValues), std::end(kWrongValues),
                            [&](const WrongValue& wrong) { return key.name == wrong.key; }))
        << key.name << ": give it a line in tests/support/wrong_values.h";
  for (const WrongValue& wrong : kWrongValues) EXPECT_NE(config::find_key(wrong.key), nullptr) << wrong.key;
}

TEST(PortKeysWrong, EachIsRefusedWithKeyValueAndRange) {
  for (const WrongValue& wrong : kWrongValues) {
    const Result<PortConfig> read = parse_port_config(wrong.text());
    ASSERT_FALSE(read.ok()) << wrong.text();
    EXPECT_TRUE(read.error().why.starts_with(wrong.text() + ": ")) << read.error().why;
    EXPECT_NE(read.error().why.find(wrong.says), std::string::npos) << read.error().why;
    PortConfig config;
    EXPECT_FALSE(set_port_key(config, wrong.key, wrong.value).ok()) << wrong.text();
    EXPECT_EQ(config, PortConfig()) << wrong.text() << " changed something before it was refused";
  }
}

// Both ends of each key's range are taken, and what lies beyond them is not.
TEST(PortKeysWrong, RangesEndWhereTheListSaysTheyDo) {
  for (const Key& key : config::keys()) {
    if (key.text != nullptr || key.kind == Kind::kChoice) continue;
    PortConfig config;
    for (const uint32_t end : {key.low, key.high})
      EXPECT_TRUE(set_port_key(config, key.name, std::to_string(end)).ok()) << key.name << "=" << end;
    const PortConfig before = config;
    EXPECT_FALSE(set_port_key(config, key.name, std::to_string(uint64_t{key.high} + 1)).ok()) << key.name;
    if (key.low == 0) continue;
    EXPECT_FALSE(set_port_key(config, key.name, std::to_string(key.low - 1)).ok()) << key.name;
    EXPECT_EQ(config, before) << key.name;
  }
}

}  // namespace
}  // namespace zcnbrh
