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
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/id.h"
#include "base/result.h"
#include "base/time.h"
#include "lib/batch/batch.h"
#include "lib/batch/session.h"
#include "lib/tree/tree.h"
#include "svc/fusion/core/arbiter_types.h"
#include "svc/fusion/core/blind_spots.h"
#include "svc/fusion/core/doomed.h"
#include "svc/fusion/core/replaced_directories.h"
#include "svc/fusion/core/scans.h"
#include "svc/fusion/core/suspects.h"
#include "svc/fusion/core/tombstones.h"
#include "svc/fusion/core/watermark.h"

namespace fustor::fusion {

class Arbiter {
 public:
  struct Options {
    Nanos hot_file_threshold = Seconds(60);
    Nanos tombstone_ttl = Seconds(3600);
    std::uint64_t max_tree_items = 0;       // 0: no limit.
    std::size_t tombstones_max = 1 << 20;   // Beyond it the oldest go first, and are counted.
    std::size_t blind_spots_max = 100'000;  // Per list; beyond it only counted.
    // Beyond it the flags of those that would expire first are settled early.
    std::size_t suspects_max = 2'000'000;
    // A scan that would delete more of the tree's entries than this fraction deletes nothing, and
    // raises an alarm; 1: never. What agents say counts instead (SessionStarted).
    double delete_fraction_max = 1;
    std::uint64_t deletes_free = 100;  // So many entries may always go.
    // Missing paths that are kept in mind until a scan ends; more raise the alarm, too.
    std::size_t doomed_max = 4'000'000;
    std::size_t unwatched_max = 100'000;  // Directories without a watch that are known by name.
    std::size_t replaced_max =
        100'000;  // Directories that have just become others (60 bytes each).
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
    bool stopped = false;  // The scan that ended would have deleted too much: see alarm().
  };

  // Why scans delete nothing. Stays until as much is not missing any more, or may go.
  struct Alarm {
    WallTime since;
    batch::Source source = batch::Source::kAudit;  // Of the scan that raised it.
    std::uint64_t missing = 0;                     // Entries that would go.
    std::uint64_t entries = 0;                     // Of the tree then, the root included.
    double fraction_max = 1;
    bool too_many_paths = false;  // They cannot even be kept in mind (doomed_max).
  };

  struct Suspect {
    std::string path;
    Instant until;
  };
  // What a sweep over the suspects has seen at a path.
  struct Sighting {
    std::string path;
    bool missing = false;
    std::int64_t mtime_ns = 0;
    std::optional<std::int64_t> size_bytes;
  };
  struct BlindSpots {
    std::vector<std::string> additions;  // Found by an audit, not announced by any agent.
    std::vector<std::string> deletions;  // Found missing by a scan.
    std::uint64_t additions_count = 0;   // May be more than are listed.
    std::uint64_t deletions_count = 0;
  };
  using Uncertain = fusion::Uncertain;

  // `tree` must outlive the arbiter and is edited by it alone.
  Arbiter(Options options, tree::Tree& tree);

  // `reporter` is the index of (agent, source) in the owner's table.
  // The batch may have waited since it `arrived`: a scan begins then.
  // REQUIRES: the batch came through wire (paths normal, names valid, rows sorted). O(rows log n).
  Outcome Apply(const batch::Batch& batch, SessionKey session, std::uint16_t reporter, Now now,
                Instant arrived);
  Outcome Apply(const batch::Batch& batch, SessionKey session, std::uint16_t reporter, Now now) {
    return Apply(batch, session, reporter, now, now.monotonic);
  }

  // A session begins: blind-spot lists and scans in progress of earlier ones are forgotten. Its
  // scans may delete `delete_fraction_max` of the tree; 0: as Options say.
  void SessionStarted(SessionKey session, double delete_fraction_max = 0);
  // Its unfinished scans are dropped; nothing is concluded from them.
  void SessionEnded(SessionKey session);

  // When Tick has next something to do. nullopt: nothing is waiting.
  std::optional<Instant> NextExpiry() const;
  // Suspects whose time is over: stable ones lose the flag, changed ones stay for another
  // threshold. Handles at most `count_max`; returns how many entries changed. A slice of the search
  // for the other names of new hard links is done too, and one of what the end of a scan has left
  // to do.
  std::size_t Tick(Now now, std::size_t count_max);

