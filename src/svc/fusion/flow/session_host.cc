#include "svc/fusion/flow/session_host.h"

#include <algorithm>

#include "base/check.h"

namespace fustor::fusion {
namespace {

constexpr std::size_t kSessionIdBytes = 16;  // Random: the id is a credential of its own.

Status Obsolete() { return {Code::kUnauthenticated, "Session obsoleted"}; }
Status BadKey() { return {Code::kUnauthenticated, "Invalid API key"}; }

bool Feeds(const SessionHost::Pipe& pipe, const std::string& view_id) {
  return std::ranges::any_of(pipe.shards,
                             [&](const auto& shard) { return shard->view_id() == view_id; });
}

}  // namespace

SessionHost::SessionHost(env::Executor& executor, env::Random& random, Logger log)
    : executor_(executor), random_(random), log_(std::move(log)) {}

SessionHost::~SessionHost() { *alive_ = false; }

bool SessionHost::Same(const Pipe& a, const Pipe& b) {
  const Sessions::Options& x = a.sessions;
  const Sessions::Options& y = b.sessions;
  return a.receiver == b.receiver && a.keys == b.keys && a.shards == b.shards &&
         a.audit_interval == b.audit_interval && a.sentinel_interval == b.sentinel_interval &&
         a.key_required == b.key_required && x.policy == y.policy &&
         x.timeout_default == y.timeout_default && x.timeout_min == y.timeout_min &&
         x.timeout_max == y.timeout_max && x.sessions_max == y.sessions_max;
}

PipeNumber SessionHost::NextNumber() {
  // 65,535 changes of pipes in one process are not expected; a number in use is never given again.
  const auto used = [&](PipeNumber n) {
    return n == 0 ||
           std::ranges::any_of(hosts_, [&](const auto& h) { return h.second->number == n; });
  };
  do {
    ++last_number_;
  } while (used(last_number_));
  return last_number_;
}

void SessionHost::SetPipes(std::vector<Pipe> pipes) {
  std::map<std::string, Pipe> wanted;
  for (Pipe& pipe : pipes) {
    std::string id = pipe.id;
    wanted.emplace(std::move(id), std::move(pipe));
  }
  for (auto it = hosts_.begin(); it != hosts_.end();) {
    const auto same = wanted.find(it->first);
    if (same != wanted.end() && Same(same->second, it->second->pipe)) {
      wanted.erase(same);
      ++it;
      continue;
    }
    Retire(it->second.get(), "the pipe was reconfigured");
    it = hosts_.erase(it);
  }
  for (auto& [id, pipe] : wanted) {
    const PipeNumber number = NextNumber();
    Sessions::Options options = pipe.sessions;
    options.pipe_number = number;
    for (const auto& shard : pipe.shards) shard->AddPipe(number, id, options.policy);
    hosts_.emplace(id, std::make_unique<Host>(Host{std::move(pipe), number, Sessions(options)}));
  }
  keys_.clear();
  for (auto& [id, host] : hosts_) {
    for (const std::string& key : host->pipe.keys) {
      keys_.emplace(std::pair(host->pipe.receiver, key), host.get());
    }
  }
  ArmTimer();
}

void SessionHost::Retire(Host* host, const std::string& reason) {
  Sessions::Effects effects;
  for (const Sessions::Session* session : host->sessions.all()) {
    const std::string id = session->id;
    host->sessions.Close(id, &effects);
  }
  for (Sessions::Effect& effect : effects) effect.reason = reason;
  Carry(host, effects);
  for (const auto& shard : host->pipe.shards) shard->RemovePipe(host->number);
}

void SessionHost::Stop() {
  for (auto& [id, host] : hosts_) Retire(host.get(), "Fusion stops");
  keys_.clear();
  hosts_.clear();
  executor_.CancelTimer(timer_);
  timer_ = 0;
  stopped_ = true;
}

SessionHost::Host* SessionHost::Find(const Caller& caller) {
  if (caller.receiver.empty()) {
    // A key of two receivers opens the pipe of the first by name.
    const auto any = std::ranges::find_if(
        keys_, [&](const auto& entry) { return entry.first.second == caller.key; });
    return caller.key.empty() || any == keys_.end() ? nullptr : any->second;
  }
  const auto it = keys_.find(std::pair(caller.receiver, caller.key));
  return it == keys_.end() ? nullptr : it->second;
}

Result<batch::SessionGrant> SessionHost::Open(const Caller& caller,
                                              const batch::SessionRequest& request) {
  Host* const host = Find(caller);
  if (host == nullptr) return BadKey();
  Sessions::Effects effects;
  Result<const Sessions::Session*> opened =
      host->sessions.Open(request, random_.Hex(kSessionIdBytes), caller.peer,
                          executor_.clock().Now(), executor_.clock().WallNow(), &effects);
  Carry(host, effects);
  ArmTimer();
  if (!opened.ok()) return opened.status();
  const Sessions::Session& session = **opened;
  batch::SessionGrant grant;
  grant.session_id = session.id;
  grant.role = host->sessions.IsLeader(session.key) ? batch::Role::kLeader : batch::Role::kFollower;
  grant.timeout = session.timeout;
  grant.audit_interval = host->pipe.audit_interval;
  grant.sentinel_interval = host->pipe.sentinel_interval;
  for (const auto& shard : host->pipe.shards) grant.view_ids.push_back(shard->view_id());
  grant.credit_bytes = kCreditBytes;
  grant.capabilities = {"move", "columns", "batches", "sweeps"};
  return grant;
}

Result<batch::HeartbeatAnswer> SessionHost::Beat(const Caller& caller,
                                                 const batch::Heartbeat& beat) {
  Host* const host = Find(caller);
  if (host == nullptr) return BadKey();
  return BeatHere(host, beat);
}

Result<batch::HeartbeatAnswer> SessionHost::BeatHere(Host* host, const batch::Heartbeat& beat) {
  Sessions::Effects effects;
  const Result<const Sessions::Session*> session =
      host->sessions.Beat(beat, executor_.clock().Now(), executor_.clock().WallNow(), &effects);
  Carry(host, effects);
  ArmTimer();
  if (!session.ok()) return Obsolete();
  batch::HeartbeatAnswer answer;
  answer.role =
      host->sessions.IsLeader((*session)->key) ? batch::Role::kLeader : batch::Role::kFollower;
  answer.commands = TakeCommands(host, (*session)->key);
  return answer;
}

Status SessionHost::Close(const Caller& caller, const std::string& session_id) {
  Host* const host = Find(caller);
  if (host == nullptr) return BadKey();
  Sessions::Effects effects;
  host->sessions.Close(session_id, &effects);
  Carry(host, effects);
  ArmTimer();
  return {};
}

Result<SessionHost::Ticket> SessionHost::Join(const Caller& caller, const std::string& session_id) {
  Host* const host = Find(caller);
  if (host == nullptr) return BadKey();
  const Result<const Sessions::Session*> session =
      host->sessions.Touch(session_id, executor_.clock().Now(), executor_.clock().WallNow());
  if (!session.ok()) return Obsolete();
  const SessionKey key = (*session)->key;
  if (host->posters.contains(key)) {
    return Status(Code::kFailedPrecondition, "This session posts its rows over HTTP");
  }
  std::stop_source stream;
  const auto earlier = host->streams.find(key);
  if (earlier != host->streams.end()) earlier->second.request_stop();
  host->streams[key] = stream;
  return Ticket{key, session_id, host->pipe.shards, stream.get_token()};
}

Result<std::vector<std::shared_ptr<Shard>>> SessionHost::ShardsOfSession(
    const Caller& caller, const std::string& session_id) {
  Host* const host = Find(caller);
  if (host == nullptr) return BadKey();
  const Result<const Sessions::Session*> session =
      host->sessions.Touch(session_id, executor_.clock().Now(), executor_.clock().WallNow());
  if (!session.ok()) return Obsolete();
  return host->pipe.shards;
}

void SessionHost::Carry(Host* host, const Sessions::Effects& effects) {
  CarryToJobs(*host, effects);
  for (const Sessions::Effect& effect : effects) {
    ViewStatus::Reporter reporter;
    if (effect.kind == Sessions::Effect::Kind::kStarted) {
      const Sessions::Session* session = host->sessions.Find(effect.session);
      FUSTOR_CHECK(session != nullptr);
      reporter = {session->agent_id, session->source_uri, session->delete_fraction_max};
      ++host->counts.sessions_created;
      log_.Info("session started", {{"pipe", host->pipe.id},
                                    {"task_id", session->task_id},
                                    {"peer", session->peer},
                                    {"source", session->source_uri}});
    }
    if (effect.kind == Sessions::Effect::Kind::kEnded) {
      ++host->counts.sessions_closed;
      host->posters.erase(effect.session);
      host->listeners.erase(effect.session);
      host->commands.erase(effect.session);
      log_.Info("session ended", {{"pipe", host->pipe.id}, {"reason", effect.reason}});
    }
    for (const auto& shard : host->pipe.shards) shard->Tell(host->number, effect, reporter);
    if (effect.kind != Sessions::Effect::Kind::kEnded) continue;
    const auto stream = host->streams.find(effect.session);
    if (stream == host->streams.end()) continue;
    // The shards know: what is still on its way is refused there.
    std::stop_source source = stream->second;
    host->streams.erase(stream);
    source.request_stop();
  }
}

void SessionHost::ArmTimer() {
  executor_.CancelTimer(timer_);
  timer_ = 0;
  if (stopped_) return;
  Instant due = jobs_.NextExpiry().value_or(Instant::Max());
  for (const auto& [id, host] : hosts_) {
    due = std::min(due, host->sessions.NextExpiry().value_or(Instant::Max()));
  }
  if (due == Instant::Max()) return;
  timer_ = executor_.PostAt(due, [this, alive = alive_] {
    if (*alive) Tick();
  });
}

void SessionHost::Tick() {
  for (auto& [id, host] : hosts_) {
    Sessions::Effects effects;
    host->sessions.Tick(executor_.clock().Now(), &effects);
    Carry(host.get(), effects);
  }
  jobs_.Tick(Time());
  ArmTimer();
}

std::vector<SessionInfo> SessionHost::ListSessions(const std::string& view_id) const {
  std::vector<SessionInfo> list;
  for (const auto& [id, host] : hosts_) {
    if (!Feeds(host->pipe, view_id)) continue;
    for (const Sessions::Session* session : host->sessions.all()) {
      list.push_back({*session, host->sessions.IsLeader(session->key),
                      host->pipe.sessions.policy == SessionPolicy::kShared});
    }
  }
  return list;
}

void SessionHost::EndSessions(const std::string& view_id, const std::string& reason) {
  for (auto& [id, host] : hosts_) {
    if (!Feeds(host->pipe, view_id)) continue;
    Sessions::Effects effects;
    for (const Sessions::Session* session : host->sessions.all()) {
      const std::string session_id = session->id;
      host->sessions.Close(session_id, &effects);
    }
    for (Sessions::Effect& effect : effects) effect.reason = reason;
    Carry(host.get(), effects);
  }
  ArmTimer();
}

}  // namespace fustor::fusion
