// tree.h: env::Tree on a real file system.
//
// The tree starts its threads when it is opened and ends them when it is destroyed; List and Stat
// calls that are still waiting then answer kUnavailable, NextEvents answers empty. Results arrive
// on the executor of the caller. Access times: directories are read with O_NOATIME, which the
// kernel grants to their owner and to CAP_FOWNER; for others mount options decide.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "adapters/posix/watcher.h"
#include "base/log.h"
#include "base/result.h"
#include "env/tree.h"

namespace fustor::posix {

struct TreeOptions {
  unsigned threads = 0;  // 0: one per core.
  WatchMode watch = WatchMode::kAuto;
  // Directories on other file systems than the root's are entries but have no children.
  bool one_file_system = false;
  // The same for proc, sysfs, cgroup, debugfs, devpts, tracefs, autofs and the like.
  bool skip_pseudo_file_systems = true;
  std::uint64_t metadata_ops_per_second = 0;  // 0: no limit.
  std::uint64_t watches_max = 0;              // Of inotify. 0: what the kernel allows.
  // What may wait for NextEvents. More is one kOverflow.
  EventQueue::Limits events = {};
};

// Opens the directory `root` (a path of the host; symlinks in it are followed). Errors: kNotFound,
// kFailedPrecondition (not a directory), kPermissionDenied, kUnavailable; with an explicit watch
// mode also why that mechanism cannot watch the root: kPermissionDenied, kUnimplemented,
// kResourceExhausted.
Result<std::unique_ptr<env::Tree>> OpenTree(const std::string& root, const TreeOptions& options,
                                            Logger logger);

}  // namespace fustor::posix
