#include "svc/agent/core/observer.h"

#include <algorithm>
#include <utility>

#include "base/path.h"

namespace fustor::agent {
namespace {

constexpr std::size_t kWritingMax = 100'000;

// The name that an NFS client gives to a file that was deleted while open: noise.
bool IsSillyRename(std::string_view name) {
  if (!name.starts_with(".nfs") || name.size() < 12) return false;
  return std::all_of(name.begin() + 4, name.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
  });
}

// The directory (or entry) is not, or not any more, what it was taken for.
bool IsGone(Code code) {
  return code == Code::kNotFound || code == Code::kAborted || code == Code::kFailedPrecondition;
}

// It may work the next time.
bool IsPassing(Code code) { return code == Code::kUnavailable || code == Code::kResourceExhausted; }

}  // namespace

Observer::Observer(Options options, Bus& bus) : options_(options), bus_(bus) {}

void Observer::BeginScan(bool reported) {
  scan_reported_ = reported;
  scan_id_ = ++last_scan_id_;
  scan_open_ = 0;
  // What an older scan still wanted is below the root too; listings of directories that appeared
  // stay.
  std::erase_if(to_list_, [](const auto& item) { return item.second != 0; });
  std::erase_if(queued_, [](const auto& item) { return item.second != 0; });
  for (auto& [dir, listing] : listing_) {
    if (listing.again_scan_id != 0) listing.again = false;
    listing.again_scan_id = 0;
  }
  if (reported) bus_.BeginScan(scan_id_, "/");
  PushList(DirTable::kRoot, scan_id_);
}

// --- Listings ------------------------------------------------------------------------------------

void Observer::PushList(DirKey dir, std::uint64_t scan_id) {
  const bool counts = scan_id != 0 && scan_id == scan_id_;
  if (const auto it = listing_.find(dir); it != listing_.end()) {
    Listing& listing = it->second;
    if (listing.again && (listing.again_scan_id != 0 || scan_id == 0)) return;
    listing.again = true;
    listing.again_scan_id = scan_id;
    if (counts) ++scan_open_;
    return;
  }
  const auto [it, added] = queued_.try_emplace(dir, scan_id);
  if (added) {
    to_list_.emplace_back(dir, scan_id);
  } else if (scan_id != 0 && it->second != scan_id) {
    it->second = scan_id;
  } else {
    return;
  }
  if (counts) ++scan_open_;
}

std::vector<env::ListRequest> Observer::TakeLists() {
  std::vector<env::ListRequest> requests;
  while (!to_list_.empty() && listing_.size() < options_.lists_in_flight_max && !bus_.ScanFull()) {
    const DirKey dir = to_list_.back().first;
    to_list_.pop_back();
    const auto it = queued_.find(dir);
    if (it == queued_.end()) continue;  // Gone meanwhile.
    Listing listing;
    listing.scan_id = it->second;
    queued_.erase(it);
    listing.path = dirs_.PathOf(dir);
    env::ListRequest& request = requests.emplace_back();
    request.dir = dir;
    request.path = listing.path;
    request.expected_inode = dir == DirTable::kRoot ? 0 : dirs_.InodeOf(dir);
    listing_.emplace(dir, std::move(listing));
  }
  return requests;
}

void Observer::OnListed(std::vector<env::ListedDir> listed, Instant now) {
  for (env::ListedDir& one : listed) {
    const auto it = listing_.find(one.dir);
    FUSTOR_CHECK(it != listing_.end(), "a listing that nobody asked for");
    Listing listing = std::move(it->second);
    listing_.erase(it);
    const bool again = listing.again;
    const std::uint64_t again_scan_id = listing.again_scan_id;
    const std::uint64_t scan_id = listing.scan_id;
    if (dirs_.Contains(one.dir)) {
      FinishListing(one, std::move(listing), now);
    } else {
      WatchAgain(one);
    }
    if (again) {
      CloseListing(again_scan_id);
      if (dirs_.Contains(one.dir)) PushList(one.dir, again_scan_id);
    }
    CloseListing(scan_id);
  }
  MaybeEndScan();
}

// The listing has watched the directory under a key that was forgotten meanwhile, and may have
// taken the watch away from the key by which the directory is known now.
void Observer::WatchAgain(const env::ListedDir& listed) {
  unwatch_.push_back(listed.dir);
  if (const std::optional<DirKey> known = dirs_.FindInode(listed.self.inode)) PushList(*known, 0);
}

void Observer::CloseListing(std::uint64_t scan_id) {
  if (scan_id != 0 && scan_id == scan_id_) --scan_open_;
}

void Observer::MaybeEndScan() {
  if (scan_id_ == 0 || scan_open_ != 0) return;
  if (scan_reported_) bus_.EndScan(scan_id_);
  scan_id_ = 0;
}

