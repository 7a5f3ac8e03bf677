// directory_ranking.h: the directories that hold most.
//
// Pure. Rows come in path order, as a search finds them. Memory: n paths, and one per level.
//
// With everything below them, the largest directories would be the same ones again and again: those
// on the way to the largest. So a directory is left out when one that is found below it holds nine
// tenths or more of it (by time: is as late). Kind::kOwn counts what lies in a directory itself,
// without its subdirectories.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "lib/tree/groups.h"
#include "lib/tree/ranking.h"
#include "lib/tree/seen_inodes.h"

namespace fustor::tree {

enum class Measure : std::uint8_t { kSize, kAllocated, kFiles, kMtime };

class DirectoryRanking {
 public:
  enum class Kind : std::uint8_t { kBelow, kOwn };
  struct Options {
    Measure measure = Measure::kSize;
    Kind kind = Kind::kBelow;
    std::uint64_t count_max = 10;
    std::size_t inodes_max = 1 << 20;  // kOwn: of several names, that are counted once.
  };
  explicit DirectoryRanking(Options options);

  // kBelow: a directory; anything else is passed over. kOwn: what is to be counted.
  void Add(std::string_view path, const Snapshot::Row& row, const Snapshot& snapshot);
  // In order, the most first, equals by path.
  std::vector<Rank> Take();
  bool more() const { return ranking_.more(); }
  bool links_exact() const { return !seen_.full(); }

 private:
  // A directory of which more may come, on the way to where the search is.
  struct Open {
    std::string path;
    std::int64_t value = 0;
    bool stands_for_itself = true;
  };

  void CloseOutside(std::string_view path);
  void CloseLast();
  void AddBelow(std::string_view path, std::int64_t value);
  void AddOwn(std::string_view directory, const Snapshot::Row& row);
  std::int64_t ValueOf(const Aggregates& sums) const;

  const Options options_;
  Ranking ranking_;
  SeenInodes seen_;
  std::vector<Open> open_;  // Each lies in the one before.
};

}  // namespace fustor::tree
