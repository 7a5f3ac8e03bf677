// sessions.h: who may report to a pipe, and who leads.
//
// Pure: a state machine over (call, now); never blocks. One owner: the control executor. One
// Sessions per FusionPipe. Expiry runs on monotonic time. Everything that others must learn comes
// back as effects, in order.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
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

enum class SessionPolicy { kShared, kExclusive };

class Sessions {
 public:
  struct Options {
    SessionPolicy policy = SessionPolicy::kShared;
    Nanos timeout_default = Seconds(30);
    Nanos timeout_min = Seconds(1);
    Nanos timeout_max = Seconds(3600);
    std::size_t sessions_max = 10'000;
    // Keys of different pipes must differ: the owner numbers its pipes.
    std::uint16_t pipe_number = 0;
  };

  struct Effect {
    enum class Kind {
      kStarted,
      kEnded,          // Closed, expired, replaced or superseded: see `reason`.
      kLeaderChanged,  // `session` leads now; 0: nobody does.
      kUncovered,      // The last session ended: from now on nobody watches.
    };
    Kind kind;
    SessionKey session;
    std::string reason;
  };
  using Effects = std::vector<Effect>;

  struct Session {
    SessionKey key;
    std::string id;
    std::string task_id;
    std::string agent_id;
    std::string source_uri;
    std::string peer;
    std::vector<std::string> capabilities;
    Nanos timeout{};
    Instant last_beat;
    WallTime created_at;
    WallTime last_activity;
    bool can_realtime = false;
    std::string state;
    std::uint64_t rows_sent = 0;
    double delete_fraction_max = 0;  // As in its request.
  };

  explicit Sessions(Options options);

  // Opens a session under `id` (unguessable, made by the caller: at least 128 random bits). A
  // session of the same task is replaced. Exclusive policy: every other session becomes obsolete.
  // Errors: kResourceExhausted (sessions_max), kInvalidArgument (no task_id), kAlreadyExists (id).
  Result<const Session*> Open(const batch::SessionRequest& request, std::string id,
                              std::string peer, Instant now, WallTime wall, Effects* effects);

  // Renews the session; a follower is promoted when nobody leads. Errors: kUnauthenticated
  // (unknown, expired or superseded: HTTP 419).
  Result<const Session*> Beat(const batch::Heartbeat& beat, Instant now, WallTime wall,
                              Effects* effects);

  // Marks activity of a session that sends data (does not renew the lease: beats do).
  // Errors: as Beat.
  Result<const Session*> Touch(std::string_view id, Instant now, WallTime wall);

  // False when the session was not there, which is fine.
  bool Close(std::string_view id, Effects* effects);

  // Ends what has expired.
  void Tick(Instant now, Effects* effects);
  std::optional<Instant> NextExpiry() const;

  bool IsLeader(SessionKey session) const { return session == leader_ && session.value != 0; }
  SessionKey leader() const { return leader_; }
  // In order of creation.
  std::vector<const Session*> all() const;
  const Session* Find(std::string_view id) const;
  const Session* Find(SessionKey key) const;

 private:
  // Ends a session that is there.
  void End(SessionKey key, std::string reason, Effects* effects);
  void Lead(SessionKey key, Effects* effects);
  Session* FindLive(std::string_view id, Instant now, Effects* effects);
  Nanos TimeoutFor(Nanos hint) const;

  const Options options_;
  SessionKey leader_;
  std::uint64_t opened_ = 0;
  std::map<SessionKey, Session> sessions_;  // Keys grow: in order of creation.
  std::unordered_map<std::string, SessionKey> by_id_;
  std::unordered_map<std::string, SessionKey> by_task_;
  std::set<std::pair<Instant, SessionKey>> by_end_;  // last_beat + timeout.
};

}  // namespace fustor::fusion
