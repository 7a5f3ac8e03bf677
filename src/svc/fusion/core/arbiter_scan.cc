#include <algorithm>

#include "base/mutants.h"
#include "base/path.h"
#include "svc/fusion/core/arbiter.h"
#include "svc/fusion/core/arbiter_context.h"
#include "svc/fusion/core/evidence.h"

namespace fustor::fusion {
namespace {

// Scratch memory that one huge directory needed is given back.
constexpr std::size_t kScratchRowsMax = 1 << 16;

// Of what the end of a scan means, done before its last batch is answered.
constexpr std::uint64_t kUnseenRowsAtOnce = 20'000;
constexpr std::size_t kRemovalsAtOnce = 2'000;

// How many children are passed in the time that it takes to look one up.
constexpr std::size_t kWalkPerLookup = 8;

// A directory that could be listed but not looked at has no attributes of its own.
bool HasSelf(const batch::DirBlock& block) {
  const EntryAttrs& self = block.self;
  return self.is_directory() && (self.mode != 0 || self.mtime_ns != 0 || self.inode != 0);
}

}  // namespace

// Both sides are sorted by name. Nothing is edited during the walk; decisions are noted.
struct Arbiter::Join {
  Arbiter& arbiter;
  const Listing& listing;
  const Context& context;
  std::size_t next = 0;  // The first row that has not been met.

  static Have Remember(const tree::Entry& entry) {
    return {.kind = entry.attrs.kind,
            .flags = entry.flags,
            .reporter = entry.reporter,
            .dir = entry.dir,
            .confirmed_ns = entry.confirmed_ns,
            .mtime_ns = entry.attrs.mtime_ns,
            .size_bytes = entry.attrs.size_bytes};
  }

  bool Visit(std::string_view name, const tree::Entry& entry) {
    const EntryList& rows = listing.block->rows;
    int order = 1;
    while (next < rows.size() && (order = rows.name(next).compare(name)) < 0) {
      arbiter.fresh_.push_back(static_cast<std::uint32_t>(next++));
    }
    if (next < rows.size() && order == 0) {
      Meet(entry);
      return true;
    }
    if (!listing.block->complete || listing.block->failed) return true;
    if (Broken("nothing-is-missing")) return true;
    if (std::binary_search(listing.exempt.begin(), listing.exempt.end(), name) &&
        !Broken("exempt-names-are-missing")) {
      return true;
    }
    if (arbiter.IsProtected(entry, context) || IsOlderThan(entry)) return true;
    Have gone = Remember(entry);
    gone.row = arbiter.missing_names_.size();
    gone.name_size = name.size();
    arbiter.missing_names_.append(name);
    arbiter.missing_.push_back(gone);
    return true;
  }

  // On a network file system a host may believe for a while what a directory contained. The listing
  // is such an older look when the entry has changed after it, as others told not long ago.
  bool IsOlderThan(const tree::Entry& entry) const {
    if (!arbiter.IsUnsettled(entry, context)) return false;
    return !listing.has_self || ChangeTime(entry.attrs) >= ChangeTime(listing.block->self) ||
           WasElsewhere(entry);
  }

  // It was told of when another directory had the name of this one, whose times say nothing of it.
  bool WasElsewhere(const tree::Entry& entry) const {
    return entry.confirmed_ns <= listing.replaced.wall_ns &&
           entry.reporter != listing.replaced.reporter && !Broken("replaced-directories-trusted");
  }

  // Another object had the name when the directory was as it is not any more. Its times may be new
  // all the same: a rename changes them, and so does what is made below it where it is now.
  bool IsOfAnOlderLook(const tree::Entry& entry, const EntryAttrs& row) const {
    return IsAnotherObject(row, entry.attrs) && (listing.against_known < 0 || MayPrecede(entry)) &&
           !Broken("cached-looks-trusted") && arbiter.Stands(entry, context);
  }

