// duplicates.h: regular files that may have the same content, because size and name are the same.
//
// Pure. The rows of one search are looked at three times, all of one revision:
//   1. each pair of size and name marks a place in a table of small counters; most that are alone
//      are known as such from then on;
//   2. the others are counted by a hash of size and name; from these counts the groups are chosen
//      from which most is to be gained;
//   3. of the chosen groups the paths are kept, after size and name have been compared themselves.
// Memory: a quarter of a byte to eight counters per file expected (32 MiB at most), 24 bytes a slot
// for at most groups_max groups, and the paths of what is chosen. Names of one inode count once in
// a group.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "lib/tree/seen_inodes.h"
#include "lib/tree/tree.h"

namespace fustor::tree {

class DuplicateSearch {
 public:
  struct Options {
    bool same_name = true;
    bool same_mtime = false;
    std::uint64_t files_expected = 0;
    std::size_t groups_max = 1 << 18;  // What is beyond is not counted.
    std::size_t inodes_max = 1 << 20;  // Of several names, that are told apart.
    std::size_t chosen_max = 100;
    std::size_t paths_max = 100;  // Kept of one group.
  };
  explicit DuplicateSearch(Options options);

  static constexpr int kPasses = 3;
  // One row of the pass that goes on. Only regular files that are not empty count.
  void Add(std::string_view path, const Snapshot::Row& row);
  // Ends a pass. REQUIRES: called kPasses times in all.
  void NextPass();

  struct Group {
    std::int64_t size_bytes = 0;
    std::string name;                // Of the first one.
    std::int64_t mtime_ns = 0;       // Of the first one.
    std::uint64_t count = 0;         // Inodes.
    std::vector<std::string> paths;  // In path order, the first of each inode.
    // What would be free if one were left.
    std::uint64_t reclaimable_bytes() const {
      return (count - 1) * static_cast<std::uint64_t>(size_bytes);
    }
  };
  // After the last pass: the chosen groups, the most to be gained first.
  std::vector<Group> Take();

  // Of all groups, chosen or not.
  std::uint64_t group_count() const { return group_count_; }
  std::uint64_t reclaimable_bytes() const { return reclaimable_bytes_; }
  // Whether there were more groups, or inodes of several names, than could be told apart.
  bool truncated() const { return truncated_ || seen_.full(); }

 private:
  struct Counted {
    std::uint64_t hash = 0;
    std::int64_t size_bytes = 0;
    std::uint64_t count = 0;  // 0: a free slot.
    std::uint64_t reclaimable_bytes() const {
      return (count - 1) * static_cast<std::uint64_t>(size_bytes);
    }
  };

  std::uint64_t HashOf(const Snapshot::Row& row) const;
  void Mark(std::uint64_t hash);
  bool IsMarkedTwice(std::uint64_t hash) const;
  void Count(std::uint64_t hash, const Snapshot::Row& row);
  void Collect(std::uint64_t hash, std::string_view path, const Snapshot::Row& row);
  void Choose();
  Counted* SlotOf(std::uint64_t hash);
  void Grow();

  const Options options_;
  int pass_ = 0;
  std::vector<std::uint8_t> marks_;  // Four counters a byte.
  std::vector<Counted> slots_;
  std::size_t slots_used_ = 0;
  std::unordered_map<std::uint64_t, Group> chosen_;
  SeenInodes seen_;
  std::uint64_t group_count_ = 0;
  std::uint64_t reclaimable_bytes_ = 0;
  bool truncated_ = false;
};

}  // namespace fustor::tree
