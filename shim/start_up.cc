// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// rte_eal_init() and rte_eal_cleanup(): the stages of shim/stages.def, one after another.
#include <cstdio>

#include "shim/buses.h"
#include "shim/driver_file.h"
#include "shim/live.h"
#include "shim/next.h"
#include "shim/ports.h"
#include "shim/report.h"
#include "shim/say.h"
#include "shim/settings.h"
#include "shim/share_server.h"

namespace zcnbrh::shim {
namespace {

enum class Outcome : uint8_t {
  kGo,      // on to the next stage
  kPass,    // the program runs as if the shim were not there
  kRefuse,  // rte_eal_init() fails
  kDone,    // rte_eal_init() has failed by itself
};

struct StartUp {
  int argc;
  char** argv;
  int result = -1;  // what rte_eal_init() returns
  int error = 0;    // rte_errno of a refusal
};

Outcome refuse(StartUp& start, const Error& error) {
  say(Say::kError, "%s", error.text().c_str());
  start.error = error.code;
  return Outcome::kRefuse;
}

// To stderr: with another DPDK not even its log can be called.
Outcome check_abi(StartUp& /*start*/) {
  if (is_known_abi()) return Outcome::kGo;
  std::fprintf(
      stderr,
      "zcnbrh-shim: this program's DPDK has not the ABI %s that the shim is built for: it runs without the "
      "shim; preload one that is built for its DPDK\n",
      known_abi());
  return Outcome::kPass;
}

Outcome read_settings(StartUp& start) {
  Settings read;
  const Status well = shim::read_settings(read);
  keep_settings(std::move(read));
  if (!well) return refuse(start, well.error());
  keep_maps(settings().maps);
  g_doing = settings().observe ? Doing::kObserving : Doing::kMoving;
  return Outcome::kGo;
}

Outcome load_driver(StartUp& start) {
  if (doing() != Doing::kMoving || mapped_devices().empty()) return Outcome::kGo;
  const auto file = load_driver_file(settings().driver);
  if (file) {
    note_driver(*file);
    return Outcome::kGo;
  }
  if (settings().strict) return refuse(start, file.error());
  say(Say::kWarning, "%s; nothing is moved", file.error().text().c_str());
  for (const auto& device : mapped_devices()) device->fate = Fate::kFellBack;
  g_doing = Doing::kObserving;
  return Outcome::kGo;
}

Outcome take_buses(StartUp& /*start*/) {
  if (doing() == Doing::kMoving && !mapped_devices().empty()) shim::take_buses();
  return Outcome::kGo;
}

Outcome run_eal(StartUp& start) {
  start.result = NEXT(rte_eal_init)(start.argc, start.argv);
  const ErrnoGuard guard;
  give_back_buses();
  return start.result < 0 ? Outcome::kDone : Outcome::kGo;
}

Outcome settle_ports(StartUp& start) {
  bool all_well = true;
  for (const auto& device : mapped_devices()) {
    if (device->fate == Fate::kMoved) look_up_port(*device);
    if (doing() != Doing::kMoving || device->fate != Fate::kNotProbed) {
      all_well &= device->fate != Fate::kFailed;
      continue;
    }
    say(settings().strict ? Say::kError : Say::kWarning,
        "%s is mapped, but the program does not ask EAL for such a device (options -a, -b, --vdev, --no-pci); "
        "it is "
        "moved if it is hot-plugged",
        device->map.device.c_str());
    all_well = false;
  }
  if (all_well || !settings().strict) return Outcome::kGo;
  start.error = ENODEV;
  return Outcome::kRefuse;
}

Outcome open_report(StartUp& /*start*/) {
  start_report();
  open_live();
  if (settings().share) open_share();
  return Outcome::kGo;
}

struct Stage {
  const char* name;
  Outcome (*run)(StartUp&);
};
constexpr Stage kStages[] = {
#define STAGE(function, why) {#function, function},
#include "shim/stages.def"
};

// Why a program did not start is what a report is read for. At once: who knows how it will end.
void report_failure() {
  start_report();
  finish_report();
}

int start_up(int argc, char** argv) {
  StartUp start{argc, argv};
  for (const Stage& stage : kStages) {
    note_stage(stage.name);
    switch (stage.run(start)) {
      case Outcome::kGo:
        break;
      case Outcome::kPass:
        return NEXT(rte_eal_init)(argc, argv);
      case Outcome::kRefuse:
        report_failure();
        set_rte_errno(start.error);
        return -1;
      case Outcome::kDone:
        report_failure();
        return start.result;
    }
  }
  return start.result;
}

}  // namespace
}  // namespace zcnbrh::shim

using namespace zcnbrh::shim;  // NOLINT(google-build-using-namespace)

ZCNBRH_INTERCEPTED int rte_eal_init(int argc, char** argv) {
  auto* next = NEXT(rte_eal_init);
  if (next == nullptr) return -1;  // a program that only asks whether there is an EAL
  return is_anything_asked() ? start_up(argc, argv) : next(argc, argv);
}

ZCNBRH_INTERCEPTED int rte_eal_cleanup() {
  if (doing() != Doing::kIdle) finish_report();
  return NEXT(rte_eal_cleanup)();
}