  // Who gives a name to another object changes the directory after all that was seen of the first.
  bool MayPrecede(const tree::Entry& entry) const {
    const std::int64_t directory_ns = listing.has_self ? listing.block->self.ctime_ns : 0;
    if (WasElsewhere(entry)) return true;
    return directory_ns != 0 && entry.attrs.ctime_ns >= directory_ns;
  }

  void Meet(const tree::Entry& entry) {
    const std::size_t row = next++;
    const EntryList& rows = listing.block->rows;
    Outcome& outcome = *context.outcome;
    if (context.realtime()) {
      if (arbiter.IsOlderLook(entry, rows.attrs(row), context)) {
        ++outcome.stale;
        return;
      }
      const bool same = entry.attrs == rows.attrs(row) && entry.target == rows.target(row);
      ++(same ? outcome.unchanged : outcome.updated);
      Take(entry, row);
      return;
    }
    if (IsOfAnOlderLook(entry, rows.attrs(row))) {
      ++outcome.stale;
      return;
    }
    switch (arbiter.Judge(entry, rows.attrs(row), rows.target(row), context)) {
      case Verdict::kUnchanged:
        ++outcome.unchanged;
        break;
      case Verdict::kStale:
        ++outcome.stale;
        break;
      case Verdict::kTake:
        Take(entry, row);
        break;
    }
  }

