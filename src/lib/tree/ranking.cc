#include "lib/tree/ranking.h"

#include <algorithm>
#include <utility>

#include "base/path.h"

namespace fustor::tree {
namespace {

std::int64_t ValueOf(SortKey key, const Snapshot::Row& row) {
  switch (key) {
    case SortKey::kSize:
      return row.size_bytes();
    case SortKey::kAllocated:
      return row.allocated_bytes();
    case SortKey::kMtime:
      return row.mtime_ns();
    case SortKey::kCtime:
      return row.ctime_ns();
    case SortKey::kAtime:
      return row.atime_ns();
    case SortKey::kPath:
    case SortKey::kName:
      break;
  }
  return 0;
}

bool IsBefore(const SortOrder& order, std::int64_t a, std::string_view a_path, std::int64_t b,
              std::string_view b_path) {
  if (order.key == SortKey::kPath) {
    return order.descending ? PathLess(b_path, a_path) : PathLess(a_path, b_path);
  }
  if (order.key == SortKey::kName) {
    const int names = SplitPath(a_path).second.compare(SplitPath(b_path).second);
    if (names != 0) return order.descending ? names > 0 : names < 0;
  } else if (a != b) {
    return order.descending ? a > b : a < b;
  }
  return PathLess(a_path, b_path);
}

}  // namespace

bool RanksBefore(const SortOrder& order, const Rank& a, const Rank& b) {
  return IsBefore(order, a.value, a.path, b.value, b.path);
}

bool Ranking::Before(std::int64_t value, std::string_view path, const Rank& other) const {
  return IsBefore(order_, value, path, other.value, other.path);
}

void Ranking::Add(std::string_view path, const Snapshot::Row& row) {
  AddValue(path, ValueOf(order_.key, row));
}

void Ranking::AddValue(std::string_view path, std::int64_t value) {
  if (after_ && !IsBefore(order_, after_->value, after_->path, value, path)) return;
  const auto before = [this](const Rank& a, const Rank& b) { return RanksBefore(order_, a, b); };
  if (heap_.size() < count_max_) {
    heap_.push_back({value, std::string(path)});
    std::push_heap(heap_.begin(), heap_.end(), before);
    return;
  }
  more_ = true;
  if (heap_.empty() || !Before(value, path, heap_.front())) return;
  std::pop_heap(heap_.begin(), heap_.end(), before);
  heap_.back().value = value;
  heap_.back().path = path;
  std::push_heap(heap_.begin(), heap_.end(), before);
}

std::vector<Rank> Ranking::Take() {
  std::sort_heap(heap_.begin(), heap_.end(),
                 [this](const Rank& a, const Rank& b) { return RanksBefore(order_, a, b); });
  return std::exchange(heap_, {});
}

}  // namespace fustor::tree
