// tombstones.h: what was deleted in realtime, so that older evidence cannot bring it back.
//
// A tombstone stands for its path and for everything below. What one session says is ordered, so a
// tombstone says nothing to evidence that the same session began to gather after it, nor to what
// its reporter gathers in a session that began after it (Moment); what others have deleted at the
// same path is kept beside it. Pure; one owner. Bounded: beyond the limit the oldest go first.
#pragma once

#include <cstdint>
#include <list>
#include <optional>
#include <string_view>

#include "base/time.h"
#include "svc/fusion/core/arbiter_types.h"
#include "svc/fusion/core/path_trie.h"

namespace fustor::fusion {

class Tombstones {
 public:
  // A place in the order of what one reporter tells. Session 0: of nobody.
  struct Moment {
    SessionKey session;
    std::uint64_t order = 0;
    std::uint16_t reporter = 0;       // 0: not known.
    std::uint64_t session_order = 0;  // When the session began.
    // What was told at `earlier` was known to whoever looked at this moment.
    bool Follows(const Moment& earlier) const {
      if (session == SessionKey{}) return false;
      if (earlier.session == session) return earlier.order < order;
      return reporter != 0 && earlier.reporter == reporter && earlier.order < session_order;
    }
  };
  struct Stone {
    std::int64_t watermark_ns = 0;  // In file time: what is not newer is older than the deletion.
    std::int64_t wall_ns = 0;       // When it was laid.
    Moment laid;                    // By whom last.
    std::int64_t others_ns = INT64_MIN;  // The highest watermark of others at this path.
    std::list<void*>::iterator age;      // Into by_age_.
  };
  using Trie = PathTrie<Stone>;

  // Lays a tombstone or renews the one that is there; those below it have nothing more to say.
  // O(depth + tombstones below).
  void Lay(std::string_view path, std::int64_t watermark_ns, std::int64_t wall_ns, Moment by);

  // All were laid by a clock that was only guessed: file time is ahead of physical time by so much.
  // What says that they are older than that stays as it is: only who guessed too low is corrected.
  // O(tombstones).
  void SetClock(Nanos ahead);

  // Removes those at `path` and at the directories above it: the path exists.
  void EraseAlong(std::string_view path);
  // Removes those at `path` and below it.
  void EraseWithin(std::string_view path);
  void Erase(Trie::Item* stone);

  // Evidence as far as tombstones go: since which moment it was gathered, and before when (physical
  // time) a tombstone must have been laid to say nothing to it, whoever has laid it.
  struct Gathered {
    Moment begun;
    std::int64_t settled_before_ns = INT64_MIN;
  };
  // The watermark that it has to pass; INT64_MIN: none.
  static std::int64_t WatermarkFor(const Stone& stone, Gathered evidence) {
    const Moment& begun = evidence.begun;
    if (stone.wall_ns < evidence.settled_before_ns) return INT64_MIN;
    return begun.Follows(stone.laid) ? stone.others_ns : stone.watermark_ns;
  }
  // The highest such watermark at `path` or at a directory above it. O(depth).
  std::optional<std::int64_t> Covering(std::string_view path, Gathered evidence);
  // Whether one at `path` or at a directory above it was laid after `wall_ns`, last by another
  // session. O(depth).
  bool IsCoveredByOthers(std::string_view path, std::int64_t wall_ns, SessionKey session);
  bool Has(std::string_view path) { return trie_.Find(path) != nullptr; }
  // The tombstones of the entries of one directory; nullptr when there are none. Valid until the
  // next change.
  Trie::Dir* In(std::string_view directory);

  // Removes, oldest first, those laid before `wall_ns`, at most `count_max`.
  void Purge(std::int64_t wall_ns, std::size_t count_max);
  // Removes the oldest until items and directories are at most `nodes_max`; returns how many.
  std::size_t Shrink(std::size_t nodes_max);
  void Clear();

  bool empty() const { return trie_.empty(); }
  std::size_t size() const { return trie_.size(); }
  const Trie& trie() const { return trie_; }

 private:
  // For each tombstone at `path` or at a directory above it, the topmost first.
  template <class Visit>
  void VisitAlong(std::string_view path, Visit visit);

  Trie trie_;
  std::list<void*> by_age_;  // Trie::Item*, oldest first.
};

}  // namespace fustor::fusion
