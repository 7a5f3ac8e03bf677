// The part of SessionHost for what agents are asked to do.

#include <algorithm>
#include <utility>

#include "svc/fusion/flow/session_host.h"

namespace fustor::fusion {
namespace {

constexpr std::size_t kJobIdBytes = 4;  // 8 hex digits.
constexpr std::size_t kCommandIdBytes = 8;

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

std::vector<batch::Command> SessionHost::TakeCommands(Host* host, SessionKey session) {
  std::vector<batch::Command> commands = jobs_.Take(session);
  if (const auto waiting = host->commands.find(session); waiting != host->commands.end()) {
    commands.insert(commands.end(), waiting->second.begin(), waiting->second.end());
    // Who acknowledges is told again until it has.
    std::erase_if(waiting->second, [](const auto& command) { return command.command_id.empty(); });
    if (waiting->second.empty()) host->commands.erase(waiting);
  }
  return commands;
}

void SessionHost::Acknowledge(Host* host, SessionKey session, const std::vector<std::string>& ids) {
  const auto waiting = host->commands.find(session);
  if (waiting == host->commands.end()) return;
  std::erase_if(waiting->second, [&](const batch::Command& command) {
    return !command.command_id.empty() && std::ranges::find(ids, command.command_id) != ids.end();
  });
  if (waiting->second.empty()) host->commands.erase(waiting);
}

Status SessionHost::SendCommand(const std::string& agent_id, batch::Command command) {
  Host* to = nullptr;
  const Sessions::Session* latest = nullptr;
  for (const auto& [id, host] : hosts_) {
    for (const Sessions::Session* session : host->sessions.all()) {
      if (session->agent_id != agent_id) continue;
      if (latest != nullptr && !(latest->last_beat < session->last_beat)) continue;
      latest = session;
      to = host.get();
    }
  }
  if (to == nullptr) return {Code::kNotFound, "No session of agent '" + agent_id + "'"};
  std::vector<batch::Command>& waiting = to->commands[latest->key];
  if (waiting.size() >= kCommandsPerSession) {
    return {Code::kResourceExhausted, "Too many commands wait for agent '" + agent_id + "'"};
  }
  const bool acknowledges =
      std::ranges::find(latest->capabilities, batch::kCommandIds) != latest->capabilities.end();
  if (acknowledges) command.command_id = random_.Hex(kCommandIdBytes);
  waiting.push_back(std::move(command));
  Hand(to, latest->key);
  return {};
}

Result<Jobs::Job> SessionHost::StartScanOf(const std::string& agent_id, std::string path,
                                           bool recursive) {
  std::string view_id;
  std::vector<Jobs::Target> targets;
  for (const auto& [id, host] : hosts_) {
    for (const Sessions::Session* session : host->sessions.all()) {
      if (session->agent_id != agent_id || host->pipe.shards.empty()) continue;
      if (view_id.empty()) view_id = host->pipe.shards.front()->view_id();
      targets.push_back({session->key, TaskOf(id, session->task_id), session->task_id});
    }
  }
  if (targets.empty()) return Status(Code::kNotFound, "No session of agent '" + agent_id + "'");
  return StartJob(view_id, std::move(path), recursive, targets);
}

void SessionHost::KeepConfig(const std::string& agent_id, const batch::ConfigReport& report) {
  if (!redact_ || agent_id.empty()) return;
  configs_.Take(agent_id, {report.filename, redact_(report.config_yaml), report.error,
                           executor_.clock().WallNow()});
}

Status SessionHost::TakeConfig(const Caller& caller, const std::string& session_id,
                               const batch::ConfigReport& report) {
  Host* const host = Find(caller);
  const Sessions::Session* const session =
      host == nullptr ? nullptr : host->sessions.Find(session_id);
  if (session == nullptr) return {Code::kUnauthenticated, "Session obsoleted"};
  KeepConfig(session->agent_id, report);
  return {};
}

Status SessionHost::TakeConfigPosted(const Entry& entry, const batch::ConfigReport& report) {
  Host* const host = HostOf(entry.session);
  if (host == nullptr) return {Code::kNotFound, "Session obsoleted"};
  KeepConfig(host->sessions.Find(entry.session)->agent_id, report);
  return {};
}

std::vector<SessionInfo> SessionHost::AllSessions() const {
  std::vector<SessionInfo> list;
  for (const auto& [id, host] : hosts_) {
    for (const Sessions::Session* session : host->sessions.all()) {
      list.push_back({*session, host->sessions.IsLeader(session->key),
                      host->pipe.sessions.policy == SessionPolicy::kShared});
    }
  }
  return list;
}

void SessionHost::Hand(Host* host, SessionKey session) {
  const auto listener = host->listeners.find(session);
  if (listener == host->listeners.end()) return;
  std::vector<batch::Command> commands = TakeCommands(host, session);
  std::vector<batch::Command> others;
  for (const batch::Command& command : commands) {
    if (command.kind != "scan" && command.command_id.empty()) others.push_back(command);
  }
  if (commands.empty() || listener->second(std::move(commands))) return;
  host->listeners.erase(listener);
  jobs_.AskAgain(session);
  if (others.empty()) return;
  std::vector<batch::Command>& waiting = host->commands[session];
  waiting.insert(waiting.end(), others.begin(), others.end());
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
  return StartJob(view_id, std::move(path), recursive, targets);
}

Result<Jobs::Job> SessionHost::StartJob(const std::string& view_id, std::string path,
                                        bool recursive, const std::vector<Jobs::Target>& targets) {
  FUSTOR_TRY_ASSIGN(
      const Jobs::Job* const started,
      jobs_.Start(random_.Hex(kJobIdBytes), view_id, std::move(path), recursive, targets, Time()));
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
