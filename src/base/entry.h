// entry.h: what is known of one entry of a file tree, and a list of entries that is cheap to fill.
//
// Plain data, no I/O. Names and symlink targets are bytes, not text: any byte but '/' and NUL.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"

namespace fustor {

enum class EntryKind : std::uint8_t {
  kFile = 0,
  kDirectory = 1,
  kSymlink = 2,
  kOther = 3,  // FIFO, socket, device.
};

// What lstat tells. Times are nanoseconds since 1970 (see WallTime for the range).
struct EntryAttrs {
  EntryKind kind = EntryKind::kFile;
  std::uint32_t mode = 0;  // st_mode with the type bits.
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::uint32_t nlink = 1;
  std::uint64_t inode = 0;   // 0: not known.
  std::uint64_t device = 0;  // st_dev as makedev() packs it. 0: not known.
  std::int64_t size_bytes = 0;
  std::int64_t allocated_bytes = 0;
  std::int64_t mtime_ns = 0;
  std::int64_t ctime_ns = 0;
  std::int64_t atime_ns = 0;

  bool is_directory() const { return kind == EntryKind::kDirectory; }
  friend bool operator==(const EntryAttrs&, const EntryAttrs&) = default;
};

// Rows of entries; all names in one arena, so that a row costs no allocation of its own.
// Not thread-safe. Views returned are valid until the next change of the list.
class EntryList {
 public:
  std::size_t size() const { return rows_.size(); }
  bool empty() const { return rows_.empty(); }
  // Bytes held, for budgets.
  std::size_t size_bytes() const { return arena_.size() + rows_.size() * sizeof(Row); }

  // REQUIRES: name and target are at most 65,535 bytes.
  void Append(std::string_view name, const EntryAttrs& attrs, std::string_view target = {}) {
    AppendRow(name, target) = attrs;
  }
  // The same with attributes still to be filled in, in place.
  EntryAttrs& AppendRow(std::string_view name, std::string_view target = {}) {
    FUSTOR_CHECK(name.size() <= 0xFFFF && target.size() <= 0xFFFF);
    Row& row = rows_.emplace_back();
    row.offset = arena_.size();
    row.name_size = static_cast<std::uint16_t>(name.size());
    row.target_size = static_cast<std::uint16_t>(target.size());
    arena_.append(name);
    if (!target.empty()) arena_.append(target);
    return row.attrs;
  }

  std::string_view name(std::size_t i) const {
    return std::string_view(arena_).substr(rows_[i].offset, rows_[i].name_size);
  }
  // Where a symlink points; empty for everything else and for what could not be read.
  std::string_view target(std::size_t i) const {
    return std::string_view(arena_).substr(rows_[i].offset + rows_[i].name_size,
                                           rows_[i].target_size);
  }
  const EntryAttrs& attrs(std::size_t i) const { return rows_[i].attrs; }
  EntryAttrs& attrs(std::size_t i) { return rows_[i].attrs; }

  void Reserve(std::size_t rows, std::size_t bytes) {
    rows_.reserve(rows);
    arena_.reserve(bytes);
  }
  void Clear() {
    rows_.clear();
    arena_.clear();
  }

  // Orders the rows by name, bytewise. O(n log n), fast for names that share a prefix.
  void SortByName();
  // REQUIRES: sorted by name. Index of `name`, or size() when it is not there. O(log n).
  std::size_t FindSorted(std::string_view name) const;
  // Removes one row; the order of the others stays. O(n).
  void Erase(std::size_t i) { rows_.erase(rows_.begin() + static_cast<std::ptrdiff_t>(i)); }

 private:
  struct Row {
    EntryAttrs attrs;
    std::uint64_t offset = 0;
    std::uint16_t name_size = 0;
    std::uint16_t target_size = 0;
  };

  std::vector<Row> rows_;
  std::string arena_;
};

}  // namespace fustor
