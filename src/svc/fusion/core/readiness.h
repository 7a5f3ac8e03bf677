// readiness.h: whether a view may answer, and if not, why.
//
// Pure; one owner per view and pipe. A view is ready when (a) a snapshot has ended, (b) nothing of
// it waits in the queue, (c) nothing of it is in flight and (d) an authoritative session is alive
// (docs/http-api.md). Batches of a session are applied in order, so (a) to (c) hold together once
// the snapshot's end has been applied. (a) is lost when the last session of the pipe ends: then
// nobody saw what happened until the next snapshot. A change of leader while other sessions live
// keeps it. Under the exclusive policy only the snapshot of the authoritative session counts.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/time.h"
#include "svc/fusion/core/sessions.h"

namespace fustor::fusion {

class Readiness {
 public:
  explicit Readiness(SessionPolicy policy);

  // Feed every effect of Sessions, in order.
  void OnEffect(const Sessions::Effect& effect, WallTime wall);
  // A batch of a snapshot from `session` was applied; `ended`: it was the last one of a whole tree.
  void OnSnapshot(SessionKey session, std::uint64_t rows, bool ended, WallTime wall);
  void OnReset();

  struct Verdict {
    bool ready = false;
    bool was_ready_once = false;
    bool has_leader = false;
    bool snapshot_ended = false;
    std::uint64_t snapshot_rows = 0;  // Seen so far of the snapshot that is going on.
    std::string reason;               // "No active leader session. ..." ; empty when ready.
    int retry_after_s = 0;
    std::optional<WallTime> unready_since;  // Of a view that was ready once.
  };
  Verdict verdict() const;

 private:
  bool ready() const { return snapshot_ended_ && leader_ != SessionKey{}; }
  // Keeps track of when readiness was lost.
  void Settle(WallTime wall);
  void ForgetSnapshot();

  SessionPolicy policy_;
  SessionKey leader_;
  bool snapshot_ended_ = false;
  bool counting_ = false;  // A snapshot is going on: its rows are being counted.
  std::uint64_t snapshot_rows_ = 0;
  bool was_ready_once_ = false;
  std::optional<WallTime> unready_since_;
};

}  // namespace fustor::fusion
