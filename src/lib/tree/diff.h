// diff.h: what is different between two trees, or between a tree now and then.
//
// Pure. Walks both trees side by side in path order (components compared bytewise, a directory
// before what is in it): O(entries of both), memory the depth. A directory that is in one of them
// only is one difference, with its sums, and is not walked through unless that is asked for. Like a
// search it can be cut into slices, and goes on after a path at any later revision.
//
// Nothing that both have is passed by unseen: what two trees keep of a directory does not tell
// whether all below it is equal.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "lib/tree/tree.h"

namespace fustor::tree {

// What two entries of one path differ in; bits.
enum Aspect : std::uint8_t {
  kAspectKind = 1,         // File, directory, symlink, other.
  kAspectContent = 2,      // Size and mtime of what is no directory; where a symlink points.
  kAspectPermissions = 4,  // Mode, owner, group.
  // What two copies of one thing need not share: allocated bytes, ctime, atime, links, inode,
  // device; size and mtime of directories.
  kAspectAttributes = 8,
};

struct DiffOptions {
  std::string under = "/";  // In both, its own entry included (but not the root's).
  std::uint8_t aspects = kAspectKind | kAspectContent | kAspectPermissions;
  bool expand = false;  // Each entry of a directory that only one of them has.
};

struct Difference {
  enum class Kind : std::uint8_t { kAdded, kRemoved, kChanged };
  Kind kind = Kind::kChanged;
  std::string_view path;
  std::uint8_t aspects = 0;       // kChanged: of those that were asked for.
  const Entry* before = nullptr;  // Not with kAdded.
  const Entry* after = nullptr;   // Not with kRemoved.
  // The entries that it stands for: with those below, where a directory is there on one side only
  // and is not expanded; else the entry itself.
  Aggregates before_sums, after_sums;
};

// Calls visit for each difference after path `after` ("": from the start) until it returns false or
// `budget_rows` rows have been looked at. Returns where to go on; nullopt when that was all.
std::optional<std::string> Diff(const Snapshot& before, const Snapshot& now,
                                const DiffOptions& options, std::string_view after,
                                std::uint64_t budget_rows,
                                const std::function<bool(const Difference&)>& visit);

// What two entries of one kind of place differ in.
std::uint8_t AspectsOf(const Entry& before, const Entry& after);

}  // namespace fustor::tree
