#include "svc/fusion/wire/rows.h"

#include <algorithm>

#include "base/path.h"
#include "fustor/v1/agents.pb.h"

namespace fustor::fusion {
namespace {

namespace pb = ::fustor::v1;

constexpr std::uint64_t kBlockBytes = 4096;
constexpr std::size_t kTargetBytesMax = 0xFFFF;  // What an EntryList holds.

Status Malformed(std::string_view field) {
  return Status(Code::kInvalidArgument, std::string(field) + ": malformed");
}

template <class T>
Status View(const google::protobuf::RepeatedField<T>& column, std::size_t count,
            std::string_view name, ColumnView<T>* view) {
  static constexpr T kZero = 0;
  const std::size_t size = static_cast<std::size_t>(column.size());
  if (size == 0) {
    *view = {&kZero, 0};
  } else if (size == 1) {
    *view = {column.data(), 0};
  } else if (size == count) {
    *view = {column.data(), 1};
  } else {
    return Malformed("rows." + std::string(name));
  }
  return Status();
}

std::uint64_t Sum(const ColumnView<std::uint32_t>& column, std::size_t begin, std::size_t end) {
  if (column.stride == 0) return std::uint64_t{column[0]} * (end - begin);
  std::uint64_t sum = 0;
  for (std::size_t i = begin; i < end; ++i) sum += column[i];
  return sum;
}

std::int64_t Plus(std::int64_t a, std::int64_t b) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) + static_cast<std::uint64_t>(b));
}

std::int64_t UsualAllocation(std::int64_t size) {
  const std::uint64_t blocks = (static_cast<std::uint64_t>(size) + kBlockBytes - 1) / kBlockBytes;
  return static_cast<std::int64_t>(blocks * kBlockBytes);
}

bool IsName(std::string_view name) {
  return !name.empty() && name.size() <= kNameBytesMax && name != "." && name != ".." &&
         name.find('/') == std::string_view::npos && name.find('\0') == std::string_view::npos;
}

// Sorts by name; of rows with one name the last stays. Returns how many went.
std::uint64_t SortStrictly(EntryList* rows) {
  std::vector<std::uint32_t> order(rows->size());
  for (std::uint32_t i = 0; i < order.size(); ++i) order[i] = i;
  std::sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) {
    const int compared = rows->name(a).compare(rows->name(b));
    return compared != 0 ? compared < 0 : a < b;
  });
  EntryList sorted;
  sorted.Reserve(rows->size(), 0);
  std::uint64_t dropped = 0;
  for (std::size_t i = 0; i < order.size(); ++i) {
    const std::uint32_t row = order[i];
    if (i + 1 < order.size() && rows->name(order[i + 1]) == rows->name(row)) {
      ++dropped;
      continue;
    }
    sorted.Append(rows->name(row), rows->attrs(row), rows->target(row));
  }
  *rows = std::move(sorted);
  return dropped;
}

void SkipRows(std::size_t count, RowReader* rows) {
  for (std::size_t i = 0; i < count; ++i) rows->Next();
}

// Reads the children of a block, which is otherwise filled.
void TakeChildren(std::size_t count, RowReader* rows, batch::DirBlock* to, std::uint64_t* skipped) {
  to->rows.Reserve(count, rows->TextBytes(count));
  bool sorted = true;
  std::string_view last;
  for (std::size_t i = 0; i < count; ++i) {
    const RowReader::Row row = rows->Next();
    if (!row.valid || !IsName(row.name)) {
      ++*skipped;
      to->complete = false;
      continue;
    }
    sorted = sorted && last < row.name;
    last = row.name;
    to->rows.Append(row.name, row.attrs, row.target);
  }
  if (!sorted) *skipped += SortStrictly(&to->rows);
}

}  // namespace

Result<RowReader> RowReader::Make(const pb::Rows& rows, std::size_t rows_max) {
  RowReader reader;
  const std::size_t n = rows.count();
  if (n > rows_max) {
    return Status(Code::kResourceExhausted, "rows.count: over " + std::to_string(rows_max));
  }
  reader.count_ = n;
  FUSTOR_TRY(View(rows.name_bytes(), n, "name_bytes", &reader.name_bytes_col_));
  FUSTOR_TRY(View(rows.kind(), n, "kind", &reader.kind_col_));
  FUSTOR_TRY(View(rows.mode(), n, "mode", &reader.mode_col_));
  FUSTOR_TRY(View(rows.uid(), n, "uid", &reader.uid_col_));
  FUSTOR_TRY(View(rows.gid(), n, "gid", &reader.gid_col_));
  FUSTOR_TRY(View(rows.nlink(), n, "nlink", &reader.nlink_col_));
  FUSTOR_TRY(View(rows.inode(), n, "inode", &reader.inode_col_));
  FUSTOR_TRY(View(rows.device(), n, "device", &reader.device_col_));
  FUSTOR_TRY(View(rows.size(), n, "size", &reader.size_col_));
  FUSTOR_TRY(View(rows.allocated(), n, "allocated", &reader.allocated_col_));
  FUSTOR_TRY(View(rows.mtime_ns(), n, "mtime_ns", &reader.mtime_col_));
  FUSTOR_TRY(View(rows.ctime_ns(), n, "ctime_ns", &reader.ctime_col_));
  FUSTOR_TRY(View(rows.atime_ns(), n, "atime_ns", &reader.atime_col_));
  FUSTOR_TRY(View(rows.target_bytes(), n, "target_bytes", &reader.target_bytes_col_));
  if (Sum(reader.name_bytes_col_, 0, n) != rows.names().size()) return Malformed("rows.name_bytes");
  if (Sum(reader.target_bytes_col_, 0, n) != rows.targets().size()) {
    return Malformed("rows.target_bytes");
  }
  reader.names_ = rows.names();
  reader.targets_ = rows.targets();
  return reader;
}

