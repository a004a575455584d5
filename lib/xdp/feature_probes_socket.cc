// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// Probes on AF_XDP sockets, through the Kernel seam. None binds: where a bind flag is asked about, the
// interface index names nothing. What each errno means was read in net/xdp/xsk.c of the versions named.
#include <linux/if_xdp.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include <cerrno>
#include <climits>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <utility>

#include "lib/base/mapping.h"
#include "lib/base/uapi_xdp.h"
#include "lib/xdp/feature_probes.h"

namespace zcnbrh::probes {
namespace {

// struct xdp_umem_reg as of 6.8. The 6.1 header ends at `flags`, with four bytes of padding in the place of
// tx_metadata_len: both have one size, so a kernel cannot tell by it which was meant (hence the flag, 6.11).
struct UmemReg {
  uint64_t addr;
  uint64_t len;
  uint32_t chunk_size;
  uint32_t headroom;
  uint32_t flags;
  uint32_t tx_metadata_len;  // 6.8
};
static_assert(sizeof(UmemReg) == sizeof(xdp_umem_reg));

constexpr uint32_t kUnalignedChunkFlag = 1U << 0;  // XDP_UMEM_UNALIGNED_CHUNK_FLAG, 5.4
constexpr uint32_t kTxMetadataLenFlag = 1U << 2;   // XDP_UMEM_TX_METADATA_LEN, 6.11
constexpr uint32_t kTxMetadataLen = 24;            // sizeof(struct xsk_tx_metadata)
constexpr size_t kProbeUmemBytes = 8192;           // two pages, pinned while a probe's socket lives
constexpr uint16_t kNoBindFlag = 1U << 15;         // not given out as of 7.1
constexpr uint32_t kNoIfindex = INT_MAX;           // as good as never given to an interface

// An AF_XDP socket that tells the kernel seam before it closes.
class ProbeSocket {
 public:
  explicit ProbeSocket(Kernel& kernel) : kernel_(kernel), fd_(kernel.socket(AF_XDP, SOCK_RAW, 0)) {}
  ProbeSocket(const ProbeSocket&) = delete;
  ProbeSocket& operator=(const ProbeSocket&) = delete;
  ~ProbeSocket() {
    if (fd_) kernel_.before_close(fd_->get());
  }

  explicit operator bool() const { return fd_.ok(); }
  int fd() const { return fd_->get(); }

  Probe no_socket() const {
    switch (fd_.error().code) {
      case EAFNOSUPPORT:
        return {false, "this kernel is built without CONFIG_XDP_SOCKETS", false};
      case EPERM:
        return {false, "not permitted; CAP_NET_RAW is needed in the network namespace", false};
      default:
        return {false, "no AF_XDP socket: " + fd_.error().text(), false};
    }
  }

