// ports.h: what an agent needs from a Fusion, in the agent's words.
//
// wire/ implements it over env::Transport (gRPC, in process, simulated) and over HTTP.
#pragma once

#include <cstdint>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "base/result.h"
#include "env/task.h"
#include "lib/batch/batch.h"
#include "lib/batch/session.h"

namespace fustor::agent {

// One ordered stream of batches within a session. One Send and one NextAck may be pending at a
// time.
class ReportStream {
 public:
  virtual ~ReportStream() = default;
  // Returns how many bytes went out. Errors: kUnauthenticated (the session is obsolete),
  // kUnavailable (try again on a new stream), kCancelled.
  virtual env::Task<Result<std::uint64_t>> Send(const batch::Batch& batch) = 0;
  // Waits for news: all batches up to the sequence returned are applied. Errors: as Send.
  virtual env::Task<Result<std::uint64_t>> NextAck() = 0;
  // Commands that came with what NextAck has returned; each is given once.
  virtual std::vector<batch::Command> TakeCommands() { return {}; }
  // Thread-safe; pending operations end with kCancelled.
  virtual void Cancel() = 0;
};

// The way to one Fusion. Control calls must not wait for data: implementations keep them apart.
// Open, Beat, Close, TellConfig and CancelCalls are called on one executor, Report (and its
// streams) on one other, or the same. Every call ends in bounded time, whatever Fusion does.
class FusionLink {
 public:
  virtual ~FusionLink() = default;
  // Errors: kUnauthenticated (key), kAlreadyExists (lock held), kUnavailable, kDeadlineExceeded.
  virtual env::Task<Result<batch::SessionGrant>> Open(batch::SessionRequest request) = 0;
  // Errors: kUnauthenticated (the session is obsolete), kUnavailable, kDeadlineExceeded.
  virtual env::Task<Result<batch::HeartbeatAnswer>> Beat(batch::Heartbeat beat) = 0;
  virtual env::Task<Status> Close(std::string session_id) = 0;
  // Tells the agent's configuration; on the executor of Open. A Fusion that does not want to know
  // it is no error. Errors: as Beat.
  virtual env::Task<Status> TellConfig(std::string session_id, batch::ConfigReport report) {
    (void)session_id;
    (void)report;
    co_return Status();
  }
  virtual env::Task<Result<std::unique_ptr<ReportStream>>> Report(std::string session_id) = 0;
  // Sweeps, on the executor of Report. `stop` ends them with kCancelled. What Fusion wants to be
  // looked at again, at most kSweepPathsMax view paths. Errors: kUnauthenticated, kUnavailable,
  // kUnimplemented (by this way, or this Fusion).
  virtual env::Task<Result<std::vector<std::string>>> ListSuspects(std::string session_id,
                                                                   std::stop_token stop) {
    (void)session_id;
    (void)stop;
    co_return Status(Code::kUnimplemented, "this way to Fusion knows no sweeps");
  }
  // What has been seen of them. Returns those that differ from what Fusion knows: they are to be
  // reported. `again`: they differed before, stand as they did then, and all that was noticed by
  // then has been applied, so nobody has reported them. Errors: as ListSuspects.
  virtual env::Task<Result<std::vector<std::string>>> Sweep(std::string session_id,
                                                            std::vector<batch::Sighting> sightings,
                                                            bool again, std::stop_token stop) {
    (void)session_id;
    (void)sightings;
    (void)again;
    (void)stop;
    co_return Status(Code::kUnimplemented, "this way to Fusion knows no sweeps");
  }
  // Ends the Open, Beat and Close that are under way with kCancelled; later ones are not touched.
  virtual void CancelCalls() {}
  // Ends the Report that is under way, or the stream that it gave, with kCancelled. On the executor
  // of Report.
  virtual void CancelReport() {}
};

}  // namespace fustor::agent
