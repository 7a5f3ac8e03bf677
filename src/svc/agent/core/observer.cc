// Scans and listings.
#include "svc/agent/core/observer.h"

#include <algorithm>
#include <utility>

#include "base/mutants.h"
#include "base/path.h"
#include "svc/agent/core/observer_rules.h"

namespace fustor::agent {
Observer::Observer(Options options, Bus& bus) : options_(options), bus_(bus) {}

void Observer::BeginScan(Scan scan) {
  scan_ = scan;
  scan_id_ = ++last_scan_id_;
  // A new session, another role or lost events: what was read before may not have been told.
  if (scan != Scan::kAudit) times_.Clear();
  found_ahead_.clear();
  DropQueue();
  if (reported()) {
    const bool audit = scan == Scan::kAudit;
    bus_.BeginScan(scan_id_, audit ? batch::Source::kAudit : batch::Source::kSnapshot, "/",
                   audit ? options_.full_every : 0);
  }
  PushList(DirTable::kRoot, scan_id_);
}

void Observer::DropQueue() {
  scan_open_ = 0;
  // What an older scan still wanted is below the root too; listings of directories that appeared
  // stay.
  std::erase_if(to_list_, [](const auto& item) { return item.second != 0; });
  std::erase_if(queued_, [](const auto& item) { return item.second != 0; });
  for (auto& [dir, listing] : listing_) {
    if (listing.again_scan_id != 0) listing.again = false;
    listing.again_scan_id = 0;
  }
}

void Observer::PushList(DirKey dir, std::uint64_t scan_id) {
  if (PushJobList(dir, scan_id)) return;
  const bool counts = scan_id != 0 && scan_id == scan_id_;
  // What has just appeared is announced by its own listing; an audit would call it unannounced.
  const bool audit = counts && scan_ == Scan::kAudit;
  if (const auto it = listing_.find(dir); it != listing_.end()) {
    Listing& listing = it->second;
    if (audit && (listing.scan_id == 0 || (listing.again && listing.again_scan_id == 0))) return;
    if (listing.again && (listing.again_scan_id != 0 || scan_id == 0)) return;
    listing.again = true;
    listing.again_scan_id = scan_id;
    if (counts) ++scan_open_;
    return;
  }
  const auto [it, added] = queued_.try_emplace(dir, scan_id);
  if (added) {
    to_list_.emplace_back(dir, scan_id);
  } else if (scan_id != 0 && it->second != scan_id && !(audit && it->second == 0)) {
    it->second = scan_id;
  } else if (scan_id == 0 && it->second == scan_id_ && scan_ == Scan::kAudit) {
    CloseListing(std::exchange(it->second, 0));
    return;
  } else {
    return;
  }
  if (counts) ++scan_open_;
}

std::vector<env::ListRequest> Observer::TakeLists() {
  std::vector<env::ListRequest> requests;
  TakeJobLists(&requests);
  const bool audit = scan_id_ != 0 && scan_ == Scan::kAudit;
  while (!to_list_.empty() && listing_.size() < options_.lists_in_flight_max && !bus_.ScanFull()) {
    const DirKey dir = to_list_.back().first;
    to_list_.pop_back();
    const auto it = queued_.find(dir);
    if (it == queued_.end()) continue;  // Gone meanwhile.
    const std::uint64_t scan_id = it->second;
    queued_.erase(it);
    if (const auto busy = listing_.find(dir); busy != listing_.end()) {  // For a job.
      Listing& job = busy->second;
      const bool known = job.again && (job.again_scan_id != 0 || scan_id == 0 || audit);
      if (known) CloseListing(scan_id);
      if (!known) job.again_scan_id = scan_id;
      job.again = true;
      continue;
    }
    RequestListing(dir, scan_id, &requests);
  }
  return requests;
}

void Observer::RequestListing(DirKey dir, std::uint64_t scan_id,
                              std::vector<env::ListRequest>* requests) {
  Listing listing;
  listing.scan_id = scan_id;
  listing.path = dirs_.PathOf(dir);
  listing.newest_ns = newest_ns_;
  env::ListRequest& request = requests->emplace_back();
  request.dir = dir;
  request.path = listing.path;
  request.expected_inode = dir == DirTable::kRoot ? 0 : dirs_.InodeOf(dir);
  request.known = KnownOf(dir, scan_id);
  request.background = IsOfAudit(scan_id);
  listing_.emplace(dir, std::move(listing));
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
  if (Job* job = JobOf(scan_id); job != nullptr) --job->in_flight;
  if (scan_id != 0 && scan_id == scan_id_) --scan_open_;
}

void Observer::MaybeEndScan() {
  (void)MaybeEndJob();
  if (scan_id_ == 0 || scan_open_ != 0) return;
  if (reported()) bus_.EndScan(scan_id_);
  if (scan_ == Scan::kAudit) ++audit_turn_;
  scan_id_ = 0;
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
  times_.Forget(*older);  // Its next listing says so.
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

void Observer::FinishListing(env::ListedDir& listed, Listing listing, Instant now) {
  const Code code = listed.status.code();
  const Job* const job = JobOf(listing.scan_id);
  if (job != nullptr && StopsJobListing(listed, listing, now)) return;
  if (listed.dir == DirTable::kRoot && StopsAudit(listed, listing.scan_id)) return;
  if (IsGone(code)) {
    if (dirs_.PathOf(listed.dir) != listing.path) {
      if (listing.scan_id != 0 && listing.scan_id != scan_id_) return;
      PushList(listed.dir, listing.scan_id);  // It was renamed while it was looked for.
      return;
    }
    if (listed.dir != DirTable::kRoot) {  // Gone, replaced or renamed: its parent knows more.
      WantUnlisted(listed.dir, now);
      return;
    }
  }
  // Of a scan that was restarted, or a job that is over.
  if (job == nullptr && listing.scan_id != 0 && listing.scan_id != scan_id_) return;
  // One that is passed by keeps the watch that it has, or has not.
  if (!listed.unchanged && TakesWatch(listed)) return ListAgain(listed.dir, listing.scan_id);
  if (listed.status.ok()) {
    unlisted_.erase(listed.dir);
  } else {
    unlisted_.try_emplace(listed.dir);
  }
  if (listed.unchanged) return FinishSilent(listed, listing, now);
  NoteTimes(listed, listing);
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
    if (child && listing.scan_id != 0) PushList(*child, listing.scan_id);
  }
  if (job != nullptr) ListNewChildren(listed);
  ReconcileChildren(listed, listing.scan_id);
  block.self = listed.self;
  // Its changes are events only since it is watched. A stat that was under way meanwhile may be
  // from before that, and newer or older than the listing.
  if (listing.fresh_self || IsBeingLookedAt(listed.dir)) WantDirectory(listed.dir, now);
  block.rows = std::move(listed.children);
  Report(listed.dir, listing.scan_id, std::move(block));
}

void Observer::Report(DirKey dir, std::uint64_t scan_id, batch::DirBlock block) {
  if (const Job* job = JobOf(scan_id); job != nullptr) {
    bus_.PushOfJob(scan_id, job->id, dir, std::move(block));
  } else if (scan_id != 0) {
    if (reported()) bus_.PushScanned(scan_id, dir, std::move(block));
  } else {
    block.path = dirs_.PathOf(dir);
    // Its row in a listing of its parent that still waits (a job may have found it) is older, too.
    const EntryKey entry = EntryOf(dir);
    if (!entry.name.empty()) Touch(entry.dir, entry.name);
    bus_.Drop(dir);  // What a scan has listed before this is older and would come later.
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
  const bool audit = scan_id != 0 && scan_id == scan_id_ && scan_ == Scan::kAudit;
  // Backwards: the stack then yields the names in order.
  for (std::size_t i = listed.children.size(); i-- > 0;) {
    const EntryAttrs& attrs = listed.children.attrs(i);
    if (!attrs.is_directory()) continue;
    const bool known = dirs_.Find(listed.dir, listed.children.name(i)).has_value();
    const DirKey child = dirs_.Add(listed.dir, listed.children.name(i), attrs.inode);
    if (audit && !known) found_ahead_.insert(child);
    if (scan_id == 0) found_ahead_.erase(child);
    PushList(child, scan_id);
  }
}

void Observer::Forget(DirKey dir) {
  for (const DirKey key : dirs_.Remove(dir)) {
    bus_.Drop(key);
    unlisted_.erase(key);
    found_ahead_.erase(key);
    times_.Forget(key);
    watch_budget_.Ended(key);
    taking_watch_.erase(key);
    if (const auto it = queued_.find(key); it != queued_.end()) {
      CloseListing(it->second);
      queued_.erase(it);
    }
    unwatch_.push_back(key);
  }
  // Listings in flight close when they come back; stats of what was inside find no directory.
}

}  // namespace fustor::agent
