#include "lib/tree/chunk.h"

#include <algorithm>
#include <bit>

#include "lib/tree/chunk_columns.h"
#include "lib/tree/open_chunk.h"

namespace fustor::tree {

static_assert(std::endian::native == std::endian::little, "columns are read as little-endian");
static_assert(kColumns == 16);

std::int64_t Chunk::LatestMtime() const {
  const std::uint8_t names = columns[kNameEnds];
  const std::uint8_t* at = block() + packed::kColumnsAt + packed::BaseBytesOf(names) +
                           std::size_t{rows} * packed::WidthOf(names);
  return static_cast<std::int64_t>(packed::LoadBase(at, packed::BaseBytesOf(columns[kMtimes])));
}

std::uint32_t ChunkNames::LowerBound(std::string_view name, bool* found) const {
  *found = false;
  const int prefix = prefix_.compare(name.substr(0, prefix_.size()));
  if (prefix != 0) return prefix > 0 ? 0 : rows_;
  name.remove_prefix(prefix_.size());
  std::uint32_t low = 0;
  std::uint32_t high = rows_;
  while (low < high) {
    const std::uint32_t middle = (low + high) / 2;
    const int order = rest(middle).compare(name);
    if (order == 0) {
      *found = true;
      return middle;
    }
    if (order < 0) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

ChunkView::ChunkView(const Chunk& chunk) : names_(chunk) {
  const std::uint8_t* at = chunk.block() + packed::kColumnsAt;
  for (int i = 0; i < kColumns; ++i) {
    const std::uint8_t column = chunk.columns[i];
    const unsigned base_bytes = packed::BaseBytesOf(column);
    Field& field = fields_[i];
    field.width = packed::WidthOf(column);
    field.base = packed::LoadBase(at, base_bytes);
    field.mask = packed::MaskOf(field.width);
    field.scale = packed::ScaleOf(column);
    field.at = at + base_bytes;
    at = field.at + std::size_t{chunk.rows} * field.width;
  }
  fields_[kMtimes].scale = 0 - fields_[kMtimes].scale;
  const std::string_view rests = names_.rests();
  targets_ = rests.data() + rests.size();
}

std::string_view ChunkView::target(std::uint32_t row) const {
  const std::uint64_t begin = row == 0 ? 0 : Value(kTargetEnds, row - 1);
  return {targets_ + begin, static_cast<std::size_t>(Value(kTargetEnds, row) - begin)};
}

RowValues ChunkView::Load(std::uint32_t row) const {
  RowValues v;
  const std::uint64_t kind_mode = Value(kKindModes, row);
  const std::uint64_t size = Value(kSizes, row);
  const std::uint64_t mtime = Value(kMtimes, row);
  const std::uint64_t flags_reporter = Value(kFlagsReporters, row);
  v.attrs.kind = static_cast<EntryKind>(kind_mode & 3);
  v.attrs.mode = static_cast<std::uint32_t>(kind_mode >> 2);
  v.attrs.uid = static_cast<std::uint32_t>(Value(kUids, row));
  v.attrs.gid = static_cast<std::uint32_t>(Value(kGids, row));
  v.attrs.nlink = static_cast<std::uint32_t>(Value(kNlinks, row));
  v.attrs.inode = Value(kInodes, row);
  v.attrs.device = Value(kDevices, row);
  v.attrs.size_bytes = static_cast<std::int64_t>(size);
  v.attrs.allocated_bytes = static_cast<std::int64_t>(ExpectedBlocks(size) + Value(kBlocks, row));
  v.attrs.mtime_ns = static_cast<std::int64_t>(mtime);
  v.attrs.ctime_ns = static_cast<std::int64_t>(mtime + Value(kCtimes, row));
  v.attrs.atime_ns = static_cast<std::int64_t>(mtime + Value(kAtimes, row));
  v.confirmed_ns = Signed(kConfirmed, row);
  v.dir = dir(row);
  v.reporter = static_cast<std::uint16_t>(flags_reporter >> 8);
  v.flags = static_cast<std::uint8_t>(flags_reporter);
  return v;
}

namespace {

struct Columns {
  std::uint64_t values[kColumns][OpenChunk::kRowsMax];
};

void Spread(const OpenChunk& rows, Columns* columns) {
  for (std::uint32_t i = 0; i < rows.size(); ++i) {
    const RowColumns row = ColumnsOf(rows.values(i));
    for (int column = kMtimes; column < kTargetEnds; ++column) {
      columns->values[column][i] = row[static_cast<std::size_t>(column)];
    }
  }
}

std::size_t SharedPrefix(std::string_view a, std::string_view b) {
  const std::size_t n = std::min(a.size(), b.size());
  std::size_t i = 0;
  while (i < n && a[i] == b[i]) ++i;
  return i;
}

}  // namespace

const Chunk* Packer::Pack(const OpenChunk& rows, Revision born) {
  const std::uint32_t n = rows.size();
  FUSTOR_CHECK(n > 0 && n <= OpenChunk::kRowsMax);
  const std::size_t prefix = SharedPrefix(rows.name(0), rows.name(n - 1));
  std::uint64_t names = 0;
  std::uint64_t targets = 0;
  Columns columns;
  for (std::uint32_t i = 0; i < n; ++i) {
    columns.values[kNameEnds][i] = names += rows.name(i).size() - prefix;
    columns.values[kTargetEnds][i] = targets += rows.target(i).size();
  }
  const std::uint64_t stride = names / n;
  for (std::uint32_t i = 0; i < n; ++i) columns.values[kNameEnds][i] -= (i + 1) * stride;
  Spread(rows, &columns);

  const std::size_t room =
      packed::kColumnsAt + kColumns * (8 + 8 * std::size_t{n}) + prefix + names + targets + 16;
  if (buffer_.size() < room) buffer_.resize(room);
  Chunk header{};
  std::uint8_t* at = buffer_.data() + packed::kColumnsAt;
  for (std::uint8_t i = 0; i < kColumns; ++i) {
    at = AppendColumn(at, columns.values[i], n, static_cast<Column>(i), &header.columns[i]);
  }
  header.born = born;
  header.names_at = static_cast<std::uint16_t>(at - buffer_.data());
  header.rows = static_cast<std::uint8_t>(n);
  header.prefix_size = static_cast<std::uint8_t>(prefix);
  header.name_stride = static_cast<std::uint8_t>(stride);
  header.has_directories = (header.columns[kDirs] & 127) != 0;

  const auto append = [&at](std::string_view bytes) {
    if (bytes.empty()) return;
    std::memcpy(at, bytes.data(), bytes.size());
    at += bytes.size();
  };
  append(rows.name(0).substr(0, prefix));
  for (std::uint32_t i = 0; i < n; ++i) append(rows.name(i).substr(prefix));
  for (std::uint32_t i = 0; i < n; ++i) append(rows.target(i));
  return FinishChunk(buffer_.data(), at, header, nullptr, &blocks_);
}

}  // namespace fustor::tree
