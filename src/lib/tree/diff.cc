#include "lib/tree/diff.h"

#include <span>
#include <vector>

#include "base/path.h"
#include "lib/tree/snapshot.h"

namespace fustor::tree {
namespace {

// The children of a directory one by one; none when the tree does not have it.
class Children {
 public:
  Children() = default;
  // Those whose names are greater than `after`.
  Children(const Snapshot& snapshot, DirId dir, std::string_view after) {
    if (dir.value != 0) chunks_ = SnapshotAccess::ChunksOf(snapshot, dir);
    if (chunks_.empty()) return;
    chunk_ = SnapshotAccess::ChunkFor(chunks_, after);
    bool found = false;
    row_ = ChunkNames(*chunks_[chunk_]).LowerBound(after, &found);
    if (found) ++row_;
    Settle();
  }

  bool done() const { return chunk_ == chunks_.size(); }
  // REQUIRES of all below: not done.
  const std::string& name() const { return name_; }
  DirId dir() const { return view_->dir(row_); }
  Entry Load() const { return SnapshotAccess::MakeRow(*view_, row_, name_).Load(); }
  void Next() {
    ++row_;
    Settle();
  }

 private:
  void Settle() {
    if (row_ == chunks_[chunk_]->rows) {
      ++chunk_;
      row_ = 0;
      view_.reset();
    }
    if (done()) return;
    if (!view_) view_.emplace(*chunks_[chunk_]);
    name_ = view_->names().prefix();
    name_ += view_->names().rest(row_);
  }

  std::span<const Chunk* const> chunks_;
  std::size_t chunk_ = 0;
  std::uint32_t row_ = 0;
  std::optional<ChunkView> view_;
  std::string name_;
};

Aggregates SumsOfOne(const Entry& entry) {
  Aggregates sums;
  const bool directory = entry.attrs.is_directory();
  (directory ? sums.directories : sums.files) = 1;
  sums.bytes = directory ? 0 : static_cast<std::uint64_t>(entry.attrs.size_bytes);
  sums.allocated_bytes = static_cast<std::uint64_t>(entry.attrs.allocated_bytes);
  sums.latest_mtime_ns = entry.attrs.mtime_ns;
  return sums;
}

DirId DirAt(const Snapshot& snapshot, DirId parent, std::string_view name) {
  const std::optional<Entry> entry = parent.value == 0 ? std::nullopt : snapshot.Get(parent, name);
  return entry ? entry->dir : DirId{};
}

class Walker {
 public:
  Walker(const Snapshot& before, const Snapshot& now, const DiffOptions& options,
         std::uint64_t budget_rows, const std::function<bool(const Difference&)>& visit)
      : before_(before), now_(now), options_(options), budget_(budget_rows), visit_(visit) {}

  std::optional<std::string> Run(std::string_view after);

 private:
  struct Frame {
    Children before, now;
    std::size_t path_size;  // Of the directory's path, without a slash at its end.
  };

  void Push(DirId before, DirId now, std::string_view after);
  void Resume(DirId before, DirId now, std::string_view rest);
  // Takes the next path of the frame. False: the walk ends here.
  bool Step();
  // Says what is different at path_. False: that is enough.
  bool Tell(const Entry* before, const Entry* now);
  bool OneSide(DirId before, DirId now) const { return (before.value == 0) != (now.value == 0); }
  Aggregates Sums(const Snapshot& snapshot, const Entry& entry, bool whole) const {
    return whole && entry.dir.value != 0 ? snapshot.AggregatesOf(entry.dir) : SumsOfOne(entry);
  }

