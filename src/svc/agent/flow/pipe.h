// pipe.h: carries what a source sees to one Fusion, for ever.
//
// Opens a session, sends realtime changes at once and, while it leads, a snapshot beside them and
// audits from time to time, as often as Fusion says. All
// control calls, heartbeats first of all, are made on an executor of their own (control_lane.h), so
// that nothing that happens to the data can silence them. An obsolete session is replaced at once
// (but not twice in a row: two agents that push each other out must not spin); other failures are
// retried with exponential back-off and jitter, for ever. Batches stay here until Fusion has
// applied them, and are sent again on the next stream of the session. While more than Fusion's
// credit is unacknowledged nothing more is taken from the source, so memory is bounded by the
// credit and one batch.
//
// Commands come with heartbeats and on the stream. On-demand scans ("scan") are given to the source
// in whatever state the pipe is; what concerns the agent as a whole goes to Options.on_command.
// Those with an id come again until a heartbeat has acknowledged them, and are carried out once.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/log.h"
#include "base/prng.h"
#include "env/task_group.h"
#include "svc/agent/core/projection.h"
#include "svc/agent/flow/control_lane.h"
#include "svc/agent/flow/source.h"
#include "svc/agent/ports.h"

namespace fustor::agent {

class Pipe {
 public:
  struct Options {
    std::string task_id;  // "AGENT:PIPE"
    std::string agent_id;
    std::string source_uri;
    Nanos session_timeout{0};        // 0: Fusion's default.
    double delete_fraction_max = 0;  // batch::SessionRequest's.
    Nanos backoff_min = Seconds(5);
    Nanos backoff_max = Seconds(60);
    double backoff_multiplier = 2;
    std::vector<FieldRule> fields_mapping;  // Checked (core/projection.h).
    std::size_t batch_rows_max = 0;         // 0: that of the source.
    std::uint64_t seed = 1;                 // Of the jitter.
    // Takes commands that are not for a pipe's source. It must not destroy the pipe within the
    // call.
    std::function<void(batch::Command)> on_command;
  };
  struct State {
    bool connected = false;  // There is a session, and its stream has not failed.
    batch::Role role = batch::Role::kFollower;
    std::string session_id;
    std::string last_error;       // Of a session or stream; stays when it works again.
    std::string heartbeat_error;  // Empty while beats succeed.
    std::uint64_t rows_sent = 0;
    std::uint64_t sessions = 0;
    std::uint64_t unacknowledged_bytes = 0;
    std::uint64_t failures_in_a_row = 0;  // Of sessions and streams.
    std::uint64_t sweeps = 0;             // That Fusion has answered.
    std::uint64_t swept = 0;              // Files looked at in them.
    std::uint64_t swept_differing = 0;    // Of these, not as Fusion knew them.
    std::uint64_t swept_unreported = 0;   // Of these, still so when all reports had arrived.
    std::uint64_t fields_left_out = 0;    // By fields_mapping: they did not convert.
    std::uint64_t rows_left_out = 0;      // By fields_mapping: without what is required.
  };

  // `data` runs the pipe and owns the source; `control` runs the control calls. All must outlive
  // it. Other pipes may read the same source.
  Pipe(Options options, env::Executor& data, env::Executor& control, Source& source,
       FusionLink& link, Logger log);

  // On `data`.
  void Start();
  // Closes the session. Ends within the time that the link's calls take.
  env::Task<void> Stop();
  const State& state() const { return state_; }
  const Source::Reader& reader() const { return source_; }
  // For the failures to come; the session goes on.
  void SetBackOff(Nanos min, Nanos max, double multiplier);
  // Tells it now, and again whenever a session begins; an error only now.
  void TellConfig(batch::ConfigReport report);
  // The simulator's power cut: where everything runs on one thread.
  void Abandon();

 private:
  struct Sent {
    batch::Batch batch;
    Instant scan_begun;       // Of a begin.
    std::uint64_t bytes = 0;  // 0: not sent to the end yet.
    bool acknowledged = false;
  };
  env::Task<void> Run();
  batch::SessionRequest Request() const;
  void BeginSession(const batch::SessionGrant& grant);
  env::Task<Status> RunSession(batch::SessionGrant grant);
  env::Task<Status> RunStream(std::string session_id);
  env::Task<Status> SendLoop(ReportStream* stream, std::stop_token stop);
  env::Task<void> Audit(Nanos interval, std::stop_token stop);
  env::Task<void> Sweep(Nanos interval, std::string session_id, std::stop_token stop);
  env::Task<Status> SweepOnce(std::string session_id, std::stop_token stop);
  env::Task<bool> AllHasArrived(std::stop_token stop);
  env::Task<Result<std::vector<std::string>>> LookTwice(std::string session_id,
                                                        std::vector<batch::Sighting> before,
                                                        std::vector<std::string> differing,
                                                        std::stop_token stop);
  env::Task<void> ReadAcks(ReportStream* stream);
  env::Task<Status> BackOff(std::stop_token stop);
  bool MayRenewAtOnce(Instant opened);
  void SetRole(batch::Role role);
  void OnNews(ControlLane::News news);
  void EndSession();
  void Succeeded();
  std::shared_ptr<Sent> FirstAfter(std::uint64_t sequence) const;
  std::shared_ptr<Sent> TakeNext();
  std::int64_t IndexMs();
  void OnSent(Sent* sent, std::uint64_t bytes);
  void OnAcknowledged(std::uint64_t sequence);
  void OnCommands(std::vector<batch::Command> commands);
  // False: it has come before.
  bool IsNew(const batch::Command& command);
  void TellVitals();
  void Project(batch::Batch* batch);

  Options options_;
  env::Executor& data_;
  Source::Reader source_;
  FusionLink& link_;
  const Logger log_;
  Prng prng_;
  State state_;
  Nanos backoff_;
  int renewals_ = 0;  // Of obsolete sessions that did not last.
  // Of the session:
  std::uint64_t credit_bytes_ = 0;
  std::uint64_t last_sequence_ = 0;
  std::deque<std::shared_ptr<Sent>> unacknowledged_;  // Consecutive sequences.
  bool session_over_ = false;                         // Fusion does not know it any more.
  bool snapshot_started_ = false;
  std::stop_source session_stop_;
  // Of the stream: why ReadAcks ended.
  std::optional<Status> acks_ended_;

  std::deque<std::string> commands_seen_;  // Ids, the last ones.
  Projection projection_;
  Instant told_left_out_;
  std::int64_t line_ms_ = 0;  // The time line was the host's clock then.
  Instant line_since_;
  std::optional<batch::ConfigReport> config_;
  ControlLane control_;
  env::TaskGroup session_tasks_;
  env::TaskGroup stream_tasks_;
  env::TaskGroup tasks_;
};

}  // namespace fustor::agent
