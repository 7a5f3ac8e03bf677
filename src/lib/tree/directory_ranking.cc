#include "lib/tree/directory_ranking.h"

#include <algorithm>
#include <optional>

#include "base/path.h"

namespace fustor::tree {
namespace {

// Ranking takes the value as it is; the key only says that values count.
constexpr SortOrder kMostFirst = {SortKey::kSize, true};

}  // namespace

DirectoryRanking::DirectoryRanking(Options options)
    : options_(options),
      ranking_(kMostFirst, options.count_max, std::nullopt),
      seen_(options.inodes_max) {}

std::int64_t DirectoryRanking::ValueOf(const Aggregates& sums) const {
  switch (options_.measure) {
    case Measure::kSize:
      return static_cast<std::int64_t>(sums.bytes);
    case Measure::kAllocated:
      return static_cast<std::int64_t>(sums.allocated_bytes);
    case Measure::kFiles:
      return static_cast<std::int64_t>(sums.files);
    case Measure::kMtime:
      break;
  }
  return sums.latest_mtime_ns;
}

void DirectoryRanking::CloseLast() {
  const Open& last = open_.back();
  if (last.stands_for_itself) ranking_.AddValue(last.path, last.value);
  open_.pop_back();
}

void DirectoryRanking::CloseOutside(std::string_view path) {
  while (!open_.empty() && !IsWithin(path, open_.back().path)) CloseLast();
}

void DirectoryRanking::AddBelow(std::string_view path, std::int64_t value) {
  CloseOutside(path);
  if (!open_.empty()) {
    Open& around = open_.back();
    const bool most = options_.measure == Measure::kMtime
                          ? value >= around.value
                          : value > 0 && value >= around.value - around.value / 10;
    if (most) around.stands_for_itself = false;
  }
  open_.push_back({std::string(path), value, true});
}

void DirectoryRanking::AddOwn(std::string_view directory, const Snapshot::Row& row) {
  CloseOutside(directory);
  if (open_.empty() || open_.back().path != directory) {
    const std::int64_t nothing = options_.measure == Measure::kMtime ? INT64_MIN : 0;
    open_.push_back({std::string(directory), nothing, true});
  }
  std::int64_t& value = open_.back().value;
  const bool first_name = seen_.IsFirst(row);
  switch (options_.measure) {
    case Measure::kSize:
      if (first_name) value += std::max<std::int64_t>(0, row.size_bytes());
      break;
    case Measure::kAllocated:
      if (first_name) value += std::max<std::int64_t>(0, row.allocated_bytes());
      break;
    case Measure::kFiles:
      ++value;
      break;
    case Measure::kMtime:
      value = std::max(value, row.mtime_ns());
      break;
  }
}

void DirectoryRanking::Add(std::string_view path, const Snapshot::Row& row,
                           const Snapshot& snapshot) {
  if (options_.kind == Kind::kOwn) return AddOwn(SplitPath(path).first, row);
  if (row.dir().value != 0) AddBelow(path, ValueOf(snapshot.AggregatesOf(row.dir())));
}

std::vector<Rank> DirectoryRanking::Take() {
  while (!open_.empty()) CloseLast();
  return ranking_.Take();
}

}  // namespace fustor::tree
