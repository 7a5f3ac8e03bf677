// view.h: a view as those see it who ask: its tree by revision, its state as of now.
//
// Thread-safe: any thread may pin and look. What changes a view is flow/shard.h.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "env/task.h"
#include "lib/checkpoint/checkpoint.h"
#include "lib/tree/tree.h"
#include "svc/fusion/core/arbiter.h"
#include "svc/fusion/core/feed.h"
#include "svc/fusion/core/jobs.h"
#include "svc/fusion/core/sessions.h"

namespace fustor::fusion {

// What a view that is not ready waits for (docs/http-api.md). All may be missing at once.
struct Missing {
  bool snapshot_end = false;  // (a) Of a snapshot of the whole tree.
  bool queued = false;        // (b) Batches of one have arrived and wait.
  bool in_flight = false;     // (c) One is being applied, or readers do not see it yet.
  bool leader = false;        // (d) An authoritative session.

  bool any() const { return snapshot_end || queued || in_flight || leader; }
  friend bool operator==(const Missing&, const Missing&) = default;
};

// Immutable; replaced as a whole when something changes.
struct ViewStatus {
  bool ready = false;
  bool was_ready_once = false;
  Missing missing;               // Nothing when it is ready.
  std::string not_ready_reason;  // "No active leader session. ..."
  int retry_after_s = 0;
  bool stale_ok = false;  // availability: stale_ok
  std::optional<WallTime> unready_since;
  std::uint64_t snapshot_rows = 0;
  // What is shown comes from a checkpoint that was written then; until the view is ready.
  std::optional<WallTime> restored_from;
  bool restoring = false;              // A checkpoint is being loaded: nothing can be shown yet.
  std::uint64_t restored_entries = 0;  // So far.

  std::uint64_t suspect_count = 0;
  std::uint64_t blind_additions = 0;
  std::uint64_t blind_deletions = 0;
  std::vector<Arbiter::Uncertain> uncertain;
  std::vector<std::string> audit_only;    // Subtrees without watches, at most 100 listed.
  std::optional<WallTime> last_event_at;  // Physical time of the last applied batch.
  Nanos last_event_latency{0};            // From the agent's index time to applied.
  WallTime logical_now;                   // When this was published; it moves with the clock.
  WallTime published_at;
  std::optional<WallTime> last_audit_finished_at;
  std::uint64_t audit_cycles = 0;
  bool is_auditing = false;
  std::optional<WallTime> files_seen_since;  // As Arbiter's.
  std::optional<Arbiter::Alarm> alarm;       // Scans delete nothing.
  std::uint64_t refused = 0;                 // By max_tree_items.
  std::uint64_t rows_applied = 0;
  std::uint64_t rows_changed = 0;  // Entries made, altered, moved or removed by them.
  tree::Tree::Memory memory;
  std::uint64_t incarnation = 0;  // Of the tree: revisions of another one say nothing about it.
  std::uint64_t feed_readers = 0;
  std::uint64_t feed_rows = 0;    // Changes that are kept for readers.
  std::uint64_t feed_bytes = 0;   // What they take.
  std::uint64_t feed_resets = 0;  // Readers that lost their place, since the start.

  // Who reported what: Entry::reporter is an index into this.
  struct Reporter {
    std::string agent_id;
    std::string source_uri;
    double delete_fraction_max = 0;  // Of its session that began last.
  };
  std::vector<Reporter> reporters;
};

// One sentence for a person, and what to do about it.
std::string AlarmText(const Arbiter::Alarm& alarm);

struct SessionInfo {
  Sessions::Session session;
  bool leader = false;
  bool concurrent = true;  // Others may report to the same pipe (session_policy: shared).
};

// A checkpoint on the disk.
struct CheckpointFile {
  std::uint64_t number = 0;  // Counts the checkpoints of the view; the newest has the highest.
  std::uint64_t bytes = 0;   // 0: not known.
  WallTime written_at;
  tree::Revision revision = 0;
  std::uint64_t entries = 0;  // The root included.
};

// A checkpoint as a tree that nobody changes.
struct LoadedCheckpoint {
  checkpoint::Header header;  // Its reporters are what tree::Entry::reporter counts.
  tree::Tree tree;
};

// Immutable; replaced as a whole when something changes.
struct CheckpointStatus {
  std::uint64_t written = 0;  // By this process.
  std::uint64_t failures = 0;
  std::string error;  // Of the last attempt; empty: it went well.
  std::optional<WallTime> failed_at;
  std::optional<WallTime> last_written_at;  // By this process or before.
  std::uint64_t last_bytes = 0;
  std::uint64_t last_entries = 0;
  Nanos last_took{0};
  std::string restore_error;  // Why the newest one could not be loaded at the start.
};

// What a reader of the change feed is told next.
struct FeedNews {
  enum class Kind : std::uint8_t {
    kChanges,
    kReset,  // Changes were missed: read the tree again, at `position` or later.
    kQuiet,  // Nothing until the deadline.
    kEnded,  // The view has ended, or the reader was asked to stop.
  };
  Kind kind = Kind::kQuiet;
  std::vector<std::shared_ptr<const RevisionChanges>> revisions;  // kChanges
  std::string reason;                                             // kReset, kEnded
  FeedPosition position;  // Behind it the reader may go on, now or later.
};

// One reader's way through the change feed of a view. Changes are kept for it only as long as the
// feed's bounds allow: who is slower loses its place, and is told so. Used by one task at a time;
// may be destroyed anywhere, but not while it is asked.
class ChangeReader {
 public:
  virtual ~ChangeReader() = default;
  // At once when there is something, else when there is, at `deadline`, or when `stop` is
  // requested.
  virtual env::Task<FeedNews> Next(Instant deadline, std::stop_token stop) = 0;
};

class View {
 public:
  virtual ~View() = default;
  virtual const std::string& id() const = 0;
  virtual const std::string& driver() const = 0;  // "fs"
  // Roots of the sources that feed it, as the agents name them ("/data").
  virtual std::vector<std::string> source_uris() const = 0;
  virtual std::shared_ptr<const ViewStatus> status() const = 0;
  // As status() says, but as of this moment.
  virtual Missing missing() const { return status()->missing; }
  // Errors: kResourceExhausted (too many readers; Retry-After).
  virtual Result<tree::Snapshot> Pin() const = 0;

