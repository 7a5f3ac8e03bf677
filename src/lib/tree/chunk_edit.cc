// One row of a packed chunk changes: Packer::Edit.

#include <algorithm>
#include <cstring>
#include <optional>

#include "lib/tree/chunk.h"
#include "lib/tree/chunk_columns.h"

namespace fustor::tree {
namespace {

constexpr std::uint32_t kRowsMax = Tree::kChunkRows;

// How the rows of a chunk become those of the next one: the first `before` stay, then comes the new
// row if there is one, then what begins at `rest`.
struct Splice {
  std::uint32_t rows;  // Of the new chunk.
  std::uint32_t before;
  std::uint32_t rest;
  bool adds;
};

Splice SpliceOf(const Chunk& from, const RowEdit& edit) {
  switch (edit.kind) {
    case RowEdit::Kind::kInsert:
      return {from.rows + 1u, edit.row, edit.row, true};
    case RowEdit::Kind::kUpdate:
      return {from.rows, edit.row, edit.row + 1, true};
    case RowEdit::Kind::kErase:
      break;
  }
  return {from.rows - 1u, edit.row, edit.row + 1, false};
}

// A column as it lies in a chunk.
struct Packed {
  const std::uint8_t* base_at;
  const std::uint8_t* rows_at;
  std::uint64_t base;
  std::uint64_t mask;
  std::uint64_t scale;
  unsigned width;
  unsigned base_bytes;

  Packed(const std::uint8_t* at, std::uint8_t descriptor)
      : base_at(at),
        width(packed::WidthOf(descriptor)),
        base_bytes(packed::BaseBytesOf(descriptor)) {
    base = packed::LoadBase(at, base_bytes);
    mask = packed::MaskOf(width);
    scale = packed::ScaleOf(descriptor);
    rows_at = at + base_bytes;
  }
  std::uint64_t Raw(std::uint32_t row) const {
    return packed::LoadRaw(rows_at + std::size_t{row} * width) & mask;
  }
  const std::uint8_t* End(std::uint32_t rows) const { return rows_at + std::size_t{rows} * width; }
};

// The difference that stands for `value` in the column as it is; nullopt: it does not fit.
std::optional<std::uint64_t> Difference(const Packed& column, bool down, std::uint64_t value) {
  if (down && static_cast<std::int64_t>(value) > static_cast<std::int64_t>(column.base)) {
    return std::nullopt;  // The base stays the largest.
  }
  std::uint64_t raw = down ? column.base - value : value - column.base;
  if (column.scale != 1) {
    if (raw % column.scale != 0) return std::nullopt;
    raw /= column.scale;
  }
  if (raw > column.mask) return std::nullopt;
  return raw;
}

// The base of mtimes is the largest of them (Chunk::LatestMtime): whether the splice takes away the
// only row that may have it.
bool LosesLatest(const Packed& column, const Splice& splice, std::optional<std::uint64_t> added) {
  const bool removes = splice.rest > splice.before;
  return removes && column.Raw(splice.before) == 0 && added != std::uint64_t{0};
}

std::uint8_t* CopySpliced(const Packed& column, std::uint32_t old_rows, const Splice& splice,
                          std::uint64_t added, std::uint8_t* at) {
  const std::size_t head = column.base_bytes + std::size_t{splice.before} * column.width;
  std::memcpy(at, column.base_at, head);
  at += head;
  if (column.width == 0) return at;
  if (splice.adds) {
    std::memcpy(at, &added, sizeof added);  // What is too much is written over.
    at += column.width;
  }
  const std::size_t tail = std::size_t{old_rows - splice.rest} * column.width;
  std::memcpy(at, column.rows_at + std::size_t{splice.rest} * column.width, tail);
  return at + tail;
}

std::uint8_t* CodeAnew(const Packed& packed, Column column, const Splice& splice,
                       std::uint64_t added, std::uint8_t* at, std::uint8_t* descriptor) {
  std::uint64_t values[kRowsMax];
  const std::uint64_t scale = column == kMtimes ? 0 - packed.scale : packed.scale;
  for (std::uint32_t i = 0; i < splice.before; ++i) values[i] = packed.base + packed.Raw(i) * scale;
  if (splice.adds) values[splice.before] = added;
  const std::uint32_t first = splice.before + (splice.adds ? 1 : 0);
  for (std::uint32_t i = first; i < splice.rows; ++i) {
    values[i] = packed.base + packed.Raw(splice.rest + i - first) * scale;
  }
  return AppendColumn(at, values, splice.rows, column, descriptor);
}

// The ends of texts that lie one after the other: those behind the edited one move.
template <class EndOf>
std::uint8_t* CodeEnds(const Splice& splice, std::uint64_t added_size, std::uint64_t removed_size,
                       std::uint64_t stride, Column column, const EndOf& end_of, std::uint8_t* at,
                       std::uint8_t* descriptor) {
  std::uint64_t ends[kRowsMax];
  for (std::uint32_t i = 0; i < splice.before; ++i) ends[i] = end_of(i);
  const std::uint64_t begin = splice.before == 0 ? 0 : end_of(splice.before - 1);
  std::uint32_t i = splice.before;
  if (splice.adds) ends[i++] = begin + added_size;
  for (std::uint32_t old = splice.rest; i < splice.rows; ++i, ++old) {
    ends[i] = end_of(old) + added_size - removed_size;
  }
  for (std::uint32_t row = 0; row < splice.rows; ++row) ends[row] -= (row + 1) * stride;
  return AppendColumn(at, ends, splice.rows, column, descriptor);
}

std::uint8_t* Append(std::string_view bytes, std::uint8_t* at) {
  if (!bytes.empty()) std::memcpy(at, bytes.data(), bytes.size());
  return at + bytes.size();
}

std::size_t SharedPrefix(std::string_view a, std::string_view b) {
  return static_cast<std::size_t>(std::mismatch(a.begin(), a.end(), b.begin(), b.end()).first -
                                  a.begin());
}

// How the names of the next chunk are written: what all of them share may become less or more.
struct NewNames {
  std::string_view prefix, more_prefix;  // One behind the other.
  std::string_view lead;                 // Comes before what an old name had behind its prefix,
  std::size_t cut = 0;                   // or so much of that goes.
  std::string_view added, removed;       // Behind the prefix: the new one, the old one.
  std::uint64_t bytes = 0;               // Of all, without the prefix.

