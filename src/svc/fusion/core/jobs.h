// jobs.h: on-demand scans that agents have been asked for, and how far they are.
//
// Pure: a state machine over (call, now); one owner: the control executor. A job asks every session
// that feeds a view to look at one path; each session has a part of it. A part is asked once in a
// session; it is asked again when the session's stream breaks and when a newer session of the same
// task takes over before it has ended. A part ends with what the agent says, or with its session. A
// job ends when all its parts have: COMPLETED when one of them was done, else FAILED, or EXPIRED
// when the reason is that nobody has answered. It expires, too, when nothing has been heard of it
// for Options.silence_max.
//
// Bounded: at most Options.open_max jobs are open (more are refused), at most Options.jobs_max are
// kept; those that have ended are forgotten after Options.kept_for, or sooner, the oldest first.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "lib/batch/session.h"
#include "svc/fusion/core/arbiter_types.h"

namespace fustor::fusion {

enum class JobState { kPending, kRunning, kCompleted, kFailed, kExpired };
// "PENDING", "RUNNING", "COMPLETED", "FAILED", "EXPIRED"
std::string_view JobStateName(JobState state);

class Jobs {
 public:
  struct Options {
    std::size_t open_max = 256;
    std::size_t jobs_max = 2'000;
    Nanos silence_max = Seconds(3600);
    Nanos kept_for = Seconds(3600);
  };
  struct Part {
    SessionKey session;
    std::string task_id;
    JobState state = JobState::kPending;
    std::string error;
  };
  struct Job {
    std::string id;
    std::string view_id;
    std::string path;
    bool recursive = true;
    JobState state = JobState::kPending;
    std::string error;  // Of the part that ended first with one, unless it is completed.
    WallTime created_at;
    std::optional<WallTime> completed_at;
    std::map<std::string, Part> parts;  // By task.

    bool open() const { return state == JobState::kPending || state == JobState::kRunning; }
    std::size_t ended_parts() const;
    double percentage() const;
  };
  // A session that is to be asked. `task` is unique among those of all pipes.
  struct Target {
    SessionKey session;
    std::string task;
    std::string task_id;
  };
  struct Time {
    Instant now;
    WallTime wall;
  };

  explicit Jobs(Options options) : options_(options) {}
  Jobs() : Jobs(Options{}) {}

  // A job of this view and path that is open and looks at least as deep is joined instead: `id` and
  // `targets` are not used then. Errors: kResourceExhausted (open_max), kUnavailable (no targets),
  // kAlreadyExists (id).
  Result<const Job*> Start(std::string id, std::string view_id, std::string path, bool recursive,
                           const std::vector<Target>& targets, Time time);

  // What this session has not been asked yet; it counts as asked now.
  std::vector<batch::Command> Take(SessionKey session);
  // What it was asked may not have come there: Take gives it again.
  void AskAgain(SessionKey session);
  // The session goes on with its jobs. O(open jobs).
  void Heard(SessionKey session, Instant now);
  // It has ended its part; `error` is empty when it has done it. Unknown ones are ignored.
  void Ended(SessionKey session, const std::string& job_id, std::string error, Time time);

  // A newer session of the task. Before SessionEnded of the one that it replaces.
  void SessionStarted(SessionKey session, const std::string& task);
  void SessionEnded(SessionKey session, bool timed_out, std::string_view reason, Time time);
  // Ends what nobody has spoken of for too long, and forgets what ended long ago.
  void Tick(Time time);
  std::optional<Instant> NextExpiry() const;

  const Job* Find(std::string_view id) const;
  // Of one view, the oldest first.
  std::vector<const Job*> Of(std::string_view view_id) const;
  std::size_t open_count() const { return open_.size(); }

 private:
  struct Kept {
    Job job;
    Instant due;  // Open: when it expires. Ended: when it is forgotten.
    std::uint64_t order = 0;
  };
  // What the session has to do; empty when it has none in an open job.
  Part* PartOf(Kept* kept, SessionKey session);
  void EndPart(Kept* kept, Part* part, JobState state, std::string error, Time time);
  void Settle(Kept* kept, Time time);
  void Close(Kept* kept, JobState state, Time time);
  void MakeRoom();

  const Options options_;
  std::map<std::string, Kept, std::less<>> jobs_;
  std::map<std::uint64_t, std::string> open_;                         // By order.
  std::map<std::uint64_t, std::string> ended_;                        // In the order of their end.
  std::unordered_map<SessionKey, std::string> tasks_;                 // Of sessions with parts.
  std::unordered_map<SessionKey, std::vector<std::string>> waiting_;  // Jobs not asked yet.
  std::uint64_t started_ = 0;
  std::uint64_t finished_ = 0;
};

}  // namespace fustor::fusion
