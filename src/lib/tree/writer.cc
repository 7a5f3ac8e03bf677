#include "lib/tree/writer.h"

#include <algorithm>

#include "base/path.h"

namespace fustor::tree {
namespace {

constexpr std::uint32_t kDirectoryMode = 0040000;  // S_IFDIR
constexpr std::size_t kTargetBytesMax = 0xFFFF;

RowValues ValuesOf(const Entry& entry) {
  return {entry.attrs, entry.confirmed_ns, DirId{}, entry.reporter, entry.flags};
}

}  // namespace

void FillEntry(const RowValues& values, std::string_view target, Entry* entry) {
  entry->attrs = values.attrs;
  entry->flags = values.flags;
  entry->reporter = values.reporter;
  entry->confirmed_ns = values.confirmed_ns;
  entry->dir = values.dir;
  entry->target = target;
}

Writer::Writer(std::uint32_t pins_max)
    : pins_(pins_max),
      retired_(blocks_, [this](DirId id) { table_.Recycle(id); }),
      links_([this](DirId dir) { return ParentOf(dir); }),
      packer_(blocks_) {
  const DirId above = table_.Allocate();
  FUSTOR_CHECK(above == kAboveRoot);
  Open(above).place_changed = true;
  const Entry root = ImpliedDirectory();
  RowValues values = ValuesOf(root);
  values.dir = NewDirectory(above, {}, values.attrs);
  FUSTOR_CHECK(values.dir == kRoot);
  InsertRow(above, {}, {}, values, {});
  Settle(true);
  PublishAs(0);
}

Entry Writer::ImpliedDirectory() {
  Entry entry;
  entry.attrs.kind = EntryKind::kDirectory;
  entry.attrs.mode = kDirectoryMode;
  entry.flags = kImplied;
  return entry;
}

// --- Reads ---

bool Writer::Get(DirId dir, std::string_view name, Entry* entry) const {
  FUSTOR_CHECK(table_.IsLive(dir));
  const Position at = Locate(dir, name);
  if (!at.found) return false;
  const FoundRow row = Read(dir, at);
  FillEntry(row.values, row.target, entry);
  return true;
}

void Writer::ForEachChild(DirId dir,
                          const std::function<bool(std::string_view, const Entry&)>& visit) const {
  FUSTOR_CHECK(table_.IsLive(dir));
  const Children children = ChildrenOf(dir);
  Entry entry;
  std::string name;
  for (std::size_t i = 0; i < children.size(); ++i) {
    const ChunkRef ref = children.at(i);
    if (ref.open != nullptr) {
      for (std::uint32_t row = 0; row < ref.open->size(); ++row) {
        FillEntry(ref.open->values(row), ref.open->target(row), &entry);
        if (!visit(ref.open->name(row), entry)) return;
      }
      continue;
    }
    const ChunkView view(*ref.packed);
    name = view.names().prefix();
    for (std::uint32_t row = 0; row < ref.packed->rows; ++row) {
      name.resize(ref.packed->prefix_size);
      name += view.names().rest(row);
      FillEntry(view.Load(row), view.target(row), &entry);
      if (!visit(name, entry)) return;
    }
  }
}

std::uint64_t Writer::ChildCount(DirId dir) const {
  FUSTOR_CHECK(table_.IsLive(dir));
  const OpenDir* const open = OpenOrNull(dir);
  if (open != nullptr) return open->rows;
  return table_.slot(dir).dir.load(std::memory_order_relaxed)->rows();
}

Aggregates Writer::AggregatesOf(DirId dir) {
  FUSTOR_CHECK(table_.IsLive(dir) && dir != kAboveRoot);
  Settle(true);
  return SumsNow(dir);
}

// --- Edits ---

DirId Writer::NewDirectory(DirId parent, std::string_view name, const EntryAttrs& attrs) {
  const DirId dir = table_.Allocate();
  OpenDir& open = Open(dir);
  open.parent = parent;
  open.name = name;
  open.place_changed = true;
  AccountDirectory(dir, attrs);
  return dir;
}

void Writer::PutRoot(const Entry& entry) {
  FUSTOR_CHECK(entry.attrs.is_directory());
  PutRow(kAboveRoot, {}, entry);
}

DirId Writer::Put(DirId dir, std::string_view name, const Entry& entry) {
  FUSTOR_CHECK(table_.IsLive(dir) && dir != kAboveRoot);
  FUSTOR_CHECK(!name.empty() && name.size() <= kNameBytesMax);
  FUSTOR_CHECK(entry.target.size() <= kTargetBytesMax);
  return PutRow(dir, name, entry);
}

DirId Writer::PutRow(DirId dir, std::string_view name, const Entry& entry) {
  RowValues values = ValuesOf(entry);
  const bool is_directory = values.attrs.is_directory();
  const Position at = Locate(dir, name);
  if (!at.found) {
    if (observer_ != nullptr) Tell(Edit::Kind::kCreated, dir, name, values, entry.target);
    if (is_directory) {
      values.dir = NewDirectory(dir, name, values.attrs);
    } else {
      Account(dir, name, values, entry.target);
    }
    InsertRow(dir, at, name, values, entry.target);
    return values.dir;
  }
  const FoundRow old = Read(dir, at);
  const bool was_directory = old.values.attrs.is_directory();
  if (was_directory == is_directory) {
    values.dir = old.values.dir;
    if (values == old.values && old.target == entry.target) return values.dir;
    if (observer_ != nullptr) TellUpdate(dir, name, old, values, entry.target);
    if (is_directory) {
      ReaccountDirectory(values.dir, old.values.attrs, values.attrs);
    } else {
      Reaccount(dir, name, old.values.attrs, old.target, values, entry.target);
    }
  } else {
    if (observer_ != nullptr) {
      Tell(Edit::Kind::kRemoved, dir, name, old.values, old.target);
      Tell(Edit::Kind::kCreated, dir, name, values, entry.target);
    }
    if (was_directory) {
      RemoveBelow(old.values.dir, dir);
      Account(dir, name, values, entry.target);
    } else {
      Unaccount(dir, name, old.values.attrs);
      values.dir = NewDirectory(dir, name, values.attrs);
    }
  }
  UpdateRow(dir, at, values, entry.target);
  return values.dir;
}

std::uint64_t Writer::Erase(DirId dir, std::string_view name) {
  FUSTOR_CHECK(table_.IsLive(dir) && dir != kAboveRoot);
  const Position at = Locate(dir, name);
  if (!at.found) return 0;
  const FoundRow row = Read(dir, at);
  if (observer_ != nullptr) Tell(Edit::Kind::kRemoved, dir, name, row.values, row.target);
  const RowValues old = row.values;
  std::uint64_t gone = 1;
  if (old.attrs.is_directory()) {
    gone += RemoveBelow(old.dir, dir);
  } else {
    Unaccount(dir, name, old.attrs);
  }
  EraseRow(dir, at);
  return gone;
}

// Takes a directory and what is below it out of sums, links and table, but leaves its own row.
// Returns the number of entries below.
std::uint64_t Writer::RemoveBelow(DirId top, DirId parent) {
  ForgetPaths();
  Settle(false);
  if (SumsNow(top).links > 0) {
    for (const CountedLink& link : LinksBelow(top)) UncountLink(link);
    Settle(false);
  }
  SubtractFrom(parent, SumsNow(top));
  Lower(parent, ToldLatest(top));
  std::uint64_t entries = 0;
  std::vector<DirId> stack = {top};
  while (!stack.empty()) {
    const DirId dir = stack.back();
    stack.pop_back();
    entries += ChildCount(dir);
    ForEachSubdirectory(dir, [&stack](DirId child) { stack.push_back(child); });
    DropDirectory(dir);
  }
  rows_ -= entries;
  return entries;
}

void Writer::DropDirectory(DirId dir) {
  DirTable::Slot& slot = table_.slot(dir);
  if (slot.open_dir != 0) {
    OpenDir& open = *open_dirs_[slot.open_dir - 1];
    for (const ChunkRef& ref : open.chunks) FreeUnpublished(ref);
    open.chunks.clear();
    open.gone = true;
    slot.open_dir = 0;
  }
  if (slot.open_sums != 0) {
    open_sums_[slot.open_sums - 1].dir = kAboveRoot;
    open_sums_[slot.open_sums - 1].dirty = false;
    slot.open_sums = 0;
  }
  table_.MarkDead(dir);
  dropped_.push_back(dir);
  edited_ = true;
}

bool Writer::IsWithinDirectory(DirId dir, DirId ancestor) const {
  for (DirId d = dir; d != kAboveRoot; d = ParentOf(d)) {
    if (d == ancestor) return true;
  }
  return false;
}

Result<void> Writer::Move(DirId from, std::string_view name, DirId to, std::string_view to_name) {
  FUSTOR_CHECK(table_.IsLive(from) && table_.IsLive(to));
  FUSTOR_CHECK(from != kAboveRoot && to != kAboveRoot);
  FUSTOR_CHECK(!to_name.empty() && to_name.size() <= kNameBytesMax);
  const Position source = Locate(from, name);
  if (!source.found) return Status(Code::kNotFound, "no such entry");
  if (from == to && name == to_name) return {};
  const FoundRow row = Read(from, source);
  const RowValues values = row.values;
  const std::string target(row.target);
  if (values.attrs.is_directory() && IsWithinDirectory(to, values.dir)) {
    return Status(Code::kFailedPrecondition, "a directory cannot move below itself");
  }
  const DirId replaced = ChildDirectory(to, to_name);
  if (replaced.value != 0 && IsWithinDirectory(from, replaced)) {
    return Status(Code::kFailedPrecondition, "the target contains the entry to be moved");
  }
  Erase(to, to_name);
  if (observer_ != nullptr) TellMove(from, name, to, to_name, values, target);
  if (values.attrs.is_directory()) {
    MoveDirectory(values.dir, from, to, to_name);
  } else {
    Unaccount(from, name, values.attrs);
    Account(to, to_name, values, target);
  }
  // Copies: both may lie in what is edited now.
  const std::string old_name(name);
  const std::string new_name(to_name);
  EraseRow(from, Locate(from, old_name));
  InsertRow(to, Locate(to, new_name), new_name, values, target);
  return {};
}

void Writer::MoveDirectory(DirId child, DirId from, DirId to, std::string_view to_name) {
  ForgetPaths();
  std::vector<CountedLink> links;
  if (from != to) {
    Settle(false);
    links = LinksBelow(child);
    for (const CountedLink& link : links) UncountLink(link);
    Settle(false);
    const Sums sums = SumsNow(child);
    const std::int64_t latest = ToldLatest(child);
    SubtractFrom(from, sums);
    Lower(from, latest);
    AddTo(to, sums);
    Raise(to, latest);
  }
  OpenDir& open = Open(child);
  open.parent = to;
  open.name = to_name;
  open.place_changed = true;
  for (const CountedLink& link : links) CountLink(link);
}

void Writer::Clear() {
  if (rows_ == 1) return;
  if (observer_ != nullptr) observer_->OnClear();
  ForgetPaths();
  for (std::uint32_t id = kRoot.value + 1; id < table_.limit(); ++id) {
    if (table_.IsLive(DirId{id})) DropDirectory(DirId{id});
  }
  links_.Clear();
  wanted_links_.clear();
  search_ = LinkSearch{};
  OpenDir& root = Open(kRoot);
  for (const ChunkRef& ref : root.chunks) {
    if (ref.packed != nullptr && ref.edits == 0) root.replaced.push_back(ref.packed);
    FreeUnpublished(ref);
  }
  root.chunks.clear();
  root.rows = 0;
  root.hint = 0;
  root.rows_changed = true;
  rows_ = 1;

  const EntryAttrs attrs = Read(kAboveRoot, Locate(kAboveRoot, {})).values.attrs;
  OpenSums& sums = open_sums_[OpenSumsOf(kRoot)];
  sums.value = Sums{};
  sums.value.directories = 1;
  sums.value.allocated_bytes = static_cast<std::uint64_t>(attrs.allocated_bytes);
  sums.value.latest_mtime_ns = attrs.mtime_ns;
  sums.untold = Sums{};
  sums.dirty = false;
}

}  // namespace fustor::tree
