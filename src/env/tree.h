// tree.h: a file system tree to look at and to watch.
//
// One Tree is one root directory. The caller gives every directory a number (DirKey) and says under
// which path it lies now; the tree answers with numbers, never with paths, so that a renamed
// directory keeps its identity. Paths are view paths (base/path.h): relative to the root, "/" is
// the root. Symlinks are never followed. Nothing is ever written, no file is opened for reading, no
// access time is changed.
//
// Calls may be made from one executor; the work is done on threads of the implementation. Real
// ones: adapters/posix with adapters/fanotify or adapters/inotify. Hostile one: sim.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "env/task.h"
#include "env/tree_types.h"

namespace fustor::env {

class Tree {
 public:
  virtual ~Tree() = default;

  // Lists directories with the attributes of every child; answers in the order of the requests.
  // Many calls may be in flight; each one's requests are spread over the worker threads.
  virtual Task<std::vector<ListedDir>> List(std::vector<ListRequest> requests) = 0;

  // lstat. Answers in the order of the requests; those of one directory next to each other are
  // cheaper.
  virtual Task<std::vector<StattedEntry>> Stat(std::vector<StatRequest> requests) = 0;

  // Waits for changes in watched directories and returns all that are there, in order. Empty when
  // StopEvents was called. REQUIRES: one call at a time.
  virtual Task<std::vector<TreeEvent>> NextEvents() = 0;
  // Ends the pending and all later NextEvents with an empty answer. Thread-safe.
  virtual void StopEvents() = 0;

  // Ends the watch of directories; their later events are not reported.
  virtual void Unwatch(std::vector<DirKey> dirs) = 0;

  struct Info {
    std::string root;             // As given.
    std::string watch_mechanism;  // "fanotify", "inotify", "fanotify+inotify", "none"
    std::string watch_limits;     // One sentence for a person; empty when there is nothing to say.
    std::uint64_t watches = 0;    // Directories watched now.
    std::uint64_t overflows = 0;
  };
  // Thread-safe.
  virtual Info info() const = 0;
};

}  // namespace fustor::env