 private:
  Kernel& kernel_;
  Result<UniqueFd> fd_;
};

Probe yes(std::string how) { return {true, std::move(how), false}; }
Probe no(std::string why) { return {false, std::move(why), false}; }
Probe odd(const char* call, int error) { return no(std::string(call) + " answers " + std::strerror(error)); }

// Registers a small UMEM on a socket of its own, which goes with it. 0 or -errno.
int try_umem(Kernel& kernel, UmemReg reg, Probe* no_socket) {
  ProbeSocket socket(kernel);
  if (!socket) {
    *no_socket = socket.no_socket();
    return -ENOTSOCK;
  }
  Result<Mapping> memory =
      Mapping::create(nullptr, kProbeUmemBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (!memory) return -memory.error().code;
  reg.addr = reinterpret_cast<uintptr_t>(memory->data());
  reg.len = kProbeUmemBytes;
  return kernel.setsockopt(socket.fd(), SOL_XDP, XDP_UMEM_REG, &reg, sizeof(reg));
}

// Anything but success and EINVAL says nothing about the feature: the reason tells what stood in the way.
Probe umem_answer(int result, const Probe& no_socket, const char* yes_text, const char* no_text) {
  if (result == 0) return yes(yes_text);
  if (result == -ENOTSOCK) return no_socket;
  if (result == -EINVAL) return no(no_text);
  std::string hint = result == -ENOBUFS || result == -ENOMEM ? " (RLIMIT_MEMLOCK?)" : "";
  return no("XDP_UMEM_REG answers " + std::string(std::strerror(-result)) + hint);
}

struct MetadataSupport {
  bool plain = false;  // 6.8 to 6.10: the length alone
  bool flag = false;   // since 6.11: flag and length
  Probe failure;       // when neither could be tried
  bool tried = false;
};

MetadataSupport try_metadata(Kernel& kernel) {
  MetadataSupport out;
  UmemReg reg{0, 0, 2048, 0, kTxMetadataLenFlag, kTxMetadataLen};
  int with_flag = try_umem(kernel, reg, &out.failure);
  out.flag = with_flag == 0;
  out.tried = with_flag == 0 || with_flag == -EINVAL;
  if (!out.tried && with_flag != -ENOTSOCK) out.failure = umem_answer(with_flag, out.failure, "", "");
  if (with_flag != -EINVAL) return out;
  // Older than 6.8 the field is padding nobody reads; 6.8 to 6.10 read it and refuse a length that is no
  // multiple of 8; from 6.11 on it is read with the flag only, which was just tried.
  reg.flags = 0;
  reg.tx_metadata_len = 3;
  out.plain = try_umem(kernel, reg, &out.failure) == -EINVAL;
  return out;
}

// Binds to an interface that does not exist: ENODEV comes after the flags were accepted, EINVAL before.
int try_bind_flags(Kernel& kernel, int fd, uint16_t flags) {
  sockaddr_xdp address{};
  address.sxdp_family = AF_XDP;
  address.sxdp_flags = flags;
  address.sxdp_ifindex = kNoIfindex;
  return kernel.bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address));
}

}  // namespace

Probe af_xdp(Kernel& kernel) {
  ProbeSocket socket(kernel);
  return socket ? yes("socket(AF_XDP) works") : socket.no_socket();
}

Probe need_wakeup(Kernel& kernel) {
  ProbeSocket socket(kernel);
  if (!socket) return socket.no_socket();
  // The ring flags that carry the request came with it, and made the struct of ring offsets longer.
  xdp_mmap_offsets offsets{};
  socklen_t length = sizeof(offsets);
  const int result = kernel.getsockopt(socket.fd(), SOL_XDP, XDP_MMAP_OFFSETS, &offsets, &length);
  if (result < 0) return odd("XDP_MMAP_OFFSETS", -result);
  return length >= sizeof(offsets) ? yes("the rings have flags") : no("the rings have no flags");
}

Probe multi_buffer(Kernel& kernel) {
  ProbeSocket socket(kernel);
  if (!socket) return socket.no_socket();
  // Kernels before 5.3 took any flag without a look at it.
  if (try_bind_flags(kernel, socket.fd(), kNoBindFlag) != -EINVAL) return no("bind does not check its flags");
  const int result = try_bind_flags(kernel, socket.fd(), uapi::kXdpUseSg);
  if (result == -ENODEV) return yes("bind takes the flag");
  return result == -EINVAL ? no("bind does not know the flag") : odd("bind", -result);
}

Probe unaligned_chunks(Kernel& kernel) {
  // 3072 is no power of two: only unaligned mode can mean it.
  Probe no_socket;
  int result = try_umem(kernel, UmemReg{0, 0, 3072, 0, kUnalignedChunkFlag, 0}, &no_socket);
  return umem_answer(result, no_socket, "an unaligned UMEM registers", "an unaligned UMEM is refused");
}

