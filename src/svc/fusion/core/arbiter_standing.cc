// What stands against evidence that may be older.
#include <vector>

#include "base/mutants.h"
#include "svc/fusion/core/arbiter.h"
#include "svc/fusion/core/arbiter_context.h"
#include "svc/fusion/core/evidence.h"

namespace fustor::fusion {

// What others have told of this very entry is younger: a host has told late, or from its caches.
// Of a file with several names they may have told by another one. What had the inode before, of
// whatever kind, is no more.
bool Arbiter::IsOlderLook(const tree::Entry& have, const EntryAttrs& seen, const Context& context) {
  const bool links =
      !have.attrs.is_directory() && have.attrs.nlink > 1 && seen.kind == have.attrs.kind;
  if (have.reporter == context.reporter && !links) return false;
  if (Broken("older-realtime-taken")) return false;
  return (have.confirmed_ns != 0 || links) && seen.inode != 0 && seen.inode == have.attrs.inode &&
         seen.ctime_ns != 0 && seen.ctime_ns < have.attrs.ctime_ns;
}

// What is told now came in before somebody else told of `have`, another object that has the name,
// and is older: renames of one over the other change its ctime.
bool Arbiter::WasReplacedSince(const tree::Entry& have, const EntryAttrs& seen,
                               const Context& context) {
  return have.reporter != context.reporter && have.confirmed_ns > context.arrived.ns &&
         seen.ctime_ns != 0 && seen.ctime_ns < have.attrs.ctime_ns &&
         !Broken("older-realtime-taken");
}

// The reporter's own realtime evidence has overtaken the row. It sends both in order and leaves out
// names that have changed, but a directory's own times change with everything in it.
bool Arbiter::IsOutrun(const tree::Entry& have, const EntryAttrs& row,
                       const Context& context) const {
  return have.reporter == context.reporter && have.confirmed_ns != 0 &&
         (context.loose || have.confirmed_ns >= context.scan->begin_wall_ns) && row.ctime_ns != 0 &&
         row.ctime_ns < have.attrs.ctime_ns && !IsAnotherObject(row, have.attrs);
}

// Somebody else has seen it in realtime since this scan began. Or: somebody else knows it, and it
// may have come after this listing was made.
bool Arbiter::IsProtected(const tree::Entry& have, const Context& context) const {
  if (!context.others_confirmed || have.reporter == context.reporter) return false;
  if (Broken("stale-evidence-taken")) return false;
  if (have.confirmed_ns != 0 && have.confirmed_ns >= context.protected_since_ns) return true;
  return context.realtime() && ChangeTime(have.attrs) >= context.listed_ns;
}

// A scan: somebody else has told of it not long before this one began, and the scanning host's
// caches may show what was before.
bool Arbiter::IsUnsettled(const tree::Entry& have, const Context& context) const {
  if (Broken("stale-evidence-taken") || Broken("cached-looks-trusted")) return false;
  return !context.realtime() && context.others_confirmed && have.reporter != context.reporter &&
         have.confirmed_ns != 0 && have.confirmed_ns >= context.settled_before_ns;
}

bool Arbiter::HasProtectedBelow(tree::DirId directory, const Context& context) {
  if (!context.others_confirmed) return false;
  return AnyBelow(directory, [&](const tree::Entry& entry) { return Stands(entry, context); });
}

bool Arbiter::AnyBelow(tree::DirId directory,
                       const std::function<bool(const tree::Entry&)>& predicate) {
  std::vector<tree::DirId> stack{directory};
  bool found = false;
  while (!found && !stack.empty()) {
    const tree::DirId dir = stack.back();
    stack.pop_back();
    tree_.ForEachChild(dir, [&](std::string_view, const tree::Entry& entry) {
      found = predicate(entry);
      if (entry.attrs.is_directory()) stack.push_back(entry.dir);
      return !found;
    });
  }
  return found;
}

}  // namespace fustor::fusion
