// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// Probes of BPF and of netlink. Programs of a few instructions, loaded, run on test data at most, and closed.
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>
#include <linux/if_link.h>

#include <cerrno>
#include <cstring>
#include <iterator>
#include <string>

#include "lib/base/netlink.h"
#include "lib/base/privilege.h"
#include "lib/base/unique_fd.h"
#include "lib/xdp/feature_probes.h"

namespace zcnbrh::probes {
namespace {

constexpr int kLoopbackIfindex = 1;               // LOOPBACK_IFINDEX, in every network namespace
constexpr uint32_t kTestXdpLiveFrames = 1U << 1;  // BPF_F_TEST_XDP_LIVE_FRAMES, 5.18
constexpr size_t kProbeFrameBytes = 64;

// "return verdict;"
struct ReturnProgram {
  explicit ReturnProgram(int verdict)
      : code{{BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, verdict}, {BPF_JMP | BPF_EXIT, 0, 0, 0, 0}} {}
  bpf_insn code[2];
};

// A program's fd, or why there is none.
struct Loaded {
  UniqueFd fd;
  int error = 0;
};
template <size_t kLength>
Loaded load_xdp(const bpf_insn (&code)[kLength]) {
  Loaded out;
  int fd = ::bpf_prog_load(BPF_PROG_TYPE_XDP, "zcnbrh_probe", "GPL", code, kLength, nullptr);
  if (fd < 0) {
    out.error = -fd;
  } else {
    out.fd.reset(fd);
  }
  return out;
}

Probe yes(std::string how) { return {true, std::move(how), false}; }
Probe no(std::string why) { return {false, std::move(why), false}; }

Probe not_loaded(int error) {
  if (error == EPERM || error == EACCES) return no("not permitted; " + lacking_for_xdp());
  return no(std::string("an XDP program does not load: ") + std::strerror(error));
}

}  // namespace

Probe bpf_prog_load(Kernel&) {
  Loaded program = load_xdp(ReturnProgram(XDP_PASS).code);
  return program.fd ? yes("an XDP program loads") : not_loaded(program.error);
}

Probe redirect_map_default(Kernel&) {
  UniqueFd map(::bpf_map_create(BPF_MAP_TYPE_XSKMAP, "zcnbrh_probe", sizeof(int), sizeof(int), 1, nullptr));
  if (!map) return no(std::string("an XSKMAP cannot be made: ") + std::strerror(errno));
  // return bpf_redirect_map(&map, 0, XDP_PASS), on an empty map: XDP_PASS, or XDP_ABORTED before 5.3.
  const bpf_insn code[] = {
      {BPF_LD | BPF_DW | BPF_IMM, BPF_REG_1, BPF_PSEUDO_MAP_FD, 0, map.get()},
      {0, 0, 0, 0, 0},
      {BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_2, 0, 0, 0},
      {BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_3, 0, 0, XDP_PASS},
      {BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_redirect_map},
      {BPF_JMP | BPF_EXIT, 0, 0, 0, 0},
  };
  Loaded program = load_xdp(code);
  if (!program.fd) return not_loaded(program.error);
  char frame[kProbeFrameBytes] = {};
  bpf_test_run_opts run{};
  run.sz = sizeof(run);
  run.data_in = frame;
  run.data_size_in = sizeof(frame);
  run.repeat = 1;
  const int result = ::bpf_prog_test_run_opts(program.fd.get(), &run);
  if (result < 0) return no(std::string("BPF_PROG_TEST_RUN answers ") + std::strerror(-result));
  return run.retval == XDP_PASS ? yes("an empty entry gives XDP_PASS") : no("an empty entry gives XDP_ABORTED");
}

Probe bpf_link(Kernel&) {
  Loaded program = load_xdp(ReturnProgram(XDP_PASS).code);
  if (!program.fd) return not_loaded(program.error);
  // The loopback has no driver-mode XDP: a kernel that knows the link says EOPNOTSUPP (or EEXIST, EBUSY when
  // somebody's program is there) and attaches nothing; one that does not says EINVAL to any link of XDP.
  bpf_link_create_opts options{};
  options.sz = sizeof(options);
  options.flags = XDP_FLAGS_DRV_MODE;
  UniqueFd link(::bpf_link_create(program.fd.get(), kLoopbackIfindex, BPF_XDP, &options));
  if (link) return yes("a link was made");
  switch (errno) {
    case EOPNOTSUPP:
    case EEXIST:
    case EBUSY:
      return yes("BPF_LINK_CREATE takes XDP");
    case EPERM:
      return no("not permitted; CAP_NET_ADMIN is needed in the network namespace");
    default:
      return no(std::string("BPF_LINK_CREATE answers ") + std::strerror(errno));
  }
}

Probe prog_extension(Kernel&) {
  // An extension of a kernel function is refused, by the verifier and in words, by every kernel that has
  // extensions: the words tell it from the EINVAL of a kernel that has none.
  char log[4096] = {};
  bpf_prog_load_opts options{};
  options.sz = sizeof(options);
  options.attach_btf_id = 1;
  options.log_buf = log;
  options.log_size = sizeof(log);
  options.log_level = 1;
  const ReturnProgram program(0);
  UniqueFd fd(::bpf_prog_load(BPF_PROG_TYPE_EXT, "zcnbrh_probe", "GPL", program.code, std::size(program.code),
                              &options));
  if (fd || std::strstr(log, "Cannot replace kernel functions") != nullptr)
    return yes("the verifier knows the type");
  if (errno == EPERM) return no("refused with EPERM; libxdp's dispatcher cannot be used here");
  return no(std::string("BPF_PROG_LOAD answers ") + std::strerror(errno));
}

Probe live_frames(Kernel&) {
  Loaded program = load_xdp(ReturnProgram(XDP_DROP).code);
  if (!program.fd) return not_loaded(program.error);
  char frame[kProbeFrameBytes] = {};
  bpf_test_run_opts run{};
  run.sz = sizeof(run);
  run.data_in = frame;
  run.data_size_in = sizeof(frame);
  run.repeat = 1;
  run.flags = kTestXdpLiveFrames;
  const int result = ::bpf_prog_test_run_opts(program.fd.get(), &run);
  if (result == 0) return yes("a frame ran (and was dropped)");
  return no(std::string("BPF_PROG_TEST_RUN answers ") + std::strerror(-result));
}

Probe netdev_genl(Kernel&) {
  Result<Netlink> genl = Netlink::open(NETLINK_GENERIC);
  if (!genl) return no(genl.error().text());
  Result<GenlFamily> family = find_genl_family(*genl, "netdev");
  if (!family) return no(family.error().code == ENOENT ? "no such family" : family.error().text());
  return yes("the family is there");
}

}  // namespace zcnbrh::probes
