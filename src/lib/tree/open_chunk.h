// open_chunk.h: the rows of one chunk while the writer edits them.
//
// Pure, single-threaded. Rows stay where they are; a list of row numbers keeps the order by name,
// so that an insertion moves bytes, not rows.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "lib/tree/chunk.h"

namespace fustor::tree {

class OpenChunk {
 public:
  static constexpr std::uint32_t kRowsMax = Tree::kChunkRows;

  OpenChunk() = default;
  OpenChunk(const OpenChunk&) = delete;
  OpenChunk& operator=(const OpenChunk&) = delete;

  std::uint32_t size() const { return size_; }
  bool full() const { return size_ == kRowsMax; }
  std::string_view name(std::uint32_t i) const {
    const Slot& slot = slots_[order_[i]];
    return {arena_.data() + slot.name_at, slot.name_size};
  }
  std::string_view target(std::uint32_t i) const {
    const Slot& slot = slots_[order_[i]];
    return {arena_.data() + slot.target_at, slot.target_size};
  }
  const RowValues& values(std::uint32_t i) const { return slots_[order_[i]].values; }

  // First row whose name is not less than `name`; size() when there is none.
  std::uint32_t LowerBound(std::string_view name, bool* found) const;

  // REQUIRES: not full; `name` belongs before row i and after row i - 1.
  void Insert(std::uint32_t i, std::string_view name, const RowValues& values,
              std::string_view target);
  void Update(std::uint32_t i, const RowValues& values, std::string_view target);
  void Erase(std::uint32_t i);
  // Appends the rows from `from` on to `*to` and removes them here. REQUIRES: room, and that they
  // sort after the rows of `*to`.
  void MoveTail(std::uint32_t from, OpenChunk* to);

  // Becomes a copy of a packed chunk.
  void Load(const Chunk& chunk);
  void Clear();

  std::uint64_t size_bytes() const { return sizeof *this + arena_.capacity(); }

 private:
  struct Slot {
    RowValues values;
    std::uint32_t name_at;
    std::uint32_t target_at;
    std::uint16_t target_size;
    std::uint8_t name_size;
  };
  std::uint32_t Store(std::string_view bytes);
  // Drops the bytes in the arena that no row uses any more.
  void Compact();

  std::uint32_t size_ = 0;
  std::uint8_t order_[kRowsMax];
  Slot slots_[kRowsMax];
  std::string arena_;
  std::uint64_t garbage_ = 0;  // Bytes of the arena that are not in use.
};

}  // namespace fustor::tree
