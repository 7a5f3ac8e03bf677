// scans.h: the scans that are going on, and the subtrees whose events were lost.
//
// Pure; one owner. A scan is known by its session and the session's number for it. Bounded per
// session: a session that begins scan after scan without ending any loses its oldest, from which
// then nothing is concluded.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/time.h"
#include "lib/batch/batch.h"
#include "svc/fusion/core/arbiter_types.h"
#include "svc/fusion/core/seen_paths.h"

namespace fustor::fusion {

class Scans {
 public:
  static constexpr std::size_t kScansPerSessionMax = 16;
  static constexpr std::size_t kUncertainMax = 1000;
  static constexpr std::size_t kRefusedMax = 100'000;

  struct Scan {
    batch::Source source = batch::Source::kSnapshot;
    std::string path = "/";
    std::int64_t begin_wall_ns = 0;
    std::uint64_t order = 0;
    // False: its beginning was not seen (or was forgotten), so its end proves nothing.
    bool begun = false;
    // Only the directory `path` itself is looked at.
    bool shallow = false;
    // The session has begun to look again at all that this one looks at: it may have been given up.
    bool superseded = false;
    std::uint64_t failed_directories = 0;
    std::uint32_t full_every = 0;  // As batch::Batch.
    bool passed_by = false;        // Some directories, because they were unchanged.
    // Directories whose rows were dropped: what the same scan says about their contents is dropped
    // too. When it is full (`refused_overflow`), everything below unknown directories is.
    std::set<std::string, std::less<>> refused;
    bool refused_overflow = false;
    // Of an audit by an agent that sends rows and no listings.
    SeenPaths seen;
  };

  // The pointer is valid until the next call that is not const.
  Scan* Begin(SessionKey session, const batch::Batch& batch, WallTime wall);
  // The scan that a batch belongs to; begins one in silence when there is none.
  Scan* Current(SessionKey session, const batch::Batch& batch, WallTime wall);
  // Ends it and removes the uncertainty that it has cleared up: of the same session, or of one that
  // has ended, if it began later than the loss; of others (followers do not scan), if it began
  // `settled_after` later, so that no host's caches show what was before. nullopt: unknown.
  // `done` is false for one that was given up: it clears up nothing.
  std::optional<Scan> End(SessionKey session, std::uint64_t scan_id, Nanos settled_after,
                          bool done = true);

  static void Refuse(Scan* scan, std::string path);
  // True when `path` or a directory above it was refused.
  static bool IsRefused(const Scan& scan, std::string_view path);

  void Lost(SessionKey session, std::string path, WallTime wall);

  void DropSession(SessionKey session);
  // Audits and jobs of every session.
  void DropAudits();
  void Clear();

  // Grows with every begin (of scans and sessions) and every loss: what has happened before a scan
  // began has a lower one than the scan's.
  std::uint64_t order() const { return order_; }
  // The order of something else that begins.
  std::uint64_t NextOrder() { return ++order_; }
  // When the oldest scan that is going on began; INT64_MAX: none is. Superseded ones do not count:
  // many an agent gives up a scan without a word.
  std::int64_t oldest_begin_wall_ns() const;
  const std::vector<Uncertain>& uncertain() const { return uncertain_; }
  std::size_t size() const { return scans_.size(); }

 private:
  using Key = std::pair<SessionKey, std::uint64_t>;
  Scan* Add(SessionKey session, const batch::Batch& batch, WallTime wall, bool begun);

  std::map<Key, Scan> scans_;
  std::vector<Uncertain> uncertain_;
  struct Loss {
    std::uint64_t order = 0;
    std::int64_t wall_ns = 0;
  };
  std::vector<Loss> last_loss_;  // Parallel to uncertain_.
  std::uint64_t order_ = 0;      // Counts begins and losses.
};

}  // namespace fustor::fusion
