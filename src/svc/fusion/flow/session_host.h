// session_host.h: the sessions of all pipes, kept apart from the data.
//
// Lives on the control executor and never waits for a shard, so that heartbeats are answered
// whatever the views do. What happens to a session is told to the shards of its pipe in order:
// before a session's first batch can arrive there, its start has.
//
// Agents report over a stream of their own (Join: they number their batches), or post what they
// have, request by request (Admit, then Push: the host numbers it and keeps track of scans). For
// who posts the session's id is the credential, unless the pipe demands the key as well. What is
// posted and not yet applied is bounded: kPostsPerSession requests of a session, kPostedBytesMax in
// all; beyond that Admit refuses and nothing has been read.
//
// Commands (on-demand scans, core/jobs.h, and others) wait for their session: they leave with the
// answer to its next heartbeat, or at once for who listens (Listen).
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/log.h"
#include "base/result.h"
#include "env/executor.h"
#include "env/random.h"
#include "env/task.h"
#include "lib/batch/batch.h"
#include "lib/batch/session.h"
#include "svc/fusion/core/config_reports.h"
#include "svc/fusion/core/jobs.h"
#include "svc/fusion/core/numbered_batches.h"
#include "svc/fusion/core/pushed_scans.h"
#include "svc/fusion/core/sessions.h"
#include "svc/fusion/flow/shard.h"

namespace fustor::fusion {

// One executor: everything here is called on it. REQUIRES: Stop was called before it is destroyed.
class SessionHost {
 public:
  struct Pipe {
    std::string id;
    std::string receiver;
    std::vector<std::string> keys;  // Push keys: each opens this pipe through that receiver.
    Sessions::Options sessions;     // pipe_number is chosen here.
    Nanos audit_interval{0};
    Nanos sentinel_interval{0};
    bool key_required = false;  // Of who posts, on every request.
    std::vector<std::shared_ptr<Shard>> shards;
  };
  // Who calls: through which receiver, with which key, from where. No receiver: a door of all.
  struct Caller {
    std::string receiver;
    std::string key;
    std::string peer;
  };
  // What a stream of reports needs.
  struct Ticket {
    SessionKey session;
    std::string session_id;
    std::vector<std::shared_ptr<Shard>> shards;
    std::stop_token ended;  // Requested when the session ends, or a later stream takes over.
  };

  // A request that may post; given back by Push or by Leave.
  struct Entry {
    SessionKey session;
    std::string session_id;
    std::string pipe_id;
    std::uint64_t bytes = 0;
  };
  // What the posting agent says with a heartbeat; nothing: as before.
  struct PostedBeat {
    std::optional<bool> can_realtime;
    std::optional<std::string> state;
    std::optional<std::uint64_t> rows_sent;
    std::vector<std::string> acknowledged_commands = {};
  };
  struct Posted {
    std::vector<batch::Batch> batches;
    std::optional<batch::Source> ends;  // The scan of this source ends behind them.
    std::uint64_t events = 0;
    std::uint64_t rejected = 0;
    std::string job_id;  // Of the job that ends; with `error` when it could not be done.
    std::string job_error;
    // One batch that its agent has numbered, or this part of one.
    bool numbered = false;
    NumberedBatches::Part part;

    // Whether an on-demand scan ends with it.
    bool JobEnds() const;
  };
  struct PipeInfo {
    std::string id;
    std::string receiver;
    SessionPolicy policy = SessionPolicy::kShared;
    std::vector<std::string> view_ids;
    std::vector<std::string> session_ids;
    std::string leader_id;  // Empty: nobody leads.
    std::uint64_t events_received = 0;
    std::uint64_t events_processed = 0;
    std::uint64_t sessions_created = 0;
    std::uint64_t sessions_closed = 0;
    std::uint64_t errors = 0;
    std::size_t queue_size = 0;  // Requests that are not applied yet.
  };

  static constexpr std::uint64_t kCreditBytes = std::uint64_t{8} << 20;
  static constexpr std::size_t kPostsPerSession = 4;
  static constexpr std::uint64_t kPostedBytesMax = std::uint64_t{256} << 20;

  // All must outlive the host.
  SessionHost(env::Executor& executor, env::Random& random, Logger log);
  ~SessionHost();

