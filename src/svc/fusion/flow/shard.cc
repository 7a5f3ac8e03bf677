#include "svc/fusion/flow/shard.h"

#include <algorithm>

#include "base/check.h"
#include "base/mutants.h"
#include "base/path.h"
#include "svc/fusion/core/evidence.h"

namespace fustor::fusion {
namespace {

constexpr std::size_t kTickMax = 10'000;     // Suspects settled in one turn: a few milliseconds.
constexpr std::size_t kListedMax = 100'000;  // Suspects in one answer.
constexpr std::size_t kSubtreesMax = 100;    // Without watches, by name.
// The last number is shared by all who come when the others are taken.
constexpr std::size_t kReportersMax = UINT16_MAX;

std::shared_ptr<const ViewStatus> InitialStatus() {
  auto status = std::make_shared<ViewStatus>();
  status->not_ready_reason = "No pipe feeds this view yet.";
  status->retry_after_s = 5;
  status->missing = {.snapshot_end = true, .leader = true};
  status->reporters.emplace_back();
  return status;
}

// Begins wait at the agent as long as nobody listens or what is before them takes to leave.
Nanos BegunBefore(const batch::Batch& batch) {
  return Broken("late-begins-believed") ? Nanos(0) : Millis(batch.begun_ago_ms);
}

}  // namespace

std::string AlarmText(const Arbiter::Alarm& alarm) {
  const char* const scan = alarm.source == batch::Source::kSnapshot ? "a snapshot"
                           : alarm.source == batch::Source::kAudit  ? "an audit"
                                                                    : "a scan";
  const auto percent = [](double fraction) {
    return std::to_string(static_cast<int>(fraction * 100)) + " %";
  };
  std::string text = std::string(scan) + " would delete " +
                     (alarm.too_many_paths ? "more than " : "") + std::to_string(alarm.missing) +
                     " of " + std::to_string(alarm.entries) + " entries, " +
                     percent(alarm.fraction_max) + " may be (max_delete_fraction): ";
  return text +
         "nothing is deleted. Look whether the file system is mounted; if they are really gone, "
         "reset the view or raise the fraction";
}

Shard::Shard(Options options, env::Executor& executor, Logger log)
    : options_(std::move(options)),
      executor_(executor),
      log_(std::move(log)),
      made_at_(now()),
      tree_(options_.tree),
      arbiter_(options_.arbiter, tree_),
      feed_(options_.feed),
      incarnation_(static_cast<std::uint64_t>(executor.clock().WallNow().ns / 1'000'000)),
      status_(InitialStatus()) {
  facts_.reporters.emplace_back();  // Number 0: nobody.
  facts_.stale_ok = options_.stale_ok;
  facts_.incarnation = incarnation_;
}

void Shard::AddPipe(PipeNumber pipe, std::string pipe_id, SessionPolicy policy) {
  executor_.Post([self = shared_from_this(), pipe, id = std::move(pipe_id), policy]() mutable {
    self->pipes_.emplace(pipe, Pipe{std::move(id), Readiness(policy)});
    self->PublishSoon();
  });
}

void Shard::RemovePipe(PipeNumber pipe) {
  executor_.Post([self = shared_from_this(), pipe] {
    self->pipes_.erase(pipe);
    self->PublishSoon();
  });
}

void Shard::Tell(PipeNumber pipe, Sessions::Effect effect, ViewStatus::Reporter reporter) {
  env::Callback tell(
      [self = this, pipe, effect = std::move(effect), reporter = std::move(reporter)]() mutable {
        self->TellHere(pipe, effect, std::move(reporter));
        self->PublishSoon();
      });
  executor_.Post([self = shared_from_this(), tell = std::move(tell)]() mutable {
    if (!self->HoldBack(tell)) tell();
  });
}

void Shard::Deliver(SessionKey session, std::shared_ptr<const batch::Batch> batch, Done done) {
  const bool snapshot = batch->source == batch::Source::kSnapshot;
  const bool ends = snapshot && batch->mark == batch::ScanMark::kEnd;
  if (snapshot) snapshots_queued_.Add(1);
  if (ends) snapshot_ends_queued_.Add(1);
  const Instant arrived = executor_.clock().Now();
  env::Callback apply([self = this, snapshot, ends, session, batch = std::move(batch), arrived,
                       done = std::move(done)]() mutable {
    if (snapshot) self->snapshots_in_flight_.Add(1);
    if (snapshot) self->snapshots_queued_.Add(-1);
    Status status = self->ApplyHere(session, *batch, arrived);
    if (ends) self->snapshot_ends_queued_.Add(-1);
    self->answers_.push_back({std::move(done), std::move(status)});
    self->PublishSoon();
  });
  executor_.Post([self = shared_from_this(), apply = std::move(apply)]() mutable {
    if (!self->HoldBack(apply)) apply();
  });
}

Missing Shard::missing() const {
  const std::shared_ptr<const ViewStatus> status = this->status();
  Missing missing = status->missing;
  if (status->ready) return missing;
  missing.queued = snapshots_queued_.value() > 0;
  missing.in_flight = snapshots_in_flight_.value() > 0;
  // It has been received; that it counts is what (b) and (c) are about.
  if (snapshot_ends_queued_.value() > 0) missing.snapshot_end = false;
  return missing;
}

void Shard::Reset() {
  executor_.Post([self = shared_from_this()] { self->ResetHere(); });
}

env::Task<Status> Shard::ResetAndShow() {
  const std::shared_ptr<Shard> self = shared_from_this();
  env::Task<Status> reset = ResetAndShowHere();
  co_return co_await env::RunOn(executor_, std::move(reset));
}

env::Task<Status> Shard::ResetAndShowHere() {
  ResetHere();
  PublishHere();
  co_return Status();
}

void Shard::Stop() {
  executor_.Post([self = shared_from_this()] {
    self->stopped_ = true;
    self->feed_stop_.request_stop();
    self->executor_.CancelTimer(self->timer_);
  });
}

void Shard::TellHere(PipeNumber pipe, const Sessions::Effect& effect,
                     ViewStatus::Reporter reporter) {
  const auto found = pipes_.find(pipe);
  if (found == pipes_.end()) return;  // The pipe went first, and its sessions with it.
  found->second.readiness.OnEffect(effect, executor_.clock().WallNow());
  switch (effect.kind) {
    case Sessions::Effect::Kind::kStarted:
      ++found->second.sessions;
      arbiter_.SessionStarted(effect.session, reporter.delete_fraction_max);
      sessions_[effect.session] = {pipe, ReporterNumber(std::move(reporter)), 0};
      break;
    case Sessions::Effect::Kind::kEnded:
      if (sessions_.erase(effect.session) != 0) --found->second.sessions;
      arbiter_.SessionEnded(effect.session);
      break;
    case Sessions::Effect::Kind::kUncovered:
      if (options_.live_mode && sessions_.empty()) ResetHere();
      break;
    case Sessions::Effect::Kind::kLeaderChanged:
      break;
  }
}

std::uint16_t Shard::ReporterNumber(ViewStatus::Reporter reporter) {
  const auto key = std::pair(reporter.agent_id, reporter.source_uri);
  if (const auto known = reporter_numbers_.find(key); known != reporter_numbers_.end()) {
    return known->second;
  }
  if (facts_.reporters.size() >= kReportersMax) return 0;
  const auto number = static_cast<std::uint16_t>(facts_.reporters.size());
  facts_.reporters.push_back(std::move(reporter));
  reporter_numbers_.emplace(key, number);
  return number;
}

Status Shard::ApplyHere(SessionKey key, const batch::Batch& batch, Instant arrived) {
  const auto found = sessions_.find(key);
  if (found == sessions_.end()) return {Code::kUnauthenticated, "the session is over"};
  Session& session = found->second;
  const bool again = batch.sequence <= session.applied_sequence;  // Sent again after a cut.
  if (again && !Broken("batches-applied-twice")) return {};
  if (!again && batch.sequence != session.applied_sequence + 1) {
    return {Code::kFailedPrecondition,
            "batch " + std::to_string(batch.sequence) + " came after batch " +
                std::to_string(session.applied_sequence) + ": those between them are missing"};
  }
  const Now now = this->now();
  const Nanos since_begin = LateBy(batch, arrived, &session) + BegunBefore(batch);
  const Arbiter::Outcome outcome =
      arbiter_.Apply(batch, key, session.reporter, steady(), arrived - since_begin);
  session.applied_sequence = batch.sequence;
  NoteApplied(session, key, batch, outcome, now);
  return {};
}

// How much longer than the quickest of its session the batch was on its way: hosts stand still,
// networks are cut. No clock of the agent is believed: only how what it says differs from before.
Nanos Shard::LateBy(const batch::Batch& batch, Instant arrived, Session* session) const {
  if (batch.index_ms < 0 || batch.loose || Broken("late-begins-believed")) return Nanos(0);
  const std::int64_t took_ms = arrived.ns / 1'000'000 - batch.index_ms;
  session->quickest_ms = std::min(session->quickest_ms, took_ms);
  // Somebody may have set that clock back: then everything seems late.
  const std::int64_t late_most_ms = options_.arbiter.hot_file_threshold.count() / 1'000'000;
  return Millis(std::min(SaturatingSub(took_ms, session->quickest_ms), late_most_ms));
}

void Shard::NoteApplied(const Session& session, SessionKey key, const batch::Batch& batch,
                        const Arbiter::Outcome& outcome, Now now) {
  EndDoubt(key, batch, outcome);
  facts_.rows_applied += outcome.rows;
  facts_.rows_changed += outcome.inserted + outcome.updated + outcome.deleted + outcome.moved;
  facts_.last_event_at = now.wall;
  if (batch.index_ms >= 0) {
    // Another host's clock may be ahead of ours.
    facts_.last_event_latency =
        std::max(Nanos(0), now.wall - WallTime::FromParts(0, 0) - Millis(batch.index_ms));
  }
  if (batch.source == batch::Source::kSnapshot) {
    const auto pipe = pipes_.find(session.pipe);
    FUSTOR_CHECK(pipe != pipes_.end());
    pipe->second.readiness.OnSnapshot(key, outcome.rows, outcome.scan_ended, now.wall);
    if (outcome.scan_ended) {
      log_.Info("snapshot ended", {{"view", options_.view_id},
                                   {"pipe", pipe->second.id},
                                   {"entries", tree_.AggregatesOf(tree::kRoot).files +
                                                   tree_.AggregatesOf(tree::kRoot).directories},
                                   {"failed_directories", outcome.failed_directories}});
    }
  }
  if (batch.source == batch::Source::kAudit) {
    facts_.is_auditing = !outcome.scan_ended;
    if (outcome.scan_ended && !outcome.stopped) {
      facts_.last_audit_finished_at = now.wall;
      ++facts_.audit_cycles;
    }
  }
}

// Somebody has changed it, and no agent has told.
void Shard::Doubt(const std::string& path) {
  doubt_scan_.reset();  // What has begun before may have passed it by.
  if (doubted_since_) return;
  doubted_since_ = executor_.clock().WallNow();
  doubted_path_ = path;
  log_.Warn("consistency alarm: a sweep has found a change that nobody had reported",
            {{"view", options_.view_id}, {"path", PrintablePath(path)}});
}

void Shard::EndDoubt(SessionKey key, const batch::Batch& batch, const Arbiter::Outcome& outcome) {
  if (!doubted_since_) return;
  const bool whole_scan =
      batch.source == batch::Source::kSnapshot || batch.source == batch::Source::kAudit;
  if (!whole_scan) return;
  const std::pair scan(key, batch.scan_id);
  if (batch.mark == batch::ScanMark::kBegin && batch.scan_path == "/") doubt_scan_ = scan;
  if (outcome.scan_ended && !outcome.stopped && doubt_scan_ == scan) doubted_since_.reset();
}

void Shard::ResetHere() {
  was_ready_once_ = false;
  unready_since_.reset();
  restored_from_.reset();
  doubted_since_.reset();
  CancelRestore();
  arbiter_.Reset();
  for (auto& [number, pipe] : pipes_) pipe.readiness.OnReset();
  facts_.last_event_at.reset();
  facts_.last_audit_finished_at.reset();
  facts_.is_auditing = false;
  facts_.audit_cycles = 0;
  log_.Info("view emptied", {{"view", options_.view_id}});
  PublishSoon();
}

void Shard::PublishSoon() {
  if (publish_posted_) return;
  publish_posted_ = true;
  executor_.Post([self = shared_from_this()] { self->PublishHere(); });
}

void Shard::PublishHere() {
  publish_posted_ = false;
  tree_.Publish();
  const Now now = this->now();
  TellAlarm();
  PublishFeed(now.wall);
  // After the tree: who sees "ready" finds what was meant.
  status_.Set(std::make_shared<const ViewStatus>(MakeStatus(now)));
  snapshots_in_flight_.Set(0);
  for (Answer& answer : std::exchange(answers_, {})) answer.done(std::move(answer.status));
  ArmTimer();
}

void Shard::TellAlarm() {
  const std::optional<Arbiter::Alarm>& alarm = arbiter_.alarm();
  if (alarm.has_value() == alarmed_) return;
  alarmed_ = alarm.has_value();
  if (alarmed_) {
    log_.Error("a scan was stopped", {{"view", options_.view_id}, {"alarm", AlarmText(*alarm)}});
  } else {
    log_.Info("the alarm is over", {{"view", options_.view_id}});
  }
}

ViewStatus Shard::MakeStatus(Now now) {
  ViewStatus status = facts_;
  status.published_at = now.wall;
  status.suspect_count = arbiter_.suspect_count();
  const Arbiter::BlindSpotCounts spots = arbiter_.blind_spot_counts();
  status.blind_additions = spots.additions;
  status.blind_deletions = spots.deletions;
  const Now steady = this->steady();
  status.uncertain = arbiter_.uncertain();
  status.audit_only = arbiter_.audit_only(kSubtreesMax);
  status.files_seen_since = arbiter_.files_seen_since();
  status.alarm = arbiter_.alarm();
  if (status.files_seen_since) {
    status.files_seen_since = *status.files_seen_since + (now.wall - steady.wall);
  }
  if (status.alarm) status.alarm->since = status.alarm->since + (now.wall - steady.wall);
  for (Arbiter::Uncertain& uncertain : status.uncertain) {
    uncertain.since = uncertain.since + (now.wall - steady.wall);
  }
  status.logical_now = arbiter_.watermark(steady);
  status.refused = arbiter_.refused();
  status.memory = tree_.memory();
  status.feed_readers = feed_places_.size();
  status.feed_rows = feed_.rows();
  status.feed_bytes = feed_.size_bytes();
  WriteReadiness(&status);
  WriteRestoring(&status);
  KeepFreshness(now.wall, &status);
  return status;
}

// A pipe that is new, or none at all, takes nothing away from what has been shown.
void Shard::KeepFreshness(WallTime now, ViewStatus* status) {
  if (status->ready) {
    was_ready_once_ = true;
    unready_since_.reset();
    restored_from_.reset();
  } else if (was_ready_once_ && !unready_since_) {
    unready_since_ = status->unready_since.value_or(now);
  }
  status->was_ready_once = was_ready_once_;
  status->unready_since = unready_since_;
  status->restored_from = restored_from_;
}

void Shard::WriteReadiness(ViewStatus* status) const {
  if (pipes_.empty()) {
    status->not_ready_reason = "No pipe feeds this view.";
    status->retry_after_s = 10;
    status->missing = {.snapshot_end = true, .leader = true};
    return;
  }
  status->ready = true;
  for (const auto& [number, pipe] : pipes_) {
    const Readiness::Verdict verdict = pipe.readiness.verdict();
    status->snapshot_rows += verdict.snapshot_rows;
    if (verdict.ready) continue;
    status->missing.leader = status->missing.leader || !verdict.has_leader;
    status->missing.snapshot_end = status->missing.snapshot_end || !verdict.snapshot_ended;
    if (status->ready) {
      status->not_ready_reason = verdict.reason;
      if (pipes_.size() > 1) status->not_ready_reason += " (Pipe '" + pipe.id + "'.)";
      status->retry_after_s = verdict.retry_after_s;
    }
    status->ready = false;
    if (verdict.unready_since &&
        (!status->unready_since || *verdict.unready_since < *status->unready_since)) {
      status->unready_since = verdict.unready_since;
    }
  }
  if (!status->ready || !doubted_since_) return;
  status->ready = false;
  status->not_ready_reason =
      "Consistency alarm: a sweep has found '" + PrintablePath(doubted_path_) +
      "' changed and nobody had reported it; the next snapshot or audit will "
      "tell the rest.";
  status->retry_after_s = 30;
  status->missing.snapshot_end = true;
  status->unready_since = doubted_since_;
}

void Shard::ArmTimer() {
  if (stopped_) return;
  const Instant due = arbiter_.NextExpiry().value_or(Instant::Max());
  if (due == timer_at_) return;
  executor_.CancelTimer(timer_);
  timer_ = 0;
  timer_at_ = due;
  if (due == Instant::Max()) return;
  timer_ = executor_.PostAt(due, [weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->TickHere();
  });
}

void Shard::TickHere() {
  timer_at_ = Instant::Max();
  timer_ = 0;
  arbiter_.Tick(steady(), kTickMax);
  PublishSoon();
}

env::Task<std::vector<Arbiter::Suspect>> Shard::SuspectsHere(std::size_t count_max) {
  co_return arbiter_.suspects(std::min(count_max, kListedMax));
}

env::Task<Arbiter::BlindSpots> Shard::BlindSpotsHere() { co_return arbiter_.blind_spots(); }

env::Task<std::size_t> Shard::SweepHere(std::vector<Arbiter::Sighting> sightings) {
  if (restoring_ != nullptr) co_return 0;  // Nothing is known before all of it is.
  const std::size_t known = arbiter_.Sweep(sightings, steady());
  const env::Completion<Status> seen;
  answers_.push_back(
      {[resolve = seen.resolver()](Status status) { resolve(std::move(status)); }, Status()});
  PublishSoon();
  (void)co_await seen.Wait();
  co_return known;
}

env::Task<std::vector<std::string>> Shard::SettleHere(std::vector<batch::Sighting> sightings,
                                                      bool again) {
  if (restoring_ != nullptr) co_return std::vector<std::string>();
  std::vector<std::string> differing = arbiter_.Settle(sightings, steady());
  if (options_.consistency_alarm && again && !differing.empty()) Doubt(differing.front());
  PublishSoon();
  co_return differing;
}

env::Task<std::vector<std::string>> Shard::Settle(std::vector<batch::Sighting> sightings,
                                                  bool again) {
  const std::shared_ptr<Shard> self = shared_from_this();
  env::Task<std::vector<std::string>> settle = SettleHere(std::move(sightings), again);
  co_return co_await env::RunOn(executor_, std::move(settle));
}

env::Task<std::size_t> Shard::Sweep(std::vector<Arbiter::Sighting> sightings) {
  const std::shared_ptr<Shard> self = shared_from_this();
  env::Task<std::size_t> sweep = SweepHere(std::move(sightings));
  co_return co_await env::RunOn(executor_, std::move(sweep));
}

env::Task<std::vector<Arbiter::Suspect>> Shard::ListSuspects(std::size_t count_max) {
  const std::shared_ptr<Shard> self = shared_from_this();
  env::Task<std::vector<Arbiter::Suspect>> list = SuspectsHere(count_max);
  co_return co_await env::RunOn(executor_, std::move(list));
}

env::Task<Arbiter::BlindSpots> Shard::ListBlindSpots() {
  const std::shared_ptr<Shard> self = shared_from_this();
  env::Task<Arbiter::BlindSpots> list = BlindSpotsHere();
  co_return co_await env::RunOn(executor_, std::move(list));
}

}  // namespace fustor::fusion