  // A sweep has looked: what is stable and no longer hot leaves the suspects, what has changed is
  // updated and stays for another threshold, what is missing goes. Returns how many were known.
  // O(n log n).
  std::size_t Sweep(const std::vector<Sighting>& sightings, Now now);

  // The same for an agent that tells of everything else by its stream: what is stable and no longer
  // hot leaves the suspects; what differs is returned, to be reported in its place in the stream.
  // What is not known differs. O(n log n).
  std::vector<std::string> Settle(const std::vector<batch::Sighting>& sightings, Now now);

  // Everything is forgotten but the root.
  void Reset();

  // The tree has been restored from a checkpoint (docs/arbitration.md): nobody knows what has
  // happened to it since then, before a whole scan has ended.
  void NoteRestored(WallTime since) { scans_.Lost(SessionKey{}, "/", since); }
  // It holds this suspect: for another whole threshold.
  void RestoreSuspect(std::string_view directory, std::string_view name, std::int64_t mtime_ns,
                      Now now) {
    suspects_.Put(directory, name, now.monotonic + options_.hot_file_threshold, mtime_ns);
  }

  // Directories without a watch, the topmost of each subtree: changes in them are seen by audits
  // only. "/" if it is the root.
  std::vector<std::string> audit_only(std::size_t count_max) const;
  // Since then every file of the tree has been looked at, or reported in realtime; nullopt: not all
  // of them.
  std::optional<WallTime> files_seen_since() const { return files_seen_since_; }

  // nullopt: all is well.
  const std::optional<Alarm>& alarm() const { return alarm_; }

  std::size_t suspect_count() const;
  // In order of expiry, at most `count_max`.
  std::vector<Suspect> suspects(std::size_t count_max) const;
  const BlindSpots& blind_spots() const;
  struct BlindSpotCounts {
    std::uint64_t additions = 0;
    std::uint64_t deletions = 0;
  };
  // O(1).
  BlindSpotCounts blind_spot_counts() const { return {additions_.count(), deletions_.count()}; }
  const std::vector<Uncertain>& uncertain() const;
  std::size_t tombstone_count() const;
  // Tombstones given up before their time because of tombstones_max, since the start.
  std::uint64_t tombstones_evicted() const;
  // The logical clock (docs/arbitration.md): Fusion time minus the usual age of what is reported.
  WallTime watermark(Now now) const;
  // Items refused by max_tree_items since the start.
  std::uint64_t refused() const;

  // Compares the lists with the tree. Ok, or what is wrong. O(what is listed).
  Result<void> CheckInvariants();

 private:
  struct Context;  // What all rows of one batch share.
  // What is remembered of an existing child until the listing of its directory has been read.
  struct Have {
    std::size_t row = 0;  // Of the listing; of a missing child the offset of its name.
    std::size_t name_size = 0;
    EntryKind kind = EntryKind::kFile;
    std::uint8_t flags = 0;
    std::uint16_t reporter = 0;
    tree::DirId dir;
    std::int64_t confirmed_ns = 0;
    std::int64_t mtime_ns = 0;
    std::int64_t size_bytes = 0;
  };
  struct Join;      // The merge of a listing with the children that the tree has.
  struct Listing;   // One block and what was found out about its directory.
  struct Descent {  // How far down a path directories exist.
    tree::DirId deepest;
    std::size_t missing = 0;  // Components below `deepest` that are not directories.
    bool blocked = false;     // The first of them exists, but as something else.
    tree::Entry obstacle;     // What it is, when blocked.
  };
  enum class Verdict { kUnchanged, kTake, kStale };

