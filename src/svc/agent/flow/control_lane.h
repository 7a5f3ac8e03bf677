// control_lane.h: the calls of a pipe that must not wait for data: open, beat, close.
//
// The calls, their timers and what follows from them live on the control executor; the pipe, on the
// data executor, exchanges messages with them and shares nothing. So heartbeats go on whatever
// holds up the data executor. What waits for a blocked data executor stays small: changes and
// commands are told, not every answer.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/log.h"
#include "env/task.h"
#include "svc/agent/ports.h"

namespace fustor::agent {

class ControlLane {
 public:
  // What heartbeats say about the pipe.
  struct Vitals {
    bool can_realtime = false;
    std::string state;
    std::uint64_t rows_sent = 0;
  };
  // What heartbeats have brought.
  struct News {
    std::uint64_t session = 0;  // As given to StartBeating.
    bool obsolete = false;      // Fusion does not know the session any more; nothing follows.
    std::optional<batch::Role> role;
    std::vector<batch::Command> commands;
    std::optional<std::string> error;  // Beats have begun to fail; empty: they succeed again.
  };

  // All must outlive the lane. `on_news` runs on `data`, never after Stop or Abandon.
  ControlLane(env::Executor& data, env::Executor& control, FusionLink& link, Logger log,
              std::function<void(News)> on_news);
  // REQUIRES: no call is under way: Stop has ended, or Abandon was called.
  ~ControlLane();
  ControlLane(const ControlLane&) = delete;

  // The rest is called on `data`. As the calls of FusionLink.
  env::Task<Result<batch::SessionGrant>> Open(batch::SessionRequest request);
  env::Task<Status> Close(std::string session_id);

  // Beats thrice in `timeout` until StopBeating, or until the session is obsolete. A beat that has
  // no answer when the next one is due is given up. Replaces the session before.
  void StartBeating(std::uint64_t session, std::string session_id, Nanos timeout, batch::Role role);
  // REQUIRES: no Open or Close is under way.
  void StopBeating();
  // For the beats to come. Cheap; skipped while an earlier one is still on its way.
  void Tell(Vitals vitals);

  // Tells Fusion with the beats to come, until one comes through, that these commands have arrived.
  void Acknowledge(std::vector<std::string> command_ids);

  // Tells Fusion, without waiting for it; what does not come through is logged.
  void TellConfig(std::string session_id, batch::ConfigReport report);

  // Ends Open, Close and beating.
  void CancelCalls();
  // Returns when nothing is under way on the control executor. Nothing may be called afterwards.
  env::Task<void> Stop();
  // As TaskGroup::Abandon: where everything runs on one thread.
  void Abandon();

 private:
  struct Side;   // Touched on the control executor only.
  struct Inbox;  // Touched on the data executor only.

  env::Executor& control_;
  const std::shared_ptr<Inbox> inbox_;
  const std::shared_ptr<Side> side_;
};

}  // namespace fustor::agent
