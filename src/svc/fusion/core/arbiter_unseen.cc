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
void Arbiter::RemoveUnseen(SeenPaths seen, std::int64_t begin_wall_ns, const Context& context) {
  if (!seen.Settle()) return;
  struct Place {
    std::string path;
    tree::DirId dir;
  };
  struct Gone {
    std::string name;
    bool is_directory = false;
    tree::DirId dir;
  };
  std::vector<Place> places;
  places.push_back({"/", tree::kRoot});
  std::vector<Gone> gone;
  while (!places.empty()) {
    const Place place = std::move(places.back());
    places.pop_back();
    const std::uint64_t directory = SeenPaths::HashOf(place.path);
    const bool listed = seen.IsListed(directory);
    gone.clear();
    tree_.ForEachChild(place.dir, [&](std::string_view name, const tree::Entry& entry) {
      const bool stays = !listed || seen.Has(directory, name) ||
                         (entry.confirmed_ns != 0 && entry.confirmed_ns >= begin_wall_ns);
      if (!stays) {
        gone.push_back({std::string(name), entry.attrs.is_directory(), entry.dir});
      } else if (entry.attrs.is_directory()) {
        places.push_back({JoinPath(place.path, name), entry.dir});
      }
      return true;
    });
    for (const Gone& each : gone) {
      if (each.is_directory && HasConfirmedBelow(each.dir, begin_wall_ns)) {
        places.push_back({JoinPath(place.path, each.name), each.dir});
        continue;
      }
      context.outcome->deleted += tree_.Erase(place.dir, each.name);
      if (!nothing_listed()) Forget(JoinPath(place.path, each.name));
      deletions_.Add(place.path, each.name);
    }
  }
}

bool Arbiter::HasConfirmedBelow(tree::DirId directory, std::int64_t since_wall_ns) {
  std::vector<tree::DirId> stack{directory};
  bool found = false;
  while (!found && !stack.empty()) {
    const tree::DirId dir = stack.back();
    stack.pop_back();
    tree_.ForEachChild(dir, [&](std::string_view, const tree::Entry& entry) {
      found = entry.confirmed_ns != 0 && entry.confirmed_ns >= since_wall_ns;
      if (entry.attrs.is_directory()) stack.push_back(entry.dir);
      return !found;
    });
  }
  return found;
}

}  // namespace fustor::fusion
