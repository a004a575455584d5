// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#include "bench/io/packet_text.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/udp.h>

#include <cstring>

#include "bench/io/path.h"

namespace zcnbrh::bench {

std::vector<std::byte> udp_frame(uint32_t size, bool to_own_end) {
  std::vector<std::byte> frame(std::max(size, kPayloadOffset));
  ethhdr ether{};
  std::memcpy(ether.h_dest, (to_own_end ? kOwnMac : kPeerMac).data(), ETH_ALEN);
  std::memcpy(ether.h_source, (to_own_end ? kPeerMac : kOwnMac).data(), ETH_ALEN);
  ether.h_proto = htons(ETH_P_IP);
  iphdr ip{};
  ip.version = 4;
  ip.ihl = 5;
  ip.tot_len = htons(static_cast<uint16_t>(frame.size() - sizeof ether));
  ip.ttl = 64;
  ip.protocol = IPPROTO_UDP;
  ::inet_pton(AF_INET, to_own_end ? kPeerAddress : kOwnAddress, &ip.saddr);
  ::inet_pton(AF_INET, to_own_end ? kOwnAddress : kPeerAddress, &ip.daddr);
  uint32_t sum = 0;
  std::array<uint16_t, sizeof ip / 2> words{};
  std::memcpy(words.data(), &ip, sizeof ip);
  for (const uint16_t word : words) sum += word;
  sum = (sum & 0xffff) + (sum >> 16);
  ip.check = static_cast<uint16_t>(~((sum & 0xffff) + (sum >> 16)));
  udphdr udp{};
  udp.source = htons(to_own_end ? kSourcePort : kTargetPort);
  udp.dest = htons(to_own_end ? kTargetPort : kSourcePort);
  udp.len = htons(static_cast<uint16_t>(frame.size() - sizeof ether - sizeof ip));
  std::memcpy(frame.data(), &ether, sizeof ether);
  std::memcpy(frame.data() + sizeof ether, &ip, sizeof ip);
  std::memcpy(frame.data() + sizeof ether + sizeof ip, &udp, sizeof udp);
  return frame;
}

}  // namespace zcnbrh::bench
