// shard.h: one tree and the one thread that changes it.
//
// Everything that can change a view is delivered here and done in the order of delivery, on the
// executor of the shard: batches, what becomes of sessions, resets, the expiry of suspects. What
// was done becomes visible to readers as one revision per turn of the executor, so a burst costs
// one publication; a batch is reported done when readers see it.
//
// status() and Pin() may be called from any thread, and so may the functions that deliver. Hold a
// Shard by shared_ptr: work that is under way keeps it alive. While somebody follows the view, and
// for some minutes after, its changes are recorded (core/feed.h); what a reader costs the shard is
// one wake-up per revision at most, and there are at most Options.feed_readers_max. Queues are
// bounded by those who deliver (wire/agent_service.h: four batches a stream).
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/log.h"
#include "base/metrics.h"
#include "env/executor.h"
#include "env/published.h"
#include "env/task.h"
#include "lib/batch/batch.h"
#include "lib/checkpoint/checkpoint.h"
#include "lib/tree/tree.h"
#include "svc/fusion/core/arbiter.h"
#include "svc/fusion/core/readiness.h"
#include "svc/fusion/core/sessions.h"
#include "svc/fusion/flow/view.h"

namespace fustor::fusion {

// A pipe of this process; never used again after the pipe has gone.
using PipeNumber = std::uint16_t;

class Shard : public std::enable_shared_from_this<Shard> {
 public:
  struct Options {
    std::string view_id;
    Arbiter::Options arbiter;
    tree::Tree::Options tree;
    bool stale_ok = false;  // availability: stale_ok
    // A sweep that finds something changed makes the view not ready until a snapshot or an audit
    // that begins later has ended.
    bool consistency_alarm = false;
    bool live_mode = false;  // The tree is dropped when the last session of the last pipe ends.
    Feed::Options feed;
    std::size_t feed_readers_max = 128;
    Nanos feed_linger = Seconds(300);  // Changes are recorded so long after the last reader left.
  };
  // How a delivered batch ended: Ok when readers see it. Errors: kUnauthenticated (the session is
  // over), kFailedPrecondition (a batch before it is missing).
  using Done = std::move_only_function<void(Status)>;

  // `executor` must outlive the shard.
  Shard(Options options, env::Executor& executor, Logger log);

  // --- Any thread. ---
  const std::string& view_id() const { return options_.view_id; }
  env::Executor& executor() const { return executor_; }
  std::shared_ptr<const ViewStatus> status() const { return status_.Get(); }
  // As View::missing.
  Missing missing() const;
  Result<tree::Snapshot> Pin() const { return tree_.Pin(); }
  tree::Revision revision() const { return tree_.revision(); }

  // A pipe feeds this view from now on, or no longer. The view is ready when all of its pipes are.
  void AddPipe(PipeNumber pipe, std::string pipe_id, SessionPolicy policy);
  void RemovePipe(PipeNumber pipe);
  // What happened to a session of `pipe`. `reporter` counts for kStarted.
  void Tell(PipeNumber pipe, Sessions::Effect effect, ViewStatus::Reporter reporter);
  // `done` runs on the shard's executor. Batches of a session that were applied before are not
  // applied again. The batch is not changed.
  void Deliver(SessionKey session, std::shared_ptr<const batch::Batch> batch, Done done);
  // Forgets everything but the root; the view is not ready until a new snapshot has ended.
  void Reset();
  // Returns when readers see nothing any more.
  env::Task<Status> ResetAndShow();
  // No more timers run. Later deliveries are still answered.
  void Stop();

  // --- Restart from a checkpoint (shard_restore.cc). Any thread; in this order. ---

  // What becomes of sessions and what they deliver waits from now on, in its order, until
  // EndRestore. Again: what was restored so far is forgotten. `source` and `revision_min`: as
  // Loader::Options; the latter also when nothing is restored.
  // REQUIRES: nothing has been told or delivered before the first call.
  void BeginRestore(std::string source, tree::Revision revision_min);
  // The next frame. Errors: as Loader::Apply; kCancelled (the view was reset). After one the tree
  // is empty.
  void Restore(checkpoint::Frame frame, Done done);
  // All that there was has been restored, or nothing. When the checkpoint is complete, the view
  // shows it as stale.
  void EndRestore();

  // In order of expiry, at most `count_max` and kListedMax.
  env::Task<std::vector<Arbiter::Suspect>> ListSuspects(std::size_t count_max = SIZE_MAX);
  env::Task<Arbiter::BlindSpots> ListBlindSpots();
  // As Arbiter::Sweep; returns when readers see it.
  env::Task<std::size_t> Sweep(std::vector<Arbiter::Sighting> sightings);
  // As Arbiter::Settle. `again`: the agent knows that no report of them is on its way.
  env::Task<std::vector<std::string>> Settle(std::vector<batch::Sighting> sightings, bool again);
  // As View::Follow.
  env::Task<Result<std::unique_ptr<ChangeReader>>> Follow(std::optional<FeedPosition> since);

