#include "svc/fusion/core/readiness.h"

namespace fustor::fusion {

Readiness::Readiness(SessionPolicy policy) : policy_(policy) {}

void Readiness::ForgetSnapshot() {
  snapshot_ended_ = false;
  counting_ = false;
  snapshot_rows_ = 0;
}

void Readiness::Settle(WallTime wall) {
  if (ready()) {
    was_ready_once_ = true;
    unready_since_.reset();
  } else if (was_ready_once_ && !unready_since_) {
    unready_since_ = wall;
  }
}

void Readiness::OnEffect(const Sessions::Effect& effect, WallTime wall) {
  switch (effect.kind) {
    case Sessions::Effect::Kind::kStarted:
    case Sessions::Effect::Kind::kEnded:
      break;
    case Sessions::Effect::Kind::kLeaderChanged:
      // What another session has shown is not this one's word.
      if (policy_ == SessionPolicy::kExclusive && effect.session != leader_) ForgetSnapshot();
      leader_ = effect.session;
      break;
    case Sessions::Effect::Kind::kUncovered:
      ForgetSnapshot();
      break;
  }
  Settle(wall);
}

void Readiness::OnSnapshot(SessionKey session, std::uint64_t rows, bool ended, WallTime wall) {
  if (policy_ == SessionPolicy::kExclusive && session != leader_) return;
  if (!counting_) snapshot_rows_ = 0;
  counting_ = !ended;
  snapshot_rows_ += rows;
  if (ended) snapshot_ended_ = true;
  Settle(wall);
}

void Readiness::OnReset() {
  ForgetSnapshot();
  // The picture itself is gone: there is nothing stale to show either.
  was_ready_once_ = false;
  unready_since_.reset();
}

Readiness::Verdict Readiness::verdict() const {
  Verdict verdict;
  verdict.ready = ready();
  verdict.was_ready_once = was_ready_once_;
  verdict.has_leader = leader_ != SessionKey{};
  verdict.snapshot_ended = snapshot_ended_;
  verdict.snapshot_rows = snapshot_rows_;
  verdict.unready_since = unready_since_;
  if (!verdict.has_leader) {
    verdict.reason = "No active leader session. Start an agent, or wait until one takes the lead.";
    verdict.retry_after_s = 10;
  } else if (!snapshot_ended_) {
    verdict.reason = "Initial snapshot sync phase in progress (" + std::to_string(snapshot_rows_) +
                     " rows so far; its end has not been received).";
    verdict.retry_after_s = 5;
  }
  return verdict;
}

}  // namespace fustor::fusion
