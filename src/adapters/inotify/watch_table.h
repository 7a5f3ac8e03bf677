// watch_table.h: which directory an inotify watch number means, and what a record about it says.
//
// No I/O and no lock. The kernel's order is what makes it right: every watch that ends leaves
// exactly one IN_IGNORED record, and what comes before that record still speaks of the old watch
// even when the number has been given out again.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "env/tree.h"

namespace fustor::inotify {

class WatchTable {
 public:
  // The kernel answered `wd` for the directory that is now called `key`. An older key of the same
  // watch loses it. Returns the watch that `key` had before, when that was another one: the caller
  // must end it.
  std::optional<int> Added(int wd, env::DirKey key);

  // Forgets `key`. Returns its watch, which the caller must end.
  std::optional<int> Remove(env::DirKey key);

  // Appends what the records of one read say. Records of forgotten watches are dropped.
  void Decode(std::span<const std::byte> records, std::vector<env::TreeEvent>* events);

  // Directories that have a watch.
  std::size_t size() const { return by_wd_.size(); }

 private:
  struct Watch {
    env::DirKey key;
    bool gone = false;  // kDirGone was reported.
  };

  void DecodeOne(int wd, std::uint32_t mask, std::uint32_t cookie, std::string_view name,
                 std::vector<env::TreeEvent>* events);
  void Forget(int wd);
  void Gone(int wd, std::vector<env::TreeEvent>* events);

  std::unordered_map<int, Watch> by_wd_;
  std::unordered_map<env::DirKey, int> by_key_;  // Same watches as by_wd_.
  // How many IN_IGNORED of ended watches have not been read yet.
  std::unordered_map<int, int> dying_;
};

}  // namespace fustor::inotify
