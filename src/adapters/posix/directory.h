// directory.h: how a directory below the root is reached without leaving the tree, and how what
// lstat tells becomes EntryAttrs.
//
// Symlinks are never followed, ".." never taken; a path may be longer than PATH_MAX. Root is
// thread-safe.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "adapters/posix/fd.h"
#include "base/entry.h"
#include "base/result.h"

struct statx;

namespace fustor::posix {

enum class OpenFor {
  kListing,  // Readable; without updating the access time where the kernel lets us.
  kLooking,  // O_PATH: enough for statx of children.
};

// The directory under which a Tree lies.
class Root {
 public:
  // `component_walk` pretends that the kernel has no openat2. Errors: kNotFound,
  // kFailedPrecondition (not a directory), kPermissionDenied, kUnavailable.
  static Result<std::unique_ptr<Root>> Open(const std::string& path, bool component_walk = false);

  // Opens the directory at the view path. For "/" the root's own path is looked up again, so that
  // a file system that was mounted, or a directory that was put there, since then is seen.
  // Errors: kNotFound, kFailedPrecondition (not a directory, or a symlink on the way),
  // kPermissionDenied, kInvalidArgument (not a view path), kResourceExhausted, kUnavailable.
  Result<Fd> OpenDirectory(std::string_view path, OpenFor purpose);

  const std::string& path() const { return path_; }
  std::uint64_t device() const;

 private:
  explicit Root(std::string path);

  std::shared_ptr<const Fd> Pin() const;
  Status LookAgain();

  const std::string path_;
  bool component_walk_ = false;  // Set before the object is shared.
  mutable std::mutex mutex_;
  std::shared_ptr<const Fd> fd_;  // Guarded by mutex_; O_PATH.
  std::uint64_t device_ = 0;      // Guarded by mutex_.
};

void ReadAttrs(const struct statx& st, EntryAttrs* attrs);

// Attributes of the directory that is open as `dirfd`, and the number of its mount (0: not known).
struct SelfAttrs {
  EntryAttrs attrs;
  std::uint64_t mount = 0;
};
Result<SelfAttrs> ReadSelf(int dirfd);

}  // namespace fustor::posix
