#include "lib/tree/snapshot.h"

#include <utility>

#include "base/path.h"
#include "lib/tree/tree_impl.h"

namespace fustor::tree {

std::span<const Chunk* const> SnapshotAccess::ChunksOf(const Snapshot& snapshot, DirId dir) {
  const DirVersion* const version = snapshot.impl_->table().Dir(dir, snapshot.revision_);
  if (version == nullptr) return {};
  return version->chunks();
}

std::size_t SnapshotAccess::ChunkFor(std::span<const Chunk* const> chunks, std::string_view name) {
  std::size_t low = 1;
  std::size_t high = chunks.size();
  while (low < high) {
    const std::size_t middle = low + (high - low) / 2;
    if (ChunkNames(*chunks[middle]).Compare(0, name) <= 0) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low - 1;
}

Snapshot::Row SnapshotAccess::MakeRow(const ChunkView& view, std::uint32_t row,
                                      std::string_view name) {
  Snapshot::Row made;
  made.view_ = &view;
  made.name_ = name;
  made.row_ = row;
  return made;
}

namespace {

const ChunkView& View(const void* view) { return *static_cast<const ChunkView*>(view); }

}  // namespace

std::string_view Snapshot::Row::name() const { return name_; }
EntryKind Snapshot::Row::kind() const { return View(view_).kind(row_); }
DirId Snapshot::Row::dir() const { return View(view_).dir(row_); }
std::int64_t Snapshot::Row::size_bytes() const { return View(view_).Signed(kSizes, row_); }
std::int64_t Snapshot::Row::mtime_ns() const { return View(view_).Signed(kMtimes, row_); }
std::int64_t Snapshot::Row::allocated_bytes() const { return View(view_).allocated_bytes(row_); }
std::int64_t Snapshot::Row::ctime_ns() const { return View(view_).ctime_ns(row_); }
std::int64_t Snapshot::Row::atime_ns() const { return View(view_).atime_ns(row_); }
std::uint32_t Snapshot::Row::uid() const {
  return static_cast<std::uint32_t>(View(view_).Value(kUids, row_));
}
std::uint32_t Snapshot::Row::gid() const {
  return static_cast<std::uint32_t>(View(view_).Value(kGids, row_));
}
std::uint32_t Snapshot::Row::nlink() const {
  return static_cast<std::uint32_t>(View(view_).Value(kNlinks, row_));
}
std::uint64_t Snapshot::Row::inode() const { return View(view_).Value(kInodes, row_); }
std::uint64_t Snapshot::Row::device() const { return View(view_).Value(kDevices, row_); }
std::uint8_t Snapshot::Row::flags() const { return View(view_).flags(row_); }
Entry Snapshot::Row::Load() const {
  Entry entry;
  FillEntry(View(view_).Load(row_), View(view_).target(row_), &entry);
  return entry;
}

Snapshot::Snapshot(const Tree::Impl* impl, std::uint32_t slot, Revision revision)
    : impl_(impl), slot_(slot), revision_(revision) {}

Snapshot::Snapshot(Snapshot&& other) noexcept
    : impl_(std::exchange(other.impl_, nullptr)), slot_(other.slot_), revision_(other.revision_) {}

Snapshot& Snapshot::operator=(Snapshot&& other) noexcept {
  if (this == &other) return *this;
  if (impl_ != nullptr) impl_->pins().Release(slot_);
  impl_ = std::exchange(other.impl_, nullptr);
  slot_ = other.slot_;
  revision_ = other.revision_;
  return *this;
}

Snapshot::~Snapshot() {
  if (impl_ != nullptr) impl_->pins().Release(slot_);
}

Revision Snapshot::revision() const { return revision_; }

std::optional<Entry> Snapshot::Get(DirId dir, std::string_view name) const {
  const auto chunks = SnapshotAccess::ChunksOf(*this, dir);
  if (chunks.empty()) return std::nullopt;
  const Chunk& chunk = *chunks[SnapshotAccess::ChunkFor(chunks, name)];
  bool found = false;
  const std::uint32_t row = ChunkNames(chunk).LowerBound(name, &found);
  if (!found) return std::nullopt;
  const ChunkView view(chunk);
  std::optional<Entry> entry(std::in_place);
  FillEntry(view.Load(row), view.target(row), &*entry);
  return entry;
}

std::optional<Entry> Snapshot::Find(std::string_view path) const {
  DirId dir = kAboveRoot;
  std::string_view name;  // The root's row has no name.
  std::string_view rest = path;
  for (;;) {
    std::string_view after = rest;
    const std::string_view next = NextComponent(&after);
    if (next.empty()) return Get(dir, name);
    // Only the directory's number is needed on the way.
    const auto chunks = SnapshotAccess::ChunksOf(*this, dir);
    if (chunks.empty()) return std::nullopt;
    const Chunk& chunk = *chunks[SnapshotAccess::ChunkFor(chunks, name)];
    bool found = false;
    const std::uint32_t row = ChunkNames(chunk).LowerBound(name, &found);
    if (!found || chunk.has_directories == 0) return std::nullopt;
    dir = ChunkView(chunk).dir(row);
    if (dir.value == 0) return std::nullopt;
    name = next;
    rest = after;
  }
}

Entry Snapshot::Root() const {
  std::optional<Entry> root = Get(kAboveRoot, {});
  FUSTOR_CHECK(root.has_value());
  return *std::move(root);
}

Aggregates Snapshot::AggregatesOf(DirId dir) const {
  const Sums* const sums = impl_->table().SumsOf(dir, revision_);
  FUSTOR_CHECK(sums != nullptr, "not a directory of this revision");
  return *sums;
}

std::uint32_t Snapshot::ListedAt(DirId dir) const {
  return impl_->table().slot(dir).listed_s.load(std::memory_order_relaxed);
}

std::uint64_t Snapshot::ChildCount(DirId dir) const {
  const DirVersion* const version = impl_->table().Dir(dir, revision_);
  return version == nullptr ? 0 : version->rows();
}

Revision Snapshot::ChildrenChangedIn(DirId dir) const {
  const DirVersion* const version = impl_->table().Dir(dir, revision_);
  FUSTOR_CHECK(version != nullptr, "not a directory of this revision");
  return version->revision;
}

std::string Snapshot::PathOf(DirId dir) const {
  std::vector<std::string_view> names;
  for (DirId d = dir; d != kRoot;) {
    const DirVersion* const version = impl_->table().Dir(d, revision_);
    FUSTOR_CHECK(version != nullptr, "not a directory of this revision");
    names.push_back(version->name());
    d = version->parent;
  }
  if (names.empty()) return "/";
  std::string path;
  for (auto name = names.rbegin(); name != names.rend(); ++name) (path += '/') += *name;
  return path;
}

bool Snapshot::ForEachChild(DirId dir, std::string_view after,
                            const std::function<bool(const Row&)>& visit) const {
  const auto chunks = SnapshotAccess::ChunksOf(*this, dir);
  if (chunks.empty()) return true;
  std::uint32_t row = 0;
  std::size_t i = 0;
  if (!after.empty()) {
    i = SnapshotAccess::ChunkFor(chunks, after);
    bool found = false;
    row = ChunkNames(*chunks[i]).LowerBound(after, &found);
    if (found) ++row;
  }
  std::string name;
  for (; i < chunks.size(); ++i, row = 0) {
    const ChunkView view(*chunks[i]);
    name = view.names().prefix();
    for (; row < chunks[i]->rows; ++row) {
      name.resize(chunks[i]->prefix_size);
      name += view.names().rest(row);
      if (!visit(SnapshotAccess::MakeRow(view, row, name))) return false;
    }
  }
  return true;
}

}  // namespace fustor::tree
