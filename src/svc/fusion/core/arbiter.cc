#include "svc/fusion/core/arbiter.h"

#include <algorithm>

#include "base/mutants.h"
#include "base/path.h"
#include "svc/fusion/core/arbiter_context.h"
#include "svc/fusion/core/evidence.h"

namespace fustor::fusion {
namespace {

// Many links are made at once; one search finds the other names of all.
constexpr Nanos kLinksPatience = Millis(50);
// A slice takes well below a millisecond: a twentieth of the time at most.
constexpr Nanos kLinksPause = Millis(20);
constexpr std::uint64_t kLinkRowsPerTick = 100'000;
// Of what the end of a scan leaves to do: a few milliseconds each.
constexpr std::uint64_t kUnseenRowsPerTick = 20'000;
constexpr std::size_t kRemovalsPerTick = 2'000;
// Tombstones whose time is over, removed per batch: more than a batch usually lays.
constexpr std::size_t kPurgePerBatch = 10'000;

// Times that are seconds in a double are not more exact.
constexpr std::int64_t kSecondsPrecisionNs = 1'000;

}  // namespace

Arbiter::Arbiter(Options options, tree::Tree& tree)
    : options_(options),
      tree_(tree),
      additions_(options.blind_spots_max),
      deletions_(options.blind_spots_max),
      doomed_(options.doomed_max),
      condemned_(SIZE_MAX),
      replaced_(options.replaced_max),
      unwatched_(options.unwatched_max) {}

Arbiter::Outcome Arbiter::Apply(const batch::Batch& batch, SessionKey session,
                                std::uint16_t reporter, Now now, Instant arrived) {
  Outcome outcome;
  Context context;
  context.outcome = &outcome;
  context.source = batch.source;
  context.session = session;
  context.reporter = reporter;
  context.now = now;
  context.arrived = now.wall - std::max(Nanos(0), now.monotonic - arrived);
  context.loose = batch.loose;
  context.watermark_ns = watermark_.At(now.wall).ns;
  // Before a scan that begins with this very batch: it is the one that clears it up.
  if (batch.lost_events && !Broken("losses-forgotten")) {
    scans_.Lost(session, batch.scan_path.empty() ? "/" : batch.scan_path, now.wall);
  }
  if (batch.source == batch::Source::kRealtime) {
    ApplyChanges(batch.changes, context);
    for (const batch::DirBlock& block : batch.blocks) ApplyBlock(block, context);
  } else {
    ApplyScan(batch, session, &context);
  }
  KeepBounds(now);
  return outcome;
}

void Arbiter::KeepBounds(Now now) {
  if (!tombstones_.empty()) {
    // One that is younger than a scan in progress may still be needed against its rows.
    const std::int64_t old = SaturatingSub(now.wall.ns, options_.tombstone_ttl.count());
    tombstones_.Purge(std::min(old, scans_.oldest_begin_wall_ns()), kPurgePerBatch);
    tombstones_evicted_ += tombstones_.Shrink(options_.tombstones_max);
  }
  while (suspects_.node_count() > options_.suspects_max) SettleFirstSuspect(now, false);
}

void Arbiter::SessionStarted(SessionKey session, double delete_fraction_max) {
  if (delete_fraction_max > 0) delete_fractions_[session] = delete_fraction_max;
  session_orders_[session] = scans_.NextOrder();
  additions_.Clear();
  deletions_.Clear();
  scans_.DropAudits();
}

void Arbiter::SessionEnded(SessionKey session) {
  scans_.DropSession(session);
  session_orders_.erase(session);
  delete_fractions_.erase(session);
  doomed_.DropSession(session);
  if (unseen_ && unseen_->session == session) unseen_.reset();
}

Tombstones::Moment Arbiter::MomentOf(const Context& context, std::uint64_t order) const {
  const auto begun = session_orders_.find(context.session);
  return {context.session, order, context.reporter,
          begun == session_orders_.end() ? 0 : begun->second};
}

std::optional<Instant> Arbiter::NextExpiry() const {
  if (unseen_ || !condemned_.empty()) return Instant{};  // At once.
  const std::optional<Instant> suspect = suspects_.NextExpiry();
  if (!tree_.wants_links()) return suspect;
  return suspect ? std::min(*suspect, links_due_) : links_due_;
}

void Arbiter::WantLinks(const EntryAttrs& attrs, const Context& context) {
  if (attrs.nlink < 2 || attrs.is_directory()) return;
  if (!tree_.wants_links()) links_due_ = context.now.monotonic + kLinksPatience;
  tree_.WantLinks(attrs);
}

void Arbiter::TakeNewerLink(tree::Entry* entry) {
  if (entry->attrs.nlink < 2 || !tree_.GetLink(entry->attrs, &link_)) return;
  if (link_.attrs.ctime_ns > entry->attrs.ctime_ns) entry->attrs = link_.attrs;
}

std::size_t Arbiter::Tick(Now now, std::size_t count_max) {
  std::size_t count = 0;
  for (; count < count_max; ++count) {
    const std::optional<Instant> next = suspects_.NextExpiry();
    if (!next || *next > now.monotonic) break;
    SettleFirstSuspect(now, true);
  }
  if (unseen_) SeekUnseen(kUnseenRowsPerTick, now);
  count += RemoveCondemned(kRemovalsPerTick, now);
  if (tree_.wants_links() && links_due_ <= now.monotonic) {
    count += tree_.SeekLinks(kLinkRowsPerTick);
    links_due_ = now.monotonic + kLinksPause;
  }
  KeepBounds(now);
  return count;
}

void Arbiter::SettleFirstSuspect(Now now, bool renew) {
  const std::optional<Suspects::Due> due = suspects_.Front();
  if (!due) return;
  const std::optional<tree::DirId> dir = tree_.FindDirectory(due->directory);
  if (!dir || !tree_.Get(*dir, due->name, &have_)) {
    suspects_.Erase(due->directory, due->name);
    return;
  }
  if (renew && !Broken("suspects-not-renewed") && have_.attrs.mtime_ns != due->mtime_ns) {
    suspects_.Put(due->directory, due->name, now.monotonic + options_.hot_file_threshold,
                  have_.attrs.mtime_ns);
    return;
  }
  suspects_.Erase(due->directory, due->name);
  have_.flags = static_cast<std::uint8_t>(have_.flags & ~tree::kSuspect);
  tree_.Put(*dir, due->name, have_);
}

std::size_t Arbiter::Sweep(const std::vector<Sighting>& sightings, Now now) {
  std::size_t known = 0;
  for (const Sighting& sighting : sightings) known += TakeSighting(sighting, now) ? 1 : 0;
  return known;
}

bool Arbiter::TakeSighting(const Sighting& sighting, Now now) {
  const auto [parent, name] = SplitPath(sighting.path);
  const std::optional<tree::DirId> dir = tree_.FindDirectory(parent);
  if (name.empty() || !dir || !tree_.Get(*dir, name, &have_)) return false;
  if (sighting.missing) {
    tree_.Erase(*dir, name);
    Forget(sighting.path);
    return true;
  }
  SparePath(sighting.path);
  if (have_.attrs.kind != EntryKind::kFile) return true;
  const std::int64_t apart = SaturatingSub(sighting.mtime_ns, have_.attrs.mtime_ns);
  const bool same_size = !sighting.size_bytes || *sighting.size_bytes == have_.attrs.size_bytes;
  if (same_size && apart > -kSecondsPrecisionNs && apart < kSecondsPrecisionNs) {
    const std::int64_t age = SaturatingSub(watermark_.At(now.wall).ns, have_.attrs.mtime_ns);
    if ((have_.flags & tree::kSuspect) == 0 || age < options_.hot_file_threshold.count()) {
      return true;
    }
    suspects_.Erase(parent, name);
    have_.flags = static_cast<std::uint8_t>(have_.flags & ~tree::kSuspect);
  } else {
    have_.attrs.mtime_ns = sighting.mtime_ns;
    have_.attrs.size_bytes = sighting.size_bytes.value_or(have_.attrs.size_bytes);
    have_.flags |= tree::kSuspect;
    suspects_.Put(parent, name, now.monotonic + options_.hot_file_threshold, sighting.mtime_ns);
  }
  tree_.Put(*dir, name, have_);
  return true;
}

std::vector<std::string> Arbiter::Settle(const std::vector<batch::Sighting>& sightings, Now now) {
  std::vector<std::string> differing;
  const std::int64_t clock_ns = watermark_.At(now.wall).ns;
  for (const batch::Sighting& sighting : sightings) {
    const auto [parent, name] = SplitPath(sighting.path);
    const std::optional<tree::DirId> dir = tree_.FindDirectory(parent);
    const bool known = !name.empty() && dir && tree_.Get(*dir, name, &have_);
    const EntryAttrs& a = have_.attrs;
    if (!known || a.mtime_ns != sighting.mtime_ns || a.ctime_ns != sighting.ctime_ns ||
        a.size_bytes != sighting.size_bytes) {
      differing.push_back(sighting.path);
      continue;
    }
    const bool hot = SaturatingSub(clock_ns, a.mtime_ns) < options_.hot_file_threshold.count();
    if ((have_.flags & tree::kSuspect) == 0 || hot) continue;
    suspects_.Erase(parent, name);
    have_.flags = static_cast<std::uint8_t>(have_.flags & ~tree::kSuspect);
    tree_.Put(*dir, name, have_);
  }
  return differing;
}

void Arbiter::NoteLinkGone(const EntryAttrs& gone, Now now) {
  const std::optional<std::pair<tree::DirId, std::string>> other = tree_.FindLink(gone);
  if (!other || !tree_.Get(other->first, other->second, &link_)) return;
  if (link_.attrs.kind != EntryKind::kFile) return;
  if ((link_.flags & tree::kSuspect) == 0) {
    link_.flags |= tree::kSuspect;
    tree_.Put(other->first, other->second, link_);
  }
  suspects_.Put(tree_.PathOf(other->first), other->second,
                now.monotonic + options_.hot_file_threshold, link_.attrs.mtime_ns);
}

void Arbiter::Reset() {
  tree_.Clear();
  watermark_.Clear();
  tombstones_.Clear();
  suspects_.Clear();
  additions_.Clear();
  deletions_.Clear();
  scans_.Clear();
  doomed_.Clear();
  condemned_.Clear();
  unseen_.reset();
  alarm_.reset();
  replaced_.Clear();
  unwatched_.Clear();
  root_unwatched_ = false;
  files_seen_since_.reset();
  audits_.clear();
  last_confirmed_ns_ = INT64_MIN;
  others_confirmed_ns_ = INT64_MIN;
}

std::size_t Arbiter::suspect_count() const { return suspects_.size(); }

std::vector<Arbiter::Suspect> Arbiter::suspects(std::size_t count_max) const {
  std::vector<Suspect> list;
  for (auto& [path, until] : suspects_.First(count_max)) list.push_back({path, until});
  return list;
}

const Arbiter::BlindSpots& Arbiter::blind_spots() const {
  if (additions_.changed()) listed_.additions = additions_.Sorted();
  if (deletions_.changed()) listed_.deletions = deletions_.Sorted();
  listed_.additions_count = additions_.count();
  listed_.deletions_count = deletions_.count();
  return listed_;
}

const std::vector<Arbiter::Uncertain>& Arbiter::uncertain() const { return scans_.uncertain(); }
std::size_t Arbiter::tombstone_count() const { return tombstones_.size(); }
std::uint64_t Arbiter::tombstones_evicted() const { return tombstones_evicted_; }
std::vector<std::string> Arbiter::audit_only(std::size_t count_max) const {
  if (root_unwatched_) return {"/"};
  return unwatched_.Topmost(count_max);
}
WallTime Arbiter::watermark(Now now) const { return watermark_.At(now.wall); }
std::uint64_t Arbiter::refused() const { return refused_; }

Result<void> Arbiter::CheckInvariants() {
  FUSTOR_TRY(tree_.CheckInvariants());
  Status status;
  tombstones_.trie().ForEach([&](const Tombstones::Trie::Item& stone) {
    const std::optional<tree::DirId> dir = tree_.FindDirectory(Tombstones::Trie::PathOf(stone.dir));
    if (!dir || !tree_.Get(*dir, *stone.name, &have_)) return;
    status =
        Status(Code::kInternal, "a tombstone of what exists: " + Tombstones::Trie::PathOf(stone));
  });
  for (const auto& [path, until] : suspects_.First(SIZE_MAX)) {
    const auto [parent, name] = SplitPath(path);
    const std::optional<tree::DirId> dir = tree_.FindDirectory(parent);
    const bool flagged =
        dir && tree_.Get(*dir, name, &have_) && (have_.flags & tree::kSuspect) != 0;
    if (!flagged) status = Status(Code::kInternal, "listed, but no suspect: " + path);
  }
  if (!status.ok()) return status;
  return {};
}

Arbiter::Descent Arbiter::Descend(std::string_view directory) {
  Descent descent;
  descent.deepest = tree::kRoot;
  std::string_view rest = directory;
  for (std::string_view name = NextComponent(&rest); !name.empty(); name = NextComponent(&rest)) {
    if (descent.missing > 0) {
      ++descent.missing;
      continue;
    }
    const bool known = tree_.Get(descent.deepest, name, &descent.obstacle);
    if (known && descent.obstacle.attrs.is_directory()) {
      descent.deepest = descent.obstacle.dir;
      continue;
    }
    descent.blocked = known;
    descent.missing = 1;
  }
  return descent;
}

tree::DirId Arbiter::MakeDirectories(std::string_view directory, const Descent& descent,
                                     const tree::Entry& implied) {
  std::size_t existing = 0;
  for (std::string_view rest = directory; !NextComponent(&rest).empty();) ++existing;
  existing -= descent.missing;
  std::string_view rest = directory;
  for (std::size_t i = 0; i < existing; ++i) NextComponent(&rest);
  tree::DirId dir = descent.deepest;
  bool replaces = descent.blocked;
  for (std::string_view name = NextComponent(&rest); !name.empty(); name = NextComponent(&rest)) {
    if (replaces) Forget(directory.substr(0, directory.size() - rest.size()));
    replaces = false;
    dir = tree_.Put(dir, name, implied);
  }
  return dir;
}

bool Arbiter::HasRoomFor(std::size_t entries) {
  if (options_.max_tree_items == 0 || entries == 0) return true;
  const tree::Aggregates all = tree_.AggregatesOf(tree::kRoot);
  return all.files + all.directories + entries <= options_.max_tree_items;
}

bool Arbiter::nothing_listed() const {
  return suspects_.empty() && additions_.empty() && deletions_.empty() && unwatched_.empty() &&
         !has_doomed();
}

void Arbiter::Forget(std::string_view path) {
  suspects_.EraseWithin(path);
  additions_.EraseWithin(path);
  deletions_.EraseWithin(path);
  doomed_.EraseWithin(path);
  condemned_.EraseWithin(path);
  unwatched_.EraseWithin(path);
}

std::uint64_t Arbiter::CountBelow(tree::DirId directory) {
  const tree::Aggregates sums = tree_.AggregatesOf(directory);
  return sums.files + sums.directories - 1;
}

void Arbiter::NoteConfirmation(std::uint16_t reporter, WallTime wall) {
  if (reporter != last_reporter_) {
    others_confirmed_ns_ = std::max(others_confirmed_ns_, last_confirmed_ns_);
    last_reporter_ = reporter;
    last_confirmed_ns_ = wall.ns;
  }
  last_confirmed_ns_ = std::max(last_confirmed_ns_, wall.ns);
}

bool Arbiter::OthersConfirmedSince(std::uint16_t reporter, std::int64_t wall_ns) const {
  const std::int64_t others = reporter == last_reporter_
                                  ? others_confirmed_ns_
                                  : std::max(last_confirmed_ns_, others_confirmed_ns_);
  return others != INT64_MIN && others >= wall_ns;
}

}  // namespace fustor::fusion
