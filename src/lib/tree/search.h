// search.h: finding entries of one revision by name, path and attributes.
//
// Pure. Walks the tree in path order (components compared bytewise, a directory before what is in
// it), so that a result page can continue after the path where the last one ended, at any later
// revision. A search can be cut into slices, so that it neither blocks its thread nor pins a
// revision for long.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/entry.h"
#include "lib/glob/glob.h"
#include "lib/tree/tree.h"

namespace fustor::tree {

using glob::Glob;
using glob::Substring;

struct SearchQuery {
  std::string under = "/";  // Only this subtree (its own entry included).
  // An entry matches when its whole path or its name matches the glob, or when its name contains
  // the text of a pattern without glob characters. Empty: every entry.
  std::string pattern;
  bool files = true;  // Everything that is not a directory.
  bool directories = true;
  std::optional<EntryKind> kind;
  std::optional<std::int64_t> size_min_bytes, size_max_bytes;
  std::optional<std::int64_t> mtime_min_ns, mtime_max_ns;
  std::uint32_t depth_max = UINT32_MAX;  // 0: only `under` itself.
};

// Calls visit(path, row) for each match after path `after` ("": from the start) in path order until
// it returns false or `budget_rows` rows have been looked at. Returns where to go on; nullopt when
// the search is complete. `under`'s own entry is visited through a row too, except for the root,
// which never matches.
std::optional<std::string> Search(
    const Snapshot& snapshot, const SearchQuery& query, std::string_view after,
    std::uint64_t budget_rows,
    const std::function<bool(std::string_view path, const Snapshot::Row& row)>& visit);

}  // namespace fustor::tree
