#include "sim/scenarios/checker.h"

#include <algorithm>
#include <functional>
#include <map>
#include <set>

#include "base/path.h"

namespace fustor::sim {
namespace {

using Seen = Shown;

void Collect(const tree::Snapshot& snapshot, tree::DirId dir, const std::string& path, Seen* seen) {
  std::vector<std::pair<std::string, tree::DirId>> below;
  snapshot.ForEachChild(dir, "", [&](const tree::Snapshot::Row& row) {
    const std::string at = JoinPath(path, row.name());
    seen->emplace(at, row.Load());
    if (row.kind() == EntryKind::kDirectory) below.emplace_back(at, row.dir());
    return true;
  });
  for (const auto& [at, id] : below) Collect(snapshot, id, at, seen);
}

std::string Quoted(std::string_view path) { return "'" + PrintablePath(path) + "'"; }

class EntryCheck {
 public:
  EntryCheck(const std::string& path, Differences* differences)
      : path_(path), differences_(differences) {}

  template <class T>
  void Same(const char* field, const T& want, const T& got) {
    if (want == got) return;
    differences_->Add(Quoted(path_) + " " + field + ": is " + Text(want) + ", shown " + Text(got));
  }
  void Says(const std::string& what) { differences_->Add(Quoted(path_) + " " + what); }

 private:
  static std::string Text(const std::string& value) { return Quoted(value); }
  template <class T>
  static std::string Text(const T& value) {
    return std::to_string(static_cast<std::int64_t>(value));
  }