  void Take(const tree::Entry& entry, std::size_t row) {
    arbiter.changed_.push_back(Remember(entry));
    arbiter.changed_.back().row = row;
  }
};

void Arbiter::ApplyScan(const batch::Batch& batch, SessionKey session, Context* context) {
  const bool begins = batch.mark == batch::ScanMark::kBegin;
  if (unseen_) SeekUnseen(UINT64_MAX, context->now);  // It must not take newer rows for unseen.
  context->guarded = DeleteFraction(session) < 1;
  if (begins || !batch.blocks.empty()) {
    context->scan = begins ? scans_.Begin(session, batch, context->arrived)
                           : scans_.Current(session, batch, context->arrived);
    context->protected_since_ns = context->scan->begin_wall_ns;
    context->settled_before_ns =
        SaturatingSub(context->protected_since_ns, options_.hot_file_threshold.count());
    context->others_confirmed = OthersConfirmedSince(context->reporter, context->settled_before_ns);
  }
  for (const batch::DirBlock& block : batch.blocks) ApplyBlock(block, *context);
  if (batch.mark != batch::ScanMark::kEnd) return;
  std::optional<Scans::Scan> ended =
      scans_.End(session, batch.scan_id, options_.hot_file_threshold, batch.job_error.empty());
  if (!ended || !ended->begun) return;
  const bool whole = ended->path == "/";
  if (whole && batch.loose && batch.source == batch::Source::kAudit) {
    BeginUnseen(std::move(ended->seen), ended->begin_wall_ns, session);
    if (SeekUnseen(kUnseenRowsAtOnce, context->now)) {
      context->outcome->stopped = alarm_.has_value();
      context->outcome->deleted += RemoveCondemned(kRemovalsAtOnce, context->now);
    }
  } else if (batch.job_error.empty()) {
    context->outcome->stopped = !Judge(DeleteFraction(session), batch.source, context->now);
    context->outcome->deleted += RemoveCondemned(kRemovalsAtOnce, context->now);
  }
  if (!whole) return;
  if (batch.job_error.empty()) NoteScanEnd(*ended, session);
  context->outcome->scan_ended = true;
  context->outcome->failed_directories = ended->failed_directories;
}

void Arbiter::ApplyBlock(const batch::DirBlock& block, const Context& context) {
  Listing listing;
  listing.block = &block;
  listing.has_self = HasSelf(block);
  listing.exempt.assign(block.exempt.begin(), block.exempt.end());
  std::sort(listing.exempt.begin(), listing.exempt.end());
  context.outcome->rows += block.rows.size() + (listing.has_self ? 1 : 0);
  if (context.realtime()) return ApplyAppeared(&listing, context);
  if (block.failed) ++context.scan->failed_directories;
  const bool audits_rows = context.loose && context.source == batch::Source::kAudit;
  if (audits_rows) {
    NoteSeen(block, listing.has_self, context);
  }
  // Only an agent that keeps the order of what it tells can send a whole listing.
  if (block.complete && context.scan->begun) {
    listing.gathered.begun = MomentOf(context, context.scan->order);
  }
  // Rows from before it began may still come for a while, but not for ever. (Of snapshots nobody
  // knows when they began: old agents post two at a time.)
  if (audits_rows && context.scan->begun) {
    listing.gathered.settled_before_ns = context.settled_before_ns;
  }
  if (!EnterDirectory(&listing, context)) return;
  Spare(block, listing.has_self);
  NoteLook(listing, context);
  // Nothing was read of one that is passed by.
  if (block.silent && block.rows.empty()) return;
  ApplyRows(&listing, context);
  // No row tells of these, but what is below them is listed all the same.
  if (!listing.parent_newer || Broken("parent-rule-off")) return;
  for (const std::string& name : block.exempt) {
    Scans::Refuse(context.scan, JoinPath(block.path, name));
  }
}

// Finds or makes the directory of the block and updates its own attributes. False: the block was
// dropped and its rows are counted.
bool Arbiter::EnterDirectory(Listing* listing, const Context& context) {
  const std::string& path = listing->block->path;
  if (path == "/") {
    have_ = tree_.GetRoot();
    listing->dir = tree::kRoot;
    TakeSelf(listing, tree::DirId{}, "", context);
    return true;
  }
  const auto [parent_path, name] = SplitPath(path);
  const std::optional<tree::DirId> parent = tree_.FindDirectory(parent_path);
  if (parent && tree_.Get(*parent, name, &have_)) {
    return EnterKnown(listing, *parent, name, context);
  }
  return EnterUnknown(listing, context);
}

bool Arbiter::EnterKnown(Listing* listing, tree::DirId parent, std::string_view name,
                         const Context& context) {
  if (have_.attrs.is_directory()) {
    listing->dir = have_.dir;
    TakeSelf(listing, parent, name, context);
    if (!listing->elsewhere) return true;
    Drop(*listing, &Outcome::stale, context);
    return false;
  }
  // Something else has the name. Only a look at the directory itself can say which is older; not
  // against who saw the other not long ago: a rename changes the directory's times, and caches show
  // it under the old name.
  const bool cached = !Broken("cached-looks-trusted") && Stands(have_, context);
  if (!listing->has_self || cached ||
      Judge(have_, listing->block->self, "", context) != Verdict::kTake) {
    Drop(*listing, &Outcome::stale, context);
    return false;
  }
  Forget(listing->block->path);
  have_.flags = tree::kNoFlags;
  have_.confirmed_ns = 0;
  if (context.unannounced()) additions_.Add(SplitPath(listing->block->path).first, name);
  TakeSelf(listing, parent, name, context);
  return true;
}

bool Arbiter::EnterUnknown(Listing* listing, const Context& context) {
  const batch::DirBlock& block = *listing->block;
  const std::optional<std::int64_t> deleted_ns =
      tombstones_.Covering(block.path, listing->gathered);
  // The whole listing is younger than the deletion only if the directory itself is.
  if (deleted_ns && !Broken("tombstones-ignored") &&
      (!listing->has_self || EvidenceTime(block.self) <= *deleted_ns)) {
    Drop(*listing, &Outcome::zombies, context);
    return false;
  }
  // Its parent has been listed before somebody told of the deletion. What the directory itself says
  // proves nothing: a rename changes its times, and caches show it under the old name.
  if (!context.loose && !Broken("cached-looks-trusted") &&
      tombstones_.IsCoveredByOthers(block.path, context.settled_before_ns, context.session)) {
    Drop(*listing, &Outcome::zombies, context);
    return false;
  }
  if (Scans::IsRefused(*context.scan, block.path) || (block.failed && !listing->has_self)) {
    Drop(*listing, &Outcome::stale, context);
    return false;
  }
  tombstones_.EraseAlong(block.path);
  const auto [parent_path, name] = SplitPath(block.path);
  const Descent descent = Descend(parent_path);
  if (descent.blocked && (context.unannounced() || IsProtected(descent.obstacle, context))) {
    Drop(*listing, &Outcome::stale, context);
    return false;
  }
  if (!HasRoomFor(1 + descent.missing - (descent.blocked ? 1 : 0))) {
    refused_ += 1 + block.rows.size();
    Drop(*listing, &Outcome::refused, context);
    return false;
  }
  tree::Entry implied;
  implied.attrs.kind = EntryKind::kDirectory;
  implied.attrs.mode = 0040000;
  implied.flags = tree::kImplied;
  if (!context.unannounced()) implied.flags |= tree::kKnownByAgent;
  implied.reporter = context.reporter;
  const tree::DirId parent = MakeDirectories(parent_path, descent, implied);
  if (listing->has_self) {
    implied.attrs = block.self;
    implied.flags = static_cast<std::uint8_t>(implied.flags & ~tree::kImplied);
    if (block.silent) implied.flags |= tree::kAuditSkipped;
    ++context.outcome->inserted;
    if (context.unannounced()) additions_.Add(parent_path, name);
  }
  listing->dir = tree_.Put(parent, name, implied);
  return true;
}

// `have_` is what the tree has at the block's path.
void Arbiter::TakeSelf(Listing* listing, tree::DirId parent, std::string_view name,
                       const Context& context) {
  const batch::DirBlock& block = *listing->block;
  const bool was_silent = (have_.flags & tree::kAuditSkipped) != 0;
  // Some rows of a directory alone are no listing of it.
  const bool rows_only = context.loose && !listing->has_self;
  const bool is_silent = block.silent || ((block.failed || rows_only) && was_silent);
  if (rows_only && block.seen_mtime_ns != 0 && context.unannounced()) {
    listing->parent_newer = have_.attrs.is_directory() && (have_.flags & tree::kImplied) == 0 &&
                            block.seen_mtime_ns < have_.attrs.mtime_ns;
  }
  if (!listing->has_self && is_silent == was_silent) return;
  CompareWithKnown(listing);

  Verdict verdict = Verdict::kStale;
  if (listing->has_self) {
    const bool was_real = have_.attrs.is_directory() && (have_.flags & tree::kImplied) == 0;
    listing->parent_newer = context.unannounced() && was_real &&
                            !IsAnotherObject(block.self, have_.attrs) &&
                            CompareAge(block.self, have_.attrs) < 0;
    verdict = Judge(have_, block.self, "", context);
    // The auditor has just seen that nothing has changed since its own last look.
    if (verdict == Verdict::kStale && block.silent && !Stands(have_, context)) {
      verdict = Verdict::kTake;
    }
    // Times of two objects say nothing about which of them has the name now.
    if (verdict == Verdict::kTake && was_real && IsAnotherObject(block.self, have_.attrs) &&
        !Broken("cached-looks-trusted") && Stands(have_, context)) {
      verdict = Verdict::kStale;
    }
    listing->elsewhere = block.path != "/" && was_real && verdict == Verdict::kStale &&
                         IsAnotherObject(block.self, have_.attrs);
    if (!listing->elsewhere) {  // Else it is counted with its rows.
      ++(verdict == Verdict::kTake    ? context.outcome->updated
         : verdict == Verdict::kStale ? context.outcome->stale
                                      : context.outcome->unchanged);
    }
    // No row of it says so, but the auditor looks at what is below it as it was then.
    if (block.silent && listing->parent_newer && verdict != Verdict::kTake &&
        !Broken("parent-rule-off")) {
      Scans::Refuse(context.scan, block.path);
    }
  }
  if (verdict != Verdict::kTake && is_silent == was_silent) return;
  if (verdict == Verdict::kTake) {
    have_.attrs = block.self;
    have_.target.clear();
    have_.reporter = context.reporter;
    if (have_.confirmed_ns != 0) NoteConfirmation(context.reporter, {have_.confirmed_ns});
    have_.flags = static_cast<std::uint8_t>(have_.flags & ~tree::kImplied);
    if (!context.unannounced()) have_.flags |= tree::kKnownByAgent;
  }
  have_.flags = static_cast<std::uint8_t>(have_.flags & ~tree::kAuditSkipped);
  if (is_silent) have_.flags |= tree::kAuditSkipped;
  if (block.path == "/") {
    tree_.PutRoot(have_);
  } else {
    listing->dir = tree_.Put(parent, name, have_);
  }
}

// `have_` is what the tree has at the block's path.
void Arbiter::CompareWithKnown(Listing* listing) {
  const EntryAttrs& self = listing->block->self;
  const bool comparable = listing->has_self && listing->block->complete && self.ctime_ns != 0 &&
                          have_.attrs.is_directory() && have_.attrs.ctime_ns != 0 &&
                          !IsAnotherObject(self, have_.attrs);
  if (!comparable || have_.confirmed_ns == 0) return;
  listing->known_confirmed_ns = have_.confirmed_ns;
  listing->known_reporter = have_.reporter;
  listing->against_known = self.ctime_ns <=> have_.attrs.ctime_ns;
}

// The directory of the block is not in the tree and stays out of it, with all below it.
void Arbiter::Drop(const Listing& listing, std::uint64_t Outcome::* counter,
                   const Context& context) {
  context.outcome->*counter += listing.block->rows.size() + (listing.has_self ? 1 : 0);
  if (counter != &Outcome::refused) Scans::Refuse(context.scan, listing.block->path);
}

// The same for few rows of a large directory: nothing is missing, so its other children need not be
// seen.
void Arbiter::JoinByName(Join* join) {
  const EntryList& rows = join->listing.block->rows;
  while (join->next < rows.size()) {
    if (tree_.Get(join->listing.dir, rows.name(join->next), &have_)) {
      join->Meet(have_);
    } else {
      fresh_.push_back(static_cast<std::uint32_t>(join->next++));
    }
  }
}

void Arbiter::ApplyRows(Listing* listing, const Context& context) {
  const EntryList& rows = listing->block->rows;
  changed_.clear();
  fresh_.clear();
  missing_.clear();
  missing_names_.clear();
  listing->replaced = replaced_.Last(listing->dir);
  Join join{*this, *listing, context};
  const std::size_t children = tree_.ChildCount(listing->dir);
  if (!listing->block->complete && rows.size() < children / kWalkPerLookup) {
    JoinByName(&join);
  } else if (children > 0) {
    tree_.ForEachChild(listing->dir, [&join](std::string_view name, const tree::Entry& entry) {
      return join.Visit(name, entry);
    });
  }
  // What is gone goes first: it makes room under max_tree_items.
  RemoveMissing(*listing, context);
  listing->stones = tombstones_.In(listing->block->path);
  const auto take = context.realtime() ? &Arbiter::TakeAppeared : &Arbiter::TakeRow;
  const auto admit = context.realtime() ? &Arbiter::AdmitAppeared : &Arbiter::AdmitRow;
  for (const Have& have : changed_) (this->*take)(*listing, have.row, have, context);
  for (const std::uint32_t row : fresh_) (this->*admit)(listing, row, context);
  for (std::size_t row = join.next; row < rows.size(); ++row) (this->*admit)(listing, row, context);
  if (fresh_.capacity() > kScratchRowsMax) fresh_ = {};
  if (changed_.capacity() > kScratchRowsMax) changed_ = {};
  if (missing_.capacity() > kScratchRowsMax) missing_ = {};
}

Arbiter::Verdict Arbiter::Judge(const tree::Entry& have, const EntryAttrs& row,
                                std::string_view target, const Context& context) {
  if ((have.flags & tree::kImplied) != 0 && row.is_directory()) return Verdict::kTake;
  if (have.attrs == row && have.target == target) {
    const bool announces = !context.unannounced() && (have.flags & tree::kKnownByAgent) == 0;
    return announces ? Verdict::kTake : Verdict::kUnchanged;
  }
  if (IsOutrun(have, row, context)) return Verdict::kStale;
  const bool newer = CompareAge(row, have.attrs) > 0;
  if (!newer && Stands(have, context)) return Verdict::kStale;
  // Within one tick of the file system's clock both looks may be of the same age; this one came
  // later. (An mtime that was set to the past is no sign of age.)
  const bool same_tick = row.ctime_ns != 0 && row.ctime_ns == have.attrs.ctime_ns;
  if (context.unannounced() && Broken("audits-take-only-a-newer-mtime")) {
    if (row.mtime_ns <= have.attrs.mtime_ns) return Verdict::kStale;
  }
  if (context.unannounced() && !newer && !same_tick) {
    const bool older = row.mtime_ns < have.attrs.mtime_ns ||
                       (row.mtime_ns == have.attrs.mtime_ns && CompareAge(row, have.attrs) < 0);
    if (older && !IsAnotherObject(row, have.attrs)) return Verdict::kStale;
  }
  // A directory goes only when nothing below it is known better.
  if (have.attrs.is_directory() && !row.is_directory() && HasProtectedBelow(have.dir, context)) {
    return Verdict::kStale;
  }
  return Verdict::kTake;
}

void Arbiter::EraseStone(Listing* listing, Tombstones::Trie::Item* stone) {
  const bool last = listing->stones->items.size() == 1;
  tombstones_.Erase(stone);
  if (last) listing->stones = nullptr;  // The directory of tombstones may be gone with it.
}

// A row of a name that the tree does not have.
void Arbiter::AdmitRow(Listing* listing, std::size_t row, const Context& context) {
  const batch::DirBlock& block = *listing->block;
  const std::string_view name = block.rows.name(row);
  const EntryAttrs& attrs = block.rows.attrs(row);
  std::uint64_t Outcome::* dropped = nullptr;
  if (listing->stones != nullptr && !Broken("tombstones-ignored")) {
    const auto it = listing->stones->items.find(name);
    if (it != listing->stones->items.end()) {
      const std::int64_t deleted_ns = DeletedUntil(*listing, it->second.value, context);
      const bool newer = deleted_ns == INT64_MIN || Includes(*listing, it->second.value, context) ||
                         (EvidenceTime(attrs) > deleted_ns &&
                          !Precedes(*listing, it->second.value, deleted_ns, context));
      if (!newer || Broken("rebirth-refused")) {
        dropped = &Outcome::zombies;
      } else {
        EraseStone(listing, &it->second);
      }
    }
  }
  if (dropped == nullptr && listing->parent_newer && !Broken("parent-rule-off")) {
    dropped = &Outcome::stale;
  }
  if (dropped == nullptr && !HasRoomFor(1)) {
    dropped = &Outcome::refused;
    ++refused_;
  }
  if (dropped != nullptr) {
    ++(context.outcome->*dropped);
    // Room may come; what was judged by its age stays judged.
    if (attrs.is_directory() && dropped != &Outcome::refused) {
      Scans::Refuse(context.scan, JoinPath(block.path, name));
    }
    return;
  }
  entry_.attrs = attrs;
  entry_.target = block.rows.target(row);
  entry_.flags = context.unannounced() ? tree::kNoFlags : tree::kKnownByAgent;
  entry_.reporter = context.reporter;
  entry_.confirmed_ns = 0;
  TakeNewerLink(&entry_);
  MarkIfHot(block.path, name, &entry_, context);
  if (context.unannounced()) {
    additions_.Add(block.path, name);
    if (!deletions_.empty()) deletions_.Erase(JoinPath(block.path, name));
  }
  tree_.Put(listing->dir, name, entry_);
  ++context.outcome->inserted;
}

// A row that says something else than the tree does.
void Arbiter::TakeRow(const Listing& listing, std::size_t row, const Have& have,
                      const Context& context) {
  const batch::DirBlock& block = *listing.block;
  const std::string_view name = block.rows.name(row);
  const EntryAttrs& attrs = block.rows.attrs(row);
  const bool same_kind = attrs.kind == have.kind;
  const bool content =
      !same_kind || attrs.mtime_ns != have.mtime_ns || attrs.size_bytes != have.size_bytes;
  if (!same_kind) {
    if (have.kind == EntryKind::kDirectory) context.outcome->deleted += CountBelow(have.dir);
    if (!nothing_listed()) Forget(JoinPath(block.path, name));
  }
  entry_.attrs = attrs;
  entry_.target = block.rows.target(row);
  entry_.flags = context.unannounced() ? have.flags & tree::kKnownByAgent : tree::kKnownByAgent;
  if (same_kind) entry_.flags |= have.flags & (tree::kSuspect | tree::kAuditSkipped);
  entry_.reporter = context.reporter;
  entry_.confirmed_ns = same_kind ? have.confirmed_ns : 0;
  TakeNewerLink(&entry_);
  // From now on the confirmation stands beside this reporter's name.
  if (entry_.confirmed_ns != 0) NoteConfirmation(context.reporter, {entry_.confirmed_ns});
  if (content) MarkIfHot(block.path, name, &entry_, context);
  // A directory's times only echo what has changed in it, and that is listed by itself.
  if (context.unannounced() && content && !(same_kind && attrs.is_directory())) {
    entry_.flags &= static_cast<std::uint8_t>(~tree::kKnownByAgent);
    additions_.Add(block.path, name);
    if (!deletions_.empty()) deletions_.Erase(JoinPath(block.path, name));
  }
  tree_.Put(listing.dir, name, entry_);
  ++context.outcome->updated;
}

void Arbiter::MarkIfHot(std::string_view directory, std::string_view name, tree::Entry* entry,
                        const Context& context) {
  if (entry->attrs.kind != EntryKind::kFile || (entry->flags & tree::kSuspect) != 0) return;
  if (Broken("hot-check-off")) return;
  const std::int64_t threshold = options_.hot_file_threshold.count();
  const std::int64_t age = SaturatingSub(context.watermark_ns, entry->attrs.mtime_ns);
  if (age >= threshold) return;
  entry->flags |= tree::kSuspect;
  // What is left of its youth; a file from the future gets one whole.
  const Nanos left(std::min(threshold, SaturatingSub(threshold, age)));
  suspects_.Put(directory, name, context.now.monotonic + left, entry->attrs.mtime_ns);
}

void Arbiter::RemoveMissing(const Listing& listing, const Context& context) {
  for (const Have& gone : missing_) {
    const std::string_view name = std::string_view(missing_names_).substr(gone.row, gone.name_size);
    if (gone.kind == EntryKind::kDirectory && HasProtectedBelow(gone.dir, context)) continue;
    if (context.realtime()) {
      Delete(JoinPath(listing.block->path, name), context);
      continue;
    }
    if (context.guarded) {
      const bool directory = gone.kind == EntryKind::kDirectory;
      const std::uint64_t entries = 1 + (directory ? CountBelow(gone.dir) : 0);
      Doom(listing.block->path, name, {entries, context.session, context.unannounced()});
      continue;
    }
    context.outcome->deleted += tree_.Erase(listing.dir, name);
    if (!nothing_listed()) Forget(JoinPath(listing.block->path, name));
    if (context.unannounced()) deletions_.Add(listing.block->path, name);
  }
}

}  // namespace fustor::fusion
