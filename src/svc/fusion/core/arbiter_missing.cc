// What scans have found missing: kept in mind until it is known whether it is too much to go.
#include "base/path.h"
#include "svc/fusion/core/arbiter.h"
#include "svc/fusion/core/arbiter_context.h"

namespace fustor::fusion {

double Arbiter::DeleteFraction(SessionKey session) const {
  const auto it = delete_fractions_.find(session);
  return it == delete_fractions_.end() ? options_.delete_fraction_max : it->second;
}

void Arbiter::Doom(std::string_view directory, std::string_view name, Doomed::Fate fate) {
  condemned_.SpareName(directory, name);  // It is judged anew.
  doomed_.Add(directory, name, fate);
}

void Arbiter::SparePath(std::string_view path) {
  doomed_.Spare(path);
  condemned_.Spare(path);
}

// The directory has been looked at again, and entered.
void Arbiter::Spare(const batch::DirBlock& block, bool has_self) {
  if (!has_doomed()) return;
  if (has_self || !block.rows.empty()) SparePath(block.path);
  if (block.complete) {
    doomed_.SpareIn(block.path);
    condemned_.SpareIn(block.path);
    return;
  }
  for (std::size_t i = 0; i < block.rows.size(); ++i) {
    doomed_.SpareName(block.path, block.rows.name(i));
    condemned_.SpareName(block.path, block.rows.name(i));
  }
}

// A scan has ended. What it and those before it have missed, and nothing has shown since, goes if
// that is not too much. False: it is.
bool Arbiter::Judge(double fraction_max, batch::Source source, Now now) {
  const tree::Aggregates all = tree_.AggregatesOf(tree::kRoot);
  const std::uint64_t entries = all.files + all.directories;
  const std::uint64_t missing = doomed_.entries();
  const bool too_much = missing > options_.deletes_free &&
                        static_cast<double>(missing) > fraction_max * static_cast<double>(entries);
  if (fraction_max < 1 && (too_much || doomed_.overflow())) {
    const WallTime since = alarm_ ? alarm_->since : now.wall;
    alarm_ = Alarm{since, source, missing, entries, fraction_max, doomed_.overflow()};
    return false;
  }
  alarm_.reset();
  condemned_.Absorb(&doomed_);
  return true;
}

// Returns how many entries went.
std::uint64_t Arbiter::RemoveCondemned(std::size_t paths_max) {
  std::uint64_t removed = 0;
  for (std::size_t i = 0; i < paths_max; ++i) {
    const std::optional<std::pair<std::string, Doomed::Fate>> next = condemned_.Take();
    if (!next) break;
    const auto [parent, name] = SplitPath(next->first);
    const std::optional<tree::DirId> dir = tree_.FindDirectory(parent);
    if (!dir) continue;
    const std::uint64_t gone = tree_.Erase(*dir, name);
    if (gone == 0) continue;
    removed += gone;
    if (!nothing_listed()) Forget(next->first);
    if (next->second.blind) deletions_.Add(parent, name);
  }
  return removed;
}

}  // namespace fustor::fusion
