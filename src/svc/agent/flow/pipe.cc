#include "svc/agent/flow/pipe.h"

#include <algorithm>
#include <utility>

#include "base/path.h"

namespace fustor::agent {
namespace {

// For a Fusion that names no credit.
constexpr std::uint64_t kCreditBytes = 1 << 20;

// Until what the kernel has queued is noticed, and how long a sweep waits for reports to arrive.
constexpr Nanos kNoticed = Seconds(2);
constexpr Nanos kArrivalMax = Seconds(30);
constexpr Nanos kArrivalStep = Millis(200);

// Fusion cannot go on with this session's batches, however often they come: only a new beginning
// helps.
bool NeedsNewSession(Code code) {
  return code == Code::kInvalidArgument || code == Code::kFailedPrecondition;
}

constexpr Nanos kTellLeftOutEvery = Seconds(60);
// A command that comes again is known so long.
constexpr std::size_t kCommandsSeenMax = 256;

Status Stopped() { return {Code::kCancelled, "the stream was ended"}; }

}  // namespace

Pipe::Pipe(Options options, env::Executor& data, env::Executor& control, Source& source,
           FusionLink& link, Logger log)
    : options_(std::move(options)),
      data_(data),
      source_(source, options_.batch_rows_max),
      link_(link),
      log_(std::move(log)),
      prng_(options_.seed),
      backoff_(options_.backoff_min),
      projection_(options_.fields_mapping),
      control_(data, control, link, log_,
               [this](ControlLane::News news) { OnNews(std::move(news)); }),
      session_tasks_(data),
      stream_tasks_(data),
      tasks_(data) {}

void Pipe::Start() { tasks_.Spawn(Run()); }

env::Task<void> Pipe::Stop() {
  tasks_.RequestStop();
  control_.CancelCalls();
  link_.CancelReport();
  co_await tasks_.Join();
  co_await control_.Stop();
}

void Pipe::Abandon() {
  control_.Abandon();
  session_tasks_.Abandon();
  stream_tasks_.Abandon();
  tasks_.Abandon();
}

void Pipe::SetBackOff(Nanos min, Nanos max, double multiplier) {
  options_.backoff_min = min;
  options_.backoff_max = max;
  options_.backoff_multiplier = multiplier;
  backoff_ = std::clamp(backoff_, min, max);
}

// --- Sessions ------------------------------------------------------------------------------------

batch::SessionRequest Pipe::Request() const {
  batch::SessionRequest request;
  request.task_id = options_.task_id;
  request.agent_id = options_.agent_id;
  request.source_uri = options_.source_uri;
  request.timeout = options_.session_timeout;
  request.delete_fraction_max = options_.delete_fraction_max;
  request.capabilities = {"move", "columns", std::string(batch::kCommandIds)};
  if (source_.source().tree_info().watch_mechanism != "none")
    request.capabilities.push_back("realtime");
  return request;
}

env::Task<void> Pipe::Run() {
  const std::stop_token stop = tasks_.stop_token();
  while (!stop.stop_requested()) {
    Result<batch::SessionGrant> grant = co_await control_.Open(Request());
    const Instant opened = data_.clock().Now();
    Status ended = grant.status();
    session_over_ = false;
    if (grant.ok()) ended = co_await RunSession(std::move(grant).value());
    state_.connected = false;
    state_.role = batch::Role::kFollower;
    state_.session_id.clear();
    if (stop.stop_requested()) co_return;
    state_.last_error = ended.message();
    if (session_over_ && MayRenewAtOnce(opened)) {
      log_.Info("the session is obsolete, opening a new one", {{"task_id", options_.task_id}});
      continue;
    }
    ++state_.failures_in_a_row;
    log_.Warn("no session, trying again",
              {{"task_id", options_.task_id}, {"error", ended.message()}});
    const Status waited = co_await BackOff(stop);
    if (!waited.ok()) co_return;
  }
}

// A session that lasted may always be renewed at once, one that did not only the first time.
bool Pipe::MayRenewAtOnce(Instant opened) {
  if (data_.clock().Now() - opened >= options_.backoff_min) renewals_ = 0;
  return renewals_++ == 0;
}

env::Task<Status> Pipe::BackOff(std::stop_token stop) {
  // Jitter on the upper half: between 50 % and 100 % of the step.
  const std::int64_t step = backoff_.count();
  const Nanos wait(prng_.Between(step / 2, step));
  const double longer = static_cast<double>(step) * options_.backoff_multiplier;
  const double longest = static_cast<double>(options_.backoff_max.count());
  backoff_ = Nanos(static_cast<std::int64_t>(std::min(longer, longest)));
  co_return co_await env::SleepFor(wait, std::move(stop));
}

void Pipe::BeginSession(const batch::SessionGrant& grant) {
  log_.Info("session opened", {{"task_id", options_.task_id},
                               {"role", batch::RoleName(grant.role)},
                               {"timeout_s", batch::ToSeconds(grant.timeout)}});
  snapshot_started_ = false;
  unacknowledged_.clear();
  last_sequence_ = 0;
  credit_bytes_ = grant.credit_bytes == 0 ? kCreditBytes : grant.credit_bytes;
  session_stop_ = std::stop_source();
  state_.unacknowledged_bytes = 0;
  state_.connected = true;
  state_.session_id = grant.session_id;
  state_.heartbeat_error.clear();
  ++state_.sessions;
  source_.Restart();
  SetRole(grant.role);
  TellVitals();
  control_.StartBeating(state_.sessions, grant.session_id, grant.timeout, grant.role);
  if (config_) control_.TellConfig(grant.session_id, *config_);
}

void Pipe::TellConfig(batch::ConfigReport report) {
  config_ = std::move(report);
  if (!state_.session_id.empty()) control_.TellConfig(state_.session_id, *config_);
  config_->error.clear();
}

env::Task<Status> Pipe::RunSession(batch::SessionGrant grant) {
  BeginSession(grant);
  const std::stop_token stop = tasks_.stop_token();
  const std::stop_callback chain(stop, [this] { session_stop_.request_stop(); });
  if (grant.audit_interval > Nanos(0)) {
    session_tasks_.Spawn(Audit(grant.audit_interval, session_stop_.get_token()));
  }
  // Fusion must know what is compared in them.
  if (grant.sentinel_interval > Nanos(0) && projection_.keeps_evidence()) {
    session_tasks_.Spawn(
        Sweep(grant.sentinel_interval, grant.session_id, session_stop_.get_token()));
  }
  Status ended;
  for (;;) {
    const Instant opened = data_.clock().Now();
    ended = co_await RunStream(grant.session_id);
    if (data_.clock().Now() - opened > backoff_) Succeeded();
    if (ended.code() == Code::kUnauthenticated) session_over_ = true;
    if (session_over_ || stop.stop_requested() || NeedsNewSession(ended.code())) break;
    state_.connected = false;
    state_.last_error = ended.message();
    ++state_.failures_in_a_row;
    log_.Warn("the stream failed, trying again",
              {{"task_id", options_.task_id}, {"error", ended.message()}});
    const Status waited = co_await BackOff(session_stop_.get_token());
    if (!waited.ok()) break;
  }
  session_stop_.request_stop();
  co_await session_tasks_.Join();
  source_.Pause();
  unacknowledged_.clear();
  state_.unacknowledged_bytes = 0;
  control_.StopBeating();
  if (!session_over_) {
    const Status closed = co_await control_.Close(grant.session_id);
    if (!closed.ok()) log_.Debug("session not closed", {{"error", closed.message()}});
  }
  co_return ended;
}

env::Task<void> Pipe::Audit(Nanos interval, std::stop_token stop) {
  // Many agents that began together shall not audit together.
  const std::int64_t jitter = interval.count() / 10;
  for (;;) {
    const Nanos wait = interval - Nanos(prng_.Between(0, jitter));
    const Status slept = co_await env::SleepFor(wait, stop);
    if (!slept.ok()) co_return;
    if (state_.role != batch::Role::kLeader) continue;
    if (source_.StartAudit()) {
      log_.Info("audit begins", {{"task_id", options_.task_id}});
    } else {
      log_.Info("no audit: a scan is still going on", {{"task_id", options_.task_id}});
    }
  }
}

// Fusion's suspects, looked at again. Calls of their own on the data executor: heartbeats do not
// wait for them, nor do rows.
env::Task<void> Pipe::Sweep(Nanos interval, std::string session_id, std::stop_token stop) {
  const std::int64_t jitter = interval.count() / 10;
  for (;;) {
    const Nanos wait = interval - Nanos(prng_.Between(0, jitter));
    const Status slept = co_await env::SleepFor(wait, stop);
    if (!slept.ok()) co_return;
    if (state_.role != batch::Role::kLeader || !state_.connected) continue;
    const Status swept = co_await SweepOnce(session_id, stop);
    if (swept.code() == Code::kUnimplemented) {
      log_.Info("no sweeps", {{"task_id", options_.task_id}, {"why", swept.message()}});
      co_return;
    }
    if (!swept.ok()) log_.Debug("a sweep failed", {{"error", swept.message()}});
  }
}

env::Task<Status> Pipe::SweepOnce(std::string session_id, std::stop_token stop) {
  Result<std::vector<std::string>> suspects = co_await link_.ListSuspects(session_id, stop);
  if (!suspects.ok()) co_return suspects.status();
  ++state_.sweeps;
  if (suspects->empty()) co_return Status();
  state_.swept += suspects->size();
  std::vector<batch::Sighting> sightings = co_await source_.source().Sight(std::move(*suspects));
  if (sightings.empty() || stop.stop_requested()) co_return Status();
  const Result<std::vector<std::string>> differing =
      co_await link_.Sweep(session_id, sightings, /*again=*/false, stop);
  if (!differing.ok()) co_return differing.status();
  state_.swept_differing += differing->size();
  std::vector<std::string> unreported = *differing;
  if (!unreported.empty() && co_await AllHasArrived(stop)) {
    Result<std::vector<std::string>> still =
        co_await LookTwice(std::move(session_id), std::move(sightings), *differing, stop);
    if (still.ok()) unreported = *std::move(still);
  }
  if (!stop.stop_requested()) source_.source().LookAgain(unreported);
  co_return Status();
}

// A change whose report is on its way looks as one that nobody has reported. Waits until all that
// has happened by now is applied; false: it takes too long.
env::Task<bool> Pipe::AllHasArrived(std::stop_token stop) {
  const Instant deadline = data_.clock().Now() + kArrivalMax;
  Status slept = co_await env::SleepFor(kNoticed + source_.source().hold(), stop);
  std::optional<std::uint64_t> last;  // The last batch that may tell of it.
  while (slept.ok() && data_.clock().Now() < deadline) {
    // Without credit some of it has not been taken from the source yet.
    if (!last && state_.unacknowledged_bytes < credit_bytes_) last = last_sequence_;
    const bool applied =
        unacknowledged_.empty() || (last && unacknowledged_.front()->batch.sequence > *last);
    if (last && applied) co_return true;
    slept = co_await env::SleepFor(kArrivalStep, stop);
  }
  co_return false;
}

// Those that are still to be reported.
env::Task<Result<std::vector<std::string>>> Pipe::LookTwice(std::string session_id,
                                                            std::vector<batch::Sighting> before,
                                                            std::vector<std::string> differing,
                                                            std::stop_token stop) {
  std::vector<batch::Sighting> now = co_await source_.source().Sight(std::move(differing));
  std::vector<std::string> writing;  // From look to look: reports of it are on their way again.
  std::erase_if(now, [&](const batch::Sighting& sighting) {
    const bool same = std::ranges::find(before, sighting) != before.end();
    if (!same) writing.push_back(sighting.path);
    return !same;
  });
  if (now.empty() || stop.stop_requested()) co_return writing;
  Result<std::vector<std::string>> still =
      co_await link_.Sweep(std::move(session_id), std::move(now), /*again=*/true, stop);
  if (!still.ok()) co_return still;
  state_.swept_unreported += still->size();
  still->insert(still->end(), writing.begin(), writing.end());
  co_return still;
}

void Pipe::SetRole(batch::Role role) {
  const bool leads = role == batch::Role::kLeader;
  state_.role = role;
  // A follower watches, so that its realtime changes are seen; it reports no listings.
  if (!leads) snapshot_started_ = false;
  if (!leads) return source_.StartWatching();
  if (!std::exchange(snapshot_started_, true)) source_.StartScan();
}

void Pipe::EndSession() {
  session_over_ = true;
  session_stop_.request_stop();
  link_.CancelReport();
}

void Pipe::OnNews(ControlLane::News news) {
  if (news.session != state_.sessions || session_stop_.stop_requested()) return;
  if (news.obsolete) return EndSession();
  if (news.error) state_.heartbeat_error = *news.error;
  if (news.role && *news.role != state_.role) {
    log_.Info("the role has changed",
              {{"task_id", options_.task_id}, {"role", batch::RoleName(*news.role)}});
    SetRole(*news.role);
  }
  OnCommands(std::move(news.commands));
}

bool Pipe::IsNew(const batch::Command& command) {
  if (command.command_id.empty()) return true;
  if (std::ranges::find(commands_seen_, command.command_id) != commands_seen_.end()) return false;
  commands_seen_.push_back(command.command_id);
  if (commands_seen_.size() > kCommandsSeenMax) commands_seen_.pop_front();
  return true;
}

void Pipe::OnCommands(std::vector<batch::Command> commands) {
  std::vector<std::string> arrived;
  for (const batch::Command& command : commands) {
    if (!command.command_id.empty()) arrived.push_back(command.command_id);
  }
  if (!arrived.empty()) control_.Acknowledge(std::move(arrived));
  for (batch::Command& command : commands) {
    if (!IsNew(command)) continue;
    log_.Info("command", {{"task_id", options_.task_id},
                          {"kind", PrintablePath(command.kind)},
                          {"path", PrintablePath(command.path)},
                          {"job_id", PrintablePath(command.job_id)}});
    if (command.kind == "scan") {
      const Result<std::string> path = NormalizeViewPath(command.path);
      // What is no path goes there as it is, and is refused where the job is known.
      source_.StartJob(command.job_id, path.ok() ? *path : command.path, command.recursive);
    } else if (options_.on_command) {
      options_.on_command(std::move(command));
    } else {
      log_.Warn("a command is not known", {{"task_id", options_.task_id}});
    }
  }
}

void Pipe::TellVitals() {
  control_.Tell({.can_realtime = source_.source().tree_info().watch_mechanism != "none",
                 .state = source_.scanning() ? "scanning" : "watching",
                 .rows_sent = state_.rows_sent});
}

// --- Streams -------------------------------------------------------------------------------------

env::Task<Status> Pipe::RunStream(std::string session_id) {
  Result<std::unique_ptr<ReportStream>> opened = co_await link_.Report(std::move(session_id));
  if (!opened.ok()) co_return opened.status();
  const std::unique_ptr<ReportStream> stream = std::move(opened).value();
  const std::stop_token stop = session_stop_.get_token();
  state_.connected = true;
  acks_ended_.reset();
  stream_tasks_.Spawn(ReadAcks(stream.get()));
  const std::stop_callback on_stop(stop, [&stream] { stream->Cancel(); });
  Status sent = co_await SendLoop(stream.get(), stop);
  stream->Cancel();
  co_await stream_tasks_.Join();
  // What Fusion said last tells more than that it could not be sent to.
  if (acks_ended_->code() != Code::kCancelled) co_return *acks_ended_;
  co_return sent;
}

env::Task<Status> Pipe::SendLoop(ReportStream* stream, std::stop_token stop) {
  std::uint64_t last = 0;
  while (!stop.stop_requested() && !acks_ended_) {
    // What an earlier stream may have lost goes first; Fusion drops what it has.
    std::shared_ptr<Sent> next = FirstAfter(last);
    if (next == nullptr) next = TakeNext();
    if (next == nullptr) {
      const Status waited = co_await source_.changed().Wait(Instant::Max(), stop);
      if (!waited.ok()) co_return waited;
      continue;
    }
    last = next->batch.sequence;
    if (next->batch.mark == batch::ScanMark::kBegin) {  // It may have waited for this stream.
      next->batch.begun_ago_ms = (data_.clock().Now() - next->scan_begun).count() / 1'000'000;
    }
    const Result<std::uint64_t> sent = co_await stream->Send(next->batch);
    if (!sent.ok()) co_return sent.status();
    OnSent(next.get(), *sent);
  }
  co_return Stopped();
}

std::shared_ptr<Pipe::Sent> Pipe::FirstAfter(std::uint64_t sequence) const {
  if (unacknowledged_.empty()) return nullptr;
  const std::uint64_t first = unacknowledged_.front()->batch.sequence;
  const std::uint64_t at = sequence < first ? 0 : sequence - first + 1;
  return at < unacknowledged_.size() ? unacknowledged_[at] : nullptr;
}

std::shared_ptr<Pipe::Sent> Pipe::TakeNext() {
  if (state_.unacknowledged_bytes >= credit_bytes_) return nullptr;
  std::optional<batch::Batch> batch = source_.Take();
  if (!batch) return nullptr;
  Project(&*batch);
  batch->sequence = ++last_sequence_;
  batch->index_ms = IndexMs();
  unacknowledged_.push_back(std::make_shared<Sent>());
  unacknowledged_.back()->scan_begun = data_.clock().Now() - Millis(batch->begun_ago_ms);
  unacknowledged_.back()->batch = std::move(*batch);
  return unacknowledged_.back();
}

// One time line for all phases of this agent. It goes on as time does while somebody has set the
// clock back: how far two batches are apart says how much later one of them came.
std::int64_t Pipe::IndexMs() {
  const Instant now = data_.clock().Now();
  const std::int64_t clock_ms = data_.clock().WallNow().ns / 1'000'000;
  const std::int64_t going_on_ms = line_ms_ + (now - line_since_).count() / 1'000'000;
  if (clock_ms < going_on_ms) return going_on_ms;
  line_ms_ = clock_ms;
  line_since_ = now;
  return clock_ms;
}

void Pipe::Project(batch::Batch* batch) {
  projection_.Apply(batch);
  const std::uint64_t before = state_.fields_left_out + state_.rows_left_out;
  state_.fields_left_out = projection_.fields_left_out();
  state_.rows_left_out = projection_.rows_left_out();
  const Instant now = data_.clock().Now();
  const bool news = state_.fields_left_out + state_.rows_left_out != before;
  if (!news || now - told_left_out_ < kTellLeftOutEvery) return;
  told_left_out_ = now;
  log_.Warn("fields_mapping leaves out what it cannot convert", {{"task_id", options_.task_id},
                                                                 {"fields", state_.fields_left_out},
                                                                 {"rows", state_.rows_left_out}});
}

void Pipe::OnSent(Sent* sent, std::uint64_t bytes) {
  if (sent->bytes == 0) {
    sent->bytes = bytes;
    state_.rows_sent += sent->batch.row_count();
    if (!sent->acknowledged) state_.unacknowledged_bytes += bytes;
  }
  TellVitals();
}

env::Task<void> Pipe::ReadAcks(ReportStream* stream) {
  for (;;) {
    const Result<std::uint64_t> acknowledged = co_await stream->NextAck();
    if (!acknowledged.ok()) {
      acks_ended_ = acknowledged.status();
      stream->Cancel();
      source_.changed().Set();
      co_return;
    }
    OnAcknowledged(*acknowledged);
    if (session_stop_.stop_requested()) continue;
    OnCommands(stream->TakeCommands());
  }
}

void Pipe::OnAcknowledged(std::uint64_t sequence) {
  bool news = false;
  while (!unacknowledged_.empty() && unacknowledged_.front()->batch.sequence <= sequence) {
    unacknowledged_.front()->acknowledged = true;
    state_.unacknowledged_bytes -= unacknowledged_.front()->bytes;
    unacknowledged_.pop_front();
    news = true;
  }
  if (!news) return;
  Succeeded();
  TellVitals();
  source_.changed().Set();
}

// The next failure is a new one.
void Pipe::Succeeded() {
  backoff_ = options_.backoff_min;
  state_.failures_in_a_row = 0;
}

}  // namespace fustor::agent
