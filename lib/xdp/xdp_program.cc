// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// The registry holds one Shared a netdev that this process serves. One mutex guards it all: attaching and
// detaching are rare and must not overlap on one netdev.
#include "lib/xdp/xdp_program.h"

#include <bpf/bpf.h>
#include <linux/bpf.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "lib/base/cacheline.h"
#include "lib/base/log.h"
#include "lib/base/mapping.h"
#include "lib/base/process.h"
#include "lib/xdp/features.h"
#include "lib/xdp/xdp_attachment.h"
#include "lib/xdp/xdp_object.h"
#include "lib/xdp/xdp_occupant.h"

namespace zcnbrh {
namespace {

constexpr const char* kCall = "attach of XDP";
constexpr uint32_t kMinQueues = 64;
constexpr uint32_t kMaxQueues = 65536;  // far above any netdev; guards the maps' size

constinit std::mutex g_mutex;

zcnbrh_on_empty gate_mode(const XdpProgramOptions& options) {
  if (options.mode == ProgramMode::kSkb) return ZCNBRH_ON_EMPTY_OFF;
  switch (options.on_empty) {
    case GateMode::kDrop:
      return ZCNBRH_ON_EMPTY_DROP;
    case GateMode::kPass:
      return ZCNBRH_ON_EMPTY_PASS;
    case GateMode::kOff:
      break;
  }
  return ZCNBRH_ON_EMPTY_OFF;
}

const char* gate_text(uint32_t on_empty) {
  if (on_empty == ZCNBRH_ON_EMPTY_DROP) return "drop";
  return on_empty == ZCNBRH_ON_EMPTY_PASS ? "pass" : "off";
}

const char* mode_text(ProgramMode mode) {
  if (mode == ProgramMode::kOffload) return "hw";
  return mode == ProgramMode::kSkb ? "SKB" : "native";
}

Error busy(const XdpProgramOptions& options, const std::string& why) {
  return Error{EBUSY, kCall, "iface " + options.ifname + " " + why};
}

// Why `occupant` is in the way, with the cure.
Error occupied(const XdpProgramOptions& options, const XdpOccupant& occupant) {
  std::string text = "carries " + occupant.text();
  std::string off = "`ip link set dev " + options.ifname + " xdp off`";
  if (occupant.kind == XdpOccupant::Kind::kDispatcher) {
    return busy(options, text + ", libxdp's dispatcher; give attach=auto or attach=dispatcher to join it");
  }
  if (occupant.kind == XdpOccupant::Kind::kAlien) {
    return busy(options, text + ", which is not ours and stays; end its owner, or detach it by " + off +
                             " if it has none");
  }
  std::string pid = std::to_string(occupant.config.owner_pid);
  if (occupant.config.owner_pid == static_cast<uint32_t>(::getpid())) {
    return busy(options, text + " of another copy of this library in this process; use one of the two");
  }
  return busy(options, text + " of process " + pid +
                           ", which lives or may live (another pid namespace, or a child that holds its "
                           "bpf_link); one process a netdev, or attach=dispatcher in both");
}

// What is on the netdev once leftovers of dead processes are gone. Each removal makes progress, so the bound
// is one of patience only: libxdp's dispatcher holds at most 10 programs.
Result<XdpOccupant> clean_occupant(const XdpProgramOptions& options) {
  constexpr int kAttempts = 16;
  for (int i = 0;; i++) {
    Result<XdpOccupant> occupant = query_xdp_occupant(options.ifindex, options.ifname);
    if (!occupant || i == kAttempts) return occupant;
    Result<bool> removed = remove_xdp_orphan(options.ifindex, options.ifname, *occupant);
    if (!removed) return removed.error();
    if (!*removed) return occupant;
  }
}

// The kernel offloads arrays and hashes only, bpf_map_offload_map_alloc() in kernel/bpf/offload.c, as of 6.18.
Error no_offload(const XdpProgramOptions& options, const Error& refused) {
  return Error{refused.code, kCall,
               "iface " + options.ifname + ": the NIC does not take a program with an XSKMAP (" + refused.why +
                   "); give mode=drv"};
}

// Whether to go through libxdp's dispatcher, or why not to attach at all.
Result<bool> wants_dispatcher(const XdpProgramOptions& options, const XdpOccupant& occupant) {
  bool dispatcher_there = occupant.kind == XdpOccupant::Kind::kDispatcher;
  bool joins = options.attach == AttachMode::kAuto || options.attach == AttachMode::kDispatcher;
  if (dispatcher_there && joins) return true;
  if (occupant.kind != XdpOccupant::Kind::kNone) return occupied(options, occupant);
  return options.attach == AttachMode::kDispatcher;
}

Result<XdpAttachment> attach_alone(const XdpProgramOptions& options, const XdpTarget& target, int program_fd) {
  if (options.attach == AttachMode::kNetlink) return XdpAttachment::by_netlink(target, program_fd);
  const std::string no_link = lacks(Kernel::real(), Feature::kBpfLink);
  if (no_link.empty()) {
    Result<XdpAttachment> link = XdpAttachment::by_link(target, program_fd);
    if (link || link.error().code != EINVAL) return link;
  }
  if (options.attach != AttachMode::kLink) return XdpAttachment::by_netlink(target, program_fd);
  return Error{ENOTSUP, "bpf_link_create",
               "iface " + options.ifname + ": " + (no_link.empty() ? "refused" : no_link) +
                   "; attach=auto does without"};
}

uint32_t id_of(int program_fd) {
  bpf_prog_info info = {};
  uint32_t size = sizeof info;
  return bpf_obj_get_info_by_fd(program_fd, &info, &size) == 0 ? info.id : 0;
}

Result<Mapping> map_gates(const XdpObject& object) {
  if (object.gates_fd() < 0) return Mapping();
  size_t length =
      align_up(object.capacity() * sizeof(zcnbrh_gate), static_cast<uint64_t>(::sysconf(_SC_PAGESIZE)));
  Result<Mapping> gates = Mapping::create(nullptr, length, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE,
                                          object.gates_fd(), 0, "mmap of the XDP gate");
  if (gates) return gates;
  Error error = gates.error();
  error.why = "the gate needs Linux 5.5; give on_empty=off";
  return error;
}

XdpObjectOptions object_options(const XdpProgramOptions& options) {
  XdpObjectOptions wanted;
  wanted.user_object = options.user_object;
  wanted.max_queues = std::max(options.max_queues, kMinQueues);
  wanted.frags = options.frags;
  wanted.config.on_empty = gate_mode(options);
  wanted.config.counters = options.counters;
  wanted.config.per_cpu = options.mode == ProgramMode::kSkb;
  return wanted;
}

}  // namespace

// Members are destroyed from last to first: detach, unmap, close.
struct XdpProgram::Shared {
  Shared(const XdpProgramOptions& options_in, XdpObject object_in)
      : options(options_in), object(std::move(object_in)) {}

