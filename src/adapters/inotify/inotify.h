// inotify.h: one watch for each directory; needs no privilege, costs kernel memory per directory.
//
// A passive object: whoever polls fd() calls Read. Thread-safe; Cover and Uncover may run while
// another thread reads.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "adapters/inotify/watch_table.h"
#include "base/result.h"
#include "env/tree.h"

namespace fustor::inotify {

class Inotify {
 public:
  // At most `watches_max` directories; 0: what the kernel allows.
  // Errors: kResourceExhausted (fs.inotify.max_user_instances or open files).
  static Result<std::unique_ptr<Inotify>> Open(std::uint64_t watches_max = 0);
  ~Inotify();
  Inotify(const Inotify&) = delete;

  // Becomes readable when there is something to Read.
  int fd() const { return fd_; }

  // From now on changes in the directory open as `dirfd` are events of `key`. The newest key of a
  // directory wins. Errors: kResourceExhausted (no watches left), kPermissionDenied (the directory
  // may not be read), kUnimplemented (/proc is not mounted, or the file system refuses).
  Status Cover(env::DirKey key, int dirfd);
  // Ends the watch of `key`; unknown keys are fine.
  void Uncover(env::DirKey key);

  // Appends the events that wait, at most one buffer of them. False when there were none.
  // REQUIRES: one caller at a time.
  bool Read(std::vector<env::TreeEvent>* events);

  std::uint64_t watches() const;

  // fs.inotify.max_user_watches; 0 when it cannot be read.
  static std::uint64_t WatchesMax();

 private:
  Inotify(int fd, std::uint64_t watches_max);

  const int fd_;
  const std::uint64_t watches_max_;
  std::vector<std::byte> buffer_;
  mutable std::mutex mutex_;
  WatchTable table_;  // Guarded by mutex_.
};

}  // namespace fustor::inotify
