// Audits: what need not be read again.
#include <algorithm>
#include <utility>

#include "base/path.h"
#include "svc/agent/core/observer.h"

namespace fustor::agent {
namespace {

// Neighbours (made one after the other) are read in different audits.
std::uint64_t TurnOf(DirKey dir) {
  std::uint64_t x = dir.value;
  x = (x ^ (x >> 16)) * 0x9E3779B97F4A7C15;
  return x >> 32;
}

}  // namespace

bool Observer::StartAudit(SubscriberId id) {
  Subscriber& subscriber = subscribers_.at(id);
  // Its listings would take the place of those that wait.
  if (subscriber.scan_id != 0 || subscriber.bus->has_scan()) return false;
  ++counters_.audits;
  BeginScan(id, Scan::kAudit);
  return true;
}

// Something has been heard of every directory there that is known: half of a rename, or what a look
// at it has yet to tell.
bool Observer::IsRootInMotion() const {
  return std::ranges::all_of(dirs_.ChildrenOf(DirTable::kRoot), [this](DirKey dir) {
    const EntryKey key{DirTable::kRoot, std::string(dirs_.NameOf(dir))};
    return pending_.contains(key) ||
           std::ranges::any_of(held_, [&](const auto& held) { return held.second.from == key; });
  });
}

bool Observer::StopsAudit(const env::ListedDir& root, std::uint64_t scan_id) {
  const bool elsewhere = root_device_ != 0 && root.self.device != root_device_;
  const bool emptied = !root.unchanged && root.children.empty() && !IsRootInMotion();
  Subscriber* const scan = ScanOf(scan_id);
  const bool audited = scan != nullptr && scan->audits();
  if (audited && (!root.status.ok() || elsewhere || emptied)) {
    ++counters_.audits_stopped;
    scan->times.Clear();  // What it has told is not concluded from.
    DropQueue(scan, std::exchange(scan->scan_id, 0));
    return true;
  }
  if (root.status.ok()) root_device_ = root.self.device;
  return false;
}

std::optional<DirKey> Observer::FindDirectory(std::string_view path) const {
  std::optional<DirKey> dir = DirTable::kRoot;
  for (std::string_view name = NextComponent(&path); dir && !name.empty();
       name = NextComponent(&path)) {
    dir = dirs_.Find(*dir, name);
  }
  return dir;
}

void Observer::LookAgain(std::string_view path, Instant now) {
  const auto [parent, name] = SplitPath(path);
  const std::optional<DirKey> dir = FindDirectory(parent);
  if (!dir || name.empty()) return;
  std::string entry(name);
  Touch(*dir, entry);
  Want({*dir, std::move(entry)}, false, now);
}

env::ListRequest::Known Observer::KnownOf(DirKey dir, const Subscriber& subscriber) const {
  if (!subscriber.audits()) return {};
  if ((TurnOf(dir) + subscriber.audit_turn) % std::max(options_.full_every, 1u) == 0) return {};
  return subscriber.times.Find(dir, dirs_.InodeOf(dir));
}

// It is as it was, so its entries are those that are known. What is below it may have changed.
void Observer::FinishSilent(const env::ListedDir& listed, const Listing& listing,
                            std::uint64_t scan_id, Instant now) {
  ++counters_.directories_silent;
  for (const DirKey child : dirs_.ChildrenOf(listed.dir)) PushList(child, scan_id);
  if (listing.fresh_self || IsBeingLookedAt(listed.dir)) WantDirectory(listed.dir, now);
  Subscriber* const scan = ScanOf(scan_id);
  FUSTOR_CHECK(scan != nullptr);
  // A listing of it that has not left yet says more.
  if (scan->bus->HasListing(listed.dir)) return;
  batch::DirBlock block;
  block.silent = true;
  block.self = listed.self;
  scan->bus->PushScanned(scan_id, listed.dir, std::move(block));
}

void Observer::NoteTimes(const env::ListedDir& listed, const Listing& listing,
                         std::uint64_t scan_id) {
  const bool clean = listed.status.ok() && ListedTimes::IsClean(listed, listing.newest_ns);
  const auto note = [&](Subscriber* subscriber, bool told) {
    if (told && clean) {
      subscriber->times.Note(listed.dir, listed.self);
    } else {
      subscriber->times.Forget(listed.dir);
    }
  };
  if (scan_id == kEverybody) {
    for (auto& [id, subscriber] : subscribers_) note(&subscriber, subscriber.active);
  } else if (Subscriber* scan = ScanOf(scan_id); scan != nullptr) {
    note(scan, scan->reported());
  } else if (Subscriber* whose = nullptr; JobOf(scan_id, &whose) != nullptr) {
    note(whose, whose->reported());
  }
  newest_ns_ = std::max(newest_ns_, listed.self.ctime_ns);
  for (std::size_t i = 0; i < listed.children.size(); ++i) {
    newest_ns_ = std::max(newest_ns_, listed.children.attrs(i).ctime_ns);
  }
}

void Observer::ForgetTimes(DirKey dir) {
  for (auto& [id, subscriber] : subscribers_) subscriber.times.Forget(dir);
}

}  // namespace fustor::agent
