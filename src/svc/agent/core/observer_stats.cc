// Looking at single entries, and what is reported of them.
#include <algorithm>
#include <utility>

#include "base/path.h"
#include "svc/agent/core/observer.h"
#include "svc/agent/core/observer_rules.h"

namespace fustor::agent {
namespace {

// Every 20 ms first, then more and more seldom: every five seconds.
constexpr int kUnlistedStepsMax = 8;

// It may work the next time.
bool IsPassing(Code code) { return code == Code::kUnavailable || code == Code::kResourceExhausted; }

}  // namespace

void Observer::Schedule(const EntryKey& key, Pending& pending, Instant due) {
  pending.due = due;
  due_.emplace(due, key);
}

void Observer::Want(EntryKey key, std::optional<bool> atomic, Instant due) {
  const auto [it, added] = pending_.try_emplace(std::move(key));
  Pending& pending = it->second;
  if (added) pending.atomic = !writing_.contains(it->first);
  if (atomic) pending.atomic = *atomic;
  if (pending.in_flight) {
    pending.again = true;
    return;
  }
  if (added || due < pending.due) Schedule(it->first, pending, due);
}

void Observer::WantDirectory(DirKey dir, Instant now) {
  if (dir == DirTable::kRoot) return Want({dir, ""}, std::nullopt, now);
  const DirKey parent = dirs_.ParentOf(dir);
  const std::string name(dirs_.NameOf(dir));
  Touch(parent, name);
  Want({parent, name}, std::nullopt, now);
}

// It is there, or was when its parent was looked at, and could not be found.
void Observer::WantUnlisted(DirKey dir, Instant now) {
  int& tries = unlisted_[dir];
  WantDirectory(dir, now + kRetryAfter * (1 << std::min(tries, kUnlistedStepsMax)));
  ++tries;
}

void Observer::Cancel(const EntryKey& key) {
  const auto it = pending_.find(key);
  if (it == pending_.end()) return;
  if (it->second.in_flight) {
    it->second.discard = true;
    it->second.again = false;
  } else {
    pending_.erase(it);
  }
}

std::vector<env::StatRequest> Observer::TakeStats(Instant now) {
  std::vector<env::StatRequest> requests;
  DirKey last;
  std::string path;
  while (!due_.empty() && due_.begin()->first <= now &&
         stats_in_flight_ < options_.stats_in_flight_max) {
    const Instant due = due_.begin()->first;
    const EntryKey key = std::move(due_.begin()->second);
    due_.erase(due_.begin());
    const auto it = pending_.find(key);
    if (it == pending_.end() || it->second.in_flight || it->second.due != due) continue;
    if (!dirs_.Contains(key.dir)) {
      pending_.erase(it);
      continue;
    }
    if (key.dir != last) path = dirs_.PathOf(key.dir);
    last = key.dir;
    it->second.in_flight = true;
    it->second.asked_at = std::hash<std::string>()(path);
    ++stats_in_flight_;
    const std::uint64_t inode = key.dir == DirTable::kRoot ? 0 : dirs_.InodeOf(key.dir);
    requests.push_back({key.dir, path, inode, key.name, false});
  }
  return requests;
}

void Observer::OnStatted(std::vector<env::StattedEntry> statted, Instant now) {
  for (env::StattedEntry& one : statted) OnStattedOne(one, now);
  Tick(now);
}

void Observer::OnStattedOne(env::StattedEntry& statted, Instant now) {
  const EntryKey key{statted.dir, statted.name};
  const auto it = pending_.find(key);
  FUSTOR_CHECK(it != pending_.end() && it->second.in_flight, "a stat that nobody asked for");
  --stats_in_flight_;
  Pending& pending = it->second;
  pending.in_flight = false;
  const bool again = std::exchange(pending.again, false);
  const bool discard = std::exchange(pending.discard, false);
  const Code code = statted.status.code();
  const bool missing =
      IsGone(code) || (code == Code::kOk && IsElsewhere(key.dir, key.name, statted.attrs));
  if (!dirs_.Contains(key.dir)) {
    pending_.erase(it);
    return;
  }
  if (!discard && !again && missing) {
    // What was asked for at the directory's old place says nothing.
    const bool moved = pending.asked_at != std::hash<std::string>()(dirs_.PathOf(key.dir));
    if (!pending.missing_since || moved) pending.missing_since = now;
    if (now - *pending.missing_since < kVanishedPatience) {
      return Schedule(key, pending, now + kRetryAfter);
    }
    if (code != Code::kNotFound && code != Code::kOk) {
      // Not this entry but its directory is in question. Whoever looks for that finds it, or finds
      // that it is gone, and its entries with it.
      Schedule(key, pending, now + kVanishedPatience);
      if (!pending_.contains(EntryOf(key.dir))) WantDirectory(key.dir, now);
      return;
    }
    const bool as_written = pending.atomic;
    pending_.erase(it);
    if (code == Code::kNotFound) Vanished(key, now);
    if (code == Code::kOk) Report(key, statted, as_written, now);
    return;
  }
  const bool atomic = pending.atomic;
  if (again) {
    pending.missing_since.reset();
    pending.failures = 0;
    Schedule(key, pending, now);
  } else if (!discard && IsPassing(code) && pending.failures < kStatRetriesMax) {
    return Schedule(key, pending, now + kRetryAfter * (1 << 2 * pending.failures++));
  } else {
    if (!discard && IsPassing(code)) {
      ++counters_.stats_failed;
      ForgetTimes(key.dir);  // The next audit looks.
    }
    pending_.erase(it);
  }
  if (!discard && !missing && statted.status.ok()) Report(key, statted, atomic, now);
}

void Observer::Report(const EntryKey& key, env::StattedEntry& statted, bool atomic, Instant now) {
  // Something else than the event spoke of is there now.
  if (LeavesOut(key.dir, key.name, statted.attrs.is_directory())) return Vanished(key, now);
  batch::Change change;
  change.kind = batch::Change::Kind::kUpsert;
  change.path = dirs_.PathOf(key.dir);
  if (!key.name.empty()) change.path = JoinPath(change.path, key.name);
  change.attrs = statted.attrs;
  change.target = std::move(statted.target);
  change.atomic = atomic;
  if (key.name.empty()) {
    RefreshSelf(key.dir, statted.attrs);
    ring_.Push(std::move(change));
    if (unlisted_.contains(key.dir)) PushList(key.dir, kEverybody);
    return;
  }
  std::optional<DirKey> child = dirs_.Find(key.dir, key.name);
  const bool is_directory = statted.attrs.is_directory();
  if (child && (!is_directory ||
                (dirs_.InodeOf(*child) != 0 && dirs_.InodeOf(*child) != statted.attrs.inode))) {
    // Another one under the same name: what was below the old one must not stay below the new one.
    batch::Change gone;
    gone.kind = batch::Change::Kind::kDelete;
    gone.path = change.path;
    ring_.Push(std::move(gone));
    Forget(*child);
    child.reset();
  }
  ring_.Push(std::move(change));
  if (child) RefreshSelf(*child, statted.attrs);
  if (child && (unlisted_.contains(*child) || IsUntold(*child))) PushList(*child, kEverybody);
  if (is_directory && !child) {
    const DirKey added = dirs_.Add(key.dir, key.name, statted.attrs.inode);
    PushList(added, kEverybody);
  }
}

bool Observer::IsUntold(DirKey dir) const {
  return std::ranges::any_of(subscribers_, [&](const auto& one) {
    const Subscriber& subscriber = one.second;
    return subscriber.active && !subscriber.WasTold(dir) && !WillBeTold(subscriber, dir);
  });
}

bool Observer::WillBeTold(const Subscriber& subscriber, DirKey dir) const {
  if (appeared_.contains(dir) || subscriber.queued.contains(dir)) return true;
  // Its scan has not come to where the directory is.
  if (subscriber.scan_id != 0 && !subscriber.WasTold(dirs_.ParentOf(dir))) return true;
  const auto it = listing_.find(dir);
  if (it == listing_.end()) return false;
  const auto tells = [&](std::uint64_t id) { return id == kEverybody || id == subscriber.scan_id; };
  return std::ranges::any_of(it->second.wanted_by, tells) ||
         std::ranges::any_of(it->second.again, tells);
}

// A listing that has not left yet must not take the directory's own attributes back in time.
void Observer::RefreshSelf(DirKey dir, const EntryAttrs& attrs) {
  watch_budget_.Changed(dir, attrs);
  if (const auto it = listing_.find(dir); it != listing_.end()) it->second.fresh_self = true;
  for (auto& [id, subscriber] : subscribers_) subscriber.bus->HideSelf(dir, attrs);
}

void Observer::Vanished(const EntryKey& key, Instant now) {
  if (key.name.empty()) return;
  batch::Change change;
  change.kind = batch::Change::Kind::kDelete;
  change.path = JoinPath(dirs_.PathOf(key.dir), key.name);
  ring_.Push(std::move(change));
  Touch(key.dir, key.name);  // A listing that is older must not tell about it.
  if (const std::optional<DirKey> child = dirs_.Find(key.dir, key.name)) Forget(*child);
  WantDirectory(key.dir, now);  // As after every deletion: it tells how old this one is.
}

std::optional<Instant> Observer::NextDue() const {
  std::optional<Instant> next;
  if (!due_.empty()) next = due_.begin()->first;
  for (const auto& [cookie, held] : held_) {
    if (!next || held.until < *next) next = held.until;
  }
  return next;
}

}  // namespace fustor::agent
