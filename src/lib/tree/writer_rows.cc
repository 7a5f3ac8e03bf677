#include <algorithm>
#include <new>

#include "lib/tree/writer.h"

namespace fustor::tree {
namespace {

constexpr std::size_t kSpareChunksMax = 64;
// So many edits of a packed chunk cost about as much as unpacking and packing it.
constexpr std::uint8_t kPackedEditsMax = 8;

}  // namespace

const Writer::OpenDir* Writer::OpenOrNull(DirId dir) const {
  const std::uint32_t open = table_.slot(dir).open_dir;
  return open == 0 ? nullptr : open_dirs_[open - 1].get();
}

Writer::OpenDir& Writer::Open(DirId dir) {
  DirTable::Slot& slot = table_.slot(dir);
  if (slot.open_dir != 0) return *open_dirs_[slot.open_dir - 1];
  if (open_dirs_used_ == open_dirs_.size()) open_dirs_.push_back(std::make_unique<OpenDir>());
  OpenDir& open = *open_dirs_[open_dirs_used_++];
  slot.open_dir = static_cast<std::uint32_t>(open_dirs_used_);
  open.id = dir;
  open.parent = DirId{};
  open.name.clear();
  open.chunks.clear();
  open.replaced.clear();
  open.rows = 0;
  open.hint = 0;
  open.rows_changed = open.place_changed = open.gone = false;
  if (const DirVersion* head = slot.dir.load(std::memory_order_relaxed); head != nullptr) {
    open.parent = head->parent;
    open.name = head->name();
    open.rows = head->rows();
    open.chunks.reserve(head->chunks().size() + 1);
    for (const Chunk* chunk : head->chunks()) open.chunks.push_back({.packed = chunk});
  }
  edited_ = true;
  return open;
}

Writer::Children Writer::ChildrenOf(DirId dir) const {
  const DirTable::Slot& slot = table_.slot(dir);
  if (slot.open_dir != 0) return {open_dirs_[slot.open_dir - 1].get(), {}};
  return {nullptr, slot.dir.load(std::memory_order_relaxed)->chunks()};
}

DirId Writer::ParentOf(DirId dir) const {
  const DirTable::Slot& slot = table_.slot(dir);
  return slot.open_dir != 0 ? open_dirs_[slot.open_dir - 1]->parent
                            : slot.dir.load(std::memory_order_relaxed)->parent;
}

std::string_view Writer::NameOf(DirId dir) const {
  const DirTable::Slot& slot = table_.slot(dir);
  return slot.open_dir != 0 ? std::string_view(open_dirs_[slot.open_dir - 1]->name)
                            : slot.dir.load(std::memory_order_relaxed)->name();
}

int Writer::CompareFirst(const ChunkRef& ref, std::string_view name) {
  return ref.packed != nullptr ? ChunkNames(*ref.packed).Compare(0, name)
                               : ref.open->name(0).compare(name);
}

Writer::Position Writer::Locate(DirId dir, std::string_view name) const {
  const Children children = ChildrenOf(dir);
  const std::size_t n = children.size();
  Position at;
  if (n == 0) return at;
  // The last chunk that does not begin after `name`, else the first.
  const std::size_t hint = children.open != nullptr ? children.open->hint : 0;
  if (hint < n && (hint == 0 || CompareFirst(children.at(hint), name) <= 0) &&
      (hint + 1 == n || CompareFirst(children.at(hint + 1), name) > 0)) {
    at.chunk = hint;
  } else {
    std::size_t low = 1;
    std::size_t high = n;
    while (low < high) {
      const std::size_t middle = low + (high - low) / 2;
      if (CompareFirst(children.at(middle), name) <= 0) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    at.chunk = low - 1;
  }
  const ChunkRef ref = children.at(at.chunk);
  if (ref.packed == nullptr) {
    at.row = ref.open->LowerBound(name, &at.found);
    return at;
  }
  const ChunkNames names(*ref.packed);
  // Who looks an entry up often edits it next.
  if (last_row_ < names.size() && names.Compare(last_row_, name) == 0) {
    at.row = last_row_;
    at.found = true;
    return at;
  }
  ref.packed->Prefetch();
  at.row = last_row_ = names.LowerBound(name, &at.found);
  return at;
}

Writer::FoundRow Writer::Read(DirId dir, const Position& at) const {
  const ChunkRef ref = ChildrenOf(dir).at(at.chunk);
  if (ref.open != nullptr) return {ref.open->values(at.row), ref.open->target(at.row)};
  const ChunkView view(*ref.packed);
  return {view.Load(at.row), view.target(at.row)};
}

OpenChunk* Writer::NewOpenChunk() {
  ++open_chunks_;
  if (spare_chunks_.empty()) return std::make_unique<OpenChunk>().release();
  OpenChunk* const chunk = spare_chunks_.back().release();
  spare_chunks_.pop_back();
  return chunk;
}

void Writer::FreeOpenChunk(OpenChunk* chunk) {
  std::unique_ptr<OpenChunk> owned(chunk);
  --open_chunks_;
  if (spare_chunks_.size() == kSpareChunksMax) return;
  owned->Clear();
  spare_chunks_.push_back(std::move(owned));
}

OpenChunk& Writer::OpenAt(OpenDir& dir, std::size_t chunk) {
  ChunkRef& ref = dir.chunks[chunk];
  if (ref.open == nullptr) {
    ref.open = NewOpenChunk();
    ref.open->Load(*ref.packed);
    if (ref.edits == 0) {
      dir.replaced.push_back(ref.packed);
    } else {
      FreeUnpublished({.packed = ref.packed, .edits = ref.edits});
    }
    ref.packed = nullptr;
    ref.edits = 0;
  }
  dir.rows_changed = true;
  return *ref.open;
}

void Writer::FreeUnpublished(const ChunkRef& ref) {
  if (ref.open != nullptr) FreeOpenChunk(ref.open);
  if (ref.edits == 0) return;
  block_bytes_ -= ref.packed->bytes;
  blocks_.Give(ref.packed, ref.packed->bytes);
}

bool Writer::EditPacked(OpenDir& dir, std::size_t chunk, const RowEdit& edit) {
  ChunkRef& ref = dir.chunks[chunk];
  if (ref.open != nullptr || ref.edits == kPackedEditsMax) return false;
  const Chunk* const before = ref.packed;
  const std::uint32_t bytes_before = before->bytes;
  const Chunk* const after =
      packer_.Edit(*before, edit, pins_.current() + 1, ref.edits > 0 ? before : nullptr);
  if (after == nullptr) return false;
  block_bytes_ += after->bytes;
  if (ref.edits == 0) {
    dir.replaced.push_back(before);
    ref.published = edit.kind == RowEdit::Kind::kInsert ? before : nullptr;
    ref.inserted = static_cast<std::uint8_t>(edit.row);
  } else {
    block_bytes_ -= bytes_before;
    if (after != before) blocks_.Give(before, bytes_before);
    ref.published = nullptr;
  }
  ref.packed = after;
  ++ref.edits;
  dir.rows_changed = true;
  return true;
}

bool Writer::UndoInsert(OpenDir& dir, const Position& at) {
  ChunkRef& ref = dir.chunks[at.chunk];
  if (ref.edits != 1 || ref.published == nullptr || ref.inserted != at.row) return false;
  FreeUnpublished(ref);
  // Most often the last one. Their order means nothing.
  *std::find(dir.replaced.rbegin(), dir.replaced.rend(), ref.published) = dir.replaced.back();
  dir.replaced.pop_back();
  ref = {.packed = ref.published};
  return true;
}

void Writer::InsertRow(DirId dir, Position at, std::string_view name, const RowValues& values,
                       std::string_view target) {
  OpenDir& open = Open(dir);
  const auto new_chunk_at = [&](std::size_t i) {
    const auto where = open.chunks.begin() + static_cast<std::ptrdiff_t>(i);
    open.chunks.insert(where, {.open = NewOpenChunk()});
  };
  if (open.chunks.empty()) {
    new_chunk_at(0);
    at = {};
  } else if (open.chunks[at.chunk].rows() == OpenChunk::kRowsMax) {
    if (at.row == OpenChunk::kRowsMax) {
      // Names that come in order fill chunk after chunk.
      new_chunk_at(at.chunk + 1);
      at = {at.chunk + 1, 0, false};
    } else {
      constexpr std::uint32_t kHalf = OpenChunk::kRowsMax / 2;
      new_chunk_at(at.chunk + 1);
      OpenAt(open, at.chunk).MoveTail(kHalf, open.chunks[at.chunk + 1].open);
      if (at.row > kHalf) at = {at.chunk + 1, at.row - kHalf, false};
    }
  }
  if (!EditPacked(open, at.chunk, {RowEdit::Kind::kInsert, at.row, name, &values, target})) {
    OpenAt(open, at.chunk).Insert(at.row, name, values, target);
  }
  open.hint = at.chunk;
  ++open.rows;
  ++rows_;
}

void Writer::UpdateRow(DirId dir, const Position& at, const RowValues& values,
                       std::string_view target) {
  OpenDir& open = Open(dir);
  if (!EditPacked(open, at.chunk, {RowEdit::Kind::kUpdate, at.row, {}, &values, target})) {
    OpenAt(open, at.chunk).Update(at.row, values, target);
  }
  open.hint = at.chunk;
}

void Writer::EraseRow(DirId dir, const Position& at) {
  OpenDir& open = Open(dir);
  open.hint = at.chunk;
  --open.rows;
  --rows_;
  if (UndoInsert(open, at)) return;
  if (EditPacked(open, at.chunk, {RowEdit::Kind::kErase, at.row, {}, nullptr, {}})) return;
  OpenChunk& chunk = OpenAt(open, at.chunk);
  chunk.Erase(at.row);
  if (chunk.size() > 0) return;
  FreeOpenChunk(&chunk);
  open.chunks.erase(open.chunks.begin() + static_cast<std::ptrdiff_t>(at.chunk));
}

void Writer::ForEachSubdirectory(DirId dir, const std::function<void(DirId)>& visit) const {
  const Children children = ChildrenOf(dir);
  for (std::size_t i = 0; i < children.size(); ++i) {
    const ChunkRef ref = children.at(i);
    if (ref.open != nullptr) {
      for (std::uint32_t row = 0; row < ref.open->size(); ++row) {
        const RowValues& values = ref.open->values(row);
        if (values.attrs.is_directory()) visit(values.dir);
      }
    } else if (ref.packed->has_directories != 0) {
      const ChunkView view(*ref.packed);
      for (std::uint32_t row = 0; row < ref.packed->rows; ++row) {
        if (const DirId child = view.dir(row); child.value != 0) visit(child);
      }
    }
  }
}

}  // namespace fustor::tree