  const std::string& path_;
  Differences* differences_;
};

void CompareEntry(const std::string& path, const FileSystem::Truth& truth, const tree::Entry& got,
                  bool all, bool announced, Differences* differences) {
  EntryCheck check(path, differences);
  const EntryAttrs& is = truth.attrs;
  check.Same("kind", is.kind, got.attrs.kind);
  check.Same("inode", is.inode, got.attrs.inode);
  check.Same("target", truth.target, got.target);
  if (all) {
    check.Same("size", is.size_bytes, got.attrs.size_bytes);
    check.Same("allocated", is.allocated_bytes, got.attrs.allocated_bytes);
    check.Same("mtime", is.mtime_ns, got.attrs.mtime_ns);
    check.Same("ctime", is.ctime_ns, got.attrs.ctime_ns);
    check.Same("mode", is.mode, got.attrs.mode);
    check.Same("uid", is.uid, got.attrs.uid);
    check.Same("gid", is.gid, got.attrs.gid);
    check.Same("nlink", is.nlink, got.attrs.nlink);
  }
  if ((got.flags & tree::kSuspect) != 0) check.Says("is still suspect");
  if ((got.flags & tree::kImplied) != 0) check.Says("is still implied");
  if ((got.flags & tree::kUncertain) != 0) check.Says("is still uncertain");
  if (announced && (got.flags & tree::kKnownByAgent) == 0) check.Says("is known by no agent");
}

// The sums over a directory, from the entries themselves.
struct Recount {
  tree::Aggregates sums;
  std::set<std::pair<std::uint64_t, std::uint64_t>> links;
};

void CountIn(const tree::Entry& entry, Recount* recount) {
  tree::Aggregates& sums = recount->sums;
  const EntryAttrs& attrs = entry.attrs;
  sums.latest_mtime_ns = std::max(sums.latest_mtime_ns, attrs.mtime_ns);
  if (attrs.is_directory()) {
    ++sums.directories;
    sums.allocated_bytes += static_cast<std::uint64_t>(attrs.allocated_bytes);
    return;
  }
  ++sums.files;
  if (attrs.nlink > 1 && attrs.inode != 0 &&
      !recount->links.emplace(attrs.device, attrs.inode).second) {
    return;
  }
  sums.bytes += static_cast<std::uint64_t>(attrs.size_bytes);
  sums.allocated_bytes += static_cast<std::uint64_t>(attrs.allocated_bytes);
}

// Links of one file that disagree about its size (one was seen later) cannot be recounted.
bool LinksAgree(const Seen& seen) {
  std::map<std::uint64_t, const EntryAttrs*> by_inode;
  for (const auto& [path, entry] : seen) {
    if (entry.attrs.is_directory()) continue;
    const auto [it, fresh] = by_inode.emplace(entry.attrs.inode, &entry.attrs);
    if (fresh) continue;
    const EntryAttrs& other = *it->second;
    if (other.size_bytes != entry.attrs.size_bytes || other.nlink != entry.attrs.nlink ||
        other.allocated_bytes != entry.attrs.allocated_bytes) {
      return false;
    }
  }
  return true;
}

void CheckSums(const tree::Snapshot& snapshot, const Seen& seen, Differences* differences) {
  const bool bytes_too = LinksAgree(seen);
  std::map<std::string, Recount> recounts;
  for (const auto& [path, entry] : seen) {
    if (entry.attrs.is_directory()) CountIn(entry, &recounts[path]);
    for (std::string_view above = path; above != "/";) {
      above = SplitPath(above).first;
      CountIn(entry, &recounts[std::string(above)]);
    }
  }
  for (const auto& [path, recount] : recounts) {
    const auto it = seen.find(path);
    const tree::DirId dir = path == "/" ? tree::kRoot : it->second.dir;
    const tree::Aggregates kept = snapshot.AggregatesOf(dir);
    EntryCheck check(path, differences);
    check.Same("sum of files", recount.sums.files, kept.files);
    check.Same("sum of directories", recount.sums.directories, kept.directories);
    check.Same("latest mtime", recount.sums.latest_mtime_ns, kept.latest_mtime_ns);
    if (!bytes_too) continue;
    check.Same("sum of bytes", recount.sums.bytes, kept.bytes);
    check.Same("sum of blocks", recount.sums.allocated_bytes, kept.allocated_bytes);
  }
}

void CheckStatus(const fusion::ViewStatus& status, Differences* differences) {
  if (!status.ready) differences->Add("the view is not ready: " + status.not_ready_reason);
  if (status.suspect_count != 0) {
    differences->Add(std::to_string(status.suspect_count) + " files are still suspect");
  }
  for (const auto& uncertain : status.uncertain) {
    differences->Add(Quoted(uncertain.path) + " and below is still uncertain");
  }
  if (status.refused != 0) differences->Add("entries were refused");
}

}  // namespace

Shown EverythingIn(const tree::Snapshot& snapshot) {
  Shown seen;
  seen["/"] = snapshot.Root();
  Collect(snapshot, tree::kRoot, "/", &seen);
  return seen;
}

void Differences::Add(std::string line) {
  if (count++ < kKept) first.push_back(std::move(line));
}

void CheckConverged(const FileSystem& fs, const fusion::View& view, CheckOptions options,
                    Differences* differences) {
  CheckStatus(*view.status(), differences);
  const Result<tree::Snapshot> snapshot = view.Pin();
  if (!snapshot.ok()) return differences->Add("no revision: " + snapshot.status().message());
  const Seen seen = EverythingIn(*snapshot);
  const std::map<std::string, FileSystem::Truth> truth = fs.Everything();
  for (const auto& [path, is] : truth) {
    if (IsSillyName(SplitPath(path).second)) continue;
    const auto it = seen.find(path);
    if (it == seen.end()) {
      differences->Add(Quoted(path) + " is missing");
      continue;
    }
    const bool link = !is.told || (!is.attrs.is_directory() && is.attrs.nlink > 1);
    const bool all = !link || !options.forgive_links;
    CompareEntry(path, is, it->second, all, all && !options.forgive_blind_spots, differences);
  }
  for (const auto& [path, entry] : seen) {
    if (!truth.contains(path)) differences->Add(Quoted(path) + " does not exist");
    if (IsSillyName(SplitPath(path).second)) differences->Add(Quoted(path) + " is noise");
  }
  CheckSums(*snapshot, seen, differences);
}

void CheckRowsShown(const FileSystem& fs, const fusion::View& view, Differences* differences) {
  constexpr std::int64_t kDoubleNs = 1'000;
  CheckStatus(*view.status(), differences);
  const Result<tree::Snapshot> snapshot = view.Pin();
  if (!snapshot.ok()) return differences->Add("no revision: " + snapshot.status().message());
  const Seen seen = EverythingIn(*snapshot);
  const std::map<std::string, FileSystem::Truth> truth = fs.Everything();
  for (const auto& [path, is] : truth) {
    const auto it = seen.find(path);
    if (it == seen.end()) {
      differences->Add(Quoted(path) + " is missing");
      continue;
    }
    const EntryAttrs& got = it->second.attrs;
    EntryCheck check(path, differences);
    check.Same("is a directory", is.attrs.is_directory(), got.is_directory());
    check.Same("size", is.attrs.size_bytes, got.size_bytes);
    const std::int64_t off_ns = is.attrs.mtime_ns - got.mtime_ns;
    if (off_ns > kDoubleNs || off_ns < -kDoubleNs)
      check.Same("mtime", is.attrs.mtime_ns, got.mtime_ns);
    if ((it->second.flags & tree::kSuspect) != 0) check.Says("is still suspect");
    if ((it->second.flags & tree::kImplied) != 0) check.Says("is still implied");
  }
  for (const auto& [path, entry] : seen) {
    if (!truth.contains(path)) differences->Add(Quoted(path) + " does not exist");
  }
}

void CheckRevision(const tree::Snapshot& snapshot, Differences* differences) {
  const Seen seen = EverythingIn(snapshot);
  for (const auto& [path, entry] : seen) {
    const std::optional<tree::Entry> found = snapshot.Find(path);
    if (!found) {
      differences->Add(Quoted(path) + " is listed and not found");
    } else if (found->attrs != entry.attrs || found->target != entry.target) {
      differences->Add(Quoted(path) + " is listed and found as two different things");
    }
    const std::string parent(SplitPath(path).first);
    const auto above = seen.find(parent);
    if (path != "/" && (above == seen.end() || !above->second.attrs.is_directory())) {
      differences->Add(Quoted(path) + " has no directory above it");
    }
  }
  CheckSums(snapshot, seen, differences);
}

}  // namespace fustor::sim
