// What is renamed, and what others have told of it meanwhile.
#include <algorithm>
#include <string>
#include <vector>

#include "base/check.h"
#include "base/mutants.h"
#include "base/path.h"
#include "svc/fusion/core/arbiter.h"
#include "svc/fusion/core/arbiter_context.h"
#include "svc/fusion/core/evidence.h"

namespace fustor::fusion {
namespace {

// What a late rename of a larger directory meets at the target is forgotten: it would take too
// long.
constexpr std::uint64_t kMergedEntriesMax = 20'000;

// Nothing is known of an implied one but that it is there.
bool MayBeSameDirectory(const tree::Entry& a, const tree::Entry& b) {
  if (!a.attrs.is_directory() || !b.attrs.is_directory()) return false;
  const bool implied = ((a.flags | b.flags) & tree::kImplied) != 0;
  return implied ||
         (a.attrs.inode != 0 && a.attrs.inode == b.attrs.inode && a.attrs.device == b.attrs.device);
}

// What is known of the first holds for the second, of which nothing was. False: something was.
bool TakeUnlessKnown(const tree::Entry& first, tree::Entry* second) {
  if ((second->flags & tree::kImplied) == 0 || (first.flags & tree::kImplied) != 0) return false;
  const tree::DirId dir = second->dir;
  *second = first;
  second->dir = dir;
  return true;
}

}  // namespace

void Arbiter::MoveLists(std::string_view from, std::string_view to) {
  if (!Broken("moves-lose-suspects")) suspects_.Move(from, to);
  additions_.Move(from, to);
  deletions_.Move(from, to);
  doomed_.Move(from, to);
  condemned_.Move(from, to);
  unwatched_.Move(from, to);
}

// The rename is told late: somebody else has told already of this very directory under its new
// name, and of what has happened in it since. All that stands; what is not known there comes over,
// unless it has been told as deleted there. `have_` is the target's entry. False: it is too large.
bool Arbiter::MergeMoved(const std::string& from, const std::string& to, const tree::Entry& moving,
                         const Context& context) {
  struct Pair {
    tree::DirId source;
    tree::DirId target;
    std::string below;  // Behind `from` and `to`: empty, or begins with "/".
  };
  if (Broken("late-moves-replace") || CountBelow(moving.dir) > kMergedEntriesMax) return false;
  NoteConfirmation(context.reporter, context.now.wall);
  SparePath(to);
  const auto [to_parent, to_name] = SplitPath(to);
  TakeUnlessKnown(moving, &have_);
  have_.flags |= tree::kKnownByAgent;
  have_.confirmed_ns = context.now.wall.ns;
  tree_.Put(*tree_.FindDirectory(to_parent), to_name, have_);
  std::vector<Pair> stack{{moving.dir, have_.dir, ""}};
  while (!stack.empty()) {
    const Pair pair = std::move(stack.back());
    stack.pop_back();
    std::vector<std::string> names;
    tree_.ForEachChild(pair.source, [&names](std::string_view name, const tree::Entry&) {
      names.emplace_back(name);
      return true;
    });
    for (const std::string& name : names) {
      const std::string below = pair.below + "/" + name;
      const bool known = tree_.Get(pair.target, name, &entry_);
      if (known && tree_.Get(pair.source, name, &have_) && MayBeSameDirectory(have_, entry_)) {
        stack.push_back({have_.dir, entry_.dir, below});
        if (TakeUnlessKnown(have_, &entry_)) tree_.Put(pair.target, name, entry_);
      }
      if (known || (!tombstones_.empty() && tombstones_.Has(to + below))) continue;
      FUSTOR_CHECK(tree_.Move(pair.source, name, pair.target, name).ok());
      Forget(to + below);
      MoveLists(from + below, to + below);
    }
  }
  const auto [from_parent, from_name] = SplitPath(from);
  context.outcome->deleted += tree_.Erase(*tree_.FindDirectory(from_parent), from_name);
  Forget(from);
  ++context.outcome->moved;
  return true;
}

// Something else than what has moved lies there, as somebody else has told since: the news come
// late.
bool Arbiter::IsOldMove(const tree::Entry& source, const batch::Change& change,
                        const Context& context) {
  using Moved = batch::Change::Moved;
  if (source.confirmed_ns == 0 || source.reporter == context.reporter) return false;
  if (change.moved == Moved::kUnknown || Broken("late-moves-replace")) return false;
  if (source.attrs.is_directory() != (change.moved == Moved::kDirectory)) return true;
  return change.moved_inode != 0 && source.attrs.inode != 0 &&
         change.moved_inode != source.attrs.inode;
}

void Arbiter::Move(const batch::Change& change, const Context& context) {
  const std::string& from = change.old_path;
  const std::string& to = change.path;
  // rename(2) does none of these.
  if (from == "/" || to == "/" || IsWithin(to, from) || IsWithin(from, to)) {
    ++context.outcome->ignored;
    return;
  }
  const auto [from_parent, from_name] = SplitPath(from);
  const std::optional<tree::DirId> source = tree_.FindDirectory(from_parent);
  if (!source || !tree_.Get(*source, from_name, &have_)) {
    // The agent tells about the target by itself; here is nothing to move. What was at the target
    // is replaced when it does.
    ++context.outcome->ignored;
    Forget(from);
    Lay(from, watermark_.At(context.now.wall).ns, context);
    return;
  }
  if (IsOldMove(have_, change, context)) {
    ++context.outcome->stale;
    return;
  }
  const std::int64_t moved_ns =
      std::max(watermark_.At(context.now.wall).ns, SeenLast(have_, context));
  const tree::Entry moving = have_;
  const auto [to_parent, to_name] = SplitPath(to);
  const std::optional<tree::DirId> target = ParentInRealtime(to_parent, 0, context);
  if (!target) {
    // No room for the directories above the target. The source is gone all the same.
    context.outcome->deleted += tree_.Erase(*source, from_name);
    Forget(from);
    Lay(from, moved_ns, context);
    return;
  }
  EntryAttrs replaced;
  if (tree_.Get(*target, to_name, &have_)) {
    if (MayBeSameDirectory(moving, have_) && MergeMoved(from, to, moving, context)) {
      return Lay(from, moved_ns, context);
    }
    replaced = have_.attrs;
    context.outcome->deleted += 1 + (have_.attrs.is_directory() ? CountBelow(have_.dir) : 0);
  }
  NoteConfirmation(context.reporter, context.now.wall);
  Forget(to);
  tombstones_.EraseAlong(to);
  tombstones_.EraseWithin(to);
  const Result<void> moved = tree_.Move(*source, from_name, *target, to_name);
  FUSTOR_CHECK(moved.ok(), moved.status().message());
  MoveLists(from, to);
  SparePath(to);
  additions_.Erase(to);
  deletions_.Erase(to);
  if (!Broken("moves-lay-no-tombstone")) Lay(from, moved_ns, context);

  FUSTOR_CHECK(tree_.Get(*target, to_name, &entry_));
  entry_.flags |= tree::kKnownByAgent;
  entry_.reporter = context.reporter;
  entry_.confirmed_ns = context.now.wall.ns;
  tree_.Put(*target, to_name, entry_);
  ++context.outcome->moved;
  NoteLinkGone(replaced, context.now);
}

}  // namespace fustor::fusion
