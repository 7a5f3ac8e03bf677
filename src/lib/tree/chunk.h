// chunk.h: up to kChunkRows entries of one directory, packed and immutable.
//
// A chunk is one block of memory: a header, sixteen columns, the names, the symlink targets. A
// column stores each value as an unsigned difference to its base, in as few bytes as the largest
// difference needs; a column whose values are all the same takes no byte per row. Differences are
// taken modulo 2^64, so that every int64 survives. What usually follows from another column
// (ctime from mtime, blocks from size) is stored relative to it. Names are stored without the
// prefix that all of them share.
//
// Pure. Chunks may be read by any number of threads; views borrow the chunk.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <vector>

#include "base/entry.h"
#include "lib/tree/blocks.h"
#include "lib/tree/tree.h"

namespace fustor::tree {

// The pseudo directory whose only row is the root's own entry.
inline constexpr DirId kAboveRoot{0};

class OpenChunk;

// One entry without its name and target.
struct RowValues {
  EntryAttrs attrs;
  std::int64_t confirmed_ns = 0;
  DirId dir;
  std::uint16_t reporter = 0;
  std::uint8_t flags = kNoFlags;
  friend bool operator==(const RowValues&, const RowValues&) = default;
};

// In the order in which they lie in the block. Names and mtime come first so that they are found
// without looking at the others.
enum Column : std::uint8_t {
  kNameEnds,  // Relative to (row + 1) * name_stride.
  kMtimes,    // The base is the largest, differences count down from it.
  kDirs,
  kKindModes,
  kSizes,
  kBlocks,  // Relative to the size rounded up to 4 KiB.
  kCtimes,  // Relative to mtime, as are atimes.
  kAtimes,
  kInodes,
  kDevices,
  kUids,
  kGids,
  kNlinks,
  kFlagsReporters,
  kConfirmed,
  kTargetEnds,
  kColumns
};

struct Chunk {
  Revision born;             // First revision that contains it.
  std::uint32_t bytes;       // Of the whole block.
  std::uint16_t names_at;    // Offset of the shared prefix; the rest of the names follow.
  std::uint8_t rows;         // 1..kChunkRows
  std::uint8_t prefix_size;  // Of the prefix that all names share.
  std::uint8_t name_stride;  // Mean size of the rest of a name.
  std::uint8_t has_directories;
  // Low four bits: bytes per row (0..8). Next three: size class of the base. Top bit: differences
  // are whole seconds.
  std::uint8_t columns[kColumns];

  // Largest mtime of its rows. O(1).
  std::int64_t LatestMtime() const;
  const std::uint8_t* block() const { return reinterpret_cast<const std::uint8_t*>(this); }
  // A search by name jumps to and fro: what it may touch is fetched at once instead of step by
  // step.
  void Prefetch() const {
    constexpr std::uint32_t kLine = 64;
    for (std::uint32_t at = kLine; at < bytes; at += kLine) __builtin_prefetch(block() + at);
  }
};

namespace packed {

inline constexpr std::size_t kColumnsAt = offsetof(Chunk, columns) + kColumns;
inline constexpr std::uint8_t kBaseBytes[8] = {0, 1, 2, 3, 4, 5, 6, 8};
inline constexpr std::uint64_t kSecond = 1'000'000'000;

inline std::uint64_t MaskOf(unsigned width) {
  return width == 8 ? ~std::uint64_t{0} : (std::uint64_t{1} << (8 * width)) - 1;
}
// Reads eight bytes: every block has that many after the start of its last column.
inline std::uint64_t LoadRaw(const std::uint8_t* at) {
  std::uint64_t raw;
  std::memcpy(&raw, at, sizeof raw);
  return raw;
}
inline std::uint64_t LoadBase(const std::uint8_t* at, unsigned bytes) {
  if (bytes == 0) return 0;
  const unsigned shift = 64 - 8 * bytes;  // Sign-extends.
  return static_cast<std::uint64_t>(static_cast<std::int64_t>(LoadRaw(at) << shift) >> shift);
}
inline unsigned WidthOf(std::uint8_t column) { return column & 15u; }
inline unsigned BaseBytesOf(std::uint8_t column) { return kBaseBytes[(column >> 4) & 7u]; }
inline std::uint64_t ScaleOf(std::uint8_t column) { return (column & 128u) != 0 ? kSecond : 1; }

}  // namespace packed

// The names of a chunk. Cheap to make.
class ChunkNames {
 public:
  explicit ChunkNames(const Chunk& chunk) {
    const std::uint8_t column = chunk.columns[kNameEnds];
    const std::uint8_t* at = chunk.block() + packed::kColumnsAt;
    width_ = packed::WidthOf(column);
    mask_ = packed::MaskOf(width_);
    base_ = static_cast<std::uint32_t>(packed::LoadBase(at, packed::BaseBytesOf(column)));
    ends_ = at + packed::BaseBytesOf(column);
    stride_ = chunk.name_stride;
    rows_ = chunk.rows;
    const char* names = reinterpret_cast<const char*>(chunk.block()) + chunk.names_at;
    prefix_ = {names, chunk.prefix_size};
    rests_ = names + chunk.prefix_size;
  }