  // arbiter_realtime.cc
  void ApplyChanges(std::span<const batch::Change> changes, const Context& context);
  void ApplyChange(const batch::Change& change, const Context& context);
  void Upsert(const batch::Change& change, const Context& context);
  void UpsertRoot(const EntryAttrs& attrs, const Context& context);
  std::optional<tree::DirId> UpsertEntry(std::string_view path, const EntryAttrs& attrs,
                                         std::string_view target, bool atomic,
                                         const Context& context);
  void NoteReplaced(tree::DirId dir, const Context& context);
  void Delete(std::string_view path, const Context& context);
  std::int64_t SeenLast(const tree::Entry& gone, const Context& context);
  void Lay(std::string_view path, std::int64_t watermark_ns, const Context& context);
  bool IsOfAnOldPath(std::string_view path, const EntryAttrs& seen, const Context& context);
  std::optional<tree::DirId> ParentInRealtime(std::string_view directory, std::size_t entries,
                                              const Context& context);

  // arbiter_moved.cc
  static bool IsOldMove(const tree::Entry& source, const batch::Change& change,
                        const Context& context);
  void Move(const batch::Change& change, const Context& context);
  bool MergeMoved(const std::string& from, const std::string& to, const tree::Entry& moving,
                  const Context& context);
  void MoveLists(std::string_view from, std::string_view to);

  // arbiter_appeared.cc
  void ApplyAppeared(Listing* listing, const Context& context);
  bool EnterAppeared(Listing* listing, const Context& context);
  void ClearSkipped(std::string_view path, tree::DirId dir);
  void AdmitAppeared(Listing* listing, std::size_t row, const Context& context);
  void TakeAppeared(const Listing& listing, std::size_t row, const Have& have,
                    const Context& context);

  // arbiter_scan.cc
  void ApplyScan(const batch::Batch& batch, SessionKey session, Context* context);
  void ApplyBlock(const batch::DirBlock& block, const Context& context);
  void NoteLook(const Listing& listing, const Context& context);
  void NoteScanEnd(const Scans::Scan& scan, SessionKey session);
  bool EnterDirectory(Listing* listing, const Context& context);
  bool EnterKnown(Listing* listing, tree::DirId parent, std::string_view name,
                  const Context& context);
  bool EnterUnknown(Listing* listing, const Context& context);
  void TakeSelf(Listing* listing, tree::DirId parent, std::string_view name,
                const Context& context);
  void CompareWithKnown(Listing* listing);
  static std::int64_t DeletedUntil(const Listing& listing, const Tombstones::Stone& stone,
                                   const Context& context);
  bool Includes(const Listing& listing, const Tombstones::Stone& stone,
                const Context& context) const;
  static bool Precedes(const Listing& listing, const Tombstones::Stone& stone,
                       std::int64_t deleted_ns, const Context& context);
  void Drop(const Listing& listing, std::uint64_t Outcome::* counter, const Context& context);
  void ApplyRows(Listing* listing, const Context& context);
  void JoinByName(Join* join);
  void AdmitRow(Listing* listing, std::size_t row, const Context& context);
  void TakeRow(const Listing& listing, std::size_t row, const Have& have, const Context& context);
  void RemoveMissing(const Listing& listing, const Context& context);
  Verdict Judge(const tree::Entry& have, const EntryAttrs& row, std::string_view target,
                const Context& context);
  bool IsOutrun(const tree::Entry& have, const EntryAttrs& row, const Context& context) const;
  void Reconfirm(const Context& context);
  static bool IsOlderLook(const tree::Entry& have, const EntryAttrs& seen, const Context& context);
  static bool WasReplacedSince(const tree::Entry& have, const EntryAttrs& seen,
                               const Context& context);
  bool IsProtected(const tree::Entry& have, const Context& context) const;
  bool IsUnsettled(const tree::Entry& have, const Context& context) const;
  // Either: others have told of it too lately for what is told now to be believed by its times.
  bool Stands(const tree::Entry& have, const Context& context) const {
    return IsProtected(have, context) || IsUnsettled(have, context);
  }
  bool HasProtectedBelow(tree::DirId directory, const Context& context);
  bool AnyBelow(tree::DirId directory, const std::function<bool(const tree::Entry&)>& predicate);
  void MarkIfHot(std::string_view directory, std::string_view name, tree::Entry* entry,
                 const Context& context);