  bool is_of(const XdpProgramOptions& other, uint64_t netns_now) const {
    return options.ifindex == other.ifindex && netns == netns_now && pid == ::getpid();
  }
  zcnbrh_on_empty gate() const { return gate_mode(options); }
  const XdpObject& running() const { return variant ? *variant : object; }
  std::string displaced_by() const;

  XdpProgramOptions options;
  XdpObject object;                  // owns the maps
  std::optional<XdpObject> variant;  // with rules or metadata, in the place of the program of `object`
  std::vector<XdpObject> retired;    // variants before this one: rules() handed out their maps
  uint32_t metadata = 0;             // of the running program
  Mapping gates;
  std::optional<XdpAttachment> attachment;
  uint32_t program_id = 0;
  uint64_t netns = network_namespace();
  pid_t pid = ::getpid();  // a forked child has a registry of its own: what it inherited is not its to share
  int users = 1;
  Shared* next = nullptr;
};

std::string XdpProgram::Shared::displaced_by() const {
  if (options.mode == ProgramMode::kOffload) return {};
  const Result<XdpOccupant> now = query_xdp_occupant(options.ifindex, options.ifname);
  if (!now || now->program_id == program_id || now->kind == XdpOccupant::Kind::kDispatcher) return {};
  return now->kind == XdpOccupant::Kind::kNone ? "nothing" : now->text();
}

struct ProgramRegistry {
  using Shared = XdpProgram::Shared;

