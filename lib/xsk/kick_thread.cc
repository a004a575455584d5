// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#include "lib/xsk/kick_thread.h"

#include <pthread.h>
#include <signal.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <mutex>
#include <span>
#include <utility>
#include <vector>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/process.h"
#include "lib/xsk/quiesce.h"
#include "lib/xsk/wakeup.h"

namespace zcnbrh {
namespace {

constexpr size_t kMostQueues = 256;      // of a thread
constexpr uint32_t kLooksPerClock = 64;  // of a spinning thread, between two looks at the clock
constexpr uint32_t kQuickRetries = 16;   // of a kernel that does not get on, before the first pause
constexpr uint32_t kFirstPauseUs = 20;
constexpr uint32_t kLongestPauseUs = 1000;      // "left behind" is looked at as often
constexpr uint32_t kPauseWhenDownUs = 100'000;  // the interface is down: nothing to hurry for
constexpr size_t kStackBytes = 128 * 1024;

void relax() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#endif
}

void sleep_us(uint32_t us) {
  const struct timespec pause { us / 1'000'000, static_cast<long>(us % 1'000'000) * 1000 };
  ::nanosleep(&pause, nullptr);
}

// The thread's side of a queue.
struct Served {
  KickLine line;
  Wake wake;
  RingMap<struct xdp_desc> tx;
  bool zero_copy = false;
  KickCounters* count = nullptr;
  uint32_t done = 0;  // `wanted` that needs no further call

  uint32_t consumed() const { return std::atomic_ref(*tx.consumer).load(std::memory_order_acquire); }
  bool waits() const { return line.wanted.load(std::memory_order_acquire) != done; }
};

// In the order of urgency.
enum class Outcome : uint8_t { kNothing, kDown, kStuck, kSent };

// Where the driver sends by itself (zero-copy) one call that was taken is all there is to do. In copy mode the
// kernel has sent what it has taken out of the ring.
Outcome serve(Served& s) {
  const uint32_t wanted = s.line.wanted.load(std::memory_order_acquire);
  if (wanted == s.done) return Outcome::kNothing;
  const uint32_t before = s.consumed();
  if (static_cast<int32_t>(wanted - before) <= 0) {
    s.done = wanted;
    return Outcome::kSent;
  }
  const int result = s.wake.kick_tx(s.wake.context);
  count_kick(*s.count, result);
  const uint32_t after = s.consumed();
  if (static_cast<int32_t>(wanted - after) <= 0 || (s.zero_copy && result >= 0)) s.done = wanted;
  if (result == -ENETDOWN || result == -ENXIO) return Outcome::kDown;
  return s.done == wanted || after != before ? Outcome::kSent : Outcome::kStuck;
}

}  // namespace

class KickThread {
 public:
  KickThread(KickDuty duty, const cpu_set_t& cpus) : duty_(duty), cpus_(cpus) {}
  ~KickThread() { stop(); }
  KickThread(const KickThread&) = delete;
  KickThread& operator=(const KickThread&) = delete;

  Status run();
  // With the lock of KickThreads.
  KickLine* add(std::unique_ptr<Served> served);
  bool remove(const KickLine* line);
  size_t queues() const { return queues_; }
  bool fits(KickDuty duty, const cpu_set_t& cpus) const {
    return duty_ == duty && pid_ == current_pid() && queues_ < kMostQueues &&
           (duty == KickDuty::kLeftBehind || CPU_EQUAL(&cpus_, &cpus) != 0);
  }
  bool of_this_process() const { return pid_ == current_pid(); }

 private:
  static void* entry(void* self) {
    static_cast<KickThread*>(self)->loop();
    return nullptr;
  }
  void stop();
  void loop();
  void turn();
  Outcome look();
  bool nothing_to_do();
  void after(Outcome outcome);
  void spin();
  std::span<const std::atomic<Served*>> places() const {
    return {served_.data(), high_.load(std::memory_order_acquire)};
  }

