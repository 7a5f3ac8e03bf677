// What events say, and what is to be done about it.
#include <algorithm>
#include <utility>

#include "base/mutants.h"
#include "base/path.h"
#include "svc/agent/core/observer.h"
#include "svc/agent/core/observer_rules.h"

namespace fustor::agent {
namespace {

constexpr std::size_t kWritingMax = 100'000;

}  // namespace

void Observer::OnEvents(std::vector<env::TreeEvent> events, Instant now) {
  for (env::TreeEvent& event : events) OnEvent(event, now);
  counters_.events += events.size();
  Tick(now);
}

void Observer::OnEvent(env::TreeEvent& event, Instant now) {
  using Kind = env::TreeEvent::Kind;
  if (event.kind == Kind::kOverflow) return OnOverflow();
  if (IsSillyRename(event.name)) return;
  if (!dirs_.Contains(event.dir)) {
    if (event.kind != Kind::kMoved || !dirs_.Contains(event.to_dir)) return;
    event.kind = Kind::kMovedIn;  // From where nobody looks any more.
    event.dir = event.to_dir;
    event.name = event.to_name;
    event.cookie = 0;
  }
  if (event.name.empty()) {
    if (event.kind == Kind::kAttributes || event.kind == Kind::kDirGone) {
      WantDirectory(event.dir, now);
    }
    return;
  }
  if (!options_.selection.everything() && !Select(&event, now)) return;
  ReleaseHeld(event.dir, event.name, now);
  Touch(event.dir, event.name);
  EntryKey key{event.dir, event.name};
  switch (event.kind) {
    case Kind::kCreated:
      AnnounceFound(event.dir, event.name);
      WantDirectory(event.dir, now);
      return Want(std::move(key), std::nullopt, now);
    case Kind::kAttributes:
      return Want(std::move(key), std::nullopt, now);
    case Kind::kModified:
      return OnModified(std::move(key), now);
    case Kind::kClosed:
      writing_.erase(key);
      return Want(std::move(key), true, now);
    case Kind::kRemoved:
      return OnRemoved(event.dir, event.name, now);
    case Kind::kMoved:
      return OnMoved(event, now);
    case Kind::kMovedOut:
      if (event.cookie == 0) return OnRemoved(event.dir, event.name, now);
      held_[event.cookie] = Held{std::move(key), event.is_directory, now + kRenamePatience};
      return;
    case Kind::kMovedIn: {
      const auto it = event.cookie == 0 ? held_.end() : held_.find(event.cookie);
      if (it == held_.end()) {
        AnnounceFound(event.dir, event.name);
        WantDirectory(event.dir, now);
        return Want(std::move(key), std::nullopt, now);
      }
      env::TreeEvent moved;
      moved.kind = Kind::kMoved;
      moved.is_directory = event.is_directory;
      moved.dir = it->second.from.dir;
      moved.name = it->second.from.name;
      moved.to_dir = event.dir;
      moved.to_name = event.name;
      held_.erase(it);
      if (dirs_.Contains(moved.dir)) return OnMoved(moved, now);
      WantDirectory(event.dir, now);
      return Want(std::move(key), std::nullopt, now);
    }
    default:
      return;
  }
}

void Observer::OnModified(EntryKey key, Instant now) {
  if (writing_.size() >= kWritingMax) writing_.clear();
  const auto [it, first] = writing_.try_emplace(key, now);
  if (!first && it->second + options_.throttle > now) {
    return Want(std::move(key), false, it->second + options_.throttle);
  }
  it->second = now;
  return Want(std::move(key), false, now);
}

// It has appeared, but an audit was there before its event was read.
void Observer::AnnounceFound(DirKey dir, std::string_view name) {
  if (found_ahead_.empty()) return;
  const std::optional<DirKey> child = dirs_.Find(dir, name);
  if (child && found_ahead_.erase(*child) != 0) PushList(*child, kEverybody);
}

bool Observer::Select(env::TreeEvent* event, Instant now) {
  using Kind = env::TreeEvent::Kind;
  const bool left_out = LeavesOut(event->dir, event->name, event->is_directory);
  if (event->kind != Kind::kMoved) {
    const bool changes_directory = event->kind == Kind::kCreated || event->kind == Kind::kRemoved ||
                                   event->kind == Kind::kMovedIn || event->kind == Kind::kMovedOut;
    if (left_out && changes_directory) WantDirectory(event->dir, now);
    return !left_out;
  }
  const bool target_left_out = LeavesOut(event->to_dir, event->to_name, event->is_directory);
  if (target_left_out) WantDirectory(event->to_dir, now);
  if (left_out) WantDirectory(event->dir, now);
  if (left_out && target_left_out) return false;
  if (target_left_out) event->kind = Kind::kRemoved;
  if (left_out && dirs_.Contains(event->to_dir)) {
    event->kind = Kind::kMovedIn;
    event->dir = event->to_dir;
    event->name = event->to_name;
    event->cookie = 0;
    return true;
  }
  return !left_out;
}

void Observer::OnMoved(const env::TreeEvent& event, Instant now) {
  const EntryKey from{event.dir, event.name};
  const EntryKey to{event.to_dir, event.to_name};
  if (!dirs_.Contains(to.dir)) return OnRemoved(from.dir, from.name, now);
  ReleaseHeld(to.dir, to.name, now);
  Touch(to.dir, to.name);
  batch::Change change;
  change.kind = batch::Change::Kind::kMove;
  change.old_path = JoinPath(dirs_.PathOf(from.dir), from.name);
  change.path = JoinPath(dirs_.PathOf(to.dir), to.name);
  using Moved = batch::Change::Moved;
  change.moved = event.is_directory ? Moved::kDirectory : Moved::kOther;
  if (from == to) return Want(to, std::nullopt, now);
  if (event.is_directory && options_.selection.by_path()) {
    // What is left out below it depends on where it lies: it is looked at anew.
    OnRemoved(from.dir, from.name, now);
    if (!dirs_.Contains(to.dir)) return;  // Events contradict each other; others will tell.
    OnRemoved(to.dir, to.name, now);
    return Want(to, std::nullopt, now);
  }

  const std::optional<DirKey> replaced = dirs_.Find(to.dir, to.name);
  const std::optional<DirKey> moved = dirs_.Find(from.dir, from.name);
  if (replaced && moved && replaced != moved && dirs_.InodeOf(*moved) != 0 &&
      dirs_.InodeOf(*replaced) == dirs_.InodeOf(*moved)) {
    // A look ahead of the events has found it at the new place, and watches it there by a new
    // number. Who has not looked is told when it is looked at.
    OnRemoved(from.dir, from.name, now);
    if (dirs_.Contains(*replaced) && IsUntold(*replaced)) Want(to, std::nullopt, now);
    return;
  }
  if (replaced && replaced != moved) Forget(*replaced);
  if (moved && dirs_.Contains(*moved)) {
    change.moved_inode = dirs_.InodeOf(*moved);
    if (dirs_.IsBelow(to.dir, *moved)) return OnOverflow();  // Events contradict each other.
    dirs_.Move(*moved, to.dir, to.name);
    // The scan may have passed the new place already, and not yet have come to the old one.
    for (auto& [id, subscriber] : subscribers_) {
      if (subscriber.scan_id != 0) PushList(*moved, subscriber.scan_id);
    }
  }
  ring_.Push(std::move(change));
  std::optional<bool> atomic;
  if (const auto it = pending_.find(from); it != pending_.end()) atomic = it->second.atomic;
  Cancel(from);
  Cancel(to);
  if (const auto it = writing_.find(from); it != writing_.end()) {
    const Instant since = it->second;
    writing_.erase(it);
    writing_[to] = since;
  } else {
    writing_.erase(to);
  }
  Want(to, atomic, now);
  WantDirectory(from.dir, now);
  WantDirectory(to.dir, now);
}

void Observer::OnRemoved(DirKey dir, const std::string& name, Instant now) {
  if (!dirs_.Contains(dir)) return;
  const EntryKey key{dir, name};
  Cancel(key);
  writing_.erase(key);
  batch::Change change;
  change.kind = batch::Change::Kind::kDelete;
  change.path = JoinPath(dirs_.PathOf(dir), name);
  ring_.Push(std::move(change));
  if (const std::optional<DirKey> child = dirs_.Find(dir, name)) Forget(*child);
  WantDirectory(dir, now);
}

void Observer::OnOverflow() {
  if (Broken("overflow-not-told")) return;
  ++counters_.overflows;
  held_.clear();
  // What is in flight may be older than the scan, and no event will correct it.
  for (auto& [key, pending] : pending_) pending.again = pending.in_flight;
  for (auto& [id, subscriber] : subscribers_) {
    if (!subscriber.active) continue;
    subscriber.bus->MarkLost();
    BeginScan(id, subscriber.kind);
  }
}

void Observer::Touch(DirKey dir, const std::string& name) {
  if (const auto it = listing_.find(dir); it != listing_.end()) {
    std::vector<std::string>& touched = it->second.touched;
    if (std::find(touched.begin(), touched.end(), name) == touched.end()) touched.push_back(name);
  }
  for (auto& [id, subscriber] : subscribers_) subscriber.bus->Touch(dir, name);
}

// Something else happens to a name whose rename is half known: the first half was a deletion.
void Observer::ReleaseHeld(DirKey dir, std::string_view name, Instant now) {
  for (auto it = held_.begin(); it != held_.end(); ++it) {
    if (it->second.from.dir == dir && it->second.from.name == name) {
      const Held held = std::move(it->second);
      held_.erase(it);
      OnRemoved(held.from.dir, held.from.name, now);
      return;
    }
  }
}

void Observer::Tick(Instant now) {
  for (auto it = held_.begin(); it != held_.end();) {
    if (it->second.until > now) {
      ++it;
      continue;
    }
    const Held held = std::move(it->second);
    it = held_.erase(it);
    OnRemoved(held.from.dir, held.from.name, now);
  }
  for (auto& [id, subscriber] : subscribers_) {
    if (!subscriber.bus->TakeOverflow() || !subscriber.active) continue;
    ++counters_.overflows;
    BeginScan(id, subscriber.kind);
  }
  MaybeEndScan();
}

}  // namespace fustor::agent
