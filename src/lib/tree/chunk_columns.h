// chunk_columns.h: how the columns of a chunk are written. For lib/tree alone.
#pragma once

#include <array>
#include <cstdint>

#include "lib/tree/chunk.h"

namespace fustor::tree {

// One row as its columns hold it, but for the ends of name and target.
using RowColumns = std::array<std::uint64_t, kColumns>;
RowColumns ColumnsOf(const RowValues& values);

// Writes a column's base and differences and says in `*descriptor` how (Chunk::columns). Returns
// the end; up to eight bytes behind it may have been written too. REQUIRES: rows > 0, room for 8 +
// 8
// * (rows + 1) bytes. O(rows).
std::uint8_t* AppendColumn(std::uint8_t* at, const std::uint64_t* values, std::uint32_t rows,
                           Column column, std::uint8_t* descriptor);

// Makes a chunk of what begins at `buffer` with room for the head and ends at `at`. `reusable` is
// the block to write to if it has the right size, or nullptr.
const Chunk* FinishChunk(std::uint8_t* buffer, std::uint8_t* at, Chunk head, const Chunk* reusable,
                         Blocks* blocks);

}  // namespace fustor::tree
