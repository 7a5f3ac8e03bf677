// pipe.h: carries what a source sees to one Fusion, for ever.
//
// Opens a session, sends realtime changes at once and, while it leads, a snapshot beside them;
// beats on an executor of its own, so that nothing that happens to the data can silence it. An
// obsolete session is replaced at once; other failures are retried with exponential back-off and
// jitter. Batches stay here until Fusion has applied them, and are sent again on the next stream of
// the session.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>

#include "base/log.h"
#include "base/prng.h"
#include "env/signal.h"
#include "env/task_group.h"
#include "svc/agent/flow/source.h"
#include "svc/agent/ports.h"

namespace fustor::agent {

class Pipe {
 public:
  struct Options {
    std::string task_id;  // "AGENT:PIPE"
    std::string agent_id;
    std::string source_uri;
    Nanos session_timeout{0};  // 0: Fusion's default.
    Nanos backoff_min = Seconds(5);
    Nanos backoff_max = Seconds(60);
    std::uint64_t seed = 1;  // Of the jitter.
  };
  struct State {
    bool connected = false;
    batch::Role role = batch::Role::kFollower;
    std::string session_id;
    std::string last_error;
    std::uint64_t rows_sent = 0;
    std::uint64_t sessions = 0;
    std::uint64_t unacknowledged_bytes = 0;
  };

  // `data` runs the pipe and owns the source; `control` runs the heartbeats. All must outlive it.
  Pipe(Options options, env::Executor& data, env::Executor& control, Source& source,
       FusionLink& link, Logger log);

  // On `data`.
  void Start();
  env::Task<void> Stop();
  const State& state() const { return state_; }
  void Abandon();

 private:
  struct Sent {
    batch::Batch batch;
    std::uint64_t bytes = 0;
  };
  env::Task<void> Run();
  env::Task<Status> RunSession(batch::SessionGrant grant);
  env::Task<Status> RunStream(std::string session_id);
  env::Task<Status> SendLoop(ReportStream* stream);
  env::Task<void> ReadAcks(ReportStream* stream);
  env::Task<void> KeepAlive(std::string session_id, Nanos interval, std::stop_token stop);
  env::Task<Result<batch::HeartbeatAnswer>> BeatOnce(batch::Heartbeat beat);
  env::Task<Status> BackOff();
  void BecomeLeader();
  std::optional<batch::Batch> NextBatch();

  const Options options_;
  env::Executor& data_;
  env::Executor& control_;
  Source& source_;
  FusionLink& link_;
  const Logger log_;
  Prng prng_;
  State state_;
  Nanos backoff_;
  std::uint64_t credit_bytes_ = 0;
  std::uint64_t last_sequence_ = 0;
  std::int64_t last_index_ms_ = 0;
  std::deque<Sent> unacknowledged_;
  bool session_over_ = false;  // Fusion does not know this session any more.
  Status stream_status_;
  bool stream_broken_ = false;
  bool snapshot_started_ = false;
  env::TaskGroup tasks_;
};

}  // namespace fustor::agent
