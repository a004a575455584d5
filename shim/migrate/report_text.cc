// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#include "shim/migrate/report_reader.h"
#include "shim/migrate/table.h"

namespace zcnbrh::migrate {
namespace {

using Json = nlohmann::ordered_json;

// A value as one writes it: words without quotes, nothing for what is not there.
std::string cell(const Json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end() || found->is_null()) return "-";
  if (found->is_boolean()) return found->get<bool>() ? "yes" : "no";
  return found->is_string() ? found->get<std::string>() : found->dump();
}

// The part of that name, an empty one where there is none.
Json part(const Json& object, const char* key) {
  return object.is_object() ? object.value(key, Json()) : Json();
}

std::string words_of(const Json& list) {
  std::string out;
  for (const Json& one : list)
    out += (out.empty() ? "" : " ") + (one.is_string() ? one.get<std::string>() : one.dump());
  return out.empty() ? "-" : out;
}

std::string headed(const std::string& title, const Table& table) {
  return table.empty() ? "" : '\n' + title + '\n' + table.text();
}

// One row an object, the columns its keys.
std::string list_text(const std::string& title, const Json& list, const std::vector<const char*>& keys) {
  Table table(std::vector<std::string>(keys.begin(), keys.end()));
  for (const Json& one : list) {
    std::vector<std::string> row;
    for (const char* key : keys) row.push_back(cell(one, key));
    table.add(row);
  }
  return headed(title, table);
}

std::string offloads_text(const Json& port) {
  Table table({"", "asked", "emulated", "missing"});
  for (const char* key : {"rx_offloads", "tx_offloads"}) {
    const Json asked = part(port, key);
    if (!part(asked, "asked").empty())
      table.add({key, words_of(part(asked, "asked")), words_of(part(asked, "emulated")),
                 words_of(part(asked, "missing"))});
  }
  return table.text();
}

std::string queues_text(const Json& port) {
  Table table({"queue", "set-ups", "descriptors", "given", "pool", "missing"});
  for (const char* key : {"rx_queue", "tx_queue"})
    for (const Json& queue : part(port, key))
      table.add({(key[0] == 'r' ? "rx " : "tx ") + cell(queue, "queue"), cell(queue, "setups"),
                 cell(queue, "descriptors"), cell(queue, "descriptors_given"), cell(queue, "pool"),
                 words_of(part(part(queue, "offloads"), "missing"))});
  return table.text();
}

std::string calls_text(const Json& port) {
  Table table({"call", "calls", "not supported", "failed"});
  const Json calls = part(port, "calls");  // items() keeps a reference
  for (const auto& [name, counts] : calls.items())
    table.add({name, cell(counts, "calls"), cell(counts, "not_supported"), cell(counts, "failed")});
  return table.text();
}

std::string counters_text(const Json& counters, const char* name) {
  Table table({name, "count"});
  for (const auto& [key, value] : counters.items()) table.add({key, value.dump()});
  return table.text();
}

std::string port_text(const Json& port) {
  const bool moved = part(port, "moved") == Json(true);
  std::string out = "\nPort " + cell(port, "port") +
                    (moved ? ": " + cell(port, "device") + ", moved" : ": not moved") + ", " +
                    cell(port, "rx_queues") + " RX and " + cell(port, "tx_queues") + " TX queues\n";
  for (const std::string& table : {offloads_text(port), queues_text(port), calls_text(port),
                                   counters_text(part(port, "xstats"), "counter")})
    if (!table.empty()) out += table;
  return out;
}

}  // namespace

std::string report_text(const Json& report) {
  std::string out = "Process " + cell(report, "pid") + ", " + cell(report, "dpdk") + ", mode " +
                    cell(report, "mode") + ", stage " + cell(report, "stage") + '\n';
  out += list_text("Devices", part(report, "devices"), {"device", "netdev", "fate", "port", "open"});
  for (const Json& port : part(report, "ports")) out += port_text(port);
  out += list_text("Pools", part(report, "pools"), {"name", "call", "elements", "node", "ops", "made"});
  for (const Json& peer : part(report, "native"))
    out += list_text("Native process " + cell(peer, "pid"), part(peer, "attached"),
                     {"kind", "name", "taken", "given", "refused", "repair"});
  const std::string calls = counters_text(part(report, "calls"), "intercepted call");
  if (!calls.empty()) out += "\nCalls\n" + calls;
  out += list_text("Messages", part(report, "messages"), {"level", "text"});
  return out;
}

}  // namespace zcnbrh::migrate
