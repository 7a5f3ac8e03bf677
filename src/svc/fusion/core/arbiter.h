// arbiter.h: decides what the evidence of agents means for the tree.
//
// Pure: a state machine over (batch, now). It reads no clock, does no I/O and never blocks; equal
// calls in equal order give equal trees. One owner: the thread of the view's shard. It edits the
// tree and does not publish it.
//
// The rules are docs/arbitration.md; in short: realtime evidence always wins; what was deleted in
// realtime leaves a tombstone that older evidence cannot raise; what a complete listing does not
// show is gone unless newer evidence says otherwise; young files are suspect until they have been
// stable for hot_file_threshold.
//
// Three kinds of time, never compared with each other: file times (mtime, and the watermark that is
// derived from them), physical time (Now.wall: tombstone age, confirmed_ns), monotonic time
// (Now.monotonic: expiry of suspects).
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/id.h"
#include "base/time.h"
#include "lib/batch/batch.h"
#include "lib/tree/tree.h"
#include "svc/fusion/core/watermark.h"

namespace fustor::fusion {

struct Now {
  Instant monotonic;
  WallTime wall;
};

// Which session a batch came through; unique for the life of the process. 0 is none.
using SessionKey = Id<struct SessionKeyTag>;

class Arbiter {
 public:
  struct Options {
    Nanos hot_file_threshold = Seconds(60);
    Nanos tombstone_ttl = Seconds(3600);
    std::uint64_t max_tree_items = 0;       // 0: no limit.
    std::size_t tombstones_max = 1 << 20;   // Beyond it the oldest go first, and are counted.
    std::size_t blind_spots_max = 100'000;  // Per list; beyond it only counted.
  };

  // What one batch did. Rows are counted once, under the first that applies.
  struct Outcome {
    std::uint64_t rows = 0;
    std::uint64_t inserted = 0;
    std::uint64_t updated = 0;
    std::uint64_t unchanged = 0;
    std::uint64_t deleted = 0;  // Entries, whole subtrees counted in full.
    std::uint64_t moved = 0;
    std::uint64_t zombies = 0;  // Dropped: a tombstone is newer.
    std::uint64_t stale = 0;    // Dropped: newer evidence is in the tree.
    std::uint64_t refused = 0;  // max_tree_items.
    std::uint64_t ignored = 0;  // Move or delete of something that is not there.
    bool scan_ended = false;    // A scan of the whole tree ("/") ended without failed directories
                                // or with them (see failed_directories).
    std::uint64_t failed_directories = 0;  // Of the scan that ended.
  };

  struct Suspect {
    std::string path;
    Instant until;
  };
  struct BlindSpots {
    std::vector<std::string> additions;  // Found by an audit, not announced by any agent.
    std::vector<std::string> deletions;  // Found missing by a scan.
    std::uint64_t additions_count = 0;   // May be more than are listed.
    std::uint64_t deletions_count = 0;
  };
  // A subtree whose agent lost events: not to be trusted until a scan that began later has ended.
  struct Uncertain {
    std::string path;
    WallTime since;
    SessionKey session;
  };

  // `tree` must outlive the arbiter and is edited by it alone.
  Arbiter(Options options, tree::Tree& tree);

  // `reporter` is the index of (agent, source) in the owner's table.
  // REQUIRES: the batch came through wire (paths normal, names valid, rows sorted). O(rows log n).
  Outcome Apply(const batch::Batch& batch, SessionKey session, std::uint16_t reporter, Now now);

  // A session begins: blind-spot lists and scans in progress of earlier ones are forgotten.
  void SessionStarted(SessionKey session);
  // Its unfinished scans are dropped; nothing is concluded from them.
  void SessionEnded(SessionKey session);

  // When Tick has next something to do. nullopt: nothing is waiting.
  std::optional<Instant> NextExpiry() const;
  // Suspects whose time is over: stable ones lose the flag, changed ones stay for another
  // threshold. Handles at most `count_max`; returns how many entries changed.
  std::size_t Tick(Now now, std::size_t count_max);

  // Everything is forgotten but the root.
  void Reset();

  std::size_t suspect_count() const;
  // In order of expiry, at most `count_max`.
  std::vector<Suspect> suspects(std::size_t count_max) const;
  const BlindSpots& blind_spots() const;
  const std::vector<Uncertain>& uncertain() const;
  std::size_t tombstone_count() const;
  // The logical clock (specification 6): Fusion time minus the usual age of what is reported.
  WallTime watermark(Now now) const;
  // Items refused by max_tree_items since the start.
  std::uint64_t refused() const;

 private:
  struct Tombstone {
    std::int64_t watermark_ns;
    std::int64_t wall_ns;
  };
  // (Members below are the implementation's; see arbiter.cc.)
};

}  // namespace fustor::fusion
