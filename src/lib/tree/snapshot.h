// snapshot.h: what Search() may see of a Snapshot beyond its public functions.
//
// Pure. Everything is borrowed from the snapshot.
#pragma once

#include <span>
#include <string_view>

#include "lib/tree/chunk.h"
#include "lib/tree/tree.h"

namespace fustor::tree {

struct SnapshotAccess {
  // Empty when the directory is not in this revision.
  static std::span<const Chunk* const> ChunksOf(const Snapshot& snapshot, DirId dir);
  // The last chunk that does not begin after `name`, else the first; 0 when there is none.
  static std::size_t ChunkFor(std::span<const Chunk* const> chunks, std::string_view name);
  // Valid as long as the view and the name are.
  static Snapshot::Row MakeRow(const ChunkView& view, std::uint32_t row, std::string_view name);
};

}  // namespace fustor::tree