Probe shared_umem_queues(Kernel& kernel) {
  ProbeSocket socket(kernel);
  if (!socket) return socket.no_socket();
  // The commit that let sockets on other queues share a UMEM (a1132430c2c5) also let a socket have fill and
  // completion rings without registering a UMEM itself; before it, that is EINVAL.
  const int entries = 64;
  int result = kernel.setsockopt(socket.fd(), SOL_XDP, XDP_UMEM_FILL_RING, &entries, sizeof(entries));
  if (result == 0) return yes("a socket without a UMEM of its own gets a fill ring");
  return result == -EINVAL ? no("a fill ring wants a UMEM of the socket's own")
                           : odd("XDP_UMEM_FILL_RING", -result);
}

Probe six_statistics(Kernel& kernel) {
  ProbeSocket socket(kernel);
  if (!socket) return socket.no_socket();
  constexpr socklen_t kSixFields = 6 * sizeof(uint64_t);
  uint64_t fields[6] = {};
  socklen_t length = sizeof(fields);
  int result = kernel.getsockopt(socket.fd(), SOL_XDP, XDP_STATISTICS, fields, &length);
  if (result < 0) return odd("XDP_STATISTICS", -result);
  std::string text = std::to_string(length / sizeof(uint64_t)) + " fields";
  return length >= kSixFields ? yes(text) : no(text);
}

Probe recv_wakeup(Kernel& kernel) {
  ProbeSocket socket(kernel);
  if (!socket) return socket.no_socket();
  Wake wake = kernel.wake(socket.fd());
  if (wake.poke_rx == nullptr) return no("no wakeup call");
  // Where recvmsg is implemented the unbound socket is refused with ENXIO; elsewhere the call itself is.
  const int result = wake.poke_rx(wake.context);
  if (result == -EOPNOTSUPP) return no("recvfrom is not implemented for AF_XDP");
  return yes("recvfrom answers");
}

Probe busy_poll(Kernel& kernel) {
  ProbeSocket socket(kernel);
  if (!socket) return socket.no_socket();
  const struct {
    int name;
    const char* text;
    int value;
  } options[] = {
      {SO_PREFER_BUSY_POLL, "SO_PREFER_BUSY_POLL", 1},
      {SO_BUSY_POLL, "SO_BUSY_POLL", 20},
      {SO_BUSY_POLL_BUDGET, "SO_BUSY_POLL_BUDGET", 64},
  };
  for (const auto& option : options) {
    const int result =
        kernel.setsockopt(socket.fd(), SOL_SOCKET, option.name, &option.value, sizeof(option.value));
    if (result == -EPERM) return no(std::string(option.text) + ": not permitted; CAP_NET_ADMIN is needed");
    if (result == -ENOPROTOOPT) return no(std::string(option.text) + " is not known");
    if (result < 0) return odd(option.text, -result);
  }
  return yes("the socket options are taken");
}

Probe tx_metadata(Kernel& kernel) {
  MetadataSupport support = try_metadata(kernel);
  if (!support.tried) return support.failure;
  if (support.flag) return yes("registers, with the flag");
  return support.plain ? yes("registers, without a flag") : no("XDP_UMEM_REG does not know it");
}

Probe tx_metadata_flag(Kernel& kernel) {
  MetadataSupport support = try_metadata(kernel);
  if (!support.tried) return support.failure;
  return support.flag ? yes("XDP_UMEM_REG takes the flag") : no("XDP_UMEM_REG does not know the flag");
}

Probe max_tx_skb_budget(Kernel& kernel) {
  ProbeSocket socket(kernel);
  if (!socket) return socket.no_socket();
  // Without a TX ring no budget is in range: EACCES from a kernel that knows the option.
  const uint32_t budget = 64;
  const int result = kernel.setsockopt(socket.fd(), SOL_XDP, uapi::kXdpMaxTxSkbBudget, &budget, sizeof(budget));
  if (result == 0 || result == -EACCES) return yes("the option is known");
  return result == -ENOPROTOOPT ? no("the option is not known") : odd("XDP_MAX_TX_SKB_BUDGET", -result);
}

}  // namespace zcnbrh::probes
