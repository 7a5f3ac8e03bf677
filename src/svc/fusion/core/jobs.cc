#include "svc/fusion/core/jobs.h"

#include <algorithm>

#include "base/path.h"

namespace fustor::fusion {
namespace {

bool IsOpen(JobState state) { return state == JobState::kPending || state == JobState::kRunning; }

}  // namespace

std::string_view JobStateName(JobState state) {
  switch (state) {
    case JobState::kPending:
      return "PENDING";
    case JobState::kRunning:
      return "RUNNING";
    case JobState::kCompleted:
      return "COMPLETED";
    case JobState::kFailed:
      return "FAILED";
    case JobState::kExpired:
      return "EXPIRED";
  }
  return "";
}

std::size_t Jobs::Job::ended_parts() const {
  return static_cast<std::size_t>(
      std::ranges::count_if(parts, [](const auto& part) { return !IsOpen(part.second.state); }));
}

double Jobs::Job::percentage() const {
  if (parts.empty()) return 100;
  return 100.0 * static_cast<double>(ended_parts()) / static_cast<double>(parts.size());
}

Result<const Jobs::Job*> Jobs::Start(std::string id, std::string view_id, std::string path,
                                     bool recursive, const std::vector<Target>& targets,
                                     Time time) {
  for (const auto& [order, open_id] : open_) {
    const Job& open = jobs_.at(open_id).job;
    const bool covers = open.view_id == view_id && open.path == path;
    if (covers && (open.recursive || !recursive)) return &open;
  }
  if (targets.empty()) {
    return Status(Code::kUnavailable, "No agent reports to view '" + view_id + "' now");
  }
  if (open_.size() >= options_.open_max) {
    return Status(Code::kResourceExhausted,
                  std::to_string(open_.size()) + " on-demand scans are going on already");
  }
  if (jobs_.contains(id)) return Status(Code::kAlreadyExists, "job id is in use");
  MakeRoom();
  Kept& kept = jobs_[id];
  kept.order = ++started_;
  kept.due = time.now + options_.silence_max;
  kept.job.id = id;
  kept.job.view_id = std::move(view_id);
  kept.job.path = std::move(path);
  kept.job.recursive = recursive;
  kept.job.created_at = time.wall;
  for (const Target& target : targets) {
    kept.job.parts[target.task] = {target.session, target.task_id, JobState::kPending, ""};
    tasks_[target.session] = target.task;
    waiting_[target.session].push_back(id);
  }
  open_.emplace(kept.order, std::move(id));
  return &kept.job;
}

void Jobs::MakeRoom() {
  while (jobs_.size() >= options_.jobs_max && !ended_.empty()) {
    jobs_.erase(ended_.begin()->second);
    ended_.erase(ended_.begin());
  }
}

Jobs::Part* Jobs::PartOf(Kept* kept, SessionKey session) {
  const auto task = tasks_.find(session);
  if (task == tasks_.end()) return nullptr;
  const auto part = kept->job.parts.find(task->second);
  if (part == kept->job.parts.end() || part->second.session != session) return nullptr;
  return IsOpen(part->second.state) ? &part->second : nullptr;
}

std::vector<batch::Command> Jobs::Take(SessionKey session) {
  std::vector<batch::Command> commands;
  const auto waiting = waiting_.find(session);
  if (waiting == waiting_.end()) return commands;
  const std::vector<std::string> ids = std::move(waiting->second);
  waiting_.erase(waiting);
  for (const std::string& id : ids) {
    const auto kept = jobs_.find(id);
    if (kept == jobs_.end() || !kept->second.job.open()) continue;
    Part* const part = PartOf(&kept->second, session);
    if (part == nullptr) continue;
    part->state = JobState::kRunning;
    kept->second.job.state = JobState::kRunning;
    batch::Command& command = commands.emplace_back();
    command.kind = "scan";
    command.path = kept->second.job.path;
    command.recursive = kept->second.job.recursive;
    command.job_id = id;
  }
  return commands;
}

void Jobs::AskAgain(SessionKey session) {
  std::vector<std::string> ids;
  for (const auto& [order, id] : open_) {
    if (PartOf(&jobs_.at(id), session) != nullptr) ids.push_back(id);
  }
  if (!ids.empty()) waiting_[session] = std::move(ids);
}

void Jobs::Heard(SessionKey session, Instant now) {
  for (const auto& [order, id] : open_) {
    Kept& kept = jobs_.at(id);
    if (PartOf(&kept, session) != nullptr) kept.due = now + options_.silence_max;
  }
}

void Jobs::Ended(SessionKey session, const std::string& job_id, std::string error, Time time) {
  const auto kept = jobs_.find(job_id);
  if (kept == jobs_.end() || !kept->second.job.open()) return;
  Part* const part = PartOf(&kept->second, session);
  if (part == nullptr) return;
  const JobState state = error.empty() ? JobState::kCompleted : JobState::kFailed;
  kept->second.due = time.now + options_.silence_max;
  EndPart(&kept->second, part, state, std::move(error), time);
}

void Jobs::EndPart(Kept* kept, Part* part, JobState state, std::string error, Time time) {
  part->state = state;
  part->error = std::move(error);
  if (kept->job.error.empty() && !part->error.empty()) {
    kept->job.error = part->task_id + ": " + part->error;
  }
  Settle(kept, time);
}

void Jobs::Settle(Kept* kept, Time time) {
  Job& job = kept->job;
  if (job.ended_parts() != job.parts.size()) return;
  const auto any = [&](JobState state) {
    return std::ranges::any_of(job.parts,
                               [&](const auto& part) { return part.second.state == state; });
  };
  Close(kept,
        any(JobState::kCompleted) ? JobState::kCompleted
        : any(JobState::kFailed)  ? JobState::kFailed
                                  : JobState::kExpired,
        time);
}

void Jobs::Close(Kept* kept, JobState state, Time time) {
  kept->job.state = state;
  if (state == JobState::kCompleted) kept->job.error.clear();
  kept->job.completed_at = time.wall;
  kept->due = time.now + options_.kept_for;
  open_.erase(kept->order);
  kept->order = ++finished_;
  ended_.emplace(kept->order, kept->job.id);
}

void Jobs::SessionStarted(SessionKey session, const std::string& task) {
  std::vector<std::string> ids;
  for (const auto& [order, id] : open_) {
    Job& job = jobs_.at(id).job;
    const auto part = job.parts.find(task);
    if (part == job.parts.end() || part->second.state == JobState::kCompleted) continue;
    part->second.session = session;
    part->second.state = JobState::kPending;
    part->second.error.clear();
    ids.push_back(id);
  }
  if (ids.empty()) return;
  tasks_[session] = task;
  waiting_[session] = std::move(ids);
}

void Jobs::SessionEnded(SessionKey session, bool timed_out, std::string_view reason, Time time) {
  waiting_.erase(session);
  if (!tasks_.contains(session)) return;
  std::vector<std::string> ids;
  for (const auto& [order, id] : open_) ids.push_back(id);
  for (const std::string& id : ids) {
    Kept& kept = jobs_.at(id);
    Part* const part = PartOf(&kept, session);
    if (part == nullptr) continue;
    EndPart(&kept, part, timed_out ? JobState::kExpired : JobState::kFailed,
            "the session ended: " + std::string(reason), time);
  }
  tasks_.erase(session);
}

void Jobs::Tick(Time time) {
  std::vector<std::string> late;
  for (const auto& [order, id] : open_) {
    if (jobs_.at(id).due <= time.now) late.push_back(id);
  }
  for (const std::string& id : late) {
    Kept& kept = jobs_.at(id);
    for (auto& [task, part] : kept.job.parts) {
      if (!IsOpen(part.state)) continue;
      part.state = JobState::kExpired;
      part.error = "nothing was heard of it";
    }
    if (kept.job.error.empty()) kept.job.error = "nothing was heard of it";
    Close(&kept, JobState::kExpired, time);
  }
  while (!ended_.empty()) {
    const auto oldest = jobs_.find(ended_.begin()->second);
    if (oldest->second.due > time.now) break;
    jobs_.erase(oldest);
    ended_.erase(ended_.begin());
  }
}

std::optional<Instant> Jobs::NextExpiry() const {
  std::optional<Instant> next;
  const auto take = [&](const std::string& id) {
    const Instant due = jobs_.find(id)->second.due;
    if (!next || due < *next) next = due;
  };
  for (const auto& [order, id] : open_) take(id);
  if (!ended_.empty()) take(ended_.begin()->second);
  return next;
}

const Jobs::Job* Jobs::Find(std::string_view id) const {
  const auto kept = jobs_.find(id);
  return kept == jobs_.end() ? nullptr : &kept->second.job;
}

std::vector<const Jobs::Job*> Jobs::Of(std::string_view view_id) const {
  std::vector<const Job*> list;
  for (const auto& [id, kept] : jobs_) {
    if (kept.job.view_id == view_id) list.push_back(&kept.job);
  }
  std::ranges::sort(list, [](const Job* a, const Job* b) {
    return std::pair(a->created_at, std::string_view(a->id)) <
           std::pair(b->created_at, std::string_view(b->id));
  });
  return list;
}

}  // namespace fustor::fusion