  std::uint32_t size() const { return rows_; }
  std::string_view prefix() const { return prefix_; }
  // What follows the prefix in the name of row i.
  std::string_view rest(std::uint32_t i) const {
    const std::uint32_t begin = start(i);
    return {rests_ + begin, end(i) - begin};
  }
  // Where the rest of row i begins and ends in `rests`.
  std::uint32_t start(std::uint32_t i) const { return i == 0 ? 0 : end(i - 1); }
  std::uint32_t end(std::uint32_t i) const {
    const std::uint64_t raw = packed::LoadRaw(ends_ + std::size_t{i} * width_) & mask_;
    return base_ + static_cast<std::uint32_t>(raw) + (i + 1) * stride_;
  }
  std::string_view rests() const { return {rests_, end(rows_ - 1)}; }

  // Less than, equal to or greater than 0 as the name of row i is compared with `name`.
  int Compare(std::uint32_t i, std::string_view name) const {
    const int prefix = prefix_.compare(name.substr(0, prefix_.size()));
    return prefix != 0 ? prefix : rest(i).compare(name.substr(prefix_.size()));
  }
  // First row whose name is not less than `name`; size() when there is none.
  std::uint32_t LowerBound(std::string_view name, bool* found) const;

 private:
  const std::uint8_t* ends_;
  std::uint64_t mask_;
  unsigned width_;
  std::uint32_t base_;
  std::uint32_t stride_;
  std::uint32_t rows_;
  std::string_view prefix_;
  const char* rests_;
};

// All columns of a chunk, ready to be read row by row.
class ChunkView {
 public:
  explicit ChunkView(const Chunk& chunk);

  const ChunkNames& names() const { return names_; }
  std::uint64_t Value(Column column, std::uint32_t row) const {
    const Field& field = fields_[column];
    const std::uint64_t raw =
        packed::LoadRaw(field.at + std::size_t{row} * field.width) & field.mask;
    return field.base + raw * field.scale;
  }
  std::int64_t Signed(Column column, std::uint32_t row) const {
    return static_cast<std::int64_t>(Value(column, row));
  }
  // All rows have the same value.
  bool IsConstant(Column column) const { return fields_[column].width == 0; }

  EntryKind kind(std::uint32_t row) const {
    return static_cast<EntryKind>(Value(kKindModes, row) & 3);
  }
  DirId dir(std::uint32_t row) const {
    return DirId{static_cast<std::uint32_t>(Value(kDirs, row))};
  }
  std::uint8_t flags(std::uint32_t row) const {
    return static_cast<std::uint8_t>(Value(kFlagsReporters, row));
  }
  std::uint32_t mode(std::uint32_t row) const {
    return static_cast<std::uint32_t>(Value(kKindModes, row) >> 2);
  }
  inline std::int64_t allocated_bytes(std::uint32_t row) const;
  std::int64_t ctime_ns(std::uint32_t row) const {
    return static_cast<std::int64_t>(Value(kMtimes, row) + Value(kCtimes, row));
  }
  std::int64_t atime_ns(std::uint32_t row) const {
    return static_cast<std::int64_t>(Value(kMtimes, row) + Value(kAtimes, row));
  }
  std::string_view target(std::uint32_t row) const;
  RowValues Load(std::uint32_t row) const;

 private:
  friend class OpenChunk;
  struct Field {
    const std::uint8_t* at;
    std::uint64_t base;
    std::uint64_t mask;
    std::uint64_t scale;
    unsigned width;
  };
  ChunkNames names_;
  const char* targets_;
  Field fields_[kColumns];
};

// Size rounded up to blocks: what allocated_bytes is stored relative to.
inline std::uint64_t ExpectedBlocks(std::uint64_t size_bytes) {
  return (size_bytes + 4095) & ~std::uint64_t{4095};
}

inline std::int64_t ChunkView::allocated_bytes(std::uint32_t row) const {
  return static_cast<std::int64_t>(ExpectedBlocks(Value(kSizes, row)) + Value(kBlocks, row));
}

// What becomes of one row of a chunk.
struct RowEdit {
  enum class Kind : std::uint8_t { kInsert, kUpdate, kErase };
  Kind kind = Kind::kUpdate;
  std::uint32_t row = 0;              // kInsert: before it.
  std::string_view name;              // kInsert
  const RowValues* values = nullptr;  // Not kErase.
  std::string_view target;            // Not kErase.
};

// Makes chunks. Keeps a buffer; use one from one thread at a time. The caller gives the chunks back
// to `blocks`, which must outlive the packer.
class Packer {
 public:
  explicit Packer(Blocks& blocks) : blocks_(blocks) {}

  // REQUIRES: rows is not empty. O(rows).
  const Chunk* Pack(const OpenChunk& rows, Revision born);

  // The chunk after one edit, without unpacking it: columns in which the new value fits are copied,
  // others are coded anew. O(rows), some ten times faster than unpacking and packing. If `reusable`
  // is `from`, which nobody else may read then, its block may be written over and returned; else
  // `from` stays as it is. nullptr: the edit needs an OpenChunk (another symlink target, a full
  // chunk, the last row). What the edit speaks of may lie
  // in `from`.
  const Chunk* Edit(const Chunk& from, const RowEdit& edit, Revision born, const Chunk* reusable);

 private:
  Blocks& blocks_;
  std::vector<std::uint8_t> buffer_;
};

}  // namespace fustor::tree
