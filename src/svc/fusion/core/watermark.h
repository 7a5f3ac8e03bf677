// watermark.h: the logical clock of a view (docs/arbitration.md).
//
// watermark = Fusion time - the most frequent value of (Fusion time - mtime), in whole seconds,
// over the realtime events of a bounded window. A few files from the future or the past do not move
// it. Pure; one owner.
#pragma once

#include <cstdint>
#include <deque>
#include <set>
#include <unordered_map>

#include "base/time.h"

namespace fustor::fusion {

class Watermark {
 public:
  struct Options {
    std::size_t samples_max = 10'000;  // The window.
  };
  explicit Watermark(Options options) : options_(options) {}
  Watermark() : Watermark(Options{}) {}

  // A file's mtime, reported in realtime at `wall`. O(log distinct skews), O(1) while the skew
  // stays the same.
  void Sample(WallTime mtime, WallTime wall);
  // Without samples yet (cold start) Fusion's own time. Equal counts: the skew nearest to zero
  // wins, of two equally near the one of the past.
  WallTime At(WallTime wall) const;
  std::size_t samples() const { return window_.size(); }
  void Clear();

 private:
  // Orders the best skew first.
  struct Rank {
    std::uint32_t count;
    std::int64_t skew_s;
    bool operator<(const Rank& other) const;
  };
  void Count(std::int64_t skew_s, int step);

  Options options_;
  std::deque<std::int64_t> window_;  // Skews in seconds, oldest first.
  std::unordered_map<std::int64_t, std::uint32_t> counts_;
  std::set<Rank> ranks_;  // Of every skew in counts_.
};

}  // namespace fustor::fusion
