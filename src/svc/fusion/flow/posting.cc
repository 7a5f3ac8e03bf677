// The part of SessionHost for agents that post what they have.

#include <algorithm>
#include <utility>

#include "svc/fusion/flow/session_host.h"

namespace fustor::fusion {
namespace {

Status Obsolete() { return {Code::kNotFound, "Session obsoleted"}; }

}  // namespace

// What the shards have still to answer to batches that were delivered. Touched on the control
// executor only.
struct SessionHost::Gathering {
  std::size_t missing = 0;
  Status status;
  env::Completion<Status> done;

  void Take(const Status& answer) {
    if (status.ok() && !answer.ok()) status = answer;
    if (--missing == 0) done.resolver()(status);
  }
};

bool SessionHost::Posted::JobEnds() const {
  if (!numbered) return ends == batch::Source::kJob;
  const batch::Batch& batch = batches.front();
  return batch.source == batch::Source::kJob && batch.mark == batch::ScanMark::kEnd &&
         part.part + 1 == part.parts;
}

SessionHost::Host* SessionHost::HostOf(SessionKey session) {
  for (auto& [id, host] : hosts_) {
    if (host->sessions.Find(session) != nullptr) return host.get();
  }
  return nullptr;
}

bool SessionHost::MayPost(const Host& host, const Caller& caller) {
  return !host.pipe.key_required || Find(caller) == &host;
}

Result<SessionHost::Host*> SessionHost::FindPoster(const Caller& caller,
                                                   const std::string& session_id) {
  for (auto& [id, host] : hosts_) {
    if (host->sessions.Find(session_id) == nullptr) continue;
    if (!MayPost(*host, caller)) {
      return Status(Code::kUnauthenticated,
                    caller.key.empty() ? "API key required" : "Invalid API key");
    }
    return host.get();
  }
  return Obsolete();
}

Result<batch::HeartbeatAnswer> SessionHost::BeatPosted(const Caller& caller,
                                                       const std::string& session_id,
                                                       const PostedBeat& beat) {
  FUSTOR_TRY_ASSIGN(Host* const host, FindPoster(caller, session_id));
  const Sessions::Session& before = *host->sessions.Find(session_id);
  batch::Heartbeat full;
  full.session_id = session_id;
  full.can_realtime = beat.can_realtime.value_or(before.can_realtime);
  full.state = beat.state.value_or(before.state);
  full.rows_sent = beat.rows_sent.value_or(before.rows_sent);
  full.acknowledged_commands = beat.acknowledged_commands;
  return BeatHere(host, full);
}

Status SessionHost::ClosePosted(const Caller& caller, const std::string& session_id) {
  const Result<Host*> host = FindPoster(caller, session_id);
  if (!host.ok()) return host.status().code() == Code::kNotFound ? Status() : host.status();
  Sessions::Effects effects;
  (*host)->sessions.Close(session_id, &effects);
  Carry(*host, effects);
  ArmTimer();
  return {};
}

Result<SessionHost::Entry> SessionHost::Admit(const Caller& caller, const std::string& session_id,
                                              std::uint64_t bytes) {
  FUSTOR_TRY_ASSIGN(Host* const host, FindPoster(caller, session_id));
  const Result<const Sessions::Session*> session =
      host->sessions.Touch(session_id, executor_.clock().Now(), executor_.clock().WallNow());
  if (!session.ok()) return Obsolete();
  // Two who number the batches of one session would take each other's for repetitions.
  if (host->streams.contains((*session)->key)) {
    return Status(Code::kFailedPrecondition, "This session reports over a stream");
  }
  Poster& poster = host->posters[(*session)->key];
  if (poster.under_way >= kPostsPerSession) {
    return Status(Code::kResourceExhausted, "This session has posted " +
                                                std::to_string(kPostsPerSession) +
                                                " requests that are still being applied");
  }
  if (posted_bytes_ != 0 && posted_bytes_ + bytes > kPostedBytesMax) {
    return Status(Code::kUnavailable, "Fusion is busy with what agents have posted");
  }
  ++poster.under_way;
  posted_bytes_ += bytes;
  return Entry{(*session)->key, session_id, host->pipe.id, bytes};
}

void SessionHost::Leave(const Entry& entry) {
  posted_bytes_ -= entry.bytes;
  const auto host = hosts_.find(entry.pipe_id);
  if (host == hosts_.end()) return;
  const auto poster = host->second->posters.find(entry.session);
  if (poster == host->second->posters.end()) return;  // The session is over.
  --poster->second.under_way;
}

std::shared_ptr<SessionHost::Gathering> SessionHost::DeliverAll(
    SessionKey session, const std::vector<std::shared_ptr<Shard>>& shards,
    std::vector<batch::Batch> batches) {
  auto gathering = std::make_shared<Gathering>();
  gathering->missing = batches.size() * shards.size();
  if (gathering->missing == 0) gathering->done.resolver()(Status());
  for (batch::Batch& batch : batches) {
    const auto shared = std::make_shared<const batch::Batch>(std::move(batch));
    for (const std::shared_ptr<Shard>& shard : shards) {
      shard->Deliver(session, shared, [&control = executor_, gathering](Status status) {
        control.Post([gathering, status = std::move(status)] { gathering->Take(status); });
      });
    }
  }
  return gathering;
}

// What is to be delivered.
Result<std::vector<batch::Batch>> SessionHost::Number(Posted posted, Poster* poster) {
  if (posted.numbered != poster->numbered.any() &&
      (poster->numbered.any() || poster->scans.any())) {
    return Status(Code::kFailedPrecondition, "Numbered batches and others in one session");
  }
  if (!posted.numbered) return poster->scans.Take(std::move(posted.batches), posted.ends);
  FUSTOR_CHECK(posted.batches.size() == 1);
  return poster->numbered.Take(std::move(posted.batches.front()), posted.part);
}

env::Task<Status> SessionHost::Push(Entry entry, Posted posted) {
  const auto found = hosts_.find(entry.pipe_id);
  Host* const host = found == hosts_.end() ? nullptr : found->second.get();
  const auto poster =
      host == nullptr ? decltype(host->posters.end())() : host->posters.find(entry.session);
  if (host == nullptr || poster == host->posters.end()) {
    Leave(entry);
    co_return Obsolete();
  }
  const std::uint64_t events = posted.events;
  const SessionKey session = entry.session;
  const std::string job_id = std::move(posted.job_id);
  const std::string job_error = std::move(posted.job_error);
  const bool of_job = std::ranges::any_of(posted.batches, [](const batch::Batch& batch) {
    return batch.source == batch::Source::kJob;
  });
  const bool job_ends = !job_id.empty() && posted.JobEnds();
  host->counts.events_received += events;
  if (posted.rejected != 0) ++host->counts.errors;
  Result<std::vector<batch::Batch>> batches = Number(std::move(posted), &poster->second);
  if (!batches.ok()) {
    Leave(entry);
    co_return batches.status();
  }
  const std::shared_ptr<Gathering> gathering =
      DeliverAll(entry.session, host->pipe.shards, *std::move(batches));
  Status status = co_await gathering->done.Wait();
  if (const auto still = hosts_.find(entry.pipe_id); status.ok() && still != hosts_.end()) {
    still->second->counts.events_processed += events;
  }
  if (status.ok() && (job_ends || of_job)) NoteJob(session, job_ends, job_id, job_error);
  Leave(entry);
  if (status.code() == Code::kUnauthenticated) co_return Obsolete();
  co_return status;
}

env::Task<Result<std::size_t>> SessionHost::MarkScan(std::string pipe_id, batch::Source source,
                                                     bool begins) {
  const auto found = hosts_.find(pipe_id);
  if (found == hosts_.end()) co_return Status(Code::kNotFound, "No such pipe");
  Host& host = *found->second;
  const std::vector<std::shared_ptr<Shard>> shards = host.pipe.shards;
  std::vector<std::shared_ptr<Gathering>> deliveries;
  if (begins) {
    // Who numbers batches by itself says so by itself.
    const auto leader = host.posters.find(host.sessions.leader());
    if (leader != host.posters.end() && !leader->second.numbered.any()) {
      deliveries.push_back(DeliverAll(leader->first, shards, leader->second.scans.Begin(source)));
    }
  } else {
    for (auto& [session, poster] : host.posters) {
      deliveries.push_back(DeliverAll(session, shards, poster.scans.Take({}, source)));
    }
  }
  for (const auto& delivery : deliveries) (void)co_await delivery->done.Wait();
  co_return shards.size();
}

std::optional<std::string> SessionHost::PipeOf(const Caller& caller) {
  const Host* const host = Find(caller);
  if (host == nullptr) return std::nullopt;
  return host->pipe.id;
}

void SessionHost::CountStreamed(SessionKey session, std::uint64_t received,
                                std::uint64_t processed) {
  Host* const host = HostOf(session);
  if (host == nullptr) return;
  host->counts.events_received += received;
  host->counts.events_processed += processed;
}

std::vector<SessionHost::PipeInfo> SessionHost::ListPipes() const {
  std::vector<PipeInfo> list;
  for (const auto& [id, host] : hosts_) {
    PipeInfo& info = list.emplace_back(host->counts);
    info.id = id;
    info.receiver = host->pipe.receiver;
    info.policy = host->pipe.sessions.policy;
    for (const auto& [session, poster] : host->posters) info.queue_size += poster.under_way;
    for (const auto& shard : host->pipe.shards) info.view_ids.push_back(shard->view_id());
    for (const Sessions::Session* session : host->sessions.all()) {
      info.session_ids.push_back(session->id);
      if (host->sessions.IsLeader(session->key)) info.leader_id = session->id;
    }
  }
  return list;
}

std::vector<std::shared_ptr<Shard>> SessionHost::ShardsOf(const std::string& pipe_id) const {
  const auto found = hosts_.find(pipe_id);
  if (found == hosts_.end()) return {};
  return found->second->pipe.shards;
}

}  // namespace fustor::fusion
