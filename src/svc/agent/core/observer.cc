// Scans and listings.
#include "svc/agent/core/observer.h"

#include <algorithm>
#include <utility>

#include "base/mutants.h"
#include "base/path.h"
#include "svc/agent/core/observer_rules.h"

namespace fustor::agent {
namespace {

constexpr std::size_t kFoundAheadMax = 100'000;

bool Has(const std::vector<std::uint64_t>& ids, std::uint64_t id) {
  return std::ranges::find(ids, id) != ids.end();
}

bool SameKnown(const env::ListRequest::Known& a, const env::ListRequest::Known& b) {
  return a.inode == b.inode && a.mtime_ns == b.mtime_ns && a.ctime_ns == b.ctime_ns;
}

}  // namespace

Observer::SubscriberId Observer::Subscribe(Bus& bus) {
  subscribers_.try_emplace(++last_subscriber_, &bus);
  return last_subscriber_;
}

void Observer::Unsubscribe(SubscriberId id) {
  Pause(id);
  subscribers_.erase(id);
}

void Observer::Pause(SubscriberId id) {
  Subscriber& subscriber = subscribers_.at(id);
  subscriber.active = false;
  DropQueue(&subscriber, std::exchange(subscriber.scan_id, 0));
  // Listings that are under way come back, and find that nobody waits for them.
  subscriber.jobs.clear();
  subscriber.jobs_ended.clear();
  subscriber.times.Clear();
  subscriber.told.clear();
}

bool Observer::scanning() const {
  return std::ranges::any_of(subscribers_, [](const auto& s) { return s.second.scan_id != 0; });
}

std::size_t Observer::job_count() const {
  std::size_t count = 0;
  for (const auto& [id, subscriber] : subscribers_) count += subscriber.jobs.size();
  return count;
}

Observer::Subscriber* Observer::ScanOf(std::uint64_t scan_id) {
  if (scan_id == kEverybody) return nullptr;
  for (auto& [id, subscriber] : subscribers_) {
    if (subscriber.scan_id == scan_id) return &subscriber;
  }
  return nullptr;
}

void Observer::BeginScan(SubscriberId id, Scan scan) {
  Subscriber& subscriber = subscribers_.at(id);
  const bool audit = scan == Scan::kAudit;
  if (!audit) subscriber.kind = scan;
  subscriber.active = true;
  subscriber.scan = scan;
  DropQueue(&subscriber, std::exchange(subscriber.scan_id, ++last_scan_id_));
  // A new session, another role or lost events: what was read before may not have been told.
  if (!audit) subscriber.times.Clear();
  if (!audit) subscriber.told.clear();
  // Others may still need what their audits have found.
  if (subscribers_.size() == 1 || found_ahead_.size() > kFoundAheadMax) found_ahead_.clear();
  if (subscriber.reported()) {
    subscriber.bus->BeginScan(subscriber.scan_id,
                              audit ? batch::Source::kAudit : batch::Source::kSnapshot, "/",
                              audit ? options_.full_every : 0);
  }
  PushList(DirTable::kRoot, subscriber.scan_id);
}

void Observer::DropQueue(Subscriber* subscriber, std::uint64_t scan_id) {
  subscriber->scan_open = 0;
  subscriber->to_list.clear();
  subscriber->queued.clear();
  if (scan_id == kEverybody) return;
  for (auto& [dir, listing] : listing_) std::erase(listing.again, scan_id);
}

void Observer::PushList(DirKey dir, std::uint64_t scan_id) {
  if (scan_id == kEverybody) return PushListForAll(dir);
  if (PushJobList(dir, scan_id)) return;
  Subscriber* const scan = ScanOf(scan_id);
  if (scan == nullptr) return;
  if (const auto it = listing_.find(dir); it != listing_.end()) {
    ++scan->scan_open;
    return WantAgain(&it->second, scan_id, scan->audits());
  }
  // What has just appeared is announced by its own listing; an audit would call it unannounced.
  if (scan->audits() && appeared_.contains(dir)) return;
  if (!scan->queued.insert(dir).second) return;
  if (IsCovered(dir)) appeared_.erase(dir);
  scan->to_list.push_back(dir);
  ++scan->scan_open;
}

void Observer::PushListForAll(DirKey dir) {
  if (const auto it = listing_.find(dir); it != listing_.end()) {
    return WantAgain(&it->second, kEverybody, false);
  }
  if (IsCovered(dir)) return;
  if (appeared_.insert(dir).second) to_list_.push_back(dir);
  for (auto& [id, subscriber] : subscribers_) {
    if (subscriber.audits() && subscriber.queued.erase(dir) != 0) --subscriber.scan_open;
  }
}

// The only subscriber is about to be told by its own scan.
bool Observer::IsCovered(DirKey dir) const {
  if (subscribers_.size() != 1) return false;
  const Subscriber& only = subscribers_.begin()->second;
  return only.scan_id != 0 && only.scan == Scan::kSnapshot && only.queued.contains(dir);
}

// REQUIRES: it is counted as open in its scan.
void Observer::WantAgain(Listing* listing, std::uint64_t scan_id, bool audit) {
  const bool announced = Has(listing->wanted_by, kEverybody) || Has(listing->again, kEverybody);
  if (Has(listing->again, scan_id) || (audit && announced)) return CloseListing(scan_id);
  listing->again.push_back(scan_id);
}

bool Observer::AllAreFull() const {
  bool any = false;
  for (const auto& [id, subscriber] : subscribers_) {
    if (!subscriber.active) continue;
    if (!subscriber.bus->ScanFull()) return false;
    any = true;
  }
  return any;
}

std::vector<env::ListRequest> Observer::TakeLists() {
  Requests requests;
  for (auto& [id, subscriber] : subscribers_) TakeJobLists(&subscriber, &requests);
  TakeListsForAll(&requests);
  for (bool more = true; more;) {
    more = false;
    for (auto& [id, subscriber] : subscribers_) {
      if (listing_.size() >= options_.lists_in_flight_max) return requests;
      if (TakeNextOfScan(&subscriber, &requests)) more = true;
    }
  }
  return requests;
}

void Observer::TakeListsForAll(Requests* requests) {
  while (!to_list_.empty() && listing_.size() < options_.lists_in_flight_max && !AllAreFull()) {
    const DirKey dir = to_list_.back();
    to_list_.pop_back();
    if (appeared_.erase(dir) == 0) continue;  // Gone meanwhile.
    if (const auto busy = listing_.find(dir); busy != listing_.end()) {
      WantAgain(&busy->second, kEverybody, false);
    } else {
      RequestListing(dir, kEverybody, requests);
    }
  }
}

bool Observer::TakeNextOfScan(Subscriber* subscriber, Requests* requests) {
  std::vector<DirKey>& to_list = subscriber->to_list;
  while (!to_list.empty() && !subscriber->bus->ScanFull()) {
    const DirKey dir = to_list.back();
    to_list.pop_back();
    if (subscriber->queued.erase(dir) == 0) continue;  // Gone meanwhile.
    if (const auto busy = listing_.find(dir); busy != listing_.end()) {
      WantAgain(&busy->second, subscriber->scan_id, subscriber->audits());
      continue;
    }
    Listing& listing = RequestListing(dir, subscriber->scan_id, requests);
    Share(subscriber, dir, requests->back(), &listing);
    return true;
  }
  return false;
}

void Observer::Share(Subscriber* with, DirKey dir, const env::ListRequest& request,
                     Listing* listing) {
  for (auto& [id, other] : subscribers_) {
    if (&other == with || other.scan_id == 0 || other.audits() != with->audits()) continue;
    if (other.bus->ScanFull() || !other.queued.contains(dir)) continue;
    if (!SameKnown(KnownOf(dir, other), request.known)) continue;
    other.queued.erase(dir);
    listing->wanted_by.push_back(other.scan_id);
  }
}

Observer::Listing& Observer::RequestListing(DirKey dir, std::uint64_t scan_id, Requests* requests) {
  Listing listing;
  listing.wanted_by = {scan_id};
  listing.path = dirs_.PathOf(dir);
  listing.newest_ns = newest_ns_;
  env::ListRequest& request = requests->emplace_back();
  request.dir = dir;
  request.path = listing.path;
  request.expected_inode = dir == DirTable::kRoot ? 0 : dirs_.InodeOf(dir);
  if (const Subscriber* scan = ScanOf(scan_id); scan != nullptr) {
    request.known = KnownOf(dir, *scan);
    request.background = scan->audits();
  }
  return listing_.emplace(dir, std::move(listing)).first->second;
}

void Observer::OnListed(std::vector<env::ListedDir> listed, Instant now) {
  for (env::ListedDir& one : listed) {
    const auto it = listing_.find(one.dir);
    FUSTOR_CHECK(it != listing_.end(), "a listing that nobody asked for");
    const Listing listing = std::move(it->second);
    listing_.erase(it);
    if (dirs_.Contains(one.dir)) {
      for (std::size_t i = 0; i < listing.wanted_by.size(); ++i) {
        const bool last = i + 1 == listing.wanted_by.size();
        env::ListedDir copy = last ? std::move(one) : one;
        if (!FinishListing(copy, listing, listing.wanted_by[i], i == 0, now)) break;
      }
    } else {
      WatchAgain(one);
    }
    const DirKey dir = one.dir;
    for (const std::uint64_t scan_id : listing.again) {
      CloseListing(scan_id);
      if (dirs_.Contains(dir)) PushList(dir, scan_id);
    }
    for (const std::uint64_t scan_id : listing.wanted_by) CloseListing(scan_id);
  }
  MaybeEndScan();
}

// The listing has watched the directory under a key that was forgotten meanwhile, and may have
// taken the watch away from the key by which the directory is known now.
void Observer::WatchAgain(const env::ListedDir& listed) {
  unwatch_.push_back(listed.dir);
  if (const std::optional<DirKey> known = dirs_.FindInode(listed.self.inode))
    PushList(*known, kEverybody);
}

void Observer::CloseListing(std::uint64_t scan_id) {
  if (Job* job = JobOf(scan_id); job != nullptr) --job->in_flight;
  if (Subscriber* scan = ScanOf(scan_id); scan != nullptr) --scan->scan_open;
}

void Observer::MaybeEndScan() {
  for (auto& [id, subscriber] : subscribers_) {
    (void)MaybeEndJob(&subscriber);
    if (subscriber.scan_id == 0 || subscriber.scan_open != 0) continue;
    if (subscriber.reported()) subscriber.bus->EndScan(subscriber.scan_id);
    if (subscriber.scan == Scan::kAudit) ++subscriber.audit_turn;
    subscriber.scan_id = 0;
  }
}

bool Observer::LeavesOut(DirKey dir, std::string_view name, bool is_directory) const {
  const Selection& selection = options_.selection;
  if (selection.everything() || name.empty() || !dirs_.Contains(dir)) return false;
  return selection.LeavesOut(selection.by_path() ? dirs_.PathOf(dir) : "", name, is_directory);
}

void Observer::LeaveOut(env::ListedDir& listed) const {
  const Selection& selection = options_.selection;
  if (selection.everything()) return;
  const std::string path = dirs_.PathOf(listed.dir);
  EntryList kept;
  for (std::size_t i = 0; i < listed.children.size(); ++i) {
    const EntryAttrs& attrs = listed.children.attrs(i);
    const std::string_view name = listed.children.name(i);
    if (selection.LeavesOut(path, name, attrs.is_directory())) continue;
    kept.Append(name, attrs, listed.children.target(i));
  }
  listed.children = std::move(kept);
}

void Observer::SetAside(env::ListedDir& listed, Listing& listing, Instant now) {
  LeaveOut(listed);
  if (Broken("listings-override-events")) listing.touched.clear();
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

bool Observer::TakesWatch(const env::ListedDir& listed) {
  const auto taking = taking_watch_.find(listed.dir);
  const int retries = taking == taking_watch_.end() ? 0 : taking->second;
  if (taking != taking_watch_.end()) taking_watch_.erase(taking);
  if (listed.watch_status.ok()) {
    if (listed.status.ok()) watch_budget_.Watched(listed.dir, listed.self);
    return false;
  }
  watch_budget_.Ended(listed.dir);
  const bool scarce = listed.watch_status.code() == Code::kResourceExhausted;
  if (!scarce || !listed.status.ok() || retries == kWatchRetriesMax) return false;
  const std::optional<DirKey> older = watch_budget_.Displace(listed.self);
  if (!older) return false;
  ++counters_.displaced;
  unwatch_.push_back(*older);
  ForgetTimes(*older);  // Its next listing says so.
  taking_watch_[listed.dir] = retries + 1;
  return true;
}

void Observer::ForgetMissing(const env::ListedDir& listed, const std::vector<std::string>& exempt) {
  for (const DirKey child : dirs_.ChildrenOf(listed.dir)) {
    const std::string name(dirs_.NameOf(child));
    if (std::binary_search(exempt.begin(), exempt.end(), name)) continue;
    const std::size_t row = listed.children.FindSorted(name);
    const bool same =
        row < listed.children.size() && listed.children.attrs(row).is_directory() &&
        (dirs_.InodeOf(child) == 0 || dirs_.InodeOf(child) == listed.children.attrs(row).inode);
    if (!same) Forget(child);
  }
}

bool Observer::FinishListing(env::ListedDir& listed, Listing listing, std::uint64_t scan_id,
                             bool first, Instant now) {
  const Code code = listed.status.code();
  Job* const job = JobOf(scan_id);
  const bool over = job == nullptr && scan_id != kEverybody && ScanOf(scan_id) == nullptr;
  if (job != nullptr && StopsJobListing(job, listed, listing, now)) return true;
  if (listed.dir == DirTable::kRoot && StopsAudit(listed, scan_id)) return true;
  if (IsGone(code)) {
    if (dirs_.PathOf(listed.dir) != listing.path) {
      if (!over) PushList(listed.dir, scan_id);  // It was renamed while it was looked for.
      return true;
    }
    if (listed.dir != DirTable::kRoot) {  // Gone, replaced or renamed: its parent knows more.
      WantUnlisted(listed.dir, now);
      return true;
    }
  }
  if (over) return true;
  // One that is passed by keeps the watch that it has, or has not.
  if (!listed.unchanged && first && TakesWatch(listed)) {
    for (const std::uint64_t id : listing.wanted_by) ListAgain(listed.dir, id);
    return false;
  }
  if (listed.status.ok()) {
    unlisted_.erase(listed.dir);
  } else {
    unlisted_.try_emplace(listed.dir);
  }
  SetTold(listed.dir, scan_id);
  if (listed.unchanged) {
    FinishSilent(listed, listing, scan_id, now);
  } else {
    TakeIn(listed, std::move(listing), scan_id, now);
  }
  return true;
}

void Observer::SetTold(DirKey dir, std::uint64_t scan_id) {
  if (scan_id == kEverybody) {
    for (auto& [id, subscriber] : subscribers_) {
      if (subscriber.active) subscriber.SetTold(dir, true);
    }
    return;
  }
  Subscriber* whose = ScanOf(scan_id);
  if (whose == nullptr) (void)JobOf(scan_id, &whose);
  if (whose != nullptr) whose->SetTold(dir, true);
}

void Observer::TakeIn(env::ListedDir& listed, Listing listing, std::uint64_t scan_id, Instant now) {
  Job* const job = JobOf(scan_id);
  NoteTimes(listed, listing, scan_id);
  ++counters_.directories_listed;
  counters_.entries_listed += listed.children.size();
  if (!listed.watch_status.ok()) ++counters_.unwatched;

  batch::DirBlock block;
  block.failed = !listed.status.ok();
  block.complete = listed.status.ok();
  block.unwatched = !listed.watch_status.ok();
  if (block.failed) ++counters_.directories_failed;
  SetAside(listed, listing, now);
  block.exempt = std::move(listing.touched);
  std::sort(block.exempt.begin(), block.exempt.end());
  if (listed.self.is_directory()) dirs_.SetInode(listed.dir, listed.self.inode);
  if (listed.status.ok()) ForgetMissing(listed, block.exempt);
  // Directories that changed meanwhile are known by their events; the scan must enter them all the
  // same.
  for (const std::string& name : block.exempt) {
    const std::optional<DirKey> child = dirs_.Find(listed.dir, name);
    if (child && scan_id != kEverybody) PushList(*child, scan_id);
  }
  if (job != nullptr) ListNewChildren(job, listed);
  ReconcileChildren(listed, scan_id);
  block.self = listed.self;
  // Its changes are events only since it is watched. A stat that was under way meanwhile may be
  // from before that, and newer or older than the listing.
  if (listing.fresh_self || IsBeingLookedAt(listed.dir)) WantDirectory(listed.dir, now);
  block.rows = std::move(listed.children);
  Report(listed.dir, scan_id, std::move(block));
}

void Observer::Report(DirKey dir, std::uint64_t scan_id, batch::DirBlock block) {
  Subscriber* whose = ScanOf(scan_id);
  if (const Job* job = JobOf(scan_id, &whose); job != nullptr) {
    whose->bus->PushOfJob(scan_id, job->id, dir, std::move(block));
  } else if (scan_id != kEverybody) {
    FUSTOR_CHECK(whose != nullptr);
    if (whose->reported()) whose->bus->PushScanned(scan_id, dir, std::move(block));
  } else {
    block.path = dirs_.PathOf(dir);
    // Its row in a listing of its parent that still waits (a job may have found it) is older, too.
    const EntryKey entry = EntryOf(dir);
    if (!entry.name.empty()) Touch(entry.dir, entry.name);
    // What a scan has listed before this is older and would come later.
    for (auto& [id, subscriber] : subscribers_) subscriber.bus->Drop(dir);
    ring_.Push(std::move(block));
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
  const Subscriber* const scan = ScanOf(scan_id);
  const bool audit = scan != nullptr && scan->audits();
  // Backwards: the stack then yields the names in order.
  for (std::size_t i = listed.children.size(); i-- > 0;) {
    const EntryAttrs& attrs = listed.children.attrs(i);
    if (!attrs.is_directory()) continue;
    const bool known = dirs_.Find(listed.dir, listed.children.name(i)).has_value();
    const DirKey child = dirs_.Add(listed.dir, listed.children.name(i), attrs.inode);
    if (audit && !known) found_ahead_.insert(child);
    if (scan_id == kEverybody) found_ahead_.erase(child);
    PushList(child, scan_id);
  }
}

void Observer::Forget(DirKey dir) {
  for (const DirKey key : dirs_.Remove(dir)) {
    for (auto& [id, subscriber] : subscribers_) {
      subscriber.bus->Drop(key);
      subscriber.times.Forget(key);
      if (subscriber.WasTold(key)) subscriber.SetTold(key, false);
      if (subscriber.queued.erase(key) != 0) --subscriber.scan_open;
    }
    unlisted_.erase(key);
    found_ahead_.erase(key);
    appeared_.erase(key);
    watch_budget_.Ended(key);
    taking_watch_.erase(key);
    unwatch_.push_back(key);
  }
  // Listings in flight close when they come back; stats of what was inside find no directory.
}

}  // namespace fustor::agent
