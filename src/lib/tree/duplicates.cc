#include "lib/tree/duplicates.h"

#include <algorithm>
#include <bit>
#include <functional>
#include <utility>

#include "base/check.h"
#include "lib/tree/search.h"

namespace fustor::tree {
namespace {

constexpr std::uint64_t kMarksMin = 1 << 12;
constexpr std::uint64_t kMarksMax = 1 << 27;
constexpr std::uint64_t kMarksPerFile = 8;

}  // namespace

DuplicateSearch::DuplicateSearch(Options options) : options_(options), seen_(options.inodes_max) {
  const std::uint64_t wanted = std::min(options.files_expected, kMarksMax) * kMarksPerFile;
  marks_.resize(std::bit_ceil(std::clamp(wanted, kMarksMin, kMarksMax)) / 4);
}

std::uint64_t DuplicateSearch::HashOf(const Snapshot::Row& row) const {
  std::uint64_t hash = MixBits(static_cast<std::uint64_t>(row.size_bytes()));
  if (options_.same_name) hash = MixBits(hash ^ std::hash<std::string_view>()(row.name()));
  if (options_.same_mtime) hash = MixBits(hash + static_cast<std::uint64_t>(row.mtime_ns()));
  return hash;
}

void DuplicateSearch::Add(std::string_view path, const Snapshot::Row& row) {
  if (row.kind() != EntryKind::kFile || row.size_bytes() <= 0) return;
  const std::uint64_t hash = HashOf(row);
  if (pass_ == 0) return Mark(hash);
  if (pass_ == 1) {
    if (IsMarkedTwice(hash)) Count(hash, row);
    return;
  }
  Collect(hash, path, row);
}

void DuplicateSearch::NextPass() {
  FUSTOR_CHECK(pass_ < kPasses);
  if (pass_ == 1) Choose();
  ++pass_;
}

// --- Pass 1 ---

void DuplicateSearch::Mark(std::uint64_t hash) {
  std::uint8_t& four = marks_[(hash >> 2) & (marks_.size() - 1)];
  const unsigned shift = 2 * (hash & 3);
  if ((four >> shift & 2) == 0) four = static_cast<std::uint8_t>(four + (1u << shift));
}

bool DuplicateSearch::IsMarkedTwice(std::uint64_t hash) const {
  return (marks_[(hash >> 2) & (marks_.size() - 1)] >> (2 * (hash & 3)) & 2) != 0;
}

// --- Pass 2 ---

DuplicateSearch::Counted* DuplicateSearch::SlotOf(std::uint64_t hash) {
  std::size_t at = (hash >> 20) & (slots_.size() - 1);
  while (slots_[at].count != 0 && slots_[at].hash != hash) at = (at + 1) & (slots_.size() - 1);
  return &slots_[at];
}

void DuplicateSearch::Grow() {
  std::vector<Counted> old(std::max<std::size_t>(1024, slots_.size() * 2));
  old.swap(slots_);
  for (const Counted& counted : old) {
    if (counted.count != 0) *SlotOf(counted.hash) = counted;
  }
}

void DuplicateSearch::Count(std::uint64_t hash, const Snapshot::Row& row) {
  if (slots_used_ * 2 >= slots_.size()) Grow();
  Counted* const slot = SlotOf(hash);
  if (slot->count == 0 && slots_used_ >= options_.groups_max) {
    truncated_ = true;
    return;
  }
  if (!seen_.IsFirst(row, hash)) return;
  if (slot->count == 0) {
    ++slots_used_;
    *slot = {hash, row.size_bytes(), 0};
  }
  ++slot->count;
}

void DuplicateSearch::Choose() {
  truncated_ |= seen_.full();
  seen_ = SeenInodes(options_.inodes_max);
  marks_ = {};
  std::erase_if(slots_, [](const Counted& counted) { return counted.count < 2; });
  group_count_ = slots_.size();
  for (const Counted& counted : slots_) reclaimable_bytes_ += counted.reclaimable_bytes();
  const std::size_t count = std::min(options_.chosen_max, slots_.size());
  const auto more = [](const Counted& a, const Counted& b) {
    return std::pair(a.reclaimable_bytes(), a.hash) > std::pair(b.reclaimable_bytes(), b.hash);
  };
  std::partial_sort(slots_.begin(), slots_.begin() + static_cast<std::ptrdiff_t>(count),
                    slots_.end(), more);
  for (std::size_t i = 0; i < count; ++i) chosen_.try_emplace(slots_[i].hash);
  slots_ = {};
}

// --- Pass 3 ---

void DuplicateSearch::Collect(std::uint64_t hash, std::string_view path, const Snapshot::Row& row) {
  const auto at = chosen_.find(hash);
  if (at == chosen_.end()) return;
  Group& group = at->second;
  if (group.count == 0) {
    group.size_bytes = row.size_bytes();
    group.name = row.name();
    group.mtime_ns = row.mtime_ns();
  } else if (group.size_bytes != row.size_bytes() ||
             (options_.same_name && group.name != row.name()) ||
             (options_.same_mtime && group.mtime_ns != row.mtime_ns())) {
    return;  // Only the hash is the same.
  }
  if (!seen_.IsFirst(row, hash)) return;
  ++group.count;
  if (group.paths.size() < options_.paths_max) group.paths.emplace_back(path);
}

std::vector<DuplicateSearch::Group> DuplicateSearch::Take() {
  FUSTOR_CHECK(pass_ == kPasses);
  std::vector<Group> groups;
  for (auto& [hash, group] : chosen_) {
    if (group.count > 1) groups.push_back(std::move(group));
  }
  chosen_.clear();
  std::ranges::sort(groups, [](const Group& a, const Group& b) {
    if (a.reclaimable_bytes() != b.reclaimable_bytes()) {
      return a.reclaimable_bytes() > b.reclaimable_bytes();
    }
    return PathLess(a.paths[0], b.paths[0]);
  });
  return groups;
}

}  // namespace fustor::tree
