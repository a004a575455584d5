// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// The list of port keys as a table in memory: one row a key, with its range and the way to its field in a
// PortConfig. Internal to lib/config.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "lib/base/result.h"
#include "lib/config/port_config.h"

namespace zcnbrh::config {

enum class Kind : uint8_t { kNetdev, kLabel, kPath, kNumber, kRing, kSwitch, kChoice };

struct Key {
  std::string_view name;
  Kind kind;
  uint32_t low, high;        // least and greatest number; of a text: least and greatest length in bytes
  std::string_view choices;  // kChoice only, "a|b|c": the position is the number
  std::string_view absent;
  std::string_view origin;
  std::string_view meaning;
  // Texts have the first, all others the two functions; no number means the key was not given.
  std::string PortConfig::*text;
  std::optional<uint32_t> (*get)(const PortConfig&);
  void (*put)(PortConfig&, uint32_t);
};

std::span<const Key> keys();
const Key* find_key(std::string_view name);

// The known key nearest to a misspelt one, or nullptr when none is near.
const Key* nearest_key(std::string_view name);

// Reads `value` into the key's field, which is left alone on an error.
Status set_value(const Key& key, std::string_view value, PortConfig& config);

// The range check of set_value() on a field that is set already.
Status check_value(const Key& key, const PortConfig& config);

// The field as a key's value; empty where the key is not given.
std::string value_text(const Key& key, const PortConfig& config);

// "0..65535", "0|1", "a|b|c", "<path>", ... : what the key takes.
std::string range_text(const Key& key);

// Text from outside for an error message: control and non-ASCII bytes as \xNN, cut when long.
std::string quoted_bytes(std::string_view bytes);

Error config_error(std::string why, int code = 0 /* EINVAL */);

}  // namespace zcnbrh::config
