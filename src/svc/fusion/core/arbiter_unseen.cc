#include <vector>

#include "base/path.h"
#include "svc/fusion/core/arbiter.h"
#include "svc/fusion/core/arbiter_context.h"

namespace fustor::fusion {

// Keeps in mind what an audit shows row by row.
void Arbiter::NoteSeen(const batch::DirBlock& block, bool has_self, const Context& context) {
  SeenPaths& seen = context.scan->seen;
  const std::uint64_t directory = SeenPaths::HashOf(block.path);
  for (std::size_t i = 0; i < block.rows.size(); ++i) seen.Add(directory, block.rows.name(i));
  // What something was shown in exists, and all above it.
  for (std::string_view path = block.path; path.size() > 1;) {
    const auto [parent, name] = SplitPath(path);
    seen.Add(SeenPaths::HashOf(parent), name);
    path = parent;
  }
  if (has_self && !block.silent && !block.failed) seen.AddListed(block.path);
}

// The end of such an audit: in every directory that it has listed, what it has not shown is
// missing, unless somebody has confirmed it since the audit began.
void Arbiter::BeginUnseen(SeenPaths seen, std::int64_t begin_wall_ns, SessionKey session) {
  if (!seen.Settle()) return;
  unseen_ = UnseenWalk{std::move(seen), {"/"}, begin_wall_ns, session};
}

bool Arbiter::SeekUnseen(std::uint64_t rows_max, Now now) {
  if (!unseen_) return true;  // Nothing is concluded from it.
  for (std::uint64_t rows = 0; !unseen_->directories.empty();) {
    if (rows >= rows_max) return false;
    const std::string directory = std::move(unseen_->directories.back());
    unseen_->directories.pop_back();
    rows += 1 + DoomUnseenIn(directory);
  }
  const SessionKey session = unseen_->session;
  unseen_.reset();
  Judge(DeleteFraction(session), batch::Source::kAudit, now);
  return true;
}

// Returns how many entries it has looked at.
std::uint64_t Arbiter::DoomUnseenIn(const std::string& directory) {
  struct Gone {
    std::string name;
    bool is_directory = false;
    tree::DirId dir;
  };
  const std::optional<tree::DirId> dir = tree_.FindDirectory(directory);
  if (!dir) return 0;  // Gone since.
  UnseenWalk& walk = *unseen_;
  const std::uint64_t hash = SeenPaths::HashOf(directory);
  const bool listed = walk.seen.IsListed(hash);
  const auto was_confirmed = [since_ns = walk.begin_wall_ns](const tree::Entry& entry) {
    return entry.confirmed_ns != 0 && entry.confirmed_ns >= since_ns;
  };
  std::uint64_t rows = 0;
  std::vector<Gone> gone;
  tree_.ForEachChild(*dir, [&](std::string_view name, const tree::Entry& entry) {
    ++rows;
    const bool stays = !listed || walk.seen.Has(hash, name) || was_confirmed(entry);
    if (!stays) {
      gone.push_back({std::string(name), entry.attrs.is_directory(), entry.dir});
    } else if (entry.attrs.is_directory()) {
      walk.directories.push_back(JoinPath(directory, name));
    }
    return true;
  });
  for (const Gone& each : gone) {
    if (each.is_directory && AnyBelow(each.dir, was_confirmed)) {
      walk.directories.push_back(JoinPath(directory, each.name));
      continue;
    }
    const std::uint64_t entries = 1 + (each.is_directory ? CountBelow(each.dir) : 0);
    Doom(directory, each.name, {entries, walk.session, true});
  }
  return rows;
}

}  // namespace fustor::fusion
