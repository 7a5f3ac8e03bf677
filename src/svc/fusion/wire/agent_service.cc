#include "svc/fusion/wire/agent_service.h"

#include <algorithm>
#include <deque>
#include <optional>
#include <set>
#include <utility>

#include "env/signal.h"
#include "env/task_group.h"
#include "lib/batch/methods.h"

namespace fustor::fusion {

// What one stream has under way. Touched on the ingest executor only.
struct AgentService::Inflow {
  struct Batch {
    std::uint64_t sequence = 0;
    std::size_t shards = 0;  // That have not said yet that they are done.
  };
  std::deque<Batch> under_way;
  std::uint64_t applied = 0;  // All batches up to here.
  std::uint64_t answered = 0;
  Status failed;
  std::vector<batch::Command> commands;  // To be sent.
  bool ended = false;                    // No more answers are wanted.
  env::Stream* stream = nullptr;         // While it may be cancelled.
  env::Signal progress;                  // For who takes batches.
  env::Signal news;                      // For who sends answers.

  // Returns whether all shards have applied the batch.
  bool OnDone(std::uint64_t sequence, const Status& status) {
    bool applied_by_all = false;
    if (!status.ok() && failed.ok()) {
      failed = status;
      if (stream != nullptr) stream->Cancel();  // Nobody may be about to receive.
    }
    for (Batch& batch : under_way) {
      if (batch.sequence != sequence) continue;
      --batch.shards;
      applied_by_all = batch.shards == 0 && failed.ok();
      break;
    }
    while (!under_way.empty() && under_way.front().shards == 0) {
      if (failed.ok()) applied = std::max(applied, under_way.front().sequence);
      under_way.pop_front();
    }
    progress.Set();
    news.Set();
    return applied_by_all;
  }
};

AgentService::AgentService(std::string receiver, SessionHost& host, env::Executor& control,
                           env::Executor& ingest, std::unique_ptr<batch::Compressor> compressor,
                           MetricRegistry& metrics, Logger log)
    : receiver_(std::move(receiver)),
      host_(host),
      control_(control),
      ingest_(ingest),
      compressor_(std::move(compressor)),
      log_(std::move(log)),
      rows_(metrics.AddCounter("fustor_fusion_received_rows_total", "Rows received from agents.",
                               {{"receiver", receiver_}})),
      bytes_(metrics.AddCounter("fustor_fusion_received_bytes_total",
                                "Encoded bytes of batches received from agents.",
                                {{"receiver", receiver_}})),
      skipped_rows_(metrics.AddCounter("fustor_fusion_skipped_rows_total",
                                       "Rows that made no sense and were left out.",
                                       {{"receiver", receiver_}})),
      bad_batches_(metrics.AddCounter("fustor_fusion_bad_batches_total",
                                      "Batches that could not be read.",
                                      {{"receiver", receiver_}})) {}

void AgentService::AddMethods(env::MethodTable* table) {
  const auto unary = [this](auto method) {
    return [this, method](env::CallContext context, std::string request) {
      return (this->*method)(std::move(context), std::move(request));
    };
  };
  table->AddUnary(batch::kOpenSessionMethod, control_, unary(&AgentService::OpenSession));
  table->AddUnary(batch::kHeartbeatMethod, control_, unary(&AgentService::Beat));
  table->AddUnary(batch::kCloseSessionMethod, control_, unary(&AgentService::CloseSession));
  table->AddUnary(batch::kListSuspectsMethod, control_, unary(&AgentService::ListSuspects));
  table->AddUnary(batch::kSweepMethod, control_, unary(&AgentService::Sweep));
  table->AddUnary(batch::kTellConfigMethod, control_, unary(&AgentService::TellConfig));
  table->AddStream(batch::kReportMethod, ingest_,
                   [this](env::CallContext context, env::Stream& stream) {
                     return Report(std::move(context), stream);
                   });
}

SessionHost::Caller AgentService::CallerOf(const env::CallContext& context) const {
  return {receiver_, std::string(context.Find(batch::kApiKeyMetadata)), context.peer};
}

env::Task<Result<std::string>> AgentService::OpenSession(env::CallContext context,
                                                         std::string request) {
  const Result<batch::SessionRequest> decoded = DecodeSessionRequest(request);
  if (!decoded.ok()) co_return decoded.status();
  const Result<batch::SessionGrant> grant = host_.Open(CallerOf(context), *decoded);
  if (!grant.ok()) co_return grant.status();
  co_return EncodeSessionGrant(*grant);
}

env::Task<Result<std::string>> AgentService::Beat(env::CallContext context, std::string request) {
  const Result<batch::Heartbeat> decoded = DecodeHeartbeat(request);
  if (!decoded.ok()) co_return decoded.status();
  const Result<batch::HeartbeatAnswer> answer = host_.Beat(CallerOf(context), *decoded);
  if (!answer.ok()) co_return answer.status();
  co_return EncodeHeartbeatAnswer(*answer);
}

env::Task<Result<std::string>> AgentService::TellConfig(env::CallContext context,
                                                        std::string request) {
  const auto decoded = DecodeConfigReport(request);
  if (!decoded.ok()) co_return decoded.status();
  const Status taken = host_.TakeConfig(CallerOf(context), decoded->first, decoded->second);
  if (!taken.ok()) co_return taken;
  co_return std::string();
}

env::Task<Result<std::string>> AgentService::CloseSession(env::CallContext context,
                                                          std::string request) {
  const Result<std::string> id = DecodeCloseSession(request);
  if (!id.ok()) co_return id.status();
  const Status closed = host_.Close(CallerOf(context), *id);
  if (!closed.ok()) co_return closed;
  co_return EncodeCloseAnswer();
}

// The views of a pipe show the same tree; what is a suspect in one of them is looked at.
env::Task<Result<std::string>> AgentService::ListSuspects(env::CallContext context,
                                                          std::string request) {
  const Result<std::string> id = DecodeListSuspects(request);
  if (!id.ok()) co_return id.status();
  const Result<std::vector<std::shared_ptr<Shard>>> shards =
      host_.ShardsOfSession(CallerOf(context), *id);
  if (!shards.ok()) co_return shards.status();
  std::set<std::string> paths;
  for (const std::shared_ptr<Shard>& shard : *shards) {
    if (paths.size() >= batch::kSweepPathsMax) break;
    std::vector<Arbiter::Suspect> suspects =
        co_await shard->ListSuspects(batch::kSweepPathsMax - paths.size());
    for (Arbiter::Suspect& suspect : suspects) paths.insert(std::move(suspect.path));
  }
  co_return EncodeSuspects({paths.begin(), paths.end()});
}

env::Task<Result<std::string>> AgentService::Sweep(env::CallContext context, std::string request) {
  const Result<SweepReport> report = DecodeSweep(request);
  if (!report.ok()) co_return report.status();
  const Result<std::vector<std::shared_ptr<Shard>>> shards =
      host_.ShardsOfSession(CallerOf(context), report->session_id);
  if (!shards.ok()) co_return shards.status();
  std::set<std::string> differing;
  for (const std::shared_ptr<Shard>& shard : *shards) {
    std::vector<std::string> paths = co_await shard->Settle(report->sightings, report->again);
    for (std::string& path : paths) differing.insert(std::move(path));
  }
  co_return EncodeSweepAnswer({differing.begin(), differing.end()});
}

env::Task<Result<SessionHost::Ticket>> AgentService::Join(SessionHost::Caller caller,
                                                          std::string session_id,
                                                          std::shared_ptr<Inflow> inflow) {
  Result<SessionHost::Ticket> ticket = host_.Join(caller, session_id);
  if (!ticket.ok()) co_return ticket;
  // Called on the control executor; what comes too late for the stream is asked again.
  const auto take = [this, session = ticket->session,
                     stream = std::weak_ptr<Inflow>(inflow)](std::vector<batch::Command> commands) {
    const std::shared_ptr<Inflow> to = stream.lock();
    if (to == nullptr) return false;
    ingest_.Post([this, to, session, commands = std::move(commands)] {
      if (to->ended) {
        control_.Post([&host = host_, session] { host.AskAgain(session); });
        return;
      }
      to->commands.insert(to->commands.end(), commands.begin(), commands.end());
      to->news.Set();
    });
    return true;
  };
  host_.Listen(ticket->session, take);
  co_return ticket;
}

env::Task<Status> AgentService::Report(env::CallContext context, env::Stream& stream) {
  const Result<std::optional<std::string>> first = co_await stream.Receive();
  if (!first.ok()) co_return first.status();
  if (!*first) co_return Status(Code::kInvalidArgument, "the stream names no session");
  Result<std::string> session_id = DecodeReportStart(**first);
  if (!session_id.ok()) co_return session_id.status();
  const auto inflow = std::make_shared<Inflow>();
  env::Task<Result<SessionHost::Ticket>> join =
      Join(CallerOf(context), *std::move(session_id), inflow);
  const Result<SessionHost::Ticket> ticket = co_await env::RunOn(control_, std::move(join));
  if (!ticket.ok()) co_return ticket.status();

  inflow->stream = &stream;
  env::TaskGroup answers(ingest_);
  answers.Spawn(SendAnswers(stream, inflow));
  Status status;
  {
    const std::stop_callback on_end(ticket->ended, [&stream] { stream.Cancel(); });
    status = co_await TakeBatches(*ticket, stream, inflow);
  }
  inflow->ended = true;
  inflow->stream = nullptr;
  inflow->news.Set();
  co_await answers.Join();
  // Unless another stream of the session has them by now.
  if (!inflow->commands.empty() && !ticket->ended.stop_requested()) {
    control_.Post([&host = host_, session = ticket->session] { host.AskAgain(session); });
  }
  if (ticket->ended.stop_requested()) {
    co_return Status(Code::kUnauthenticated, "Session obsoleted");
  }
  co_return inflow->failed.ok() ? status : inflow->failed;
}

env::Task<Status> AgentService::TakeBatches(const SessionHost::Ticket& ticket, env::Stream& stream,
                                            std::shared_ptr<Inflow> inflow) {
  for (;;) {
    while (inflow->failed.ok() && inflow->under_way.size() >= kBatchesInFlight) {
      const Status waited = co_await inflow->progress.Wait(Instant::Max(), ticket.ended);
      if (!waited.ok()) co_return waited;
    }
    if (!inflow->failed.ok()) co_return inflow->failed;
    const Result<std::optional<std::string>> message = co_await stream.Receive();
    if (!message.ok()) co_return message.status();
    if (!*message) break;
    bytes_.Add((*message)->size());
    Result<DecodedBatch> decoded = DecodeReport(**message, *compressor_, {});
    if (!decoded.ok()) {
      bad_batches_.Add();
      log_.Warn("a batch cannot be read", {{"receiver", receiver_},
                                           {"session", ticket.session.value},
                                           {"error", decoded.status().message()}});
      co_return decoded.status();
    }
    rows_.Add(decoded->batch.row_count());
    if (decoded->skipped_rows != 0) {
      skipped_rows_.Add(decoded->skipped_rows);
      log_.Warn("rows made no sense and were left out", {{"receiver", receiver_},
                                                         {"session", ticket.session.value},
                                                         {"rows", decoded->skipped_rows}});
    }
    Deliver(ticket, std::move(decoded->batch), inflow);
  }
  // The agent has said all it will; what it said is still answered.
  while (inflow->failed.ok() &&
         !(inflow->under_way.empty() && inflow->answered == inflow->applied)) {
    const Status waited = co_await inflow->progress.Wait(Instant::Max(), ticket.ended);
    if (!waited.ok()) co_return waited;
  }
  co_return inflow->failed;
}

void AgentService::Deliver(const SessionHost::Ticket& ticket, batch::Batch batch,
                           const std::shared_ptr<Inflow>& inflow) {
  const std::uint64_t sequence = batch.sequence;
  inflow->under_way.push_back({sequence, std::max<std::size_t>(ticket.shards.size(), 1)});
  const auto count = [this, session = ticket.session](std::uint64_t received,
                                                      std::uint64_t processed) {
    control_.Post([&host = host_, session, received, processed] {
      host.CountStreamed(session, received, processed);
    });
  };
  count(1, 0);
  if (ticket.shards.empty()) {  // A pipe without views takes all and keeps nothing.
    (void)inflow->OnDone(sequence, {});
    if (batch.source == batch::Source::kJob) NoteJob(ticket.session, batch);
    return;
  }
  const auto shared = std::make_shared<const batch::Batch>(std::move(batch));
  for (const std::shared_ptr<Shard>& shard : ticket.shards) {
    const bool first = shard == ticket.shards.front();
    shard->Deliver(ticket.session, shared,
                   [this, inflow, first, count, shared, session = ticket.session](Status status) {
                     if (first && status.ok()) count(0, 1);
                     ingest_.Post([this, inflow, shared, session, status = std::move(status)] {
                       const bool all = inflow->OnDone(shared->sequence, status);
                       if (all && shared->source == batch::Source::kJob) NoteJob(session, *shared);
                     });
                   });
  }
}

void AgentService::NoteJob(SessionKey session, const batch::Batch& batch) {
  const bool ended = batch.mark == batch::ScanMark::kEnd;
  control_.Post([&host = host_, session, ended, id = batch.job_id, error = batch.job_error] {
    host.NoteJob(session, ended, id, error);
  });
}

env::Task<void> AgentService::SendAnswers(env::Stream& stream, std::shared_ptr<Inflow> inflow) {
  for (;;) {
    while (inflow->answered == inflow->applied && inflow->commands.empty() && !inflow->ended) {
      (void)co_await inflow->news.Wait(Instant::Max(), {});
    }
    if (inflow->ended) co_return;
    batch::ReportAnswer answer;
    answer.acknowledged_sequence = inflow->applied;
    answer.commands = inflow->commands;
    const Status sent = co_await stream.Send(EncodeReportAnswer(answer));
    if (!sent.ok()) co_return;  // The commands stay, for who asks again.
    inflow->commands.erase(
        inflow->commands.begin(),
        inflow->commands.begin() + static_cast<std::ptrdiff_t>(answer.commands.size()));
    inflow->answered = answer.acknowledged_sequence;
    inflow->progress.Set();
  }
}

}  // namespace fustor::fusion
