// tree_types.h: what is said about a file system tree: requests, answers, events.
//
// Plain data, so that pure code can speak of it; tree.h is the tree itself.
#pragma once

#include <cstdint>
#include <string>

#include "base/entry.h"
#include "base/id.h"
#include "base/result.h"
#include "base/time.h"

namespace fustor::env {

// 0 is never a directory.
using DirKey = Id<struct DirKeyTag, std::uint32_t>;

struct ListRequest {
  DirKey dir;
  std::string path;
  // The inode that the directory must have; 0: any. A directory that was renamed away and replaced
  // by another one must not be taken for the old one.
  std::uint64_t expected_inode = 0;
  // Watch first, then list: changes after the start of the listing come as events. Watching an
  // already watched directory again is harmless and moves the watch to this key.
  bool watch = true;
  // As it was at an earlier listing; inode 0: not known. A directory that is still the same, and
  // has the same mtime and ctime, is only looked at: neither watched again nor read, and its
  // entries are not looked at.
  struct Known {
    std::uint64_t inode = 0;
    std::int64_t mtime_ns = 0;
    std::int64_t ctime_ns = 0;
    bool Is(const EntryAttrs& attrs) const {
      return inode != 0 && inode == attrs.inode && mtime_ns == attrs.mtime_ns &&
             ctime_ns == attrs.ctime_ns;
    }
  };
  Known known = {};
  // Nobody waits for it: whatever else the host does goes first.
  bool background = false;
};

struct ListedDir {
  DirKey dir;
  // Errors: kNotFound (gone), kAborted (another inode is there now), kFailedPrecondition (not a
  // directory), kPermissionDenied, kUnavailable (EIO, ESTALE, ...). Then `children` is what was
  // read before, and is not complete.
  Status status;
  // Why changes in this directory will not be seen as events: Ok when they will; kResourceExhausted
  // (no watches left), kUnimplemented (the file system cannot), kPermissionDenied.
  Status watch_status;
  EntryAttrs self;     // Read after the watch began, before the listing. Valid unless the directory
                       // could not be opened.
  EntryList children;  // Sorted by name. Without "." and "..".
  WallTime started_at;     // This host's clock, before the listing began.
  bool unchanged = false;  // As ListRequest::known: only `self` was looked at. `status` is Ok.
  bool remote = false;     // The times are those of another host's clock.
};

struct StatRequest {
  DirKey dir;
  std::string dir_path;
  std::uint64_t expected_inode = 0;  // Of the directory; 0: any.
  std::string name;                  // Empty: the directory itself.
  bool fresh = false;  // Past the attribute caches of a network file system: costs a round trip.
};

struct StattedEntry {
  DirKey dir;
  std::string name;
  // Errors: kNotFound (no such entry in that directory), kAborted (the directory is not at that
  // path any more), kPermissionDenied, kUnavailable.
  Status status;
  EntryAttrs attrs;
  std::string target;  // Of a symlink.
};

struct TreeEvent {
  enum class Kind : std::uint8_t {
    kCreated,  // Also a new hard link or symlink.
    kRemoved,
    kModified,    // Written, and may be written again.
    kClosed,      // Closed after writing.
    kAttributes,  // Mode, owner, times, link count.
    kMoved,       // dir/name -> to_dir/to_name, both in watched directories.
    kMovedOut,    // dir/name is no longer there; where it went is not known (yet, see cookie).
    kMovedIn,     // dir/name came from where is not known (yet, see cookie).
    kDirGone,     // The watched directory itself is gone; `name` is empty.
    kOverflow,    // Events were lost: everything may have changed. dir is 0.
  };
  Kind kind = Kind::kCreated;
  bool is_directory = false;
  DirKey dir;
  std::string name;  // Empty: the directory itself (kAttributes, kDirGone).
  // kMovedOut and kMovedIn with the same cookie (not 0) are the two halves of one rename.
  std::uint32_t cookie = 0;
  DirKey to_dir;
  std::string to_name;
};

}  // namespace fustor::env
