#include "svc/agent/core/watch_budget.h"

#include <algorithm>
#include <functional>

namespace fustor::agent {

using env::DirKey;

namespace {

// When a directory has changed. mtime can be set to any time and ctime cannot, so that one from the
// future does not keep a watch for ever.
std::int64_t ChangedAt(const EntryAttrs& self) {
  return std::max(std::min(self.mtime_ns, self.ctime_ns),
                  std::numeric_limits<std::int64_t>::min() + 1);
}

}  // namespace

WatchBudget::Dir& WatchBudget::At(DirKey dir) {
  const std::size_t key = dir.value;
  if (key >= dirs_.size()) dirs_.resize(key + 1);
  return dirs_[key];
}

std::uint32_t WatchBudget::FileSystemOf(std::uint64_t device) {
  const auto it = std::ranges::find(devices_, device);
  const auto index = static_cast<std::uint32_t>(it - devices_.begin());
  if (it == devices_.end()) devices_.push_back(device);
  return index;
}

void WatchBudget::PushOldest(Place place) {
  oldest_.push_back(place);
  std::push_heap(oldest_.begin(), oldest_.end(), std::greater<>());
}

void WatchBudget::PopOldest() {
  std::pop_heap(oldest_.begin(), oldest_.end(), std::greater<>());
  oldest_.pop_back();
}

void WatchBudget::Watched(DirKey dir, const EntryAttrs& self) {
  const std::uint32_t file_system = FileSystemOf(self.device);
  const Dir at = At(dir);
  const bool known = at.changed_ns != kNone && at.file_system == file_system;
  if (at.changed_ns == kNone) ++watched_;
  Note(dir, {ChangedAt(self), file_system}, known);
}

void WatchBudget::Note(DirKey dir, Dir now, bool known) {
  Dir& at = At(dir);
  const bool stands = known && at.changed_ns <= now.changed_ns;  // At its time or before it.
  at = now;
  if (stands || scarce_ != now.file_system) return;
  PushOldest({now.changed_ns, dir.value});
  // What has been watched, forgotten and watched again stands there more than once.
  if (oldest_.size() > 2 * watched_ + 1'000) Build(now.file_system);
}

void WatchBudget::Changed(DirKey dir, const EntryAttrs& self) {
  const Dir at = At(dir);
  if (at.changed_ns != kNone) Note(dir, {ChangedAt(self), at.file_system}, true);
}

void WatchBudget::Ended(DirKey dir) {
  Dir& at = At(dir);
  if (at.changed_ns != kNone) --watched_;
  at.changed_ns = kNone;
}

void WatchBudget::Build(std::uint32_t file_system) {
  scarce_ = file_system;
  oldest_.clear();
  for (std::size_t key = 0; key < dirs_.size(); ++key) {
    const Dir& dir = dirs_[key];
    if (dir.changed_ns == kNone || dir.file_system != file_system) continue;
    oldest_.push_back({dir.changed_ns, static_cast<std::uint32_t>(key)});
  }
  std::make_heap(oldest_.begin(), oldest_.end(), std::greater<>());
}

std::optional<DirKey> WatchBudget::Displace(const EntryAttrs& self) {
  const std::uint32_t file_system = FileSystemOf(self.device);
  if (scarce_ != file_system) Build(file_system);
  while (!oldest_.empty()) {
    const Place first = oldest_.front();
    const Dir& dir = dirs_[first.dir];
    const bool there = dir.changed_ns != kNone && dir.file_system == file_system;
    if (there && dir.changed_ns == first.changed_ns && first.changed_ns >= ChangedAt(self)) {
      return std::nullopt;
    }
    PopOldest();
    if (!there) continue;
    if (dir.changed_ns == first.changed_ns) {
      Ended(DirKey{first.dir});
      return DirKey{first.dir};
    }
    PushOldest({dir.changed_ns, first.dir});  // It has changed since.
  }
  return std::nullopt;
}

}  // namespace fustor::agent
