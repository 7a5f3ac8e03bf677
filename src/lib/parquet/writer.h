// writer.h: writes a table as a Parquet file (docs/formats/parquet.md), a row after the other.
//
// Pure and deterministic. One thread. Memory: one row group (Options) and, until the end, what the
// footer says of each of them (some 150 bytes a column). Output is appended to strings that the
// caller empties whenever it likes.
//
//   Writer writer({{"path", Type::kText}, {"size", Type::kSigned}}, &*zstd);
//   writer.Begin(&out);
//   writer.AddText(0, "/a"); writer.AddNumber(1, 7); writer.EndRow(&out);
//   writer.End({{"revision", "17"}}, &out);
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/batch/compressor.h"
#include "lib/parquet/column.h"

namespace fustor::parquet {

class Writer {
 public:
  struct Options {
    std::uint64_t group_rows_max = 128 << 10;
    std::size_t group_bytes_max = 32 << 20;  // Held for one, about.
  };
  // nullptr: not compressed. REQUIRES: at least one column, names once each.
  Writer(std::vector<Column> columns, std::unique_ptr<batch::Compressor> compressor,
         Options options);
  Writer(std::vector<Column> columns, std::unique_ptr<batch::Compressor> compressor)
      : Writer(std::move(columns), std::move(compressor), Options{}) {}
  Writer(const Writer&) = delete;

  void Begin(std::string* out);
  // Each column once in each row. REQUIRES: the type is that of the column; null only where it may
  // be; a text is at most 1 MiB.
  void AddNull(std::size_t column) { chunks_[column].AddNull(); }
  void AddNumber(std::size_t column, std::int64_t value) { chunks_[column].AddNumber(value); }
  void AddText(std::size_t column, std::string_view value) { chunks_[column].AddText(value); }
  // Appends a row group when one is full, else nothing.
  void EndRow(std::string* out);
  // Appends what is left and the footer. Nothing may follow.
  void End(const std::vector<std::pair<std::string, std::string>>& metadata, std::string* out);

 private:
  void EndGroup(std::string* out);

  const std::vector<Column> columns_;
  const std::unique_ptr<batch::Compressor> compressor_;
  const Options options_;
  std::vector<ColumnChunk> chunks_;
  std::uint64_t group_rows_ = 0;
  std::uint64_t rows_ = 0;
  std::uint64_t offset_ = 0;  // In the file.
  std::string groups_;        // Encoded for the footer.
  std::size_t group_count_ = 0;
};

}  // namespace fustor::parquet
