#include "sim/scenarios/trust.h"

#include <algorithm>

#include "base/path.h"
#include "svc/fusion/core/evidence.h"

namespace fustor::sim {
namespace {

// The estimate of the server's clock is in whole seconds, and what is hot cools down while it is
// looked at.
constexpr Nanos kHotMargin = Seconds(6);
// Fewer changes do not tell what the server's clock says.
constexpr std::uint64_t kSamplesMin = 200;

// From what the kernel has dropped to what Fusion is told: hosts stand still, connections are cut.
constexpr Nanos kSlowestConfession = Seconds(150);
// What Fusion has acknowledged is shown by then.
constexpr Nanos kShownAfter = Seconds(1);

std::string Times(const tree::Entry& entry) {
  return " (ctime " + std::to_string(entry.attrs.ctime_ns) + ", confirmed " +
         std::to_string(entry.confirmed_ns) + ")";
}

}  // namespace

void Trust::Look(const fusion::View& view, int life, const std::vector<std::string>& agents,
                 Differences* differences) {
  const auto status = view.status();
  for (const std::string& agent : agents) {
    const std::optional<Instant> since = witness_.UncertainSince(agent);
    // Later the scan of another host may have cleared it up.
    const bool must_be = since && world_.now() - *since < options_.hot_file_threshold;
    if (must_be && status->uncertain.empty()) {
      differences->Add(agent + " has lost events, and nothing is uncertain");
    }
  }
  for (std::string& broken : witness_.TakeBroken()) differences->Add(std::move(broken));
  if (life == life_ && status->rows_applied > witness_.rows_sent()) {
    differences->Add(std::to_string(status->rows_applied) + " rows were applied, and only " +
                     std::to_string(witness_.rows_sent()) + " were sent");
  }
  const Result<tree::Snapshot> snapshot = view.Pin();
  if (!snapshot.ok()) return differences->Add("no revision: " + snapshot.status().message());
  const bool same_life = life == life_;
  life_ = life;
  // A life that begins with a checkpoint goes on behind all that has been shown of the one before.
  if ((same_life || status->restored_from) && snapshot->revision() < revision_) {
    differences->Add("the revision went back");
  }
  if (same_life && snapshot->revision() == revision_) {
    looked_at_ = world_.now();
    return;
  }
  revision_ = snapshot->revision();
  if (options_.recount) CheckRevision(*snapshot, differences);
  Shown now = EverythingIn(*snapshot);
  NoteShownUntilNow();
  if (!same_life) before_.clear();
  if (same_life) {
    for (const auto& [path, was] : before_) {
      if (!now.contains(path)) CheckRemoved(path, was, differences);
    }
  }
  const bool hot_can_be_told = witness_.told() >= kSamplesMin;
  // What a checkpoint brings back has been shown in the life before.
  if (!same_life) past_contents_ = std::exchange(contents_, {});
  if (status->restored_from) contents_.merge(std::exchange(past_contents_, {}));
  NoteContents(now);
  for (const auto& [path, is] : now) {
    if (same_life && !before_.contains(path)) CheckAppeared(path, is, now, differences);
    if (hot_can_be_told) CheckHot(path, is, status->logical_now, differences);
  }
  CheckTold(now, differences);
  before_ = std::move(now);
  looked_at_ = world_.now();
}

void Trust::CheckRemoved(const std::string& path, const tree::Entry& was,
                         Differences* differences) {
  if (was.confirmed_ns == 0) return;
  const Result<NodeId> node = fs_.Resolve(path);
  if (!node.ok() || fs_.AttrsOf(*node).inode != was.attrs.inode) return;
  const std::optional<Witness::Deed> since = witness_.LiesThereSince(path);
  if (!since || since->at >= looked_at_) return;
  if (!witness_.WasConfirmed(path, since->file_ns)) return;
  if (witness_.MayHaveBeenRemoved(path, looked_at_)) return;
  differences->Add("'" + PrintablePath(path) + "' was confirmed and is there, but was removed" +
                   Times(was));
}

void Trust::CheckTold(const Shown& shown, Differences* differences) {
  const Instant until{world_.now().ns - kShownAfter.count()};
  witness_.VisitTrueTellings(until, [&](const std::string& path, const Witness::Telling& telling) {
    if (shown.contains(path)) return;
    const std::optional<Witness::Deed> since = witness_.LiesThereSince(path);
    if (!since || since->at >= telling.sent) return;
    if (witness_.MayHaveBeenRemovedSince(path, telling)) return;
    differences->Add("'" + PrintablePath(path) + "' was told by " + telling.agent + " (ctime " +
                     std::to_string(telling.attrs.ctime_ns) + ") and is so, but is not shown");
  });
}

void Trust::LookAtLosses(const std::string& agent, Losses losses, Differences* differences) {
  Owed& owed = owed_[agent];
  const int sessions = witness_.SessionsOf(agent);
  const bool same =
      losses.connected && losses.life == owed.losses.life && sessions == owed.sessions;
  if (!same) {
    owed = {losses, sessions, world_.now(), {}};
    return;
  }
  if (losses.overflows != owed.losses.overflows && !owed.since) owed.since = owed.looked_at;
  owed.losses = losses;
  owed.looked_at = world_.now();
  if (!owed.since) return;
  const std::optional<Instant> told = witness_.ToldOfLoss(agent);
  if (told && *told >= *owed.since) {
    owed.since.reset();
  } else if (world_.now() - *owed.since > kSlowestConfession) {
    differences->Add(agent + " has lost events and has not told so");
  }
}

// It was shown under another name that is gone now: somebody has told of a rename.
bool Trust::HasMoved(const tree::Entry& is, const Shown& now) const {
  return std::ranges::any_of(before_, [&](const auto& shown) {
    return shown.second.attrs.inode == is.attrs.inode && !now.contains(shown.first);
  });
}

void Trust::CheckAppeared(const std::string& path, const tree::Entry& is, const Shown& now,
                          Differences* differences) {
  if (is.confirmed_ns != 0 || fs_.Resolve(path).ok()) return;
  const std::string parent_path(SplitPath(path).first);
  const auto parent = before_.find(parent_path);
  const Result<NodeId> dir = fs_.Resolve(parent_path);
  // It may have come with a directory that was moved.
  if (parent == before_.end() || !dir.ok()) return;
  if (parent->second.attrs.inode != fs_.AttrsOf(*dir).inode) return;
  const std::optional<Witness::Deed> gone = witness_.GoneSince(path);
  if (!gone || gone->at >= looked_at_ || fusion::EvidenceTime(is.attrs) > gone->file_ns) return;
  if (witness_.WasToldGone(path, gone->at, looked_at_)) {
    return differences->Add("'" + PrintablePath(path) + "' was deleted and has come back" +
                            Times(is));
  }
  const bool found_by_audit = (is.flags & tree::kKnownByAgent) == 0;
  if (found_by_audit && parent->second.attrs.ctime_ns > gone->file_ns &&
      (parent->second.flags & tree::kImplied) == 0 && !HasMoved(is, now)) {
    differences->Add("'" + PrintablePath(path) +
                     "' has come back, though its directory is known as it is without it" +
                     Times(is));
  }
}

// Looks that have shown nothing new since then are not noted otherwise.
void Trust::NoteShownUntilNow() {
  for (const auto& [path, was] : before_) {
    const auto of_path = contents_.find({path, was.attrs.mtime_ns});
    const auto of_inode = contents_.find({std::to_string(was.attrs.inode), was.attrs.mtime_ns});
    if (of_path != contents_.end()) of_path->second.last = looked_at_;
    if (of_inode != contents_.end()) of_inode->second.last = looked_at_;
  }
}

// An object keeps its suspicion when it is renamed, and a name when another object takes it; and it
// ends all the same when the mtime has been another one in between.
void Trust::NoteContents(const Shown& now) {
  for (const auto& [path, is] : now) {
    const std::int64_t mtime_ns = is.attrs.mtime_ns;
    const Content fresh{looked_at_, world_.now()};
    Content& of_path = contents_.try_emplace({path, mtime_ns}, fresh).first->second;
    const std::string inode = std::to_string(is.attrs.inode);
    Content& of_inode = contents_.try_emplace({inode, mtime_ns}, fresh).first->second;
    of_path = of_inode = {std::min(of_path.since, of_inode.since), world_.now()};
  }
  std::erase_if(contents_, [&](const auto& content) {
    return world_.now() - content.second.last > options_.hot_file_threshold;
  });
}

void Trust::CheckHot(const std::string& path, const tree::Entry& is, WallTime estimate,
                     Differences* differences) {
  const bool found_by_audit = (is.flags & tree::kKnownByAgent) == 0;
  if (!found_by_audit || is.attrs.kind != EntryKind::kFile) return;
  // What is known of one link holds for all: they may have become hot without being listed.
  if ((is.flags & tree::kSuspect) != 0 || witness_.HasBeenLinked(is.attrs.inode)) return;
  const std::int64_t age_ns = fusion::SaturatingSub(fs_.Now().ns, is.attrs.mtime_ns);
  const Nanos hot_for = options_.hot_file_threshold - kHotMargin;
  if (age_ns >= hot_for.count()) return;
  // Times that were set to the future do not keep it suspect for longer than a threshold after the
  // audit that has found it, whatever happens to its name.
  if (world_.now() - contents_.at({path, is.attrs.mtime_ns}).since >= hot_for) return;
  differences->Add(
      "'" + PrintablePath(path) + "' is hot (" + std::to_string(age_ns / 1'000'000) +
      " ms old) and was found by an audit, but no suspect; the estimate of the clock " +
      "is off by " + std::to_string((estimate - fs_.Now()).count() / 1'000'000) + " ms");
}

}  // namespace fustor::sim
