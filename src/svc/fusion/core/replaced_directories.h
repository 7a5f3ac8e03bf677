// replaced_directories.h: directories whose name another directory has taken, as somebody has told.
//
// What was told of names in the first says nothing of the second, and the other way round. Pure;
// one owner. Bounded: past `count_max` those that were replaced first are forgotten.
#pragma once

#include <cstdint>
#include <deque>
#include <unordered_map>
#include <utility>

#include "lib/tree/tree.h"

namespace fustor::fusion {

class ReplacedDirectories {
 public:
  struct Replacement {
    std::int64_t wall_ns = INT64_MIN;  // INT64_MIN: none is known.
    std::uint16_t reporter = 0;        // Who has told of it.
  };
  explicit ReplacedDirectories(std::size_t count_max) : count_max_(count_max) {}

  // The tree's directory `dir` is another object from now on. O(1) on average.
  void Note(tree::DirId dir, Replacement replacement) {
    last_[dir] = replacement;
    by_age_.emplace_back(replacement.wall_ns, dir);
    while (by_age_.size() > count_max_) ForgetOldest();
  }
  // O(1).
  Replacement Last(tree::DirId dir) const {
    if (last_.empty()) return {};
    const auto it = last_.find(dir);
    return it == last_.end() ? Replacement{} : it->second;
  }
  void ForgetBefore(std::int64_t wall_ns) {
    while (!by_age_.empty() && by_age_.front().first < wall_ns) ForgetOldest();
  }
  void Clear() {
    last_.clear();
    by_age_.clear();
  }

 private:
  void ForgetOldest() {
    const auto [wall_ns, dir] = by_age_.front();
    by_age_.pop_front();
    const auto it = last_.find(dir);
    if (it != last_.end() && it->second.wall_ns == wall_ns) last_.erase(it);
  }

  const std::size_t count_max_;
  std::unordered_map<tree::DirId, Replacement> last_;
  std::deque<std::pair<std::int64_t, tree::DirId>> by_age_;
};

}  // namespace fustor::fusion