  virtual env::Task<std::vector<SessionInfo>> ListSessions() = 0;
  virtual env::Task<std::vector<Arbiter::Suspect>> ListSuspects() = 0;
  virtual env::Task<Arbiter::BlindSpots> ListBlindSpots() = 0;
  virtual env::Task<Status> Reset() = 0;
  // As Arbiter::Sweep.
  virtual env::Task<std::size_t> Sweep(std::vector<Arbiter::Sighting> sightings) = 0;

  // On-demand scans (core/jobs.h). Errors: those of Jobs::Start; kUnimplemented (a kind of view
  // that knows none).
  virtual env::Task<Result<Jobs::Job>> StartScan(std::string path, bool recursive) {
    (void)path;
    (void)recursive;
    co_return Status(Code::kUnimplemented, "this kind of view has no on-demand scans");
  }
  virtual env::Task<std::vector<Jobs::Job>> ListJobs() { co_return std::vector<Jobs::Job>(); }
  virtual env::Task<std::optional<Jobs::Job>> FindJob(std::string id) {
    (void)id;
    co_return std::nullopt;
  }

  // Begins to read changes behind `since`; nullopt: from now on. What is wrong with `since` is told
  // as the first news (kReset). Errors: kResourceExhausted (too many readers), kUnimplemented (a
  // kind of view without a feed), kUnavailable (the view has ended).
  virtual env::Task<Result<std::unique_ptr<ChangeReader>>> Follow(
      std::optional<FeedPosition> since) {
    (void)since;
    co_return Status(Code::kUnimplemented, "this kind of view has no change feed");
  }

  // --- Checkpoints (flow/checkpoints.h). ---

  // What has become of those that were written; nullptr: the view keeps none.
  virtual std::shared_ptr<const CheckpointStatus> checkpoints() const { return nullptr; }
  // Those that are kept, the newest first. Errors: kUnimplemented (the view keeps none), and what
  // the disk says.
  virtual env::Task<Result<std::vector<CheckpointFile>>> ListCheckpoints() {
    co_return Status(Code::kUnimplemented, "this view keeps no checkpoints");
  }
  // One of them as a tree of its own, which takes as much memory as it held entries. The view does
  // not notice. Errors also: kNotFound (there is none of that number, or no more), kDataLoss (it is
  // damaged), kUnimplemented (of another version).
  virtual env::Task<Result<std::shared_ptr<const LoadedCheckpoint>>> LoadCheckpoint(
      std::uint64_t number) {
    (void)number;
    co_return Status(Code::kUnimplemented, "this view keeps no checkpoints");
  }
};

// The id of the view that `pipe` feeds in a forest; ids of a configuration hold no ':'.
inline std::string MemberId(std::string_view forest, std::string_view pipe) {
  return std::string(forest) + ":" + std::string(pipe);
}

// All views of a Fusion. Thread-safe.
class ViewSet {
 public:
  virtual ~ViewSet() = default;
  // nullptr: no such view.
  virtual std::shared_ptr<View> Find(std::string_view id) const = 0;
  // Sorted by id. Of a forest its members.
  virtual std::vector<std::shared_ptr<View>> All() const = 0;
  // The members of a forest: one view for each pipe that feeds it, with ids of their own
  // (MemberId), which Find knows too. Sorted by id. nullopt: there is no such forest.
  virtual std::optional<std::vector<std::shared_ptr<View>>> Members(std::string_view forest) const {
    (void)forest;
    return std::nullopt;
  }

  // What a key opens.
  struct Access {
    bool known = false;
    // A query key: its view, and the members of its forest. A push key: the views of its pipe.
    std::vector<std::string> views;
    std::string pipe;         // Of a push key.
    bool management = false;  // Opens everything.
  };
  virtual Access Check(std::string_view key) const = 0;
  // Whether there is a key that opens everything.
  virtual bool has_management_key() const { return false; }
};

}  // namespace fustor::fusion