  // Makes these the pipes. A pipe that differs from the one of the same id so far is a new one: its
  // sessions end, and its agents open new ones. Shards are told.
  void SetPipes(std::vector<Pipe> pipes);
  // Ends every session, and the timer.
  void Stop();

  // Errors: kUnauthenticated (the key opens no pipe of this receiver), and those of Sessions.
  Result<batch::SessionGrant> Open(const Caller& caller, const batch::SessionRequest& request);
  // Errors: kUnauthenticated (the key, or the session is obsolete).
  Result<batch::HeartbeatAnswer> Beat(const Caller& caller, const batch::Heartbeat& beat);
  // Ending an unknown session is success. Errors: kUnauthenticated (the key).
  Status Close(const Caller& caller, const std::string& session_id);
  // A stream begins; an earlier one of the session ends. Errors: as Beat; kFailedPrecondition (the
  // session posts).
  Result<Ticket> Join(const Caller& caller, const std::string& session_id);

  // The views that a session's sweep is about. Errors: as Beat.
  Result<std::vector<std::shared_ptr<Shard>>> ShardsOfSession(const Caller& caller,
                                                              const std::string& session_id);

  // --- Agents that post. ---

  // Errors of all: kNotFound ("Session obsoleted": unknown, ended or superseded), kUnauthenticated
  // (the pipe demands the key). Ending an unknown session is success.
  Result<batch::HeartbeatAnswer> BeatPosted(const Caller& caller, const std::string& session_id,
                                            const PostedBeat& beat);
  Status ClosePosted(const Caller& caller, const std::string& session_id);
  // `bytes` is what the request may take of kPostedBytesMax. Errors also: kResourceExhausted (too
  // many requests of this session), kUnavailable (too much from all), kFailedPrecondition (the
  // session reports over a stream).
  Result<Entry> Admit(const Caller& caller, const std::string& session_id, std::uint64_t bytes);
  void Leave(const Entry& entry);
  // Leaves when all views have applied it. What is numbered and has been taken before is not taken
  // again. Errors also: kFailedPrecondition (numbered batches are missing before this one, or are
  // mixed with others).
  env::Task<Status> Push(Entry entry, Posted posted);
  // A scan of the pipe's sessions begins (of its leader, if it has posted) or ends (of all who are
  // at one). Returns
  // the number of views that it concerns. Errors: kNotFound (no such pipe).
  env::Task<Result<std::size_t>> MarkScan(std::string pipe_id, batch::Source source, bool begins);
  // The pipe that a key opens; nullopt: none.
  std::optional<std::string> PipeOf(const Caller& caller);

  // Events of a stream, for the statistics of its pipe.
  void CountStreamed(SessionKey session, std::uint64_t received, std::uint64_t processed);
  std::vector<PipeInfo> ListPipes() const;
  std::vector<std::shared_ptr<Shard>> ShardsOf(const std::string& pipe_id) const;

  // Of all pipes that feed the view.
  std::vector<SessionInfo> ListSessions(const std::string& view_id) const;
  // --- Commands (commands.cc). ---

  // Commands for a session, as soon as there are some. False: who listened is gone.
  using Listener = std::function<bool(std::vector<batch::Command>)>;
  // From now on the session's commands go there, those that it has not answered yet first. An
  // earlier listener of the session is replaced. Does nothing when the session is over.
  void Listen(SessionKey session, Listener listener);
  // What a listener took did not come through: it goes with the next heartbeat or listener.
  void AskAgain(SessionKey session);
  // Asks all sessions that feed the view to look at `path`, or joins such a job that is open.
  // Errors: those of Jobs::Start.
  Result<Jobs::Job> StartScan(const std::string& view_id, std::string path, bool recursive);
  std::vector<Jobs::Job> ListJobs(const std::string& view_id) const;
  // nullopt: the view has no such job (any more).
  std::optional<Jobs::Job> FindJob(const std::string& view_id, const std::string& job_id) const;
  // Readers see what the session has sent for its job; with its end, when it has ended.
  void NoteJob(SessionKey session, bool ended, const std::string& job_id, std::string error);

