// file_systems.h: what kind of file system a directory lies on.
//
// Thread-safe.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "base/result.h"

namespace fustor::posix {

struct FileSystemFacts {
  std::string type;        // "ext4", "nfs", ... or "0x1234abcd" for a magic number nobody named.
  std::uint64_t fsid = 0;  // As statfs gives it.
  bool pseudo = false;     // Made up by the kernel: proc, sysfs, cgroup, ...
  bool remote = false;     // Other hosts may write without this kernel knowing.
  bool whole_watched = false;  // By one fanotify mark.
};

class FileSystems {
 public:
  // `watch_whole` is called once for each file system that is met and not pseudo, with a directory
  // of it; true when all of it is watched from then on. Thread-safe itself.
  using WatchWhole = std::function<bool(int dirfd, const FileSystemFacts& facts)>;
  explicit FileSystems(WatchWhole watch_whole) : watch_whole_(std::move(watch_whole)) {}

  // Facts about the file system that holds `dirfd`. `device` and `mount` tell mounts apart, so that
  // a second question about the same mount costs no system call. Errors: as statfs.
  Result<std::shared_ptr<const FileSystemFacts>> Of(int dirfd, std::uint64_t device,
                                                    std::uint64_t mount);

 private:
  const WatchWhole watch_whole_;
  std::mutex mutex_;
  std::map<std::pair<std::uint64_t, std::uint64_t>, std::shared_ptr<const FileSystemFacts>> known_;
};

// The type of the file system that holds `path`, as mount(8) prints it. Errors: kNotFound,
// kPermissionDenied, kUnavailable.
Result<std::string> FileSystemTypeName(const std::string& path);

}  // namespace fustor::posix