  const KickDuty duty_;
  const cpu_set_t cpus_;
  const pid_t pid_ = current_pid();
  pthread_t thread_{};
  bool running_ = false;
  size_t queues_ = 0;
  std::atomic<bool> stopping_{false};
  std::atomic<size_t> high_{0};  // places that were ever used
  std::array<std::atomic<Served*>, kMostQueues> served_{};
  KickBell bell_;
  BurstDoor door_;  // the thread is inside while it looks at its queues
  // The thread's own.
  uint32_t stuck_ = 0;        // looks in a row at which the kernel did not get on
  uint32_t looks_ = 0;        // that found nothing
  uint64_t spins_until_ = 0;  // of the clock; 0: not looked at yet
};

Status KickThread::run() {
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, kStackBytes);
  if (CPU_COUNT(&cpus_) != 0) pthread_attr_setaffinity_np(&attributes, sizeof cpus_, &cpus_);
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);  // the application's signals are not for us
  door_.open();
  int error = pthread_create(&thread_, &attributes, entry, this);
  if (error == EINVAL) {  // glibc puts the program's thread-local data on a thread's stack, and it is large
    size_t usual = 0;
    pthread_attr_t defaults;
    if (pthread_getattr_default_np(&defaults) == 0) {
      pthread_attr_getstacksize(&defaults, &usual);
      pthread_attr_destroy(&defaults);
    }
    if (usual > kStackBytes && pthread_attr_setstacksize(&attributes, usual) == 0)
      error = pthread_create(&thread_, &attributes, entry, this);
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  pthread_attr_destroy(&attributes);
  if (error != 0) return Error{error, "pthread_create", "no thread for TX system calls; use kick=inline"};
  running_ = true;
  pthread_setname_np(thread_, duty_ == KickDuty::kAll ? "zcnbrh-kick" : "zcnbrh-sweep");
  return {};
}

void KickThread::stop() {
  if (!running_ || !of_this_process()) return;
  stopping_.store(true);
  bell_.ring();
  pthread_join(thread_, nullptr);
  running_ = false;
}

KickLine* KickThread::add(std::unique_ptr<Served> served) {
  for (size_t i = 0; i < kMostQueues; ++i) {
    if (served_[i].load(std::memory_order_relaxed) != nullptr) continue;
    served->line.bell = &bell_;
    KickLine* line = &served->line;
    served_[i].store(served.release(), std::memory_order_release);
    if (i >= high_.load(std::memory_order_relaxed)) high_.store(i + 1, std::memory_order_release);
    ++queues_;
    return line;
  }
  return nullptr;
}

// Who looks is inside the door; once it is shut and empty nobody has the pointer any more.
bool KickThread::remove(const KickLine* line) {
  for (auto& place : served_) {
    Served* served = place.load(std::memory_order_relaxed);
    if (served == nullptr || &served->line != line) continue;
    place.store(nullptr, std::memory_order_relaxed);
    --queues_;
    if (!shut_and_wait({&door_})) return false;
    door_.open();
    delete served;
    return true;
  }
  return true;
}

// Inside the door as look() is: a queue may be taken away just now, and is freed once nobody is inside.
bool KickThread::nothing_to_do() {
  if (stopping_.load()) return false;
  const InsideBurst inside(door_);
  if (!inside) return false;
  return std::none_of(places().begin(), places().end(), [](const auto& place) {
    const Served* served = place.load(std::memory_order_acquire);
    return served != nullptr && served->waits();
  });
}

Outcome KickThread::look() {
  Outcome out = Outcome::kNothing;
  for (const auto& place : places())
    if (Served* served = place.load(std::memory_order_acquire); served != nullptr)
      out = std::max(out, serve(*served));
  return out;
}

// A while of looking on costs less than to be woken for the next packet.
void KickThread::spin() {
  relax();
  if (++looks_ % kLooksPerClock != 0) return;
  const uint64_t now = monotonic_ns();
  if (spins_until_ == 0) spins_until_ = now + uint64_t{kKickSpinUs} * 1000;
  if (now < spins_until_) return;
  bell_.sleep([this] { return nothing_to_do(); });
  spins_until_ = 0;
}

