#include "svc/fusion/core/scans.h"

#include <algorithm>

#include "base/path.h"

namespace fustor::fusion {

Scans::Scan* Scans::Add(SessionKey session, const batch::Batch& batch, WallTime wall, bool begun) {
  const auto first = scans_.lower_bound({session, 0});
  const auto last = scans_.upper_bound({session, UINT64_MAX});
  if (static_cast<std::size_t>(std::distance(first, last)) >= kScansPerSessionMax) {
    scans_.erase(std::min_element(
        first, last, [](const auto& a, const auto& b) { return a.second.order < b.second.order; }));
  }
  Scan& scan = scans_[{session, batch.scan_id}];
  scan = Scan{};
  scan.source = batch.source;
  scan.path = batch.scan_path.empty() ? "/" : batch.scan_path;
  scan.begin_wall_ns = wall.ns;
  scan.order = ++order_;
  scan.begun = begun;
  scan.full_every = begun ? batch.full_every : 0;
  scan.shallow = batch.shallow;
  return &scan;
}

Scans::Scan* Scans::Begin(SessionKey session, const batch::Batch& batch, WallTime wall) {
  scans_.erase({session, batch.scan_id});
  Scan* begun = Add(session, batch, wall, true);
  const auto last = scans_.upper_bound({session, UINT64_MAX});
  for (auto it = scans_.lower_bound({session, 0}); it != last; ++it) {
    Scan& older = it->second;
    if (&older != begun && !begun->shallow && older.source == begun->source &&
        IsWithin(older.path, begun->path)) {
      older.superseded = true;
    }
  }
  return begun;
}

Scans::Scan* Scans::Current(SessionKey session, const batch::Batch& batch, WallTime wall) {
  const auto it = scans_.find({session, batch.scan_id});
  if (it != scans_.end()) return &it->second;
  return Add(session, batch, wall, false);
}

std::optional<Scans::Scan> Scans::End(SessionKey session, std::uint64_t scan_id,
                                      Nanos settled_after, bool done) {
  const auto it = scans_.find({session, scan_id});
  if (it == scans_.end()) return std::nullopt;
  Scan scan = std::move(it->second);
  scans_.erase(it);
  if (!scan.begun || scan.shallow || !done) return scan;
  for (std::size_t i = uncertain_.size(); i-- > 0;) {
    const Uncertain& lost = uncertain_[i];
    const bool mine = lost.session == session || lost.session == SessionKey{};
    const bool settled = mine || scan.begin_wall_ns - last_loss_[i].wall_ns > settled_after.count();
    if (!settled || last_loss_[i].order > scan.order || !IsWithin(lost.path, scan.path)) continue;
    uncertain_.erase(uncertain_.begin() + static_cast<std::ptrdiff_t>(i));
    last_loss_.erase(last_loss_.begin() + static_cast<std::ptrdiff_t>(i));
  }
  return scan;
}

void Scans::Refuse(Scan* scan, std::string path) {
  if (scan->refused.size() >= kRefusedMax) {
    scan->refused_overflow = true;
    return;
  }
  scan->refused.insert(std::move(path));
}

bool Scans::IsRefused(const Scan& scan, std::string_view path) {
  if (scan.refused_overflow) return true;
  if (scan.refused.empty()) return false;
  for (; path.size() > 1; path = SplitPath(path).first) {
    if (scan.refused.contains(path)) return true;
  }
  return false;
}

void Scans::Lost(SessionKey session, std::string path, WallTime wall) {
  ++order_;
  for (std::size_t i = 0; i < uncertain_.size(); ++i) {
    if (uncertain_[i].session != session || !IsWithin(path, uncertain_[i].path)) continue;
    last_loss_[i] = {order_, wall.ns};  // Still uncertain since the first loss.
    return;
  }
  if (uncertain_.size() >= kUncertainMax) path = "/";
  WallTime since = wall;
  for (std::size_t i = uncertain_.size(); i-- > 0;) {
    if (uncertain_[i].session != session || !IsWithin(uncertain_[i].path, path)) continue;
    since = std::min(since, uncertain_[i].since);
    uncertain_.erase(uncertain_.begin() + static_cast<std::ptrdiff_t>(i));
    last_loss_.erase(last_loss_.begin() + static_cast<std::ptrdiff_t>(i));
  }
  uncertain_.push_back({std::move(path), since, session});
  last_loss_.push_back({order_, wall.ns});
}

void Scans::DropSession(SessionKey session) {
  scans_.erase(scans_.lower_bound({session, 0}), scans_.upper_bound({session, UINT64_MAX}));
  for (std::size_t i = 0; i < uncertain_.size(); ++i) {
    if (uncertain_[i].session != session) continue;
    // Nobody can clear it up in this session's name any more.
    const Uncertain orphan{uncertain_[i].path, uncertain_[i].since, SessionKey{}};
    const Loss loss = last_loss_[i];
    uncertain_.erase(uncertain_.begin() + static_cast<std::ptrdiff_t>(i));
    last_loss_.erase(last_loss_.begin() + static_cast<std::ptrdiff_t>(i));
    --i;
    const bool known = std::any_of(uncertain_.begin(), uncertain_.end(), [&](const Uncertain& u) {
      return u.session == SessionKey{} && IsWithin(orphan.path, u.path);
    });
    if (known) continue;
    uncertain_.insert(uncertain_.begin(), orphan);
    last_loss_.insert(last_loss_.begin(), loss);
    ++i;
  }
}

void Scans::DropAudits() {
  std::erase_if(scans_, [](const auto& entry) {
    return entry.second.source == batch::Source::kAudit ||
           entry.second.source == batch::Source::kJob;
  });
}

void Scans::Clear() {
  scans_.clear();
  uncertain_.clear();
  last_loss_.clear();
}

std::int64_t Scans::oldest_begin_wall_ns() const {
  std::int64_t oldest = INT64_MAX;
  for (const auto& [key, scan] : scans_) {
    if (!scan.superseded) oldest = std::min(oldest, scan.begin_wall_ns);
  }
  return oldest;
}

}  // namespace fustor::fusion