  static constexpr std::size_t kCommandsPerSession = 64;
  // Asks one agent; the command goes to the session of it that was heard of last. Where the agent
  // acknowledges commands (batch::kCommandIds) it goes again with each answer until that is done or
  // the session ends, else once. Errors: kNotFound (no session of this agent), kResourceExhausted
  // (kCommandsPerSession wait).
  Status SendCommand(const std::string& agent_id, batch::Command command);
  // As StartScan, of all sessions of one agent; the job belongs to the first view that it feeds.
  // Errors also: kNotFound.
  Result<Jobs::Job> StartScanOf(const std::string& agent_id, std::string path, bool recursive);

  // Makes of a configuration what may be shown. Without one, no configuration is kept.
  using Redact = std::function<std::string(const std::string& yaml)>;
  void SetRedact(Redact redact) { redact_ = std::move(redact); }
  // An agent tells its configuration; only what may be shown is kept. Errors: as Beat, as Admit.
  Status TakeConfig(const Caller& caller, const std::string& session_id,
                    const batch::ConfigReport& report);
  Status TakeConfigPosted(const Entry& entry, const batch::ConfigReport& report);
  std::vector<ConfigReports::Report> ConfigsOf(const std::string& agent_id) const {
    return configs_.Of(agent_id);
  }
  // Of all pipes.
  std::vector<SessionInfo> AllSessions() const;

  // Ends the sessions of all pipes that feed the view.
  void EndSessions(const std::string& view_id, const std::string& reason);

 private:
  struct Poster {
    PushedScans scans;
    NumberedBatches numbered;
    std::size_t under_way = 0;
  };
  struct Host {
    Pipe pipe;
    PipeNumber number = 0;
    Sessions sessions;
    std::unordered_map<SessionKey, std::stop_source> streams = {};
    std::unordered_map<SessionKey, Poster> posters = {};
    std::unordered_map<SessionKey, Listener> listeners = {};
    std::unordered_map<SessionKey, std::vector<batch::Command>> commands = {};  // Not yet told,
                                                                                // or acknowledged.
    PipeInfo counts = {};                                                       // Only the numbers.
  };
  struct Gathering;

  // nullptr: the key opens nothing here.
  Host* Find(const Caller& caller);
  // Errors: kUnauthenticated (the session is over).
  Result<batch::HeartbeatAnswer> BeatHere(Host* host, const batch::Heartbeat& beat);
  // The pipe of a session that is live, for who posts.
  Result<Host*> FindPoster(const Caller& caller, const std::string& session_id);
  static Result<std::vector<batch::Batch>> Number(Posted posted, Poster* poster);
  Host* HostOf(SessionKey session);
  bool MayPost(const Host& host, const Caller& caller);
  // At once, so that what has been numbered stays in order.
  std::shared_ptr<Gathering> DeliverAll(SessionKey session,
                                        const std::vector<std::shared_ptr<Shard>>& shards,
                                        std::vector<batch::Batch> batches);
  static bool Same(const Pipe& a, const Pipe& b);
  void Retire(Host* host, const std::string& reason);
  void Carry(Host* host, const Sessions::Effects& effects);
  void CarryToJobs(const Host& host, const Sessions::Effects& effects);
  // What the session is to do, for an answer to it.
  std::vector<batch::Command> TakeCommands(Host* host, SessionKey session);
  void Acknowledge(Host* host, SessionKey session, const std::vector<std::string>& ids);
  void KeepConfig(const std::string& agent_id, const batch::ConfigReport& report);
  Result<Jobs::Job> StartJob(const std::string& view_id, std::string path, bool recursive,
                             const std::vector<Jobs::Target>& targets);
  // Hands what waits for the session to who listens.
  void Hand(Host* host, SessionKey session);
  Jobs::Time Time() const { return {executor_.clock().Now(), executor_.clock().WallNow()}; }
  void ArmTimer();
  void Tick();
  PipeNumber NextNumber();

  env::Executor& executor_;
  env::Random& random_;
  const Logger log_;
  std::map<std::string, std::unique_ptr<Host>> hosts_;         // By pipe.
  std::map<std::pair<std::string, std::string>, Host*> keys_;  // (receiver, key)
  PipeNumber last_number_ = 0;
  std::uint64_t posted_bytes_ = 0;
  Jobs jobs_;
  ConfigReports configs_;
  Redact redact_;
  env::Executor::TimerId timer_ = 0;
  bool stopped_ = false;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace fustor::fusion
