// rows.h: reads the columns of a batch row by row. Private to svc/fusion/wire.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/entry.h"
#include "base/result.h"
#include "svc/fusion/wire/agents.h"

namespace fustor::v1 {
class Batch;
class Rows;
}  // namespace fustor::v1

namespace fustor::fusion {

// The values of a column: one for each row, or one for all.
template <class T>
struct ColumnView {
  const T* values = nullptr;
  std::size_t stride = 0;  // 0 or 1.
  T operator[](std::size_t row) const { return values[row * stride]; }
};

// One pass over the rows. The message must outlive it.
class RowReader {
 public:
  // Checks that the columns belong together. Errors: kInvalidArgument naming the column,
  // kResourceExhausted when there are more than rows_max.
  static Result<RowReader> Make(const v1::Rows& rows, std::size_t rows_max);

  std::size_t count() const { return count_; }
  std::size_t left() const { return count_ - next_; }
  // Bytes of the names and targets of the next `rows` rows. REQUIRES: rows <= left().
  std::size_t TextBytes(std::size_t rows) const;

  struct Row {
    std::string_view name;
    std::string_view target;
    EntryAttrs attrs;
    // The kind is known, sizes are not negative, the target can be one. Says nothing of the name.
    bool valid = false;
  };
  // REQUIRES: left() > 0.
  Row Next();

 private:
  RowReader() = default;

  std::size_t count_ = 0;
  std::size_t next_ = 0;
  std::string_view names_;    // What is left of them.
  std::string_view targets_;  // Likewise.
  std::int64_t inode_ = 0;    // Of the row before.
  std::int64_t mtime_ns_ = 0;
  ColumnView<std::uint32_t> name_bytes_col_, kind_col_, mode_col_, uid_col_, gid_col_, nlink_col_,
      target_bytes_col_;
  ColumnView<std::int64_t> inode_col_, allocated_col_, mtime_col_, ctime_col_, atime_col_;
  ColumnView<std::uint64_t> device_col_, size_col_;
};

// Errors: kInvalidArgument when changes or blocks and rows do not belong together.
Status TakeChanges(v1::Batch* from, RowReader* rows, DecodedBatch* to);
Status TakeBlocks(const v1::Batch& from, RowReader* rows, DecodedBatch* to);

}  // namespace fustor::fusion
