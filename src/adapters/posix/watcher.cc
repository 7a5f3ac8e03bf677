#include "adapters/posix/watcher.h"

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace fustor::posix {
namespace {

// Buffers read from one mechanism before the other has its turn.
constexpr int kReadsPerTurn = 16;
// What others do to the file system may delay our own events by this much.
constexpr int kPauseMsMax = 8;

std::string Joined(const std::set<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

}  // namespace

Watcher::Watcher(std::uint64_t watches_max, EventQueue::Limits limits, Logger logger)
    : logger_(std::move(logger)), watches_max_(watches_max), queue_(limits) {}

Result<std::unique_ptr<Watcher>> Watcher::Start(WatchMode mode, std::uint64_t watches_max,
                                                EventQueue::Limits limits, Logger logger) {
  std::unique_ptr<Watcher> watcher(new Watcher(watches_max, limits, std::move(logger)));
  FUSTOR_TRY(watcher->OpenMechanisms(mode));
  if (watcher->fanotify_ == nullptr && watcher->inotify_ == nullptr) return watcher;
  watcher->stop_ = Fd(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!watcher->stop_.ok()) return ErrnoStatus(errno, "eventfd");
  watcher->thread_ = std::thread([&w = *watcher] { w.ReadLoop(); });
  return watcher;
}

Status Watcher::OpenMechanisms(WatchMode mode) {
  if (mode == WatchMode::kAuto || mode == WatchMode::kFanotify) {
    Result<std::unique_ptr<fanotify::Fanotify>> opened = fanotify::Fanotify::Open();
    if (opened.ok()) {
      fanotify_ = std::move(opened).value();
    } else if (mode == WatchMode::kFanotify) {
      return opened.status();
    } else {
      fanotify_status_ = opened.status();
    }
  }
  if (mode == WatchMode::kAuto || mode == WatchMode::kInotify) {
    Result<std::unique_ptr<inotify::Inotify>> opened = inotify::Inotify::Open(watches_max_);
    if (opened.ok()) {
      inotify_ = std::move(opened).value();
    } else if (fanotify_ == nullptr) {
      return opened.status();
    } else {
      logger_.Warn("inotify is not available", {{"reason", opened.status().message()}});
    }
  }
  return {};
}

Watcher::~Watcher() {
  if (thread_.joinable()) {
    const std::uint64_t one = 1;
    // Cannot fail: the counter is far from its maximum.
    [[maybe_unused]] const ssize_t n = write(stop_.get(), &one, sizeof one);
    thread_.join();
  }
  queue_.Stop();
}

bool Watcher::WatchWhole(int dirfd, const FileSystemFacts& facts) {
  const Status marked = fanotify_ != nullptr ? fanotify_->Mark(dirfd) : fanotify_status_;
  const bool whole = fanotify_ != nullptr && marked.ok();
  if (whole) {
    fanotify_used_ = true;
    logger_.Info("fanotify watches a whole file system", {{"type", facts.type}});
  } else if (!marked.ok()) {
    logger_.Info("fanotify cannot watch a file system",
                 {{"type", facts.type}, {"reason", marked.message()}});
  }
  const std::scoped_lock lock(mutex_);
  if (facts.remote) remote_.insert(facts.type);
  if (!whole && !marked.ok()) {
    not_whole_.insert(facts.type);
    mark_status_ = marked;
  }
  return whole;
}

Status Watcher::WhyNotWhole() const {
  const std::scoped_lock lock(mutex_);
  return mark_status_;
}

Status Watcher::Cover(env::DirKey key, int dirfd, const FileSystemFacts& facts) {
  if (facts.whole_watched) {
    Status covered = fanotify_->Cover(key, dirfd, facts.fsid);
    // A key that has moved here from another file system.
    if (covered.ok() && inotify_used_) inotify_->Uncover(key);
    if (covered.ok() || inotify_ == nullptr) return covered;
  }
  if (inotify_ == nullptr) {
    return {Code::kUnimplemented,
            fanotify_ == nullptr ? "watching is switched off"
                                 : "fanotify cannot watch a file system of type " + facts.type};
  }
  Status covered = inotify_->Cover(key, dirfd);
  if (covered.ok()) {
    inotify_used_ = true;
    if (fanotify_used_) fanotify_->Uncover(key);
  } else if (covered.code() == Code::kResourceExhausted && refused_.fetch_add(1) == 0) {
    logger_.Warn("inotify watches ran out", {{"watches", inotify_->watches()},
                                             {"max_user_watches", inotify::Inotify::WatchesMax()}});
  }
  return covered;
}

void Watcher::Uncover(env::DirKey key) {
  if (inotify_used_) inotify_->Uncover(key);
  if (fanotify_used_) fanotify_->Uncover(key);
}

template <class Mechanism>
bool Watcher::Drain(Mechanism& mechanism, std::vector<env::TreeEvent>* events) {
  bool any = false;
  for (int i = 0; i < kReadsPerTurn && mechanism.Read(events); ++i) {
    any = any || !events->empty();
    queue_.Push(events);
  }
  return any;
}

void Watcher::ReadLoop() {
  pthread_setname_np(pthread_self(), "tree-watch");
  std::vector<env::TreeEvent> events;
  // poll ignores negative descriptors.
  pollfd fds[] = {{stop_.get(), POLLIN, 0},
                  {inotify_ != nullptr ? inotify_->fd() : -1, POLLIN, 0},
                  {fanotify_ != nullptr ? fanotify_->fd() : -1, POLLIN, 0}};
  int pause_ms = 0;
  for (;;) {
    const bool pausing = pause_ms > 0 && fds[2].revents != 0;
    fds[2].revents = 0;
    if (poll(fds, pausing ? 2 : 3, pausing ? pause_ms : -1) < 0 && errno != EINTR) {
      logger_.Error("the watch thread cannot wait", {{"errno", errno}});
      return;
    }
    if (fds[0].revents != 0) return;
    if (fds[1].revents != 0) Drain(*inotify_, &events);
    if (fds[2].revents == 0) continue;
    // A mark shows the whole file system. While only others are busy there, their events are taken
    // many at a time: waking up for each one would cost more than all the rest.
    const bool ours = Drain(*fanotify_, &events);
    pause_ms = ours ? 0 : std::clamp(2 * pause_ms, 1, kPauseMsMax);
  }
}

std::string Watcher::mechanism() const {
  if (fanotify_ == nullptr && inotify_ == nullptr) return "none";
  if (fanotify_used_ && inotify_used_) return "fanotify+inotify";
  if (fanotify_used_) return "fanotify";
  // Nothing is covered yet: what was found out about the root's file system.
  return inotify_ != nullptr ? "inotify" : "fanotify";
}

std::string Watcher::limits() const {
  if (fanotify_ == nullptr && inotify_ == nullptr) return {};
  std::string text;
  const std::scoped_lock lock(mutex_);
  if (inotify_ != nullptr && (inotify_used_ || refused_ != 0 || fanotify_ == nullptr)) {
    const std::uint64_t kernels = inotify::Inotify::WatchesMax();
    const bool own = watches_max_ != 0 && watches_max_ < kernels;
    const std::string limit = own ? "max_watches" : "fs.inotify.max_user_watches";
    text = refused_ != 0 ? "inotify watches ran out: those directories keep theirs that changed "
                           "last, changes in the others are only found by scans; raise " +
                               limit + " (now "
                         : "each directory needs one inotify watch (" + limit + " is ";
    text += std::to_string(own ? watches_max_ : kernels) + ")";
    if (mark_status_.code() == Code::kPermissionDenied ||
        fanotify_status_.code() == Code::kPermissionDenied) {
      text += refused_ != 0 ? " or run with CAP_SYS_ADMIN, which allows one fanotify mark instead"
                            : "; with CAP_SYS_ADMIN one fanotify mark would do";
    } else if (!not_whole_.empty()) {
      text += "; fanotify cannot watch " + Joined(not_whole_);
    }
  }
  if (!remote_.empty()) {
    text += (text.empty() ? "" : "; ") + std::string("changes that other hosts make on ") +
            Joined(remote_) + " are only found by scans";
  }
  return text;
}

std::uint64_t Watcher::watches() const {
  return (fanotify_ != nullptr ? fanotify_->covered() : 0) +
         (inotify_ != nullptr ? inotify_->watches() : 0);
}

}  // namespace fustor::posix