 private:
  struct FeedPlace;
  class Reader;
  struct Pipe {
    std::string id;
    Readiness readiness;
    std::size_t sessions = 0;
  };
  struct Session {
    PipeNumber pipe = 0;
    std::uint16_t reporter = 0;
    std::uint64_t applied_sequence = 0;
    // Of its batches, from the agent's time to ours, whatever the two clocks say.
    std::int64_t quickest_ms = INT64_MAX;
  };
  struct Restoring {
    std::unique_ptr<checkpoint::Loader> loader;  // nullptr: the view was reset meanwhile.
    std::deque<env::Callback> held;              // Waits for its end.
    std::uint64_t frames = 0;
    tree::Revision revision_min = 0;
  };
  struct Answer {
    Done done;
    Status status;
  };

  Now now() const { return {executor_.clock().Now(), executor_.clock().WallNow()}; }
  // For the arbiter: a physical time that nobody sets while the view lives. What is before and
  // after a scan began must not change with somebody's correction of the clock.
  Now steady() const {
    const Instant now = executor_.clock().Now();
    return {now, made_at_.wall + (now - made_at_.monotonic)};
  }
  void TellHere(PipeNumber pipe, const Sessions::Effect& effect, ViewStatus::Reporter reporter);
  Status ApplyHere(SessionKey session, const batch::Batch& batch, Instant arrived);
  Nanos LateBy(const batch::Batch& batch, Instant arrived, Session* session) const;
  void NoteApplied(const Session& session, SessionKey key, const batch::Batch& batch,
                   const Arbiter::Outcome& outcome, Now now);
  void ResetHere();
  env::Task<Status> ResetAndShowHere();
  std::uint16_t ReporterNumber(ViewStatus::Reporter reporter);
  // Publishes in a later turn, once for all that is done until then.
  void PublishSoon();
  void PublishHere();
  ViewStatus MakeStatus(Now now);
  void TellAlarm();
  void Doubt(const std::string& path);
  void EndDoubt(SessionKey key, const batch::Batch& batch, const Arbiter::Outcome& outcome);
  void WriteReadiness(ViewStatus* status) const;
  void KeepFreshness(WallTime now, ViewStatus* status);
  void ArmTimer();
  void TickHere();
  env::Task<std::vector<Arbiter::Suspect>> SuspectsHere(std::size_t count_max);
  env::Task<Arbiter::BlindSpots> BlindSpotsHere();
  env::Task<std::vector<std::string>> SettleHere(std::vector<batch::Sighting> sightings,
                                                 bool again);
  env::Task<std::size_t> SweepHere(std::vector<Arbiter::Sighting> sightings);

  // shard_restore.cc
  bool HoldBack(env::Callback& work);
  void BeginRestoreHere(std::string source, tree::Revision revision_min);
  Status RestoreHere(const checkpoint::Frame& frame);
  void EndRestoreHere();
  void CancelRestore();
  void TakeRestored(const checkpoint::Loader& loader);
  void WriteRestoring(ViewStatus* status) const;

  // shard_feed.cc
  env::Task<Result<std::unique_ptr<ChangeReader>>> FollowHere(std::optional<FeedPosition> since);
  env::Task<FeedNews> NextHere(std::shared_ptr<FeedPlace> place, Instant deadline,
                               std::stop_token stop);
  FeedNews ReadFeed(FeedPlace* place);
  FeedPosition Position(tree::Revision revision) const { return {revision, incarnation_}; }
  void Leave(const std::shared_ptr<FeedPlace>& place);
  void PublishFeed(WallTime now);

  const Options options_;
  env::Executor& executor_;
  const Logger log_;
  const Now made_at_;
  tree::Tree tree_;
  Arbiter arbiter_;
  std::map<PipeNumber, Pipe> pipes_;
  std::unordered_map<SessionKey, Session> sessions_;
  std::map<std::pair<std::string, std::string>, std::uint16_t> reporter_numbers_;
  ViewStatus facts_;  // What MakeStatus cannot ask the arbiter for: times, counts, reporters.
  std::vector<Answer> answers_;  // Wait for the publication.
  Feed feed_;
  std::uint64_t incarnation_;  // Of the tree; see FeedPosition.
  std::vector<std::shared_ptr<FeedPlace>> feed_places_;
  Instant feed_left_at_;  // When the last reader left.
  std::stop_source feed_stop_;
  bool publish_posted_ = false;
  std::unique_ptr<Restoring> restoring_;
  std::optional<WallTime> restored_from_;  // As ViewStatus.
  // Batches of snapshots that wait, ends of them among these, and those that nobody sees yet.
  mutable Gauge snapshots_queued_, snapshot_ends_queued_, snapshots_in_flight_;
  // Of the view, whatever comes and goes of its pipes; until a reset.
  bool was_ready_once_ = false;
  std::optional<WallTime> unready_since_;
  // The consistency alarm: since when, for which path, and the scan that may end it.
  std::optional<WallTime> doubted_since_;
  std::string doubted_path_;
  std::optional<std::pair<SessionKey, std::uint64_t>> doubt_scan_;
  bool alarmed_ = false;  // As the log says.
  bool stopped_ = false;
  env::Executor::TimerId timer_ = 0;
  Instant timer_at_ = Instant::Max();
  env::Published<ViewStatus> status_;
};

}  // namespace fustor::fusion