  static inline constinit Shared* first = nullptr;

  static Shared* find(const XdpProgramOptions& options) {
    uint64_t netns = network_namespace();
    Shared* shared = first;
    // One that lost its place serves those who have it until they let go; newcomers start anew.
    while (shared != nullptr && !(shared->is_of(options, netns) && shared->displaced_by().empty()))
      shared = shared->next;
    return shared;
  }

  static void add(Shared* shared) {
    shared->next = first;
    first = shared;
  }

  static void remove(Shared* shared) {
    Shared** link = &first;
    while (*link != nullptr && *link != shared) link = &(*link)->next;
    if (*link != nullptr) *link = shared->next;
  }

  static Result<Shared*> join(Shared* shared, const XdpProgramOptions& options);
  static Result<Shared*> create(const XdpProgramOptions& options);
  static Status exchange(Shared& shared, bool rules, uint32_t metadata);
  static Status use_rules(Shared& shared);
  static Result<Shared*> create_as_asked(const XdpProgramOptions& options);
  static Status use_metadata(Shared& shared, uint32_t wanted);
  static Status use_gate(Shared& shared, GateMode on_empty);
};

// What is frozen into the loaded program must suit the newcomer.
Result<XdpProgram::Shared*> ProgramRegistry::join(Shared* shared, const XdpProgramOptions& options) {
  const XdpProgramOptions& have = shared->options;
  if (have.mode != options.mode) {
    // The same answer as from a driver without native mode: the caller goes on to SKB mode.
    return Error{have.mode == ProgramMode::kSkb ? EOPNOTSUPP : EBUSY, kCall,
                 "iface " + options.ifname + " has this process's program in " + mode_text(have.mode) +
                     " mode; give all its ports the same mode"};
  }
  if (have.user_object != options.user_object) {
    return busy(options, "has this process's program already; give all its ports the same xdp_prog");
  }
  if (shared->gate() != gate_mode(options)) {
    return busy(options, std::string("has this process's program with on_empty=") + gate_text(shared->gate()) +
                             "; give all its ports the same on_empty");
  }
  if (options.counters && !have.counters) {
    return busy(options, "has this process's program without counters; give them to all its ports or none");
  }
  if (options.max_queues > shared->object.capacity()) {
    return busy(options, "has this process's program for queues below " +
                             std::to_string(shared->object.capacity()) + "; open the highest queues first");
  }
  shared->users++;
  return shared;
}

// Some drivers refuse a program for packets of several buffers that would take the same program without.
Result<XdpProgram::Shared*> ProgramRegistry::create(const XdpProgramOptions& options) {
  Result<Shared*> made = create_as_asked(options);
  const bool drivers_refusal = !made && made.error().code == EOPNOTSUPP;
  if (!options.frags || !options.user_object.empty() || !drivers_refusal) return made;
  XdpProgramOptions without = options;
  without.frags = false;
  Result<Shared*> plain = create_as_asked(without);
  if (!plain) return made;
  log_line(LogLevel::kNotice, "iface %s: the driver takes no XDP program for packets of several buffers (%s)",
           options.ifname.c_str(), made.error().why.c_str());
  return plain;
}

Result<XdpProgram::Shared*> ProgramRegistry::create_as_asked(const XdpProgramOptions& options) {
  Result<XdpOccupant> occupant = clean_occupant(options);
  if (!occupant) return occupant.error();
  Result<bool> dispatcher = wants_dispatcher(options, *occupant);
  if (!dispatcher) return dispatcher.error();

  XdpObjectOptions wanted = object_options(options);
  wanted.joins = *dispatcher;
  wanted.config.rules = *dispatcher;  // it has no exchange of programs without a gap, see use_rules()
  Result<XdpObject> object = XdpObject::open(wanted);
  if (!object) return object.error();
  XdpTarget target{options.ifindex, options.ifname, options.mode};

  std::unique_ptr<Shared> shared(new Shared(options, std::move(object).value()));
  if (!*dispatcher) {
    Status status = shared->object.load(options.mode == ProgramMode::kOffload ? options.ifindex : 0);
    if (!status)
      return options.mode == ProgramMode::kOffload ? no_offload(options, status.error()) : status.error();
  }
  Result<XdpAttachment> attachment =
      *dispatcher ? XdpAttachment::by_dispatcher(target, shared->object.object(), shared->object.program_name())
                  : attach_alone(options, target, shared->object.program_fd());
  if (!attachment) return attachment.error();
  shared->attachment.emplace(std::move(attachment).value());
  Result<Mapping> gates = map_gates(shared->object);
  if (!gates) return gates.error();
  shared->gates = std::move(gates).value();
  shared->program_id = id_of(shared->object.program_fd());
  return shared.release();
}

// Another of our own programs takes the place of the running one, with its maps, and without a packet lost.
Status ProgramRegistry::exchange(Shared& shared, bool rules, uint32_t metadata) {
  XdpObjectOptions wanted = object_options(shared.options);
  wanted.config.rules = rules;
  wanted.metadata = metadata;
  wanted.bound_to = shared.options.ifindex;
  Result<XdpObject> next = XdpObject::open(wanted);
  if (!next) return next.error();
  if (Status status = next->share_maps(shared.running()); !status) return status;
  if (Status status = next->load(); !status) return status;
  if (Status status = shared.attachment->replace(next->program_fd()); !status) return status;
  if (shared.variant && shared.variant->rules()) shared.retired.push_back(std::move(*shared.variant));
  shared.variant.emplace(std::move(next).value());
  shared.metadata = metadata;
  shared.program_id = id_of(shared.variant->program_fd());
  return {};
}

Status ProgramRegistry::use_rules(Shared& shared) {
  if (shared.running().rules()) return {};
  if (!shared.options.user_object.empty())
    return Error{ENOTSUP, "flow rules",
                 "the program of xdp_prog=" + shared.options.user_object +
                     " has no rule table; include zcnbrh_rules.h in it and begin with ZCNBRH_RULES(ctx)"};
  if (shared.options.mode == ProgramMode::kOffload)
    return Error{ENOTSUP, "flow rules", "a program on the NIC has no rule table; give mode=auto"};
  return exchange(shared, true, shared.metadata);
}

Status ProgramRegistry::use_metadata(Shared& shared, uint32_t wanted) {
  if (shared.users > 1) wanted |= shared.metadata;  // another port's wishes
  if (wanted == shared.metadata) return {};
  const char* why = !shared.options.user_object.empty() ? "the program of xdp_prog= is the user's"
                    : shared.options.mode == ProgramMode::kNative
                        ? nullptr
                        : "only native XDP programs can be bound to a device";
  if (why != nullptr) return Error{ENOTSUP, "receive metadata", why};
  return exchange(shared, static_cast<bool>(shared.running().rules()), wanted);
}

Status ProgramRegistry::use_gate(Shared& shared, GateMode on_empty) {
  const GateMode before = shared.options.on_empty;
  if (on_empty == before) return {};
  const char* why = !shared.options.user_object.empty()           ? "the program of xdp_prog= is the user's"
                    : shared.options.mode != ProgramMode::kNative ? "only native XDP programs have a gate"
                    : before == GateMode::kOff || on_empty == GateMode::kOff
                        ? "a gate cannot be put into a running program; stop the port"
                        : nullptr;
  if (why != nullptr) return Error{ENOTSUP, "on_empty", why};
  if (shared.users > 1)
    return Error{EBUSY, "on_empty", "another port of iface " + shared.options.ifname + " has the same program"};
  shared.options.on_empty = on_empty;
  const Status s = exchange(shared, static_cast<bool>(shared.running().rules()), shared.metadata);
  if (!s) shared.options.on_empty = before;
  return s;
}

Result<XdpProgram> XdpProgram::attach(const XdpProgramOptions& options) {
  if (options.ifindex <= 0) return Error{EINVAL, kCall, "no netdev given"};
  if (options.max_queues > kMaxQueues) {
    return Error{EINVAL, kCall, std::to_string(options.max_queues) + " queues; at most 65536"};
  }
  if (options.mode == ProgramMode::kSkb && options.on_empty != GateMode::kOff) {
    log_line(LogLevel::kWarning,
             "iface %s: on_empty has no effect in SKB mode, where several CPUs may run one queue",
             options.ifname.c_str());
  }
  std::lock_guard lock(g_mutex);
  if (Shared* shared = ProgramRegistry::find(options); shared != nullptr) {
    Result<Shared*> joined = ProgramRegistry::join(shared, options);
    if (!joined) return joined.error();
    return XdpProgram(*joined);
  }
  Result<Shared*> created = ProgramRegistry::create(options);
  if (!created) return created.error();
  ProgramRegistry::add(*created);
  return XdpProgram(*created);
}

void XdpProgram::reset() {
  if (shared_ == nullptr) return;
  std::lock_guard lock(g_mutex);
  Shared* shared = std::exchange(shared_, nullptr);
  if (--shared->users > 0) return;
  ProgramRegistry::remove(shared);
  delete shared;
}

Status XdpProgram::use_rules() const {
  std::lock_guard lock(g_mutex);
  return ProgramRegistry::use_rules(*shared_);
}
Status XdpProgram::use_metadata(uint32_t wanted) {
  std::lock_guard lock(g_mutex);
  return ProgramRegistry::use_metadata(*shared_, wanted);
}
Status XdpProgram::use_gate(GateMode on_empty) {
  std::lock_guard lock(g_mutex);
  return ProgramRegistry::use_gate(*shared_, on_empty);
}
uint32_t XdpProgram::metadata() const { return shared_->metadata; }
XdpRules XdpProgram::rules() const { return shared_->running().rules(); }

std::string XdpProgram::displaced_by() const {
  std::lock_guard lock(g_mutex);
  return shared_->displaced_by();
}
int XdpProgram::xsks_map_fd() const { return shared_->object.xsks_fd(); }
XskMap XdpProgram::xsks_map() const { return {xsks_map_fd(), queue_capacity()}; }
uint32_t XdpProgram::queue_capacity() const { return shared_->object.capacity(); }

zcnbrh_gate* XdpProgram::gate(uint32_t queue) const {
  if (!shared_->gates || queue >= queue_capacity()) return nullptr;
  return reinterpret_cast<zcnbrh_gate*>(shared_->gates.data()) + queue;
}

int XdpProgram::gates_map_fd() const { return shared_->object.gates_fd(); }
Result<zcnbrh_counters> XdpProgram::counters(uint32_t queue) const { return shared_->object.counters(queue); }
const char* XdpProgram::attach_kind() const { return shared_->attachment->kind(); }
bool XdpProgram::frags() const { return shared_->object.frags(); }
uint32_t XdpProgram::program_id() const { return shared_->program_id; }
ProgramMode XdpProgram::mode() const { return shared_->options.mode; }

std::string XdpProgram::describe() const {
  const XdpProgramOptions& options = shared_->options;
  std::string out = options.user_object.empty() ? "own XDP program" : "XDP program of " + options.user_object;
  out += std::string(" ") + shared_->running().program_name() + " (id " + std::to_string(shared_->program_id);
  out += ") on " + options.ifname + ", attached by " + attach_kind();
  out += std::string(" in ") + mode_text(options.mode) + " mode";
  out += std::string(", on_empty=") + gate_text(shared_->gate());
  out += options.counters ? ", counting" : ", not counting";
  return out + ", room for " + std::to_string(queue_capacity()) + " queues";
}

}  // namespace zcnbrh
