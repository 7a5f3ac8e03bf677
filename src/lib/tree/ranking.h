// ranking.h: the first n of what a search finds, in another order than that of paths.
//
// Pure. Holds n entries at most, whatever is offered: n paths and n numbers. An entry that is not
// among the first n so far costs a comparison and no allocation.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/tree/search.h"

namespace fustor::tree {

enum class SortKey : std::uint8_t { kPath, kName, kSize, kAllocated, kMtime, kCtime, kAtime };

struct SortOrder {
  SortKey key = SortKey::kPath;
  bool descending = false;
  friend bool operator==(const SortOrder&, const SortOrder&) = default;
};

// A place in an order: equal values (and names) stand by path, always upwards.
struct Rank {
  std::int64_t value = 0;  // 0 for kPath and kName.
  std::string path;
  friend bool operator==(const Rank&, const Rank&) = default;
};

// Whether a stands before b. Paths are whole, names are taken from them.
bool RanksBefore(const SortOrder& order, const Rank& a, const Rank& b);

class Ranking {
 public:
  // Only what stands behind `after` counts.
  Ranking(SortOrder order, std::uint64_t count_max, std::optional<Rank> after)
      : order_(order), count_max_(count_max), after_(std::move(after)) {}

  void Add(std::string_view path, const Snapshot::Row& row);
  // With a value of its own instead of the row's.
  void AddValue(std::string_view path, std::int64_t value);

  // In order. Empties it.
  std::vector<Rank> Take();
  // Whether more than count_max were offered.
  bool more() const { return more_; }

 private:
  bool Before(std::int64_t value, std::string_view path, const Rank& other) const;

  const SortOrder order_;
  const std::uint64_t count_max_;
  const std::optional<Rank> after_;
  std::vector<Rank> heap_;  // The last of the first in front.
  bool more_ = false;
};

}  // namespace fustor::tree