  // arbiter_missing.cc
  double DeleteFraction(SessionKey session) const;
  void Doom(std::string_view directory, std::string_view name, Doomed::Fate fate);
  void Spare(const batch::DirBlock& block, bool has_self);
  bool Judge(double fraction_max, batch::Source source, Now now);
  std::uint64_t CountDoomed();
  std::uint64_t RemoveCondemned(std::size_t paths_max, Now now);
  bool has_doomed() const { return !doomed_.empty() || !condemned_.empty(); }
  void SparePath(std::string_view path);

  // arbiter_unseen.cc
  struct UnseenWalk {
    SeenPaths seen;
    std::vector<std::string> directories;  // Still to be looked into.
    std::int64_t begin_wall_ns = 0;
    SessionKey session;
  };
  void NoteSeen(const batch::DirBlock& block, bool has_self, const Context& context);
  void BeginUnseen(SeenPaths seen, std::int64_t begin_wall_ns, SessionKey session);
  // Goes on with it for some `rows_max` rows. True: it has ended, and what is missing is judged.
  bool SeekUnseen(std::uint64_t rows_max, Now now);
  std::uint64_t DoomUnseenIn(const std::string& directory);

  // Shared.
  // A new name of an inode was seen: the others are to show what is now known of it.
  void WantLinks(const EntryAttrs& attrs, const Context& context);
  // A row that was made before another name of its inode was seen must not take that back.
  void TakeNewerLink(tree::Entry* entry);
  // A name of this inode has gone: the others show one link too many until one is looked at.
  void NoteLinkGone(const EntryAttrs& gone, Now now);
  Tombstones::Moment MomentOf(const Context& context, std::uint64_t order) const;
  void EraseStone(Listing* listing, Tombstones::Trie::Item* stone);
  Descent Descend(std::string_view directory);
  tree::DirId MakeDirectories(std::string_view directory, const Descent& descent,
                              const tree::Entry& implied);
  bool HasRoomFor(std::size_t entries);
  // Takes `path` and what is below it off the suspect and blind-spot lists.
  void Forget(std::string_view path);
  bool nothing_listed() const;
  // REQUIRES: `directory` is one. Entries in it, itself not counted.
  std::uint64_t CountBelow(tree::DirId directory);
  void NoteConfirmation(std::uint16_t reporter, WallTime wall);
  bool OthersConfirmedSince(std::uint16_t reporter, std::int64_t wall_ns) const;
  void SettleFirstSuspect(Now now, bool renew);
  bool TakeSighting(const Sighting& sighting, Now now);
  void KeepBounds(Now now);

  const Options options_;
  tree::Tree& tree_;
  Watermark watermark_;
  Tombstones tombstones_;
  Suspects suspects_;
  mutable BlindSpotList additions_;
  mutable BlindSpotList deletions_;
  mutable BlindSpots listed_;  // Made from the two lists when asked for.
  Scans scans_;
  Doomed doomed_;     // Missing; it is not known yet whether it may go.
  Doomed condemned_;  // It may, and goes in slices.
  std::optional<UnseenWalk> unseen_;
  std::optional<Alarm> alarm_;
  ReplacedDirectories replaced_;
  BlindSpotList unwatched_;
  bool root_unwatched_ = false;
  std::optional<WallTime> files_seen_since_;
  // When the latest audits that passed by some directories began, and whose they were.
  std::deque<std::int64_t> audits_;
  SessionKey auditor_;
  std::unordered_map<SessionKey, double> delete_fractions_;
  Instant links_due_;  // The next slice of the tree's search for links.
  std::unordered_map<SessionKey, std::uint64_t> session_orders_;  // When each one began.
  std::uint64_t refused_ = 0;
  std::uint64_t tombstones_evicted_ = 0;

  // The latest realtime evidence of anybody, and of anybody else than that one.
  std::uint16_t last_reporter_ = 0;
  std::int64_t last_confirmed_ns_ = INT64_MIN;
  std::int64_t others_confirmed_ns_ = INT64_MIN;

  // Kept from batch to batch only for their memory.
  tree::Entry have_;
  tree::Entry entry_;
  tree::Entry link_;
  std::vector<Have> changed_;
  std::vector<std::uint32_t> fresh_;
  std::vector<Have> missing_;
  std::string missing_names_;
};

}  // namespace fustor::fusion