  const Snapshot& before_;
  const Snapshot& now_;
  const DiffOptions& options_;
  std::uint64_t budget_;
  const std::function<bool(const Difference&)>& visit_;
  std::vector<Frame> stack_;
  std::string path_;
};

void Walker::Push(DirId before, DirId now, std::string_view after) {
  if (before.value == 0 && now.value == 0) return;
  if (OneSide(before, now) && !options_.expand) return;
  stack_.push_back({Children(before_, before, after), Children(now_, now, after), path_.size()});
}

bool Walker::Tell(const Entry* before, const Entry* now) {
  Difference difference;
  difference.path = path_;
  difference.before = before;
  difference.after = now;
  if (before != nullptr && now != nullptr) {
    difference.aspects = AspectsOf(*before, *now) & options_.aspects;
    if (difference.aspects == 0) return true;
  } else {
    difference.kind = now != nullptr ? Difference::Kind::kAdded : Difference::Kind::kRemoved;
  }
  const bool whole = !options_.expand && OneSide(before == nullptr ? DirId{} : before->dir,
                                                 now == nullptr ? DirId{} : now->dir);
  if (before != nullptr) difference.before_sums = Sums(before_, *before, whole);
  if (now != nullptr) difference.after_sums = Sums(now_, *now, whole);
  return visit_(difference);
}

bool Walker::Step() {
  Frame& frame = stack_.back();
  const bool in_before =
      !frame.before.done() && (frame.now.done() || frame.before.name() <= frame.now.name());
  const bool in_now =
      !frame.now.done() && (frame.before.done() || frame.now.name() <= frame.before.name());
  path_.resize(frame.path_size);
  path_ += '/';
  path_ += in_before ? frame.before.name() : frame.now.name();
  budget_ -= std::min<std::uint64_t>(budget_, in_before && in_now ? 2 : 1);
  const DirId before_dir = in_before ? frame.before.dir() : DirId{};
  const DirId now_dir = in_now ? frame.now.dir() : DirId{};
  std::optional<Entry> before, now;
  if (in_before) before = frame.before.Load();
  if (in_now) now = frame.now.Load();
  if (in_before) frame.before.Next();
  if (in_now) frame.now.Next();
  const bool goes_on = Tell(before ? &*before : nullptr, now ? &*now : nullptr);
  Push(before_dir, now_dir, {});  // Ends what `frame` refers to.
  return goes_on && budget_ > 0;
}

// Opens the directories that the walk is in behind `after`.
void Walker::Resume(DirId before, DirId now, std::string_view rest) {
  for (auto name = NextComponent(&rest); !name.empty(); name = NextComponent(&rest)) {
    Push(before, now, name);
    (path_ += '/') += name;
    before = DirAt(before_, before, name);
    now = DirAt(now_, now, name);
  }
  Push(before, now, {});
}

std::optional<std::string> Walker::Run(std::string_view after) {
  const std::string_view under = options_.under;
  const bool resumes = !after.empty() && IsWithin(after, under);
  if (budget_ == 0) return std::string(resumes ? after : std::string_view());
  DirId before_dir = kRoot, now_dir = kRoot;
  if (under != "/") {
    const std::optional<Entry> before = before_.Find(under);
    const std::optional<Entry> now = now_.Find(under);
    if (!before && !now) return std::nullopt;
    before_dir = before ? before->dir : DirId{};
    now_dir = now ? now->dir : DirId{};
    path_ = under;
    const bool goes_on = resumes || Tell(before ? &*before : nullptr, now ? &*now : nullptr);
    if (!goes_on) return path_;
  }
  Resume(before_dir, now_dir, resumes ? after.substr(path_.size()) : std::string_view());
  while (!stack_.empty()) {
    if (stack_.back().before.done() && stack_.back().now.done()) {
      stack_.pop_back();
    } else if (!Step()) {
      return path_;
    }
  }
  return std::nullopt;
}

}  // namespace

std::uint8_t AspectsOf(const Entry& before, const Entry& after) {
  const EntryAttrs& a = before.attrs;
  const EntryAttrs& b = after.attrs;
  if (a.kind != b.kind) return kAspectKind;
  const bool shape = a.size_bytes != b.size_bytes || a.mtime_ns != b.mtime_ns;
  std::uint8_t aspects = 0;
  if ((shape && !a.is_directory()) || before.target != after.target) aspects |= kAspectContent;
  if (a.mode != b.mode || a.uid != b.uid || a.gid != b.gid) aspects |= kAspectPermissions;
  if ((shape && a.is_directory()) || a.nlink != b.nlink || a.inode != b.inode ||
      a.device != b.device || a.allocated_bytes != b.allocated_bytes || a.ctime_ns != b.ctime_ns ||
      a.atime_ns != b.atime_ns) {
    aspects |= kAspectAttributes;
  }
  return aspects;
}

std::optional<std::string> Diff(const Snapshot& before, const Snapshot& now,
                                const DiffOptions& options, std::string_view after,
                                std::uint64_t budget_rows,
                                const std::function<bool(const Difference&)>& visit) {
  return Walker(before, now, options, budget_rows, visit).Run(after);
}

}  // namespace fustor::tree
