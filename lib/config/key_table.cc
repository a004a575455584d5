// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#include "lib/config/key_table.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <type_traits>

#include "lib/config/port_keys.h"
#include "lib/config/queue_sizes.h"

namespace zcnbrh::config {
namespace {

constexpr uint32_t kMaxNetdevName = 15;  // IFNAMSIZ without the terminating zero
constexpr uint32_t kMaxLabel = 63;       // RTE_ETH_NAME_MAX_LEN without it
constexpr uint32_t kMaxPath = 4095;      // PATH_MAX without it
constexpr size_t kMaxSuggested = 32;     // a longer unknown key is no misspelling
constexpr size_t kMaxQuoted = 64;

template <typename T>
struct ValueOf {
  using type = T;
  static constexpr bool kOptional = false;
};
template <typename T>
struct ValueOf<std::optional<T>> {
  using type = T;
  static constexpr bool kOptional = true;
};

template <auto Member>
using FieldOf = std::remove_cvref_t<decltype(std::declval<PortConfig&>().*Member)>;

template <auto Member>
std::optional<uint32_t> get_number(const PortConfig& config) {
  const auto& field = config.*Member;
  if constexpr (ValueOf<FieldOf<Member>>::kOptional) {
    if (!field) return std::nullopt;
    return static_cast<uint32_t>(*field);
  } else {
    return static_cast<uint32_t>(field);
  }
}

template <auto Member>
void put_number(PortConfig& config, uint32_t number) {
  config.*Member = static_cast<typename ValueOf<FieldOf<Member>>::type>(number);
}

constexpr uint32_t max_length(Kind kind) {
  return kind == Kind::kNetdev ? kMaxNetdevName : kind == Kind::kLabel ? kMaxLabel : kMaxPath;
}

constexpr uint32_t last_choice(std::string_view choices) {
  return static_cast<uint32_t>(std::count(choices.begin(), choices.end(), '|'));
}

#define TEXT_ROW(key, what, absent, origin, meaning)                                                 \
  Key{#key,    Kind::what, 1, max_length(Kind::what), "", absent, origin, meaning, &PortConfig::key, \
      nullptr, nullptr},
#define NUMBER_FIELD(key) nullptr, get_number<&PortConfig::key>, put_number<&PortConfig::key>
#define NUMBER_ROW(key, low, high, absent, origin, meaning) \
  Key{#key, Kind::kNumber, low, high, "", absent, origin, meaning, NUMBER_FIELD(key)},
#define RING_ROW(key, absent, origin, meaning) \
  Key{#key, Kind::kRing, kMinRing, kMaxRing, "", absent, origin, meaning, NUMBER_FIELD(key)},
#define SWITCH_ROW(key, absent, origin, meaning) \
  Key{#key, Kind::kSwitch, 0, 1, "", absent, origin, meaning, NUMBER_FIELD(key)},
#define CHOICE_ROW(key, choices, absent, origin, meaning) \
  Key{#key, Kind::kChoice, 0, last_choice(choices), choices, absent, origin, meaning, NUMBER_FIELD(key)},

constexpr std::array kKeys = {ZCNBRH_PORT_KEYS(TEXT_ROW, NUMBER_ROW, RING_ROW, SWITCH_ROW, CHOICE_ROW)};

#undef TEXT_ROW
#undef NUMBER_FIELD
#undef NUMBER_ROW
#undef RING_ROW
#undef SWITCH_ROW
#undef CHOICE_ROW

bool is_control(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte < 0x20 || byte == 0x7f;
}

std::string_view choice_name(std::string_view choices, uint32_t number) {
  for (; number > 0; --number) choices.remove_prefix(choices.find('|') + 1);
  return choices.substr(0, choices.find('|'));
}

std::string named(const Key& key, std::string_view value) {
  return std::string(key.name) + "=" + quoted_bytes(value) + ": ";
}

// The netdev rule is the kernel's own (dev_valid_name), so that a name refused here could never exist.
Status check_text(const Key& key, std::string_view value) {
  if (std::any_of(value.begin(), value.end(), is_control))
    return config_error(named(key, value) + "control character in the value");
  if (value.find(',') != value.npos) return config_error(named(key, value) + "a value holds no comma");
  if (value.size() < key.low || value.size() > key.high)
    return config_error(named(key, value) + std::to_string(value.size()) + " bytes, takes " +
                        std::to_string(key.low) + ".." + std::to_string(key.high));
  const bool is_name = key.kind == Kind::kNetdev || key.kind == Kind::kLabel;
  if (is_name && (value.find_first_of("/: ") != value.npos || value == "." || value == ".."))
    return config_error(named(key, value) + "a name holds no '/', ':' or space");
  return {};
}

Status check_number(const Key& key, uint64_t number, std::string_view value) {
  if (number < key.low || number > key.high)
    return config_error(named(key, value) + (key.kind == Kind::kSwitch ? "takes " : "out of range ") +
                        range_text(key));
  if (key.kind == Kind::kRing && (number & (number - 1)) != 0)
    return config_error(named(key, value) + "not a power of two; takes " + range_text(key));
  return {};
}

Result<uint64_t> read_digits(const Key& key, std::string_view value) {
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  if (!std::all_of(value.begin(), value.end(), is_digit))
    return config_error(named(key, value) + "not a decimal number; takes " + range_text(key));
  uint64_t number = 0;
  const auto [end, code] = std::from_chars(value.data(), value.data() + value.size(), number);
  if (code != std::errc()) number = UINT64_MAX;  // more digits than 64 bits hold: out of any range
  return number;
}

Result<uint64_t> read_choice(const Key& key, std::string_view value) {
  for (uint32_t number = 0; number <= key.high; ++number)
    if (choice_name(key.choices, number) == value) return uint64_t{number};
  return config_error(named(key, value) + "takes " + range_text(key));
}

// Optimal string alignment distance: insert, delete, replace, or swap of two neighbours counts one.
size_t edit_distance(std::string_view a, std::string_view b) {
  constexpr size_t kSide = kMaxSuggested + 1;
  std::array<std::array<size_t, kSide>, kSide> d{};
  for (size_t i = 0; i <= a.size(); ++i) d[i][0] = i;
  for (size_t j = 0; j <= b.size(); ++j) d[0][j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t replace = d[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
      d[i][j] = std::min({d[i - 1][j] + 1, d[i][j - 1] + 1, replace});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        d[i][j] = std::min(d[i][j], d[i - 2][j - 2] + 1);
    }
  }
  return d[a.size()][b.size()];
}

static_assert(std::all_of(kKeys.begin(), kKeys.end(),
                          [](const Key& key) { return key.name.size() <= kMaxSuggested; }),
              "edit_distance() has a fixed table");

}  // namespace

std::span<const Key> keys() { return kKeys; }

const Key* find_key(std::string_view name) {
  for (const Key& key : kKeys)
    if (key.name == name) return &key;
  return nullptr;
}

const Key* nearest_key(std::string_view name) {
  if (name.size() > kMaxSuggested) return nullptr;
  const Key* nearest = nullptr;
  size_t best = 3;  // two slips at most
  for (const Key& key : kKeys) {
    const size_t distance = edit_distance(name, key.name);
    if (distance < best && distance < key.name.size()) {
      nearest = &key;
      best = distance;
    }
  }
  return nearest;
}

Status set_value(const Key& key, std::string_view value, PortConfig& config) {
  if (value.empty()) return config_error(std::string(key.name) + "=: no value; takes " + range_text(key));
  if (key.text != nullptr) {
    Status fits = check_text(key, value);
    if (fits) config.*key.text = std::string(value);
    return fits;
  }
  const Result<uint64_t> number = key.kind == Kind::kChoice ? read_choice(key, value) : read_digits(key, value);
  if (!number) return number.error();
  Status fits = check_number(key, *number, value);
  if (fits) key.put(config, static_cast<uint32_t>(*number));
  return fits;
}

Status check_value(const Key& key, const PortConfig& config) {
  if (key.text != nullptr) return (config.*key.text).empty() ? Status() : check_text(key, config.*key.text);
  const std::optional<uint32_t> number = key.get(config);
  return number ? check_number(key, *number, std::to_string(*number)) : Status();
}

std::string value_text(const Key& key, const PortConfig& config) {
  if (key.text != nullptr) return config.*key.text;
  const std::optional<uint32_t> number = key.get(config);
  if (!number) return "";
  const bool is_name = key.kind == Kind::kChoice && *number <= key.high;
  return is_name ? std::string(choice_name(key.choices, *number)) : std::to_string(*number);
}

std::string range_text(const Key& key) {
  std::string range = std::to_string(key.low) + ".." + std::to_string(key.high);
  switch (key.kind) {
    case Kind::kNetdev:
      return "a name of at most " + std::to_string(key.high) + " bytes";
    case Kind::kLabel:
      return "a name of at most " + std::to_string(key.high) + " bytes";
    case Kind::kPath:
      return "a path";
    case Kind::kNumber:
      return range;
    case Kind::kRing:
      return range + ", a power of two";
    case Kind::kSwitch:
      return "0|1";
    case Kind::kChoice:
      return std::string(key.choices);
  }
  return "";
}

std::string quoted_bytes(std::string_view bytes) {
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string out;
  for (const char c : bytes.substr(0, kMaxQuoted)) {
    const auto byte = static_cast<unsigned char>(c);
    if (is_control(c) || byte >= 0x80)
      out += {'\\', 'x', kHex[byte >> 4], kHex[byte & 15]};
    else
      out += c;
  }
  if (bytes.size() > kMaxQuoted) out += "...";
  return out;
}

Error config_error(std::string why, int code) {
  return Error{code == 0 ? EINVAL : code, "devargs", std::move(why)};
}

}  // namespace zcnbrh::config