void Observer::SetAside(env::ListedDir& listed, Listing& listing, Instant now) {
  for (std::string& name : listing.touched) {
    const std::size_t row = listed.children.FindSorted(name);
    if (row < listed.children.size()) listed.children.Erase(row);
  }
  for (std::size_t i = listed.children.size(); i-- > 0;) {
    if (IsSillyRename(listed.children.name(i))) listed.children.Erase(i);
  }
  for (std::size_t i = listed.children.size(); i-- > 0;) {
    const std::string name(listed.children.name(i));
    if (!IsElsewhere(listed.dir, name, listed.children.attrs(i))) continue;
    listed.children.Erase(i);
    listing.touched.push_back(name);
    Want({listed.dir, name}, std::nullopt, now);
  }
}

void Observer::FinishListing(env::ListedDir& listed, Listing listing, Instant now) {
  const Code code = listed.status.code();
  if (IsGone(code)) {
    if (dirs_.PathOf(listed.dir) != listing.path) {
      if (listing.scan_id != 0 && listing.scan_id != scan_id_) return;
      PushList(listed.dir, listing.scan_id);  // It was renamed while it was looked for.
      return;
    }
    if (listed.dir != DirTable::kRoot) {  // Gone, replaced or renamed: its parent knows more.
      unlisted_.insert(listed.dir);
      WantDirectory(listed.dir, now + kRetryAfter);
      return;
    }
  }
  if (listing.scan_id != 0 && listing.scan_id != scan_id_) return;  // Of a scan that was restarted.
  if (listed.status.ok()) {
    unlisted_.erase(listed.dir);
  } else {
    unlisted_.insert(listed.dir);
  }
  ++counters_.directories_listed;
  counters_.entries_listed += listed.children.size();
  if (!listed.watch_status.ok()) ++counters_.unwatched;

  batch::DirBlock block;
  block.failed = !listed.status.ok();
  block.complete = listed.status.ok();
  if (block.failed) ++counters_.directories_failed;
  SetAside(listed, listing, now);
  block.exempt = std::move(listing.touched);
  std::sort(block.exempt.begin(), block.exempt.end());
  if (listed.self.is_directory()) dirs_.SetInode(listed.dir, listed.self.inode);
  if (listed.status.ok()) {
    listed.status = Status();
    for (const DirKey child : dirs_.ChildrenOf(listed.dir)) {
      const std::string name(dirs_.NameOf(child));
      if (std::binary_search(block.exempt.begin(), block.exempt.end(), name)) continue;
      const std::size_t row = listed.children.FindSorted(name);
      const bool same =
          row < listed.children.size() && listed.children.attrs(row).is_directory() &&
          (dirs_.InodeOf(child) == 0 || dirs_.InodeOf(child) == listed.children.attrs(row).inode);
      if (!same) Forget(child);
    }
  }
  // Directories that changed meanwhile are known by their events; the scan must enter them all the
  // same.
  for (const std::string& name : block.exempt) {
    const std::optional<DirKey> child = dirs_.Find(listed.dir, name);
    if (child && listing.scan_id != 0) PushList(*child, listing.scan_id);
  }
  ReconcileChildren(listed, listing.scan_id);
  block.self = listed.self;
  // Its changes are events only since it is watched. A stat that was under way meanwhile may be
  // from before that, and newer or older than the listing.
  if (listing.fresh_self || IsBeingLookedAt(listed.dir)) WantDirectory(listed.dir, now);
  block.rows = std::move(listed.children);
  if (listing.scan_id != 0) {
    if (scan_reported_) bus_.PushScanned(listing.scan_id, listed.dir, std::move(block));
  } else {
    block.path = dirs_.PathOf(listed.dir);
    bus_.Drop(listed.dir);  // What a scan has listed before this is older and would come later.
    bus_.Push(std::move(block));
  }
}

// The directory as an entry of its parent.
Observer::EntryKey Observer::EntryOf(DirKey dir) const {
  if (dir == DirTable::kRoot) return {dir, ""};
  return {dirs_.ParentOf(dir), std::string(dirs_.NameOf(dir))};
}

bool Observer::IsBeingLookedAt(DirKey dir) const {
  const auto it = pending_.find(EntryOf(dir));
  return it != pending_.end() && it->second.in_flight;
}

// A directory that is known under another number: its rename has been seen before its event.
bool Observer::IsElsewhere(DirKey dir, std::string_view name, const EntryAttrs& attrs) const {
  if (!attrs.is_directory() || name.empty()) return false;
  const std::optional<DirKey> known = dirs_.FindInode(attrs.inode);
  return known && known != dirs_.Find(dir, name);
}

void Observer::ReconcileChildren(const env::ListedDir& listed, std::uint64_t scan_id) {
  // Backwards: the stack then yields the names in order.
  for (std::size_t i = listed.children.size(); i-- > 0;) {
    const EntryAttrs& attrs = listed.children.attrs(i);
    if (!attrs.is_directory()) continue;
    const DirKey child = dirs_.Add(listed.dir, listed.children.name(i), attrs.inode);
    PushList(child, scan_id);
  }
}

void Observer::Forget(DirKey dir) {
  for (const DirKey key : dirs_.Remove(dir)) {
    bus_.Drop(key);
    unlisted_.erase(key);
    if (const auto it = queued_.find(key); it != queued_.end()) {
      CloseListing(it->second);
      queued_.erase(it);
    }
    unwatch_.push_back(key);
  }
  // Listings in flight close when they come back; stats of what was inside find no directory.
}

