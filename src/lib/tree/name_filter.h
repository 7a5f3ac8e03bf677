// name_filter.h: which rows of a chunk can match a pattern, decided for the whole chunk at once.
//
// Pure. Keeps a buffer; one per search.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "lib/tree/chunk.h"
#include "lib/tree/search.h"

namespace fustor::tree {

// A set of rows of one chunk.
struct RowSet {
  static_assert(Tree::kChunkRows == 128);
  std::uint64_t words[2] = {0, 0};

  void Add(std::uint32_t row) { words[row / 64] |= std::uint64_t{1} << (row % 64); }
  bool Contains(std::uint32_t row) const { return (words[row / 64] >> (row % 64) & 1) != 0; }
  // First row from `row` on that is in this set or in `other`; 128 when there is none.
  std::uint32_t Next(std::uint32_t row, const RowSet& other) const;
  static RowSet All(std::uint32_t rows);
};

class NameFilter {
 public:
  explicit NameFilter(const std::string& pattern);

  // Rows of a chunk whose directory has the path `directory` ("" for the root).
  RowSet Match(const Chunk& chunk, std::string_view directory);
  // One entry.
  bool Matches(std::string_view path, std::string_view name) const;
  // False when no entry below `directory` can match.
  bool MayMatchBelow(std::string_view directory) const;

 private:
  // Rows of which `prefix` + rest contains the needle. REQUIRES: a needle.
  static RowSet Containing(const ChunkNames& names, std::string_view prefix, std::string_view rests,
                           std::string_view needle);
  RowSet MatchSubstring(const ChunkNames& names);
  RowSet MatchGlob(const ChunkNames& names, std::string_view directory);

  std::optional<Glob> glob_;
  std::optional<Substring> substring_;
  std::string buffer_;
};

}  // namespace fustor::tree
