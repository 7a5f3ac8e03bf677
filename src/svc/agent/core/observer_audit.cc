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

bool Observer::StartAudit() {
  // Its listings would take the place of those that wait.
  if (scanning() || bus_.has_scan()) return false;
  ++counters_.audits;
  BeginScan(Scan::kAudit);
  return true;
}

bool Observer::StopsAudit(const env::ListedDir& root, std::uint64_t scan_id) {
  const bool elsewhere = root_device_ != 0 && root.self.device != root_device_;
  const bool emptied =
      !root.unchanged && root.children.empty() && !dirs_.ChildrenOf(DirTable::kRoot).empty();
  if (IsOfAudit(scan_id) && (!root.status.ok() || elsewhere || emptied)) {
    ++counters_.audits_stopped;
    times_.Clear();  // What it has told is not concluded from.
    scan_id_ = 0;
    DropQueue();
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

env::ListRequest::Known Observer::KnownOf(DirKey dir, std::uint64_t scan_id) const {
  if (!IsOfAudit(scan_id)) return {};
  if ((TurnOf(dir) + audit_turn_) % std::max(options_.full_every, 1u) == 0) return {};
  return times_.Find(dir, dirs_.InodeOf(dir));
}

// It is as it was, so its entries are those that are known. What is below it may have changed.
void Observer::FinishSilent(const env::ListedDir& listed, const Listing& listing, Instant now) {
  ++counters_.directories_silent;
  for (const DirKey child : dirs_.ChildrenOf(listed.dir)) PushList(child, listing.scan_id);
  if (listing.fresh_self || IsBeingLookedAt(listed.dir)) WantDirectory(listed.dir, now);
  // A listing of it that has not left yet says more.
  if (bus_.HasListing(listed.dir)) return;
  batch::DirBlock block;
  block.silent = true;
  block.self = listed.self;
  bus_.PushScanned(listing.scan_id, listed.dir, std::move(block));
}

void Observer::NoteTimes(const env::ListedDir& listed, const Listing& listing) {
  const bool told = listing.scan_id == 0 || reported();
  if (told && listed.status.ok() && ListedTimes::IsClean(listed, listing.newest_ns)) {
    times_.Note(listed.dir, listed.self);
  } else {
    times_.Forget(listed.dir);
  }
  newest_ns_ = std::max(newest_ns_, listed.self.ctime_ns);
  for (std::size_t i = 0; i < listed.children.size(); ++i) {
    newest_ns_ = std::max(newest_ns_, listed.children.attrs(i).ctime_ns);
  }
}

}  // namespace fustor::agent
