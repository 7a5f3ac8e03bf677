// watch_budget.h: which directories keep their watches when there are too few: those that have
// changed last.
//
// Pure; one owner. 16 bytes for each directory number; as long as no watch is refused nothing more
// is done than to remember when each watched directory has changed. Times are compared with each
// other only, so the file system's clock may be wrong. Only directories of one file system compete:
// another one may be watched as a whole, and its directories have nothing to give.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <vector>

#include "base/entry.h"
#include "env/tree_types.h"

namespace fustor::agent {

class WatchBudget {
 public:
  // `dir`, which has these attributes, has a watch.
  void Watched(env::DirKey dir, const EntryAttrs& self);
  // It was seen to have changed; nothing happens when it has no watch.
  void Changed(env::DirKey dir, const EntryAttrs& self);
  // It has no watch any more.
  void Ended(env::DirKey dir);
  // For a directory without a watch: the watched one that has not changed for longest, when that is
  // longer ago than it has changed itself. It counts as without a watch from now on. O(log n), the
  // first time O(n).
  std::optional<env::DirKey> Displace(const EntryAttrs& self);

  std::size_t watched() const { return watched_; }

 private:
  static constexpr std::int64_t kNone = std::numeric_limits<std::int64_t>::min();
  struct Dir {
    std::int64_t changed_ns = kNone;  // kNone: not watched.
    std::uint32_t file_system = 0;    // An index of devices_.
  };
  struct Place {
    std::int64_t changed_ns;  // Or earlier than it has become since.
    std::uint32_t dir;
    friend bool operator>(const Place& a, const Place& b) {
      return a.changed_ns != b.changed_ns ? a.changed_ns > b.changed_ns : a.dir > b.dir;
    }
  };
  Dir& At(env::DirKey dir);
  // `known`: it was watched on this file system before.
  void Note(env::DirKey dir, Dir now, bool known);
  std::uint32_t FileSystemOf(std::uint64_t device);
  void Build(std::uint32_t file_system);
  void PushOldest(Place place);
  void PopOldest();

  std::vector<Dir> dirs_;  // By key.
  std::size_t watched_ = 0;
  std::vector<std::uint64_t> devices_;
  // The oldest of the file system where watches ran out first; may hold places that are not true
  // any more. Others have none.
  std::vector<Place> oldest_;
  std::optional<std::uint32_t> scarce_;  // That file system.
};

}  // namespace fustor::agent
