// What scans have found missing: kept in mind until it is known whether it is too much to go.
#include <algorithm>
#include <limits>

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

// How far back what is known of the files in it goes, and whether it is watched.
void Arbiter::NoteLook(const Listing& listing, const Context& context) {
  const batch::DirBlock& block = *listing.block;
  if (block.silent) {
    if (context.scan != nullptr) context.scan->passed_by = true;
    return;
  }
  if (block.failed || context.loose) return;
  constexpr std::int64_t kSecondNs = 1'000'000'000;
  const std::int64_t wall_s = context.now.wall.ns / kSecondNs;
  tree_.NoteListed(listing.dir, static_cast<std::uint32_t>(std::clamp<std::int64_t>(
                                    wall_s, 0, std::numeric_limits<std::uint32_t>::max())));
  if (block.path == "/") {
    root_unwatched_ = block.unwatched;
  } else if (block.unwatched) {
    const auto [parent, name] = SplitPath(block.path);
    if (!unwatched_.Contains(block.path)) unwatched_.Add(parent, name);
  } else {
    unwatched_.Erase(block.path);
  }
}

// A scan of the whole tree has ended.
void Arbiter::NoteScanEnd(const Scans::Scan& scan, SessionKey session) {
  constexpr std::uint32_t kTurnsMax = 1000;  // Who looks at a file so rarely is not counted.
  if (scan.shallow) return;
  if (scan.source == batch::Source::kJob || session != auditor_) audits_.clear();
  auditor_ = session;
  std::int64_t since_ns = scan.begin_wall_ns;
  if (scan.passed_by) {
    audits_.push_back(since_ns);
    if (audits_.size() > kTurnsMax) audits_.pop_front();
    if (scan.full_every < 2 || audits_.size() < scan.full_every) return;
    while (audits_.size() > scan.full_every) audits_.pop_front();
    since_ns = audits_.front();
  }
  if (!files_seen_since_ || files_seen_since_->ns < since_ns) files_seen_since_ = {since_ns};
}

// What would go now. Much of what was missing may have been told as deleted or moved since, and
// what lies in a missing directory may have been missing before.
std::uint64_t Arbiter::CountDoomed() {
  const void* directory = nullptr;
  std::optional<tree::DirId> dir;
  std::uint64_t entries = 0;
  doomed_.ForEachTopmost([&](const Doomed::Trie::Item& item) {
    if (item.dir != directory) dir = tree_.FindDirectory(Doomed::Trie::PathOf(item.dir));
    directory = item.dir;
    if (!dir || !tree_.Get(*dir, *item.name, &have_)) return;
    entries += 1 + (have_.attrs.is_directory() ? CountBelow(have_.dir) : 0);
  });
  return entries;
}

// A scan has ended. What it and those before it have missed, and nothing has shown since, goes if
// that is not too much. False: it is.
bool Arbiter::Judge(double fraction_max, batch::Source source, Now now) {
  const tree::Aggregates all = tree_.AggregatesOf(tree::kRoot);
  const std::uint64_t entries = all.files + all.directories;
  const auto is_too_much = [&](std::uint64_t count) {
    return count > options_.deletes_free &&
           static_cast<double>(count) > fraction_max * static_cast<double>(entries);
  };
  std::uint64_t missing = doomed_.entries();
  bool too_much = is_too_much(missing);
  if (too_much && fraction_max < 1 && !doomed_.overflow()) {
    missing = CountDoomed();
    too_much = is_too_much(missing);
  }
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
std::uint64_t Arbiter::RemoveCondemned(std::size_t paths_max, Now now) {
  std::uint64_t removed = 0;
  for (std::size_t i = 0; i < paths_max; ++i) {
    const std::optional<std::pair<std::string, Doomed::Fate>> next = condemned_.Take();
    if (!next) break;
    const auto [parent, name] = SplitPath(next->first);
    const std::optional<tree::DirId> dir = tree_.FindDirectory(parent);
    if (!dir) continue;
    if (!tree_.Get(*dir, name, &have_)) continue;
    const EntryAttrs gone = have_.attrs;
    removed += tree_.Erase(*dir, name);
    if (!nothing_listed()) Forget(next->first);
    NoteLinkGone(gone, now);
    if (next->second.blind) deletions_.Add(parent, name);
  }
  return removed;
}

}  // namespace fustor::fusion