  std::uint64_t End(const ChunkNames& from, std::uint32_t row) const {
    return from.end(row) + (row + 1) * (lead.size() - cut);
  }
};

NewNames NamesOf(const ChunkNames& from, const RowEdit& edit, const Splice& splice) {
  NewNames names;
  names.prefix = from.prefix();
  if (edit.kind == RowEdit::Kind::kInsert) {
    const std::size_t shared = SharedPrefix(from.prefix(), edit.name);
    names.prefix = from.prefix().substr(0, shared);
    names.lead = from.prefix().substr(shared);
    names.added = edit.name.substr(shared);
    names.bytes = names.End(from, from.size() - 1) + names.added.size();
  } else {
    const std::string_view first = from.rest(splice.before > 0 ? 0 : splice.rest);
    const std::string_view last =
        from.rest(splice.rest < from.size() ? from.size() - 1 : splice.before - 1);
    names.cut = SharedPrefix(first, last);
    names.more_prefix = first.substr(0, names.cut);
    names.removed = from.rest(edit.row);
    names.bytes = names.End(from, from.size() - 1) - (names.removed.size() - names.cut);
  }
  return names;
}

std::uint8_t* AppendNames(const ChunkNames& from, const NewNames& names, const Splice& splice,
                          std::uint8_t* at) {
  at = Append(names.more_prefix, Append(names.prefix, at));
  if (names.lead.empty() && names.cut == 0) {
    const std::string_view rests = from.rests();
    const std::uint32_t split = splice.before == 0 ? 0 : from.end(splice.before - 1);
    at = Append(names.added, Append(rests.substr(0, split), at));
    return Append(rests.substr(split + names.removed.size()), at);
  }
  const auto append_old = [&](std::uint32_t row) {
    at = Append(from.rest(row).substr(names.cut), Append(names.lead, at));
  };
  for (std::uint32_t row = 0; row < splice.before; ++row) append_old(row);
  at = Append(names.added, at);
  for (std::uint32_t row = splice.rest; row < from.size(); ++row) append_old(row);
  return at;
}

std::uint8_t* AppendTargets(const ChunkView& from, std::string_view added, std::string_view removed,
                            const Splice& splice, std::uint8_t* at) {
  const std::string_view rests = from.names().rests();
  const std::uint64_t split = splice.before == 0 ? 0 : from.Value(kTargetEnds, splice.before - 1);
  const std::string_view targets(rests.data() + rests.size(),
                                 from.Value(kTargetEnds, from.names().size() - 1));
  at = Append(added, Append(targets.substr(0, split), at));
  return Append(targets.substr(split + removed.size()), at);
}

// The prefix, the names and the targets.
std::string_view TextsOf(const ChunkView& view, std::uint32_t rows) {
  const char* const begin = view.names().prefix().data();
  const std::string_view rests = view.names().rests();
  return {begin, static_cast<std::size_t>(rests.data() + rests.size() - begin) +
                     view.Value(kTargetEnds, rows - 1)};
}

std::uint8_t* CopyColumn(const Packed& packed, std::uint32_t rows, std::uint8_t* at) {
  const auto bytes = static_cast<std::size_t>(packed.End(rows) - packed.base_at);
  std::memcpy(at, packed.base_at, bytes);
  return at + bytes;
}

// A column that is no end of texts, with the value of the new row, if there is one.
std::uint8_t* SpliceColumn(const Packed& packed, Column column, std::uint32_t old_rows,
                           const Splice& splice, std::uint64_t added, std::uint8_t* at,
                           std::uint8_t* descriptor) {
  const bool down = column == kMtimes;
  std::optional<std::uint64_t> raw;
  if (splice.adds) raw = Difference(packed, down, added);
  const bool copy = (raw || !splice.adds) && !(down && LosesLatest(packed, splice, raw));
  return copy ? CopySpliced(packed, old_rows, splice, raw.value_or(0), at)
              : CodeAnew(packed, column, splice, added, at, descriptor);
}

}  // namespace

const Chunk* Packer::Edit(const Chunk& from, const RowEdit& edit, Revision born,
                          const Chunk* reusable) {
  const Splice splice = SpliceOf(from, edit);
  if (splice.rows == 0 || splice.rows > kRowsMax) return nullptr;
  const ChunkView view(from);
  const bool same_texts = edit.kind == RowEdit::Kind::kUpdate;
  const std::string_view removed_target =
      edit.kind == RowEdit::Kind::kInsert ? std::string_view() : view.target(edit.row);
  if (same_texts && removed_target != edit.target) return nullptr;
  const NewNames names = same_texts ? NewNames() : NamesOf(view.names(), edit, splice);
  const std::size_t room = packed::kColumnsAt +
                           kColumns * (8 + 8 * (std::size_t{splice.rows} + 1)) + from.bytes +
                           names.bytes + edit.target.size() + 16;
  if (buffer_.size() < room) buffer_.resize(room);

  Chunk head = from;
  head.born = born;
  head.rows = static_cast<std::uint8_t>(splice.rows);
  if (!same_texts) {
    head.name_stride = static_cast<std::uint8_t>(names.bytes / splice.rows);
    head.prefix_size = static_cast<std::uint8_t>(names.prefix.size() + names.more_prefix.size());
  }
  const RowColumns added = edit.values != nullptr ? ColumnsOf(*edit.values) : RowColumns{};
  const std::uint8_t* in = from.block() + packed::kColumnsAt;
  std::uint8_t* at = buffer_.data() + packed::kColumnsAt;
  for (std::uint8_t i = 0; i < kColumns; ++i) {
    const auto column = static_cast<Column>(i);
    const Packed packed(in, from.columns[i]);
    in = packed.End(from.rows);
    if (i != kNameEnds && i != kTargetEnds) {
      at = SpliceColumn(packed, column, from.rows, splice, added[i], at, &head.columns[i]);
    } else if (same_texts) {
      at = CopyColumn(packed, from.rows, at);
    } else if (i == kNameEnds) {
      at = CodeEnds(
          splice, names.added.size(), names.removed.size() - (splice.adds ? 0 : names.cut),
          head.name_stride, column, [&](std::uint32_t row) { return names.End(view.names(), row); },
          at, &head.columns[i]);
    } else {
      at = CodeEnds(
          splice, edit.target.size(), removed_target.size(), 0, column,
          [&](std::uint32_t row) { return view.Value(kTargetEnds, row); }, at, &head.columns[i]);
    }
  }
  head.names_at = static_cast<std::uint16_t>(at - buffer_.data());
  head.has_directories = (head.columns[kDirs] & 127) != 0;
  if (same_texts) {
    at = Append(TextsOf(view, from.rows), at);
  } else {
    at = AppendNames(view.names(), names, splice, at);
    at = AppendTargets(view, edit.target, removed_target, splice, at);
  }
  return FinishChunk(buffer_.data(), at, head, reusable == &from ? reusable : nullptr, &blocks_);
}

}  // namespace fustor::tree
