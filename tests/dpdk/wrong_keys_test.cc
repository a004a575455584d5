// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// A wrong value of any key in a device's arguments: no port, and one line that names key, value and range.
#include <gtest/gtest.h>
#include <rte_bus_vdev.h>
#include <rte_log.h>

#include <cstdio>
#include <memory>
#include <string>

#include "lib/config/port_keys.h"
#include "tests/dpdk/eal_port.h"
#include "tests/support/wrong_values.h"

namespace zcnbrh::testing {
namespace {

// What DPDK's log is given while this lives.
class LogKept {
 public:
  LogKept() : file_(std::tmpfile()) { rte_openlog_stream(file_); }
  LogKept(const LogKept&) = delete;
  LogKept& operator=(const LogKept&) = delete;
  ~LogKept() {
    rte_openlog_stream(nullptr);
    std::fclose(file_);
  }
  std::string text() const {
    std::fflush(file_);
    std::string text(static_cast<size_t>(std::ftell(file_)), '\0');
    std::rewind(file_);
    text.resize(std::fread(text.data(), 1, text.size(), file_));
    return text;
  }

 private:
  std::FILE* file_;
};

std::string devargs_with(const WrongValue& wrong) {
  return std::string(wrong.key) == "iface" ? wrong.text() : "iface=loop," + wrong.text();
}

std::string line_about(const std::string& text, const std::string& word) {
  const size_t at = text.find(word);
  if (at == text.npos) return "";
  const size_t begin = text.rfind('\n', at);
  return text.substr(begin == text.npos ? 0 : begin + 1, text.find('\n', at) - begin);
}

TEST(WrongKeys, NoPortIsMadeAndTheLineNamesKeyValueAndRange) {
  ASSERT_TRUE(eal_ready());
  const uint16_t before = rte_eth_dev_count_avail();
  for (const WrongValue& wrong : kWrongValues) {
    SCOPED_TRACE(wrong.text());
    const LogKept log;
    EXPECT_EQ(rte_vdev_init("net_zcnbrh_wrong", devargs_with(wrong).c_str()), -EINVAL);
    EXPECT_EQ(rte_eth_dev_count_avail(), before);
    const std::string line = line_about(log.text(), wrong.text() + ": ");
    EXPECT_NE(line.find(wrong.says), std::string::npos) << log.text();
  }
  EalPort port("net_zcnbrh_wrong", {.devargs = "iface=loop"}, nullptr);  // the name is free: nothing is left
  EXPECT_EQ(port.error(), "queue setup") << "and without a pool that is as far as it goes";
}

#define COUNT_KEY(key, ...) +1
constexpr int kKeys = 0 ZCNBRH_PORT_KEYS(COUNT_KEY, COUNT_KEY, COUNT_KEY, COUNT_KEY, COUNT_KEY);
#undef COUNT_KEY

TEST(WrongKeys, AllKeysOfTheListAreTried) {
  int keys = 0;
  for (const WrongValue* wrong = kWrongValues; wrong != std::end(kWrongValues); ++wrong)
    keys += wrong == kWrongValues || std::string(wrong->key) != wrong[-1].key;
  EXPECT_EQ(keys, kKeys) << "a key without a line in tests/support/wrong_values.h, or its lines not together";
}

}  // namespace
}  // namespace zcnbrh::testing
