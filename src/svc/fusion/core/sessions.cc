#include "svc/fusion/core/sessions.h"

#include <algorithm>

namespace fustor::fusion {

Sessions::Sessions(Options options) : options_(options) {}

Nanos Sessions::TimeoutFor(Nanos hint) const {
  const Nanos wanted = hint > Nanos(0) ? hint : options_.timeout_default;
  return std::max(options_.timeout_min, std::min(wanted, options_.timeout_max));
}

Result<const Sessions::Session*> Sessions::Open(const batch::SessionRequest& request,
                                                std::string id, std::string peer, Instant now,
                                                WallTime wall, Effects* effects) {
  if (request.task_id.empty()) {
    return Status(Code::kInvalidArgument, "task_id is missing; it names the agent and its pipe");
  }
  Tick(now, effects);
  const auto same_task = by_task_.find(request.task_id);
  const bool replaces = same_task != by_task_.end();
  const bool exclusive = options_.policy == SessionPolicy::kExclusive;
  if (!exclusive && sessions_.size() - (replaces ? 1 : 0) >= options_.sessions_max) {
    return Status(Code::kResourceExhausted, "the pipe has as many sessions as it may have");
  }
  if (by_id_.contains(id)) {
    return Status(Code::kAlreadyExists, "session id is in use");
  }
  if (replaces) End(same_task->second, "replaced by a newer session of the same task", effects);
  while (exclusive && !sessions_.empty()) {
    End(sessions_.begin()->first, "superseded by a newer session", effects);
  }

  const SessionKey key{(static_cast<std::uint64_t>(options_.pipe_number) << 48) | ++opened_};
  Session& session = sessions_[key];
  session.key = key;
  session.id = std::move(id);
  session.task_id = request.task_id;
  session.agent_id = request.agent_id.empty() ? request.task_id.substr(0, request.task_id.find(':'))
                                              : request.agent_id;
  session.source_uri = request.source_uri;
  session.peer = std::move(peer);
  session.capabilities = request.capabilities;
  // Until the first beat says so.
  session.can_realtime =
      std::ranges::find(request.capabilities, "realtime") != request.capabilities.end();
  session.delete_fraction_max = request.delete_fraction_max;
  session.timeout = TimeoutFor(request.timeout);
  session.last_beat = now;
  session.created_at = wall;
  session.last_activity = wall;
  by_id_[session.id] = key;
  by_task_[session.task_id] = key;
  by_end_.emplace(now + session.timeout, key);
  effects->push_back({Effect::Kind::kStarted, key, "session started"});
  if (leader_ == SessionKey{}) Lead(key, effects);
  return const_cast<const Session*>(&session);
}

Result<const Sessions::Session*> Sessions::Beat(const batch::Heartbeat& beat, Instant now,
                                                WallTime wall, Effects* effects) {
  Session* session = FindLive(beat.session_id, now, effects);
  if (session == nullptr) return Status(Code::kUnauthenticated, "Session obsoleted");
  by_end_.erase({session->last_beat + session->timeout, session->key});
  session->last_beat = std::max(session->last_beat, now);
  by_end_.emplace(session->last_beat + session->timeout, session->key);
  session->last_activity = wall;
  session->can_realtime = beat.can_realtime;
  session->state = beat.state;
  session->rows_sent = beat.rows_sent;
  if (leader_ == SessionKey{}) Lead(session->key, effects);
  return const_cast<const Session*>(session);
}

Result<const Sessions::Session*> Sessions::Touch(std::string_view id, Instant now, WallTime wall) {
  Session* session = FindLive(id, now, nullptr);
  if (session == nullptr) return Status(Code::kUnauthenticated, "Session obsoleted");
  session->last_activity = wall;
  return const_cast<const Session*>(session);
}

bool Sessions::Close(std::string_view id, Effects* effects) {
  const auto it = by_id_.find(std::string(id));
  if (it == by_id_.end()) return false;
  End(it->second, "closed", effects);
  return true;
}

void Sessions::Tick(Instant now, Effects* effects) {
  while (!by_end_.empty() && by_end_.begin()->first <= now) {
    End(by_end_.begin()->second, "no heartbeat within the session timeout", effects);
  }
}

std::optional<Instant> Sessions::NextExpiry() const {
  if (by_end_.empty()) return std::nullopt;
  return by_end_.begin()->first;
}

std::vector<const Sessions::Session*> Sessions::all() const {
  std::vector<const Session*> list;
  list.reserve(sessions_.size());
  for (const auto& [key, session] : sessions_) list.push_back(&session);
  return list;
}

const Sessions::Session* Sessions::Find(std::string_view id) const {
  const auto it = by_id_.find(std::string(id));
  return it == by_id_.end() ? nullptr : &sessions_.at(it->second);
}

const Sessions::Session* Sessions::Find(SessionKey key) const {
  const auto it = sessions_.find(key);
  return it == sessions_.end() ? nullptr : &it->second;
}

// A session whose time is over is gone, even when Tick has not run yet. With `effects` it is ended
// at once.
Sessions::Session* Sessions::FindLive(std::string_view id, Instant now, Effects* effects) {
  if (effects != nullptr) Tick(now, effects);
  const auto it = by_id_.find(std::string(id));
  if (it == by_id_.end()) return nullptr;
  Session& session = sessions_.at(it->second);
  return session.last_beat + session.timeout <= now ? nullptr : &session;
}

void Sessions::End(SessionKey key, std::string reason, Effects* effects) {
  const auto it = sessions_.find(key);
  const Session& session = it->second;
  by_end_.erase({session.last_beat + session.timeout, key});
  by_id_.erase(session.id);
  by_task_.erase(session.task_id);
  sessions_.erase(it);
  effects->push_back({Effect::Kind::kEnded, key, reason});
  if (leader_ == key) {
    leader_ = SessionKey{};
    effects->push_back({Effect::Kind::kLeaderChanged, leader_, reason});
  }
  if (sessions_.empty()) effects->push_back({Effect::Kind::kUncovered, key, std::move(reason)});
}

void Sessions::Lead(SessionKey key, Effects* effects) {
  leader_ = key;
  effects->push_back({Effect::Kind::kLeaderChanged, key, "first to ask"});
}

}  // namespace fustor::fusion
