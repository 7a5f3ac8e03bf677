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
#include "lib/tree/tree.h"

namespace fustor::tree {

// Shell pattern matching over bytes, as fnmatch(3) without flags: `*` and `?` match any byte, '/'
// too; `[a-z]`, `[!a-z]`; a backslash makes the next byte literal. Linear in text times stars.
class Glob {
 public:
  explicit Glob(std::string pattern);
  bool Matches(std::string_view text) const;
  // True when the text contains one of * ? [ .
  static bool IsPattern(std::string_view text);

  // Bytes that every match begins with, ends with, contains; for a quick "no". May be empty.
  std::string_view head() const { return head_; }
  std::string_view tail() const { return tail_; }
  std::string_view core() const { return core_; }

 private:
  bool MatchOne(std::size_t at, char byte, std::size_t* next) const;

  std::string pattern_;
  std::string head_, tail_, core_;
};

// Case-insensitive (ASCII) substring of a name.
class Substring {
 public:
  explicit Substring(std::string_view needle);
  bool Matches(std::string_view text) const;
  // The needle in lower case.
  std::string_view lower() const { return lower_; }

 private:
  std::string lower_;
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
