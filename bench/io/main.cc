// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// zcnbrh-bench-io PATH WORK NETDEV ...: moves packets on one path for a time, prints one line of JSON. "ready"
// is printed when packets may come. bench/py runs it; by hand it serves to look at one path with perf or
// strace.
#include <sched.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <future>
#include <map>
#include <stdexcept>

#include "bench/io/work.h"

namespace zcnbrh::bench {

void fail(const std::string& what) { throw std::runtime_error(what); }
void fail_errno(const std::string& what) { fail(what + ": " + std::strerror(errno)); }

namespace {

std::unique_ptr<Path> open_path(const std::string& name, const PathOptions& options) {
  static const std::map<std::string, std::unique_ptr<Path> (*)(const PathOptions&)> kPaths = {
      {"socket", open_socket},
      {"io_uring", open_uring},
      {"af_packet", open_packet},
      {"af_xdp", open_xsk},
      {"libzcnbrh", open_capi}};
  if (const auto found = kPaths.find(name); found != kPaths.end()) return found->second(options);
  return open_ethdev(name, options);
}

void pin(int cpu) {
  cpu_set_t cpus;
  CPU_ZERO(&cpus);
  CPU_SET(static_cast<size_t>(cpu), &cpus);
  if (::sched_setaffinity(0, sizeof cpus, &cpus) != 0) fail_errno("sched_setaffinity");
}

void print(const Measured& m) {
  std::printf(
      "{\"packets\": %lu, \"on_wire\": %lu, \"seconds\": %.6f, \"cpu_seconds\": %.6f, \"core_share\": %.4f, "
      "\"softirq_share\": %.4f, \"cycles\": %.0f, \"sending_cycles\": %lu, \"polls\": %lu, \"calls\": %ld, "
      "\"stamps\": %lu, "
      "\"mean_ns\": %.0f, \"p50_ns\": %lu, \"p99_ns\": %lu, \"p999_ns\": %lu, \"max_ns\": %lu}\n",
      m.packets, m.on_wire, m.seconds, m.cpu_seconds, m.core_share, m.softirq_share, m.cycles, m.sending_cycles,
      m.polls, m.calls, m.one_way.count(), m.one_way.mean(), m.one_way.quantile(0.5), m.one_way.quantile(0.99),
      m.one_way.quantile(0.999), m.one_way.max());
}

// In a thread of its own: threads that a library or driver starts may then use the process's other CPUs. EAL
// binds its lcores by itself, and takes what the thread that starts it is bound to for all there is.
void work(const std::string& path_name, const PathOptions& where, const WorkOptions& options) {
  const bool dpdk = path_name.starts_with("net_");
  auto all = std::async(std::launch::async, [&] {
    if (!dpdk) pin(where.cpu);
    const std::unique_ptr<Path> path = open_path(path_name, where);
    pin(where.cpu);
    std::puts("ready");
    std::fflush(stdout);
    return run_work(*path, where, options);
  });
  print(all.get());
}

int run(int argc, char** argv) {
  CLI::App app("moves packets of a netdev on one path");
  std::string path_name, work_name = "receive";
  PathOptions where;
  WorkOptions options;
  const std::map<std::string, Work> works = {
      {"receive", Work::kReceive}, {"send", Work::kSend}, {"echo", Work::kEcho}};
  app.add_option("path", path_name, "socket, io_uring, af_packet, af_xdp, libzcnbrh, or a DPDK driver")
      ->required();
  app.add_option("work", options.work, "receive, send or echo")
      ->required()
      ->transform(CLI::CheckedTransformer(works));
  app.add_option("netdev", where.netdev, "netdev, in this network namespace")->required();
  app.add_option("--keys", where.keys, "device arguments");
  app.add_option("--cpu", where.cpu, "CPU of the working thread");
  app.add_option("--size", options.size, "bytes a packet sent");
  app.add_option("--seconds", options.seconds, "time measured");
  app.add_option("--warm-up", options.warm_up, "time before, from the first packet on");
  app.add_flag("--sleep", where.sleeps, "sleep while there is no packet");
  app.add_flag("--idle", options.idle, "do not wait for a first packet");
  app.add_flag("--count-calls", options.count_calls, "count system calls");
  CLI11_PARSE(app, argc, argv);

  where.sends_only = options.work == Work::kSend;
  work(path_name, where, options);
  return 0;
}

}  // namespace
}  // namespace zcnbrh::bench

int main(int argc, char** argv) {
  try {
    return zcnbrh::bench::run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