std::size_t RowReader::TextBytes(std::size_t rows) const {
  return Sum(name_bytes_col_, next_, next_ + rows) + Sum(target_bytes_col_, next_, next_ + rows);
}

RowReader::Row RowReader::Next() {
  const std::size_t i = next_++;
  Row row;
  row.name = names_.substr(0, name_bytes_col_[i]);
  names_.remove_prefix(row.name.size());
  row.target = targets_.substr(0, target_bytes_col_[i]);
  targets_.remove_prefix(row.target.size());
  inode_ = Plus(inode_, inode_col_[i]);
  mtime_ns_ = Plus(mtime_ns_, mtime_col_[i]);

  const std::uint32_t kind = kind_col_[i];
  EntryAttrs& attrs = row.attrs;
  attrs.kind = static_cast<EntryKind>(kind);
  attrs.mode = mode_col_[i];
  attrs.uid = uid_col_[i];
  attrs.gid = gid_col_[i];
  attrs.nlink = nlink_col_[i];
  attrs.inode = static_cast<std::uint64_t>(inode_);
  attrs.device = device_col_[i];
  attrs.size_bytes = static_cast<std::int64_t>(size_col_[i]);
  attrs.allocated_bytes = Plus(UsualAllocation(attrs.size_bytes), allocated_col_[i]);
  attrs.mtime_ns = mtime_ns_;
  attrs.ctime_ns = Plus(mtime_ns_, ctime_col_[i]);
  attrs.atime_ns = Plus(mtime_ns_, atime_col_[i]);
  row.valid = kind <= static_cast<std::uint32_t>(EntryKind::kOther) && attrs.size_bytes >= 0 &&
              attrs.allocated_bytes >= 0 && row.target.size() <= kTargetBytesMax &&
              row.target.find('\0') == std::string_view::npos;
  return row;
}

namespace {

// False when the change is malformed. The rows of upserts come in the order of the changes.
bool TakeChange(pb::Change* from, RowReader* rows, batch::Change* to) {
  using Kind = batch::Change::Kind;
  bool valid = IsNormalViewPath(from->path());
  switch (from->kind()) {
    case static_cast<std::uint32_t>(Kind::kUpsert): {
      const RowReader::Row row = rows->Next();
      valid = valid && row.valid;
      to->kind = Kind::kUpsert;
      to->attrs = row.attrs;
      to->target = row.target;
      break;
    }
    case static_cast<std::uint32_t>(Kind::kDelete):
      to->kind = Kind::kDelete;
      break;
    case static_cast<std::uint32_t>(Kind::kMove):
      to->kind = Kind::kMove;
      valid = valid && IsNormalViewPath(from->old_path());
      to->old_path = std::move(*from->mutable_old_path());
      to->moved = batch::MovedOf(from->moved());
      to->moved_inode = from->moved_inode();
      break;
    default:
      return false;
  }
  to->path = std::move(*from->mutable_path());
  to->atomic = !from->partial();
  return valid;
}

}  // namespace

Status TakeChanges(pb::Batch* from, RowReader* rows, DecodedBatch* to) {
  const auto upserts = std::ranges::count_if(from->changes(), [](const pb::Change& change) {
    return change.kind() == static_cast<std::uint32_t>(batch::Change::Kind::kUpsert);
  });
  if (static_cast<std::size_t>(upserts) != rows->count()) return Malformed("rows.count");
  if (!from->rows().names().empty()) return Malformed("rows.names");
  to->batch.changes.reserve(static_cast<std::size_t>(from->changes_size()));
  for (pb::Change& change : *from->mutable_changes()) {
    batch::Change taken;
    if (TakeChange(&change, rows, &taken)) {
      to->batch.changes.push_back(std::move(taken));
    } else {
      ++to->skipped_rows;
    }
  }
  return Status();
}

Status TakeBlocks(const pb::Batch& from, RowReader* rows, DecodedBatch* to) {
  std::uint64_t count = 0;
  for (const pb::Block& block : from.blocks()) count += std::uint64_t{block.row_count()} + 1;
  if (count != rows->count()) return Malformed("rows.count");
  to->batch.blocks.reserve(static_cast<std::size_t>(from.blocks_size()));
  for (const pb::Block& block : from.blocks()) {
    const RowReader::Row self = rows->Next();
    if (!self.valid || !self.name.empty() || !self.target.empty() ||
        !IsNormalViewPath(block.path())) {
      SkipRows(block.row_count(), rows);
      to->skipped_rows += std::uint64_t{block.row_count()} + 1;
      continue;
    }
    batch::DirBlock& taken = to->batch.blocks.emplace_back();
    taken.path = block.path();
    taken.self = self.attrs;
    taken.silent = block.silent();
    taken.unwatched = block.unwatched();
    taken.failed = block.failed();
    // Nothing may be concluded from what was not looked at.
    taken.complete = block.complete() && !taken.silent && !taken.failed;
    for (const std::string& name : block.exempt()) {
      if (IsName(name)) {
        taken.exempt.push_back(name);
      } else {
        ++to->skipped_rows;
      }
    }
    TakeChildren(block.row_count(), rows, &taken, &to->skipped_rows);
  }
  return Status();
}

}  // namespace fustor::fusion