// --- Events --------------------------------------------------------------------------------------

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
  ReleaseHeld(event.dir, event.name, now);
  Touch(event.dir, event.name);
  EntryKey key{event.dir, event.name};
  switch (event.kind) {
    case Kind::kCreated:
      WantDirectory(event.dir, now);
      return Want(std::move(key), std::nullopt, now);
    case Kind::kAttributes:
      return Want(std::move(key), std::nullopt, now);
    case Kind::kModified: {
      if (writing_.size() >= kWritingMax) writing_.clear();
      const auto [it, first] = writing_.try_emplace(key, now);
      if (!first && it->second + options_.throttle > now) {
        return Want(std::move(key), false, it->second + options_.throttle);
      }
      it->second = now;
      return Want(std::move(key), false, now);
    }
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
  if (from == to) return Want(to, std::nullopt, now);

  const std::optional<DirKey> replaced = dirs_.Find(to.dir, to.name);
  const std::optional<DirKey> moved = dirs_.Find(from.dir, from.name);
  if (replaced && moved && replaced != moved && dirs_.InodeOf(*moved) != 0 &&
      dirs_.InodeOf(*replaced) == dirs_.InodeOf(*moved)) {
    // A look ahead of the events has found it at the new place, and watches it there by a new
    // number.
    return OnRemoved(from.dir, from.name, now);
  }
  if (replaced && replaced != moved) Forget(*replaced);
  if (moved && dirs_.Contains(*moved)) {
    if (dirs_.IsBelow(to.dir, *moved)) return OnOverflow();  // Events contradict each other.
    dirs_.Move(*moved, to.dir, to.name);
    // The scan may have passed the new place already, and not yet have come to the old one.
    if (scan_id_ != 0) PushList(*moved, scan_id_);
  }
  bus_.Push(std::move(change));
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
  bus_.Push(std::move(change));
  if (const std::optional<DirKey> child = dirs_.Find(dir, name)) Forget(*child);
  WantDirectory(dir, now);
}

void Observer::OnOverflow() {
  ++counters_.overflows;
  held_.clear();
  // What is in flight may be older than the scan, and no event will correct it.
  for (auto& [key, pending] : pending_) pending.again = pending.in_flight;
  bus_.MarkLost();
  BeginScan(scan_reported_);
}

void Observer::Touch(DirKey dir, const std::string& name) {
  if (const auto it = listing_.find(dir); it != listing_.end()) {
    std::vector<std::string>& touched = it->second.touched;
    if (std::find(touched.begin(), touched.end(), name) == touched.end()) touched.push_back(name);
  }
  bus_.Touch(dir, name);
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
  if (bus_.TakeOverflow()) {
    ++counters_.overflows;
    BeginScan(scan_reported_);
  }
  MaybeEndScan();
}

// --- Stats ---------------------------------------------------------------------------------------

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
    requests.push_back({key.dir, path, inode, key.name});
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
    if (code == Code::kNotFound) Vanished(key);
    if (code == Code::kOk) Report(key, statted, as_written);
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
    if (!discard && IsPassing(code)) ++counters_.stats_failed;
    pending_.erase(it);
  }
  if (!discard && !missing && statted.status.ok()) Report(key, statted, atomic);
}

void Observer::Report(const EntryKey& key, env::StattedEntry& statted, bool atomic) {
  batch::Change change;
  change.kind = batch::Change::Kind::kUpsert;
  change.path = dirs_.PathOf(key.dir);
  if (!key.name.empty()) change.path = JoinPath(change.path, key.name);
  change.attrs = statted.attrs;
  change.target = std::move(statted.target);
  change.atomic = atomic;
  if (key.name.empty()) {
    RefreshSelf(key.dir, statted.attrs);
    bus_.Push(std::move(change));
    if (unlisted_.contains(key.dir)) PushList(key.dir, 0);
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
    bus_.Push(std::move(gone));
    Forget(*child);
    child.reset();
  }
  bus_.Push(std::move(change));
  if (child) RefreshSelf(*child, statted.attrs);
  if (child && unlisted_.contains(*child)) PushList(*child, 0);
  if (is_directory && !child) {
    const DirKey added = dirs_.Add(key.dir, key.name, statted.attrs.inode);
    PushList(added, 0);
  }
}

// A listing that has not left yet must not take the directory's own attributes back in time.
void Observer::RefreshSelf(DirKey dir, const EntryAttrs& attrs) {
  if (const auto it = listing_.find(dir); it != listing_.end()) it->second.fresh_self = true;
  bus_.RefreshSelf(dir, attrs);
}

void Observer::Vanished(const EntryKey& key) {
  if (key.name.empty()) return;
  batch::Change change;
  change.kind = batch::Change::Kind::kDelete;
  change.path = JoinPath(dirs_.PathOf(key.dir), key.name);
  bus_.Push(std::move(change));
  Touch(key.dir, key.name);  // A listing that is older must not tell about it.
  if (const std::optional<DirKey> child = dirs_.Find(key.dir, key.name)) Forget(*child);
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
