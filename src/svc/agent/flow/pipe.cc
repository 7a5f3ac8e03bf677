#include "svc/agent/flow/pipe.h"

#include <algorithm>
#include <utility>

namespace fustor::agent {

Pipe::Pipe(Options options, env::Executor& data, env::Executor& control, Source& source,
           FusionLink& link, Logger log)
    : options_(std::move(options)),
      data_(data),
      control_(control),
      source_(source),
      link_(link),
      log_(std::move(log)),
      prng_(options_.seed),
      backoff_(options_.backoff_min),
      tasks_(data) {}

void Pipe::Start() { tasks_.Spawn(Run()); }

env::Task<void> Pipe::Stop() {
  tasks_.RequestStop();
  source_.changed().Set();
  co_await tasks_.Join();
}

void Pipe::Abandon() { tasks_.Abandon(); }

env::Task<Status> Pipe::BackOff() {
  // Full jitter on the upper half: between 50 % and 100 % of the step.
  const std::int64_t step = backoff_.count();
  const Nanos wait(prng_.Between(step / 2, step));
  backoff_ = std::min(backoff_ * 2, options_.backoff_max);
  co_return co_await env::SleepFor(wait, tasks_.stop_token());
}

env::Task<void> Pipe::Run() {
  const std::stop_token stop = tasks_.stop_token();
  while (!stop.stop_requested()) {
    batch::SessionRequest request;
    request.task_id = options_.task_id;
    request.agent_id = options_.agent_id;
    request.source_uri = options_.source_uri;
    request.timeout = options_.session_timeout;
    request.capabilities = {"move", "columns"};
    Result<batch::SessionGrant> grant = co_await link_.Open(std::move(request));
    Status ended;
    if (grant.ok()) {
      backoff_ = options_.backoff_min;
      ended = co_await RunSession(std::move(grant).value());
    } else {
      ended = grant.status();
    }
    state_.connected = false;
    state_.last_error = ended.message();
    if (stop.stop_requested()) co_return;
    if (session_over_) continue;  // A new session at once.
    log_.Warn("no session, trying again",
              {{"task_id", options_.task_id}, {"error", ended.message()}});
    const Status waited = co_await BackOff();
    if (!waited.ok()) co_return;
  }
}

env::Task<Status> Pipe::RunSession(batch::SessionGrant grant) {
  log_.Info("session opened",
            {{"task_id", options_.task_id},
             {"role", grant.role == batch::Role::kLeader ? "leader" : "follower"}});
  session_over_ = false;
  snapshot_started_ = false;
  unacknowledged_.clear();
  last_sequence_ = 0;
  state_.unacknowledged_bytes = 0;
  credit_bytes_ = std::max<std::uint64_t>(grant.credit_bytes, 1 << 20);
  state_.connected = true;
  state_.role = grant.role;
  state_.session_id = grant.session_id;
  ++state_.sessions;
  source_.Restart();
  if (grant.role == batch::Role::kLeader) BecomeLeader();

  std::stop_source session_stop;
  const std::stop_callback chain(tasks_.stop_token(), [&] { session_stop.request_stop(); });
  tasks_.Spawn(KeepAlive(grant.session_id, grant.timeout / 3, session_stop.get_token()));
  Status ended;
  while (!session_over_ && !tasks_.stop_token().stop_requested()) {
    ended = co_await RunStream(grant.session_id);
    if (ended.code() == Code::kUnauthenticated) session_over_ = true;
    if (session_over_ || tasks_.stop_token().stop_requested()) break;
    state_.last_error = ended.message();
    const Status waited = co_await BackOff();
    if (!waited.ok()) break;
  }
  session_stop.request_stop();
  if (tasks_.stop_token().stop_requested()) {
    const Status closed = co_await link_.Close(grant.session_id);
    if (!closed.ok()) log_.Debug("session not closed", {{"error", closed.message()}});
  }
  co_return ended;
}

void Pipe::BecomeLeader() {
  state_.role = batch::Role::kLeader;
  if (std::exchange(snapshot_started_, true)) return;
  source_.StartScan();
}

env::Task<Status> Pipe::RunStream(std::string session_id) {
  Result<std::unique_ptr<ReportStream>> opened = co_await link_.Report(session_id);
  if (!opened.ok()) co_return opened.status();
  const std::unique_ptr<ReportStream> stream = std::move(opened).value();
  stream_broken_ = false;
  stream_status_ = Status();
  env::TaskGroup acks(data_);
  acks.Spawn(ReadAcks(stream.get()));
  const std::stop_callback on_stop(tasks_.stop_token(), [&] { stream->Cancel(); });
  Status sent = co_await SendLoop(stream.get());
  stream->Cancel();
  co_await acks.Join();
  if (!stream_status_.ok() && stream_status_.code() != Code::kCancelled) co_return stream_status_;
  co_return sent;
}

std::optional<batch::Batch> Pipe::NextBatch() {
  if (state_.unacknowledged_bytes >= credit_bytes_) return std::nullopt;
  std::optional<batch::Batch> batch = source_.Take();
  if (!batch) return std::nullopt;
  batch->sequence = ++last_sequence_;
  // One time line for all phases of this agent, which never goes back.
  last_index_ms_ = std::max(last_index_ms_, data_.clock().WallNow().ns / 1'000'000);
  batch->index_ms = last_index_ms_;
  return batch;
}

env::Task<Status> Pipe::SendLoop(ReportStream* stream) {
  const std::stop_token stop = tasks_.stop_token();
  // What an earlier stream may have lost goes first; Fusion drops what it has.
  for (std::size_t i = 0; i < unacknowledged_.size(); ++i) {
    const Result<std::uint64_t> again = co_await stream->Send(unacknowledged_[i].batch);
    if (!again.ok()) co_return again.status();
  }
  while (!stop.stop_requested() && !stream_broken_ && !session_over_) {
    std::optional<batch::Batch> batch = NextBatch();
    if (!batch) {
      const Status waited = co_await source_.changed().Wait(Instant::Max(), stop);
      if (waited.code() == Code::kCancelled) co_return waited;
      continue;
    }
    const std::uint64_t rows = batch->row_count();
    unacknowledged_.push_back({std::move(*batch), 0});
    // By copy of the pointer only: the deque keeps the batch where it is while it is sent.
    const std::uint64_t sequence = last_sequence_;
    const Result<std::uint64_t> sent = co_await stream->Send(unacknowledged_.back().batch);
    if (!sent.ok()) co_return sent.status();
    if (!unacknowledged_.empty() && unacknowledged_.back().batch.sequence == sequence) {
      unacknowledged_.back().bytes = *sent;
      state_.unacknowledged_bytes += *sent;
    }
    state_.rows_sent += rows;
  }
  co_return Status(Code::kCancelled, "stream ended");
}

env::Task<void> Pipe::ReadAcks(ReportStream* stream) {
  for (;;) {
    const Result<std::uint64_t> acknowledged = co_await stream->NextAck();
    if (!acknowledged.ok()) {
      stream_status_ = acknowledged.status();
      stream_broken_ = true;
      stream->Cancel();
      source_.changed().Set();
      co_return;
    }
    while (!unacknowledged_.empty() && unacknowledged_.front().batch.sequence <= *acknowledged) {
      state_.unacknowledged_bytes -= unacknowledged_.front().bytes;
      unacknowledged_.pop_front();
    }
    source_.changed().Set();
  }
}

env::Task<Result<batch::HeartbeatAnswer>> Pipe::BeatOnce(batch::Heartbeat beat) {
  co_return co_await link_.Beat(std::move(beat));
}

env::Task<void> Pipe::KeepAlive(std::string session_id, Nanos interval, std::stop_token stop) {
  while (!stop.stop_requested()) {
    const Status slept = co_await env::SleepFor(interval, stop);
    if (!slept.ok()) co_return;
    batch::Heartbeat beat;
    beat.session_id = session_id;
    beat.can_realtime = true;
    beat.rows_sent = state_.rows_sent;
    env::Task<Result<batch::HeartbeatAnswer>> once = BeatOnce(std::move(beat));
    Result<batch::HeartbeatAnswer> answer = co_await env::RunOn(control_, std::move(once));
    if (stop.stop_requested()) co_return;
    if (answer.ok()) {
      if (answer->role == batch::Role::kLeader) BecomeLeader();
      continue;
    }
    if (answer.status().code() == Code::kUnauthenticated) {
      session_over_ = true;
      stream_broken_ = true;
      source_.changed().Set();
      co_return;
    }
    log_.Warn("heartbeat failed", {{"error", answer.status().message()}});
  }
}

}  // namespace fustor::agent
