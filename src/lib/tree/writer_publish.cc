#include <algorithm>
#include <cstring>
#include <new>

#include "lib/tree/writer.h"

namespace fustor::tree {
namespace {

// Neighbours with no more rows than this together become one chunk when one of them is open.
constexpr std::uint32_t kMergedRowsMax = OpenChunk::kRowsMax * 3 / 4;
// What is kept for the next revision.
constexpr std::size_t kOpenDirsKept = 4096;
constexpr std::size_t kChunkRefsKept = 1024;
constexpr std::size_t kOpenSumsKept = 16'384;

}  // namespace

Writer::~Writer() {
  retired_.Reclaim(pins_);
  for (std::uint32_t id = 0; id < table_.limit(); ++id) {
    const DirTable::Slot& slot = table_.slot(DirId{id});
    if (const DirVersion* dir = slot.dir.load(std::memory_order_relaxed); dir != nullptr) {
      for (const Chunk* chunk : dir->chunks()) blocks_.Give(chunk, chunk->bytes);
      if (dir->shape == DirVersion::Shape::kList) {
        blocks_.Give(dir->list, ChunkList::BytesFor(dir->list->size));
      }
      blocks_.Give(dir, dir->bytes());
    }
    const SumsVersion* const sums = slot.sums.load(std::memory_order_relaxed);
    if (sums != nullptr) blocks_.Give(sums, sizeof(SumsVersion));
  }
  for (std::size_t i = 0; i < open_dirs_used_; ++i) {
    for (const ChunkRef& ref : open_dirs_[i]->chunks) FreeUnpublished(ref);
  }
}

void* Writer::NewBlock(std::uint64_t bytes) {
  block_bytes_ += bytes;
  return blocks_.Take(bytes);
}

void Writer::RetireBlock(const void* block, std::uint64_t bytes, Revision born, Revision dead) {
  block_bytes_ -= bytes;
  retired_.AddBlock(block, bytes, born, dead);
}

Revision Writer::Publish() {
  if (!edited_) {
    retired_.Reclaim(pins_);
    StoreMemory();
    return pins_.current();
  }
  Settle(true);
  const Revision revision = std::max(pins_.current() + 1, revision_floor_);
  PublishAs(revision);
  return revision;
}

void Writer::PublishAs(Revision revision) {
  for (std::size_t i = 0; i < open_dirs_used_; ++i) {
    OpenDir& open = *open_dirs_[i];
    if (open.gone) continue;
    PublishDir(open, revision);
    table_.slot(open.id).open_dir = 0;
    if (open.chunks.capacity() > kChunkRefsKept) std::vector<ChunkRef>().swap(open.chunks);
    if (open.replaced.capacity() > kChunkRefsKept) std::vector<const Chunk*>().swap(open.replaced);
  }
  open_dirs_used_ = 0;
  if (open_dirs_.size() > kOpenDirsKept) open_dirs_.resize(kOpenDirsKept);
  PublishSums(revision);
  for (const DirId dir : dropped_) RetireDir(dir, revision);
  dropped_.clear();
  edited_ = false;
  pins_.Advance(revision);
  retired_.Reclaim(pins_);
  StoreMemory();
}

void Writer::MergeSmallChunks(OpenDir& dir) {
  std::size_t kept = 0;
  for (std::size_t i = 1; i < dir.chunks.size(); ++i) {
    const ChunkRef& left = dir.chunks[kept];
    const ChunkRef& right = dir.chunks[i];
    if ((!left.touched() && !right.touched()) || left.rows() + right.rows() > kMergedRowsMax) {
      dir.chunks[++kept] = right;
      continue;
    }
    OpenChunk& from = OpenAt(dir, i);
    from.MoveTail(0, &OpenAt(dir, kept));
    FreeOpenChunk(&from);
  }
  if (!dir.chunks.empty()) dir.chunks.resize(kept + 1);
}

void Writer::PublishDir(OpenDir& open, Revision revision) {
  DirTable::Slot& slot = table_.slot(open.id);
  const DirVersion* const head = slot.dir.load(std::memory_order_relaxed);
  if (!open.rows_changed && !open.place_changed) return;

  auto* const version = static_cast<DirVersion*>(NewBlock(sizeof(DirVersion) + open.name.size()));
  version->revision = revision;
  version->prev = head;
  version->one = nullptr;
  version->parent = open.parent;
  version->shape = DirVersion::Shape::kEmpty;
  version->name_size = static_cast<std::uint8_t>(open.name.size());
  if (!open.name.empty()) std::memcpy(version + 1, open.name.data(), open.name.size());

  if (open.rows_changed) {
    MergeSmallChunks(open);
    for (ChunkRef& ref : open.chunks) {
      ref.edits = 0;
      if (ref.open == nullptr) continue;
      ref.packed = packer_.Pack(*ref.open, revision);
      block_bytes_ += ref.packed->bytes;
      FreeOpenChunk(ref.open);
      ref.open = nullptr;
    }
    if (open.chunks.size() == 1) {
      version->shape = DirVersion::Shape::kOne;
      version->one = open.chunks[0].packed;
    } else if (!open.chunks.empty()) {
      const std::size_t n = open.chunks.size();
      auto* const list = static_cast<ChunkList*>(NewBlock(ChunkList::BytesFor(n)));
      list->born = revision;
      list->rows = open.rows;
      list->size = static_cast<std::uint32_t>(n);
      for (std::size_t i = 0; i < n; ++i) list->chunks()[i] = open.chunks[i].packed;
      version->shape = DirVersion::Shape::kList;
      version->list = list;
    }
    for (const Chunk* chunk : open.replaced) {
      RetireBlock(chunk, chunk->bytes, chunk->born, revision);
    }
    if (head != nullptr && head->shape == DirVersion::Shape::kList) {
      RetireBlock(head->list, ChunkList::BytesFor(head->list->size), head->list->born, revision);
    }
  } else if (head != nullptr) {
    version->shape = head->shape;
    if (head->shape == DirVersion::Shape::kList) {
      version->list = head->list;
    } else {
      version->one = head->one;
    }
  }
  if (head != nullptr) RetireBlock(head, head->bytes(), 0, revision);
  slot.dir.store(version, std::memory_order_release);
}

void Writer::PublishSums(Revision revision) {
  for (const OpenSums& open : open_sums_) {
    if (open.dir == kAboveRoot) continue;  // Gone.
    DirTable::Slot& slot = table_.slot(open.dir);
    slot.open_sums = 0;
    const SumsVersion* const head = slot.sums.load(std::memory_order_relaxed);
    if (head != nullptr && head->sums == open.value) continue;
    auto* const version = new (NewBlock(sizeof(SumsVersion))) SumsVersion;
    version->revision = revision;
    version->prev = head;
    version->sums = open.value;
    if (head != nullptr) RetireBlock(head, sizeof(SumsVersion), 0, revision);
    slot.sums.store(version, std::memory_order_release);
  }
  open_sums_.clear();
  if (open_sums_.capacity() > kOpenSumsKept) std::vector<OpenSums>().swap(open_sums_);
  unsettled_.clear();
  dirty_.clear();
}

void Writer::RetireDir(DirId dir, Revision revision) {
  const DirTable::Slot& slot = table_.slot(dir);
  if (const DirVersion* head = slot.dir.load(std::memory_order_relaxed); head != nullptr) {
    for (const Chunk* chunk : head->chunks()) {
      RetireBlock(chunk, chunk->bytes, chunk->born, revision);
    }
    if (head->shape == DirVersion::Shape::kList) {
      RetireBlock(head->list, ChunkList::BytesFor(head->list->size), head->list->born, revision);
    }
    RetireBlock(head, head->bytes(), 0, revision);
  }
  if (const SumsVersion* sums = slot.sums.load(std::memory_order_relaxed); sums != nullptr) {
    RetireBlock(sums, sizeof(SumsVersion), 0, revision);
  }
  retired_.AddDir(dir, revision);
}

void Writer::StoreMemory() {
  std::uint64_t bytes = block_bytes_ + retired_.bytes() + table_.size_bytes() + pins_.size_bytes() +
                        links_.size_bytes() + guesses_.size_bytes();
  for (const auto& chunk : spare_chunks_) bytes += chunk->size_bytes();
  for (const auto& open : open_dirs_) {
    bytes += sizeof(OpenDir) + open->chunks.capacity() * sizeof(ChunkRef) +
             open->replaced.capacity() * sizeof(void*);
  }
  bytes += open_sums_.capacity() * sizeof(OpenSums);
  memory_entries_.store(rows_, std::memory_order_relaxed);
  memory_bytes_.store(bytes, std::memory_order_relaxed);
  memory_retired_.store(retired_.bytes(), std::memory_order_relaxed);
}

Tree::Memory Writer::memory() const {
  return {memory_entries_.load(std::memory_order_relaxed),
          memory_bytes_.load(std::memory_order_relaxed),
          memory_retired_.load(std::memory_order_relaxed)};
}

}  // namespace fustor::tree
