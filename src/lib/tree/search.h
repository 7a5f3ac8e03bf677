// search.h: finding entries of one revision by name, path and attributes.
//
// Pure. Walks the tree in path order (components compared bytewise, a directory before what is in
// it), so that a result page can continue after the path where the last one ended, at any later
// revision. A search can be cut into slices, so that it neither blocks its thread nor pins a
// revision for long.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/entry.h"
#include "lib/glob/glob.h"
#include "lib/mode/mode.h"
#include "lib/regex/regex.h"
#include "lib/tree/tree.h"

namespace fustor::tree {

using glob::Glob;
using glob::Substring;

// What can be asked about how far an entry can be trusted. The first five lie where Flags has them.
enum Mark : std::uint8_t {
  kMarkSuspect = kSuspect,
  kMarkAgentMissing = kKnownByAgent,  // Not known by an agent.
  kMarkAuditSkipped = kAuditSkipped,
  kMarkImplied = kImplied,
  kMarkUncertain = kUncertain,  // By its flag, or in SearchQuery::uncertain_under.
  kMarkAuditOnly = 32,          // In SearchQuery::audit_only_under.
};

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
  std::uint32_t depth_min = 0;           // Levels above it are walked through, but never match.
  std::optional<std::int64_t> ctime_min_ns, ctime_max_ns;
  std::optional<std::int64_t> atime_min_ns, atime_max_ns;
  std::vector<std::uint32_t> uids, gids;  // One of them. Empty: any.
  std::optional<mode::ModeTest> mode;
  std::uint32_t links_min = 0;
  // One of them, in lower case, stands behind a dot that does not begin the name; in any case
  // (ASCII). "": nothing stands there, or there is no such dot. Empty: any name.
  std::vector<std::string> extensions;
  std::uint8_t marks_any = 0;   // Of Mark: at least one of these. 0: any entry.
  std::uint8_t marks_none = 0;  // None of these.
  // Subtrees, in byte order, that marks speak of; views keep them apart from the tree.
  std::vector<std::string> uncertain_under, audit_only_under;
  // Matches the name, or the whole path. Belongs to one search at a time: it is not thread-safe.
  std::shared_ptr<const regex::Regex> regex;
  bool regex_on_path = false;
};

// Calls visit(path, row) for each match after path `after` ("": from the start) in path order until
// it returns false or `budget_rows` rows have been looked at; a regular expression that is slow
// counts as more rows. Returns where to go on; nullopt when the search is complete. `under`'s own
// entry is visited through a row too, except for the root, which never matches.
std::optional<std::string> Search(
    const Snapshot& snapshot, const SearchQuery& query, std::string_view after,
    std::uint64_t budget_rows,
    const std::function<bool(std::string_view path, const Snapshot::Row& row)>& visit);

// True when a comes before b in path order: as bytes, but '/' before all others.
bool PathLess(std::string_view a, std::string_view b);

// What is behind the last dot of a name that does not begin it; "": there is none. As it stands.
std::string_view ExtensionOf(std::string_view name);

}  // namespace fustor::tree
