// The part of SessionHost for what agents are asked to do.

#include <algorithm>
#include <utility>

#include "svc/fusion/flow/session_host.h"

namespace fustor::fusion {
namespace {

constexpr std::size_t kJobIdBytes = 4;  // 8 hex digits.

// Tasks of different pipes may have one name.
std::string TaskOf(const std::string& pipe, const std::string& task_id) {
  return pipe + '\n' + task_id;
}

}  // namespace

// A session that takes over from another one of its task is told of first.
void SessionHost::CarryToJobs(const Host& host, const Sessions::Effects& effects) {
  for (const Sessions::Effect& effect : effects) {
    if (effect.kind != Sessions::Effect::Kind::kStarted) continue;
    const Sessions::Session* const session = host.sessions.Find(effect.session);
    if (session == nullptr) continue;
    jobs_.SessionStarted(effect.session, TaskOf(host.pipe.id, session->task_id));
  }
  for (const Sessions::Effect& effect : effects) {
    if (effect.kind != Sessions::Effect::Kind::kEnded) continue;
    const bool timed_out = effect.reason.starts_with("no heartbeat");
    jobs_.SessionEnded(effect.session, timed_out, effect.reason, Time());
  }
}

std::vector<batch::Command> SessionHost::TakeCommands(SessionKey session) {
  return jobs_.Take(session);
}

void SessionHost::Hand(Host* host, SessionKey session) {
  const auto listener = host->listeners.find(session);
  if (listener == host->listeners.end()) return;
  std::vector<batch::Command> commands = TakeCommands(session);
  if (commands.empty() || listener->second(std::move(commands))) return;
  host->listeners.erase(listener);
  jobs_.AskAgain(session);
}

void SessionHost::Listen(SessionKey session, Listener listener) {
  Host* const host = HostOf(session);
  if (host == nullptr) return;
  host->listeners[session] = std::move(listener);
  // What an earlier stream or an answer was to bring may be lost; agents know what they do already.
  jobs_.AskAgain(session);
  Hand(host, session);
}

void SessionHost::AskAgain(SessionKey session) {
  if (HostOf(session) != nullptr) jobs_.AskAgain(session);
}

Result<Jobs::Job> SessionHost::StartScan(const std::string& view_id, std::string path,
                                         bool recursive) {
  std::vector<Jobs::Target> targets;
  for (const auto& [id, host] : hosts_) {
    const bool feeds = std::ranges::any_of(
        host->pipe.shards, [&](const auto& shard) { return shard->view_id() == view_id; });
    if (!feeds) continue;
    for (const Sessions::Session* session : host->sessions.all()) {
      targets.push_back({session->key, TaskOf(id, session->task_id), session->task_id});
    }
  }
  FUSTOR_TRY_ASSIGN(const Jobs::Job* const started,
                    jobs_.Start(random_.Hex(kJobIdBytes), view_id, std::move(path), recursive,
                                targets, Time()));
  const std::string id = started->id;
  for (const Jobs::Target& target : targets) {
    if (Host* const host = HostOf(target.session); host != nullptr) Hand(host, target.session);
  }
  ArmTimer();
  return *jobs_.Find(id);
}

std::vector<Jobs::Job> SessionHost::ListJobs(const std::string& view_id) const {
  std::vector<Jobs::Job> list;
  for (const Jobs::Job* job : jobs_.Of(view_id)) list.push_back(*job);
  return list;
}

std::optional<Jobs::Job> SessionHost::FindJob(const std::string& view_id,
                                              const std::string& job_id) const {
  const Jobs::Job* const job = jobs_.Find(job_id);
  if (job == nullptr || job->view_id != view_id) return std::nullopt;
  return *job;
}

void SessionHost::NoteJob(SessionKey session, bool ended, const std::string& job_id,
                          std::string error) {
  if (ended) {
    jobs_.Ended(session, job_id, std::move(error), Time());
    ArmTimer();
  } else {
    jobs_.Heard(session, executor_.clock().Now());
  }
}

}  // namespace fustor::fusion
