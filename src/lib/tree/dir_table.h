// dir_table.h: the directories of the tree by number, each with its published versions.
//
// A slot never moves. It holds two chains, newest first: what the directory is and contains
// (DirVersion), and its sums (SumsVersion), so that sums that change all the way up do not copy
// lists of chunks. A reader of revision R takes the first version that is not newer than R and
// never looks behind it; so what only older readers need can be freed without touching the chain.
//
// Threads: one writer; readers may look up what was published. Versions are immutable.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "lib/tree/chunk.h"

namespace fustor::tree {

// Aggregates, and what else is summed up the tree.
struct Sums : Aggregates {
  std::uint64_t links = 0;  // Rows in the link table.
  friend bool operator==(const Sums&, const Sums&) = default;
};

struct ChunkList {
  Revision born;
  std::uint64_t rows;
  std::uint32_t size;
  const Chunk* const* chunks() const { return reinterpret_cast<const Chunk* const*>(this + 1); }
  const Chunk** chunks() { return reinterpret_cast<const Chunk**>(this + 1); }
  static std::size_t BytesFor(std::size_t size) {
    return sizeof(ChunkList) + size * sizeof(const Chunk*);
  }
};

struct DirVersion {
  enum class Shape : std::uint8_t { kEmpty, kOne, kList };

  Revision revision;
  const DirVersion* prev;
  union {
    const Chunk* one;
    const ChunkList* list;
  };
  DirId parent;
  Shape shape;
  std::uint8_t name_size;

  std::string_view name() const { return {reinterpret_cast<const char*>(this + 1), name_size}; }
  std::span<const Chunk* const> chunks() const {
    if (shape == Shape::kEmpty) return {};
    if (shape == Shape::kOne) return {&one, 1};
    return {list->chunks(), list->size};
  }
  std::uint64_t rows() const {
    if (shape == Shape::kEmpty) return 0;
    return shape == Shape::kOne ? one->rows : list->rows;
  }
  std::size_t bytes() const { return sizeof(DirVersion) + name_size; }
};

struct SumsVersion {
  Revision revision;
  const SumsVersion* prev;
  Sums sums;
};

class DirTable {
 public:
  struct Slot {
    std::atomic<const DirVersion*> dir{nullptr};
    std::atomic<const SumsVersion*> sums{nullptr};
    // The writer's: 1 + index of what is being edited; 0: nothing.
    std::uint32_t open_dir = 0;
    std::uint32_t open_sums = 0;
    // Not of a revision: seconds since 1970; 0: never.
    std::atomic<std::uint32_t> listed_s{0};
  };

  DirTable();
  ~DirTable();
  DirTable(const DirTable&) = delete;

  // --- Any thread. ---

  // nullptr when the directory is not in that revision.
  const DirVersion* Dir(DirId id, Revision revision) const;
  const Sums* SumsOf(DirId id, Revision revision) const;

  // --- The writer. ---

  Slot& slot(DirId id) { return *Find(id); }
  const Slot& slot(DirId id) const { return *Find(id); }
  bool IsLive(DirId id) const { return id.value < live_.size() && live_[id.value]; }
  // A free id, which is live from now on.
  DirId Allocate();
  // No longer part of the tree; readers may still see it.
  void MarkDead(DirId id) { live_[id.value] = false; }
  // No reader sees it any more: the id may be used again.
  void Recycle(DirId id);

  // Ids given out so far are below this.
  std::uint32_t limit() const { return static_cast<std::uint32_t>(live_.size()); }
  std::uint64_t size_bytes() const;

 private:
  static constexpr unsigned kFirstBits = 10;  // Segment k > 0 doubles what is before it.
  static constexpr unsigned kSegments = 32 - kFirstBits + 1;

  static unsigned SegmentOf(std::uint32_t id);
  static std::uint32_t FirstOf(unsigned segment);
  Slot* Find(DirId id) const;

  std::atomic<Slot*> segments_[kSegments] = {};
  std::uint64_t slots_ = 0;
  std::vector<bool> live_;
  std::vector<DirId> free_;
};

}  // namespace fustor::tree
