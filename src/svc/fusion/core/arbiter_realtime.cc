#include <algorithm>

#include "base/mutants.h"
#include "base/path.h"
#include "svc/fusion/core/arbiter.h"
#include "svc/fusion/core/arbiter_context.h"
#include "svc/fusion/core/evidence.h"

namespace fustor::fusion {
namespace {

// Where mtime and ctime are further apart, the mtime was set on purpose (cp -p, tar, touch -d) or
// something else than the contents has changed: it tells nothing about the clock.
constexpr std::int64_t kMtimeSetNs = 2'000'000'000;

bool IsPlausibleSample(const EntryAttrs& attrs) {
  if (attrs.mtime_ns <= 0) return false;
  if (attrs.ctime_ns == 0) return true;
  const std::int64_t apart = SaturatingSub(attrs.ctime_ns, attrs.mtime_ns);
  return apart <= kMtimeSetNs && apart >= -kMtimeSetNs;
}

std::uint8_t Without(std::uint8_t flags, std::uint8_t flag) {
  return static_cast<std::uint8_t>(flags & ~flag);
}

}  // namespace

// `have_` is younger than what has been told now: it is as it was, as of now.
void Arbiter::Reconfirm(const Context& context) {
  ++context.outcome->stale;
  have_.flags |= tree::kKnownByAgent;
  have_.confirmed_ns = context.now.wall.ns;
  NoteConfirmation(have_.reporter, context.now.wall);
}

void Arbiter::ApplyChanges(std::span<const batch::Change> changes, const Context& context) {
  std::size_t foreseen = 0;
  for (std::size_t i = 0; i < changes.size(); ++i) {
    const std::size_t ahead = std::min(changes.size(), i + 1 + tree::Tree::kForesight);
    for (; foreseen < ahead; ++foreseen) tree_.Foresee(changes[foreseen].path);
    ApplyChange(changes[i], context);
  }
}

void Arbiter::ApplyChange(const batch::Change& change, const Context& context) {
  ++context.outcome->rows;
  switch (change.kind) {
    case batch::Change::Kind::kUpsert:
      return Upsert(change, context);
    case batch::Change::Kind::kDelete:
      return Delete(change.path, context);
    case batch::Change::Kind::kMove:
      return Move(change, context);
  }
}

void Arbiter::UpsertRoot(const EntryAttrs& attrs, const Context& context) {
  if (!attrs.is_directory()) {
    ++context.outcome->ignored;
    return;
  }
  have_ = tree_.GetRoot();
  if (IsOlderLook(have_, attrs, context)) {
    Reconfirm(context);
    tree_.PutRoot(have_);
    return;
  }
  ++(have_.attrs == attrs ? context.outcome->unchanged : context.outcome->updated);
  have_.attrs = attrs;
  have_.flags = Without(have_.flags | tree::kKnownByAgent, tree::kImplied);
  have_.reporter = context.reporter;
  have_.confirmed_ns = context.now.wall.ns;
  tree_.PutRoot(have_);
}

// The directory above a realtime change that adds `entries` new ones there; nullopt when there is
// no room for them.
std::optional<tree::DirId> Arbiter::ParentInRealtime(std::string_view directory,
                                                     std::size_t entries, const Context& context) {
  const std::optional<tree::DirId> known = tree_.FindDirectory(directory);
  const Descent descent = known ? Descent{.deepest = *known, .obstacle = {}} : Descend(directory);
  if (!HasRoomFor(entries + descent.missing - (descent.blocked ? 1 : 0))) {
    ++context.outcome->refused;
    refused_ += entries + descent.missing;
    return std::nullopt;
  }
  if (known) return known;
  tree::Entry implied;
  implied.attrs.kind = EntryKind::kDirectory;
  implied.attrs.mode = 0040000;
  implied.flags = tree::kImplied | tree::kKnownByAgent;
  implied.reporter = context.reporter;
  implied.confirmed_ns = context.now.wall.ns;
  return MakeDirectories(directory, descent, implied);
}

// Somebody else has seen since that something else has the name, or that of one of its parents, or
// has seen one of these go: a host has told late, or its caches show a path that is no more.
bool Arbiter::IsOfAnOldPath(std::string_view path, const EntryAttrs& seen, const Context& context) {
  const auto [parent, name] = SplitPath(path);
  if (const std::optional<tree::DirId> dir = tree_.FindDirectory(parent)) {
    if (!tree_.Get(*dir, name, &have_)) return false;
    return IsAnotherObject(seen, have_.attrs)
               ? WasReplacedSince(have_, seen, context)
               : have_.attrs.kind != seen.kind && IsOlderLook(have_, seen, context);
  }
  const Descent descent = Descend(parent);
  if (seen.ctime_ns == 0 || Broken("older-realtime-taken")) return false;
  if (!descent.blocked) {
    return tombstones_.IsCoveredByOthers(parent, context.arrived.ns, context.session) &&
           tombstones_.Covering(parent, {.begun = MomentOf(context, UINT64_MAX)})
                   .value_or(INT64_MIN) > seen.ctime_ns;
  }
  const tree::Entry& obstacle = descent.obstacle;
  return obstacle.confirmed_ns != 0 && obstacle.reporter != context.reporter &&
         seen.ctime_ns < obstacle.attrs.ctime_ns;
}

void Arbiter::Upsert(const batch::Change& change, const Context& context) {
  NoteConfirmation(context.reporter, context.now.wall);
  SparePath(change.path);
  if (IsPlausibleSample(change.attrs)) {
    const bool first = watermark_.samples() == 0;
    watermark_.Sample({change.attrs.mtime_ns}, context.now.wall);
    if (first) tombstones_.SetClock(watermark_.At(context.now.wall) - context.now.wall);
  }
  if (change.path == "/") {
    UpsertRoot(change.attrs, context);
  } else {
    UpsertEntry(change.path, change.attrs, change.target, change.atomic, context);
  }
}

// The entry is then as told; nullopt: there was no room for it.
std::optional<tree::DirId> Arbiter::UpsertEntry(std::string_view path, const EntryAttrs& attrs,
                                                std::string_view target, bool atomic,
                                                const Context& context) {
  const auto [parent, name] = SplitPath(path);
  std::optional<tree::DirId> dir = tree_.FindDirectory(parent);
  const bool existed = dir && tree_.Get(*dir, name, &have_);
  const bool in_the_way =
      !dir || (existed && (have_.attrs.kind != attrs.kind || IsAnotherObject(attrs, have_.attrs)));
  if (in_the_way && IsOfAnOldPath(path, attrs, context)) {
    ++context.outcome->stale;
    return std::nullopt;
  }
  if (!existed) {
    // Whatever was deleted here or above exists again: nothing is stronger than seeing it now.
    tombstones_.EraseAlong(path);
    dir = ParentInRealtime(parent, 1, context);
    if (!dir) return std::nullopt;
    have_ = tree::Entry{};
    have_.attrs.kind = attrs.kind;
  }
  if (existed && IsOlderLook(have_, attrs, context)) {
    Reconfirm(context);
    additions_.Erase(path);
    return tree_.Put(*dir, name, have_);
  }
  if (have_.attrs.is_directory() && !attrs.is_directory()) {
    context.outcome->deleted += CountBelow(have_.dir);
    Forget(path);
  }
  additions_.Erase(path);
  deletions_.Erase(path);

  const bool half_written = !atomic && attrs.kind == EntryKind::kFile;
  if (half_written) {
    suspects_.Put(parent, name, context.now.monotonic + options_.hot_file_threshold,
                  attrs.mtime_ns);
  } else if ((have_.flags & tree::kSuspect) != 0) {
    suspects_.Erase(parent, name);
  }
  if (!existed) {
    ++context.outcome->inserted;
  } else if (have_.attrs == attrs && have_.target == target) {
    ++context.outcome->unchanged;
  } else {
    ++context.outcome->updated;
  }
  entry_.attrs = attrs;
  entry_.target = target;
  entry_.flags = tree::kKnownByAgent;
  if (half_written) entry_.flags |= tree::kSuspect;
  if (attrs.is_directory()) entry_.flags |= have_.flags & tree::kAuditSkipped;
  entry_.reporter = context.reporter;
  entry_.confirmed_ns = context.now.wall.ns;
  const tree::DirId put = tree_.Put(*dir, name, entry_);
  if (existed) NoteReplaced(put, context);
  if (!existed || have_.attrs.nlink != attrs.nlink) WantLinks(attrs, context);
  return put;
}

// `entry_` stands in place of `have_` now. What others have just told of names in the first one may
// still be so: whoever tells of the second may have seen it from a cache.
void Arbiter::NoteReplaced(tree::DirId dir, const Context& context) {
  if (!have_.attrs.is_directory() || !entry_.attrs.is_directory()) return;
  if (!IsAnotherObject(entry_.attrs, have_.attrs)) return;
  const std::int64_t now_ns = context.now.wall.ns;
  const std::int64_t settled_ns = SaturatingSub(now_ns, options_.hot_file_threshold.count());
  replaced_.ForgetBefore(settled_ns);
  if (OthersConfirmedSince(context.reporter, settled_ns)) {
    replaced_.Note(dir, {now_ns, context.reporter});
  }
}

void Arbiter::Delete(std::string_view path, const Context& context) {
  if (path == "/") {
    ++context.outcome->ignored;
    return;
  }
  const auto [parent, name] = SplitPath(path);
  const std::optional<tree::DirId> dir = tree_.FindDirectory(parent);
  const bool existed = dir && tree_.Get(*dir, name, &have_);
  std::int64_t watermark_ns = watermark_.At(context.now.wall).ns;
  // What a listing does not show was gone when it was made, not only now.
  if (context.listed_ns != INT64_MIN) watermark_ns = std::min(watermark_ns, context.listed_ns);
  if (existed) {
    watermark_ns = std::max(watermark_ns, SeenLast(have_, context));
    const EntryAttrs gone = have_.attrs;
    context.outcome->deleted += tree_.Erase(*dir, name);
    if (!nothing_listed()) Forget(path);
    NoteLinkGone(gone, context.now);
  } else {
    ++context.outcome->ignored;
    if (!nothing_listed()) Forget(path);
  }
  Lay(path, watermark_ns, context);
}

// A row that shows no more than what was taken from a name must not count as newer, however far the
// estimate of the clock lags. Times far beyond it are somebody's invention, not the clock's.
std::int64_t Arbiter::SeenLast(const tree::Entry& gone, const Context& context) {
  const std::int64_t seen_ns = std::max(
      EvidenceTime(gone.attrs),
      gone.attrs.is_directory() ? tree_.AggregatesOf(gone.dir).latest_mtime_ns : INT64_MIN);
  const std::int64_t ahead_ns = SaturatingSub(seen_ns, watermark_.At(context.now.wall).ns);
  return ahead_ns < options_.hot_file_threshold.count() ? seen_ns : INT64_MIN;
}

void Arbiter::Lay(std::string_view path, std::int64_t watermark_ns, const Context& context) {
  tombstones_.Lay(path, watermark_ns, context.now.wall.ns, MomentOf(context, scans_.order()));
}

}  // namespace fustor::fusion
