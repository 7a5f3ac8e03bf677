#include "base/path.h"
#include "svc/fusion/core/arbiter.h"
#include "svc/fusion/core/arbiter_context.h"
#include "svc/fusion/core/evidence.h"

namespace fustor::fusion {

// A directory that has appeared, as a whole. Its rows are no samples for the clock: a tree that was
// moved in is as old as it likes.
void Arbiter::ApplyAppeared(Listing* listing, const Context& context) {
  Context own = context;
  if (listing->has_self) own.listed_ns = ChangeTime(listing->block->self);
  // How long the listing has waited is not known. What others have just seen may be younger.
  own.protected_since_ns = SaturatingSub(context.now.wall.ns, options_.hot_file_threshold.count());
  own.others_confirmed = true;
  if (EnterAppeared(listing, own)) ApplyRows(listing, own);
}

// Finds or makes the directory. False: the block was dropped and its rows are counted.
bool Arbiter::EnterAppeared(Listing* listing, const Context& context) {
  const batch::DirBlock& block = *listing->block;
  // Nobody could look at it.
  if (block.failed && !listing->has_self && block.rows.empty()) return false;
  NoteConfirmation(context.reporter, context.now.wall);
  Spare(block, true);
  std::optional<tree::DirId> dir;
  if (block.path == "/") {
    if (listing->has_self) UpsertRoot(block.self, context);
    dir = tree::kRoot;
  } else if (listing->has_self && IsOfAnOldPath(block.path, block.self, context)) {
    context.outcome->stale += 1 + block.rows.size();
    return false;
  } else if (listing->has_self) {
    dir = UpsertEntry(block.path, block.self, "", true, context);
  } else {
    dir = tree_.FindDirectory(block.path);
    if (!dir) {
      tombstones_.EraseAlong(block.path);
      dir = ParentInRealtime(block.path, 0, context);
    }
  }
  if (!dir) {
    if (!listing->has_self) ++context.outcome->rows;  // It was refused, too.
    context.outcome->refused += block.rows.size();
    refused_ += block.rows.size();
    return false;
  }
  listing->dir = *dir;
  NoteLook(*listing, context);
  if (block.complete) ClearSkipped(block.path, *dir);
  return true;
}

// An audit had left it out; now it has been listed.
void Arbiter::ClearSkipped(std::string_view path, tree::DirId dir) {
  if (dir == tree::kRoot) {
    have_ = tree_.GetRoot();
    if ((have_.flags & tree::kAuditSkipped) == 0) return;
    have_.flags = static_cast<std::uint8_t>(have_.flags & ~tree::kAuditSkipped);
    tree_.PutRoot(have_);
    return;
  }
  const auto [parent_path, name] = SplitPath(path);
  const std::optional<tree::DirId> parent = tree_.FindDirectory(parent_path);
  FUSTOR_CHECK(parent && tree_.Get(*parent, name, &have_));
  if ((have_.flags & tree::kAuditSkipped) == 0) return;
  have_.flags = static_cast<std::uint8_t>(have_.flags & ~tree::kAuditSkipped);
  tree_.Put(*parent, name, have_);
}

// A row of a name that the tree does not have.
void Arbiter::AdmitAppeared(Listing* listing, std::size_t row, const Context& context) {
  const batch::DirBlock& block = *listing->block;
  const std::string_view name = block.rows.name(row);
  if (listing->stones != nullptr) {
    const auto it = listing->stones->items.find(name);
    if (it != listing->stones->items.end()) EraseStone(listing, &it->second);
  }
  if (!HasRoomFor(1)) {
    ++context.outcome->refused;
    ++refused_;
    return;
  }
  if (!deletions_.empty()) deletions_.Erase(JoinPath(block.path, name));
  entry_.attrs = block.rows.attrs(row);
  entry_.target = block.rows.target(row);
  entry_.flags = tree::kKnownByAgent;
  entry_.reporter = context.reporter;
  entry_.confirmed_ns = context.now.wall.ns;
  tree_.Put(listing->dir, name, entry_);
  WantLinks(entry_.attrs, context);
  ++context.outcome->inserted;
}

// A row of a name that the tree has.
void Arbiter::TakeAppeared(const Listing& listing, std::size_t row, const Have& have,
                           const Context& context) {
  const batch::DirBlock& block = *listing.block;
  const std::string_view name = block.rows.name(row);
  const EntryAttrs& attrs = block.rows.attrs(row);
  const bool was_directory = have.kind == EntryKind::kDirectory;
  if (was_directory && !attrs.is_directory()) {
    context.outcome->deleted += CountBelow(have.dir);
    if (!nothing_listed()) Forget(JoinPath(block.path, name));
  } else if ((have.flags & tree::kSuspect) != 0) {
    suspects_.Erase(block.path, name);
  }
  if (!additions_.empty()) additions_.Erase(JoinPath(block.path, name));
  entry_.attrs = attrs;
  entry_.target = block.rows.target(row);
  entry_.flags = tree::kKnownByAgent;
  if (was_directory && attrs.is_directory()) entry_.flags |= have.flags & tree::kAuditSkipped;
  entry_.reporter = context.reporter;
  entry_.confirmed_ns = context.now.wall.ns;
  tree_.Put(listing.dir, name, entry_);
}

}  // namespace fustor::fusion