void KickThread::after(Outcome outcome) {
  switch (outcome) {
    case Outcome::kNothing:
      return spin();
    case Outcome::kSent:
      stuck_ = 0;
      spins_until_ = 0;
      return;
    case Outcome::kDown:
      return sleep_us(kPauseWhenDownUs);
    case Outcome::kStuck:
      if (++stuck_ <= kQuickRetries) return relax();
      return sleep_us(std::min(kFirstPauseUs << std::min(stuck_ - kQuickRetries - 1, 10U), kLongestPauseUs));
  }
}

void KickThread::turn() {
  Outcome outcome;
  {
    const InsideBurst inside(door_);
    if (!inside) return sleep_us(kFirstPauseUs);  // a queue is being taken away
    outcome = look();
  }
  if (duty_ == KickDuty::kAll) return after(outcome);
  if (outcome == Outcome::kNothing) bell_.sleep([this] { return nothing_to_do(); });
  if (!stopping_.load()) sleep_us(kLongestPauseUs);
}

void KickThread::loop() {
  while (!stopping_.load(std::memory_order_relaxed)) turn();
}

namespace {

// The process's threads.
struct KickThreads {
  std::mutex lock;
  std::vector<std::shared_ptr<KickThread>> all;

  static KickThreads& instance() {
    static auto* threads = new KickThreads;  // never destroyed: a thread may outlast the program's last line
    return *threads;
  }

  // The one with fewest queues, or one more while there are CPUs for it.
  Result<std::shared_ptr<KickThread>> thread_for(KickDuty duty, const cpu_set_t& cpus) {
    std::shared_ptr<KickThread> best;
    int same = 0;
    for (const auto& thread : all) {
      if (!thread->fits(duty, cpus)) continue;
      ++same;
      if (!best || thread->queues() < best->queues()) best = thread;
    }
    const int most = duty == KickDuty::kAll ? std::max(CPU_COUNT(&cpus), 1) : 1;
    if (best && same >= most) return best;
    auto made = std::make_shared<KickThread>(duty, cpus);
    if (Status s = made->run(); !s) return s.error();
    all.push_back(made);
    return made;
  }

  void forget_idle() {
    std::erase_if(all, [](const auto& thread) { return thread->of_this_process() && thread->queues() == 0; });
  }
};

}  // namespace

KickService& KickService::operator=(KickService&& other) noexcept {
  if (this == &other) return *this;
  end();
  thread_ = std::move(other.thread_);
  line_ = std::exchange(other.line_, nullptr);
  return *this;
}

Result<KickService> KickService::start(const KickPlan& plan) {
  KickThreads& threads = KickThreads::instance();
  const std::lock_guard guard(threads.lock);
  auto thread = threads.thread_for(plan.duty, plan.cpus);
  if (!thread) return thread.error();
  auto served = std::make_unique<Served>();
  served->wake = plan.wake;
  served->tx = plan.tx;
  served->zero_copy = plan.zero_copy;
  served->count = plan.count;
  served->done = std::atomic_ref(*plan.tx.producer).load(std::memory_order_relaxed);
  served->line.wanted.store(served->done, std::memory_order_relaxed);
  KickService out;
  out.line_ = (*thread)->add(std::move(served));
  out.thread_ = std::move(*thread);
  return out;
}

bool KickService::end() {
  if (line_ == nullptr) return true;
  KickLine* line = std::exchange(line_, nullptr);
  std::shared_ptr<KickThread> thread = std::move(thread_);
  if (!thread->of_this_process()) {
    new std::shared_ptr<KickThread>(std::move(thread));  // the parent's; here it has no thread to end
    return true;
  }
  KickThreads& threads = KickThreads::instance();
  const std::lock_guard guard(threads.lock);
  const bool out = thread->remove(line);
  if (!out)
    log_line(LogLevel::kWarning,
             "a thread that makes TX system calls does not come out of one; it is left alone");
  thread.reset();
  threads.forget_idle();
  return out;
}

}  // namespace zcnbrh
