// One row of a packed chunk changes: Packer::Edit.

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

}  // namespace

const Chunk* Packer::Edit(const Chunk& from, const RowEdit& edit, Revision born,
                          const Chunk* reusable) {
  const Splice splice = SpliceOf(from, edit);
  if (splice.rows == 0 || splice.rows > kRowsMax) return nullptr;
  const ChunkView view(from);
  const ChunkNames& names = view.names();
  const bool same_names = edit.kind == RowEdit::Kind::kUpdate;
  if (edit.kind == RowEdit::Kind::kInsert && !edit.name.starts_with(names.prefix())) return nullptr;
  const std::string_view old_target =
      edit.kind == RowEdit::Kind::kInsert ? std::string_view() : view.target(edit.row);
  if (same_names && old_target != edit.target) return nullptr;

  const std::string_view added_rest =
      edit.kind == RowEdit::Kind::kInsert ? edit.name.substr(names.prefix().size()) : "";
  const std::string_view removed_rest =
      edit.kind == RowEdit::Kind::kErase ? names.rest(edit.row) : "";
  const std::string_view rests = names.rests();
  const std::uint64_t names_bytes = rests.size() + added_rest.size() - removed_rest.size();
  const std::uint64_t stride = same_names ? from.name_stride : names_bytes / splice.rows;
  const std::size_t room = packed::kColumnsAt +
                           kColumns * (8 + 8 * (std::size_t{splice.rows} + 1)) + from.bytes +
                           edit.name.size() + edit.target.size() + 16;
  if (buffer_.size() < room) buffer_.resize(room);

  Chunk head = from;
  head.born = born;
  head.rows = static_cast<std::uint8_t>(splice.rows);
  head.name_stride = static_cast<std::uint8_t>(stride);
  const RowColumns added = edit.values != nullptr ? ColumnsOf(*edit.values) : RowColumns{};
  const std::uint8_t* in = from.block() + packed::kColumnsAt;
  std::uint8_t* at = buffer_.data() + packed::kColumnsAt;
  for (std::uint8_t i = 0; i < kColumns; ++i) {
    const auto column = static_cast<Column>(i);
    const Packed packed(in, from.columns[i]);
    in = packed.End(from.rows);
    if (i == kNameEnds || i == kTargetEnds) {
      if (same_names) {
        at = Append({reinterpret_cast<const char*>(packed.base_at),
                     static_cast<std::size_t>(in - packed.base_at)},
                    at);
      } else if (i == kNameEnds) {
        at = CodeEnds(
            splice, added_rest.size(), removed_rest.size(), stride, column,
            [&](std::uint32_t row) { return std::uint64_t{names.end(row)}; }, at, &head.columns[i]);
      } else {
        at = CodeEnds(
            splice, edit.target.size(), old_target.size(), 0, column,
            [&](std::uint32_t row) { return view.Value(kTargetEnds, row); }, at, &head.columns[i]);
      }
      continue;
    }
    const bool down = column == kMtimes;
    std::optional<std::uint64_t> fits = 0;
    if (splice.adds) fits = Difference(packed, down, added[i]);
    const bool copy =
        fits && !(down && LosesLatest(packed, splice, splice.adds ? fits : std::nullopt));
    at = copy ? CopySpliced(packed, from.rows, splice, *fits, at)
              : CodeAnew(packed, column, splice, added[i], at, &head.columns[i]);
  }
  head.names_at = static_cast<std::uint16_t>(at - buffer_.data());
  head.has_directories = (head.columns[kDirs] & 127) != 0;

  at = Append(names.prefix(), at);
  const std::uint32_t names_split = splice.before == 0 ? 0 : names.end(splice.before - 1);
  at = Append(rests.substr(0, names_split), at);
  at = Append(added_rest, at);
  at = Append(rests.substr(names_split + removed_rest.size()), at);
  if (same_names) {
    const std::uint64_t targets_bytes = view.Value(kTargetEnds, from.rows - 1u);
    at = Append({rests.data() + rests.size(), targets_bytes}, at);
  } else {
    const std::uint64_t split = splice.before == 0 ? 0 : view.Value(kTargetEnds, splice.before - 1);
    const std::uint64_t all = view.Value(kTargetEnds, from.rows - 1u);
    const std::string_view targets(rests.data() + rests.size(), all);
    at = Append(targets.substr(0, split), at);
    at = Append(edit.target, at);
    at = Append(targets.substr(split + old_target.size()), at);
  }
  return FinishChunk(buffer_.data(), at, head, reusable == &from ? reusable : nullptr);
}

}  // namespace fustor::tree
