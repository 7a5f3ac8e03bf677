// arbiter_context.h: what the rows of one batch share inside the arbiter.
//
// Private to the arbiter's own files.
#pragma once

#include <compare>
#include <cstdint>
#include <string_view>
#include <vector>

#include "svc/fusion/core/arbiter.h"

namespace fustor::fusion {

struct Arbiter::Context {
  Outcome* outcome = nullptr;
  batch::Source source = batch::Source::kRealtime;
  SessionKey session;
  std::uint16_t reporter = 0;
  Now now;
  WallTime arrived;  // By the view's own clock.
  std::int64_t watermark_ns = 0;
  bool loose = false;  // The order of the agent's rows is not known.

  // Of scans only.
  Scans::Scan* scan = nullptr;
  bool guarded = false;  // What is missing goes only when it is known how much that is.

  // Of listings. Others may have confirmed something since then: rows must look whether it was what
  // they speak of.
  bool others_confirmed = false;
  std::int64_t protected_since_ns = INT64_MAX;  // Fusion's time.
  // Of scans: what others have confirmed before this is known to every host's caches.
  std::int64_t settled_before_ns = INT64_MAX;  // Fusion's time.

  // Of one listing: how old this look at the directory is at least, in file time; INT64_MIN: not
  // known.
  std::int64_t listed_ns = INT64_MIN;

  bool realtime() const { return source == batch::Source::kRealtime; }
  // Tier 3: found by an audit or a job, announced by nobody.
  bool unannounced() const {
    return source == batch::Source::kAudit || source == batch::Source::kJob;
  }
};

struct Arbiter::Listing {
  const batch::DirBlock* block = nullptr;
  bool has_self = false;
  tree::DirId dir;
  // What the tree knows of the directory is younger than this look at it (tier 3).
  bool parent_newer = false;
  // Another directory lies here, as others have told not long ago.
  bool elsewhere = false;
  // How old this look is against what is known of the directory in realtime, and who has told that
  // when (INT64_MIN: they cannot be compared).
  std::int64_t known_confirmed_ns = INT64_MIN;
  std::uint16_t known_reporter = 0;
  std::strong_ordering against_known = std::strong_ordering::less;
  // What is known of names in it may be of another directory that had its name.
  ReplacedDirectories::Replacement replaced;
  // From which moment on it was made; session 0: its order is not known.
  Tombstones::Gathered gathered;
  Tombstones::Trie::Dir* stones = nullptr;  // Of the directory's children.
  std::vector<std::string_view> exempt;     // Sorted.
};

}  // namespace fustor::fusion
