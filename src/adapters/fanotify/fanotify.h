// fanotify.h: one mark watches a whole file system; needs CAP_SYS_ADMIN.
//
// A passive object: whoever polls fd() calls Read. Thread-safe; Cover and Uncover may run while
// another thread reads. Changes anywhere in a marked file system are read from the kernel, also
// those outside of what was covered; they are dropped at the price of one hash look-up each.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "adapters/fanotify/handle_table.h"
#include "base/result.h"
#include "env/tree.h"

namespace fustor::fanotify {

class Fanotify {
 public:
  // Errors: kPermissionDenied (no CAP_SYS_ADMIN; also found out by the first Mark),
  // kResourceExhausted, kUnimplemented (the kernel is older than 5.9).
  static Result<std::unique_ptr<Fanotify>> Open();
  ~Fanotify();
  Fanotify(const Fanotify&) = delete;

  // Becomes readable when there is something to Read.
  int fd() const { return fd_; }

  // Starts to watch the file system that holds `dirfd`. Errors: kPermissionDenied, kUnimplemented
  // (a file system without stable file handles: FUSE, NFS, some overlays), kResourceExhausted.
  Status Mark(int dirfd);

  // From now on changes in the directory open as `dirfd` are events of `key`. The newest key of a
  // directory wins. REQUIRES: its file system is marked and `fsid` is what statfs says of it.
  // Errors: kUnimplemented (no file handle).
  Status Cover(env::DirKey key, int dirfd, std::uint64_t fsid);
  // Unknown keys are fine.
  void Uncover(env::DirKey key);

  // Appends the events that wait, at most one buffer of them. False when there were none.
  // REQUIRES: one caller at a time.
  bool Read(std::vector<env::TreeEvent>* events);

  std::uint64_t covered() const;
  // Records about directories that are not covered.
  std::uint64_t unknown() const;

 private:
  explicit Fanotify(int fd);

  const int fd_;
  std::vector<std::byte> buffer_;
  mutable std::mutex mutex_;
  HandleTable table_;  // Guarded by mutex_.
};

}  // namespace fustor::fanotify
