// watcher.h: fanotify and inotify as one source of events.
//
// A file system is watched by one fanotify mark where that is possible, else each of its
// directories gets an inotify watch. One thread reads both. Thread-safe.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>

#include "adapters/fanotify/fanotify.h"
#include "adapters/inotify/inotify.h"
#include "adapters/posix/event_queue.h"
#include "adapters/posix/fd.h"
#include "adapters/posix/file_systems.h"
#include "base/log.h"
#include "base/result.h"
#include "env/tree.h"

namespace fustor::posix {

enum class WatchMode {
  kAuto,      // fanotify where permitted and possible, else inotify.
  kFanotify,  // Only; directories elsewhere are kUnimplemented.
  kInotify,   // Only.
  kNone,
};

class Watcher {
 public:
  // Errors: those of the mechanism asked for; kAuto fails only when neither can be had.
  // inotify takes at most `watches_max`; 0: what the kernel allows.
  static Result<std::unique_ptr<Watcher>> Start(WatchMode mode, std::uint64_t watches_max,
                                                EventQueue::Limits limits, Logger logger);
  ~Watcher();

  // Tries to watch the file system of `dirfd` as a whole.
  bool WatchWhole(int dirfd, const FileSystemFacts& facts);

  // What the last failed WatchWhole met. REQUIRES: there was one.
  Status WhyNotWhole() const;

  // Changes in the directory open as `dirfd` are from now on events of `key`.
  // Errors: as ListedDir::watch_status.
  Status Cover(env::DirKey key, int dirfd, const FileSystemFacts& facts);
  void Uncover(env::DirKey key);

  EventQueue& queue() { return queue_; }

  std::string mechanism() const;
  std::string limits() const;  // As env::Tree::Info::watch_limits.
  std::uint64_t watches() const;

 private:
  Watcher(std::uint64_t watches_max, EventQueue::Limits limits, Logger logger);
  Status OpenMechanisms(WatchMode mode);
  void ReadLoop();
  // Reads one mechanism until it is empty, or for so long that the other must have its turn.
  // Whether there was an event for the queue.
  template <class Mechanism>
  bool Drain(Mechanism& mechanism, std::vector<env::TreeEvent>* events);

  const Logger logger_;
  const std::uint64_t watches_max_;
  EventQueue queue_;
  std::unique_ptr<fanotify::Fanotify>
      fanotify_;                               // nullptr: not in use. Set before the thread runs.
  std::unique_ptr<inotify::Inotify> inotify_;  // The same.
  Status fanotify_status_;                     // Why fanotify_ is nullptr although it was wanted.
  Fd stop_;                                    // An eventfd.
  std::atomic<bool> fanotify_used_{false};
  std::atomic<bool> inotify_used_{false};
  std::atomic<std::uint64_t> refused_{0};  // Covers that found no watch left.
  mutable std::mutex mutex_;
  std::set<std::string> not_whole_;  // Types of file systems that fanotify could not mark.
  Status mark_status_;               // What the last of them said.
  std::set<std::string> remote_;     // Types of file systems that other hosts may write to.
  std::thread thread_;
};

}  // namespace fustor::posix
