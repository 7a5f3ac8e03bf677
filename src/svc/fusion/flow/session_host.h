// session_host.h: the sessions of all pipes, kept apart from the data.
//
// Lives on the control executor and never waits for a shard, so that heartbeats are answered
// whatever the views do. What happens to a session is told to the shards of its pipe in order:
// before a session's first batch can arrive there, its start has.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <stop_token>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/log.h"
#include "base/result.h"
#include "env/executor.h"
#include "env/random.h"
#include "lib/batch/session.h"
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
    std::vector<std::shared_ptr<Shard>> shards;
  };
  // Who calls: through which receiver, with which key, from where.
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

  static constexpr std::uint64_t kCreditBytes = std::uint64_t{8} << 20;

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
  // A stream begins; an earlier one of the session ends. Errors: as Beat.
  Result<Ticket> Join(const Caller& caller, const std::string& session_id);

  // Of all pipes that feed the view.
  std::vector<SessionInfo> ListSessions(const std::string& view_id) const;
  // Ends the sessions of all pipes that feed the view.
  void EndSessions(const std::string& view_id, const std::string& reason);

 private:
  struct Host {
    Pipe pipe;
    PipeNumber number = 0;
    Sessions sessions;
    std::unordered_map<SessionKey, std::stop_source> streams;
  };

  // nullptr: the key opens nothing here.
  Host* Find(const Caller& caller);
  static bool Same(const Pipe& a, const Pipe& b);
  void Retire(Host* host, const std::string& reason);
  void Carry(Host* host, const Sessions::Effects& effects);
  void ArmTimer();
  void Tick();
  PipeNumber NextNumber();

  env::Executor& executor_;
  env::Random& random_;
  const Logger log_;
  std::map<std::string, std::unique_ptr<Host>> hosts_;         // By pipe.
  std::map<std::pair<std::string, std::string>, Host*> keys_;  // (receiver, key)
  PipeNumber last_number_ = 0;
  env::Executor::TimerId timer_ = 0;
  bool stopped_ = false;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace fustor::fusion
