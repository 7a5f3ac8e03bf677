#include "lib/parquet/writer.h"

#include "base/check.h"
#include "lib/parquet/format.h"
#include "lib/parquet/thrift.h"

namespace fustor::parquet {
namespace {

// How often it is looked how much a group holds.
constexpr std::uint64_t kRowsBetweenLooks = 1024;

// A union LogicalType with its one member.
void AppendLogicalType(Type type, ThriftWriter* element) {
  element->BeginStruct(10);
  switch (type) {
    case Type::kText:
      element->BeginStruct(1);
      break;
    case Type::kTime:
      element->BeginStruct(8);
      element->Bool(1, true);  // Adjusted to UTC.
      element->BeginStruct(2);
      element->BeginStruct(3);  // Nanoseconds.
      element->EndStruct();
      element->EndStruct();
      break;
    default:
      element->BeginStruct(10);
      element->Byte(1, 64);
      element->Bool(2, type == Type::kSigned);
      break;
  }
  element->EndStruct();
  element->EndStruct();
}

void AppendSchema(const std::vector<Column>& columns, ThriftWriter* footer) {
  footer->BeginStructList(2, columns.size() + 1);
  footer->BeginElement();
  footer->Binary(4, "schema");
  footer->Int32(5, static_cast<std::int32_t>(columns.size()));
  footer->EndStruct();
  for (const Column& column : columns) {
    footer->BeginElement();
    footer->Int32(1, column.type == Type::kText ? format::kByteArray : format::kInt64);
    footer->Int32(3, column.nullable ? format::kOptional : format::kRequired);
    footer->Binary(4, column.name);
    // For readers that do not know logical types; there is none for nanoseconds.
    if (column.type == Type::kText) footer->Int32(6, format::kUtf8);
    if (column.type == Type::kUnsigned) footer->Int32(6, format::kUint64);
    AppendLogicalType(column.type, footer);
    footer->EndStruct();
  }
}

}  // namespace

Writer::Writer(std::vector<Column> columns, std::unique_ptr<batch::Compressor> compressor,
               Options options)
    : columns_(std::move(columns)), compressor_(std::move(compressor)), options_(options) {
  FUSTOR_CHECK(!columns_.empty());
  chunks_.reserve(columns_.size());
  for (const Column& column : columns_) chunks_.emplace_back(column, compressor_.get());
}

void Writer::Begin(std::string* out) {
  *out += format::kMagic;
  offset_ = 4;
}

void Writer::EndRow(std::string* out) {
  ++group_rows_;
  bool full = group_rows_ >= options_.group_rows_max;
  if (!full && group_rows_ % kRowsBetweenLooks == 0) {
    std::size_t bytes = 0;
    for (const ColumnChunk& chunk : chunks_) bytes += chunk.size_bytes();
    full = bytes >= options_.group_bytes_max;
  }
  if (full) EndGroup(out);
}

void Writer::EndGroup(std::string* out) {
  const std::uint64_t begun = offset_;
  std::string chunks;
  std::uint64_t plain_bytes = 0;
  for (ColumnChunk& chunk : chunks_) {
    const ColumnChunk::Sizes sizes = chunk.Finish(offset_, out, &chunks);
    offset_ += sizes.stored;
    plain_bytes += sizes.plain;
  }
  const auto number = [](std::uint64_t n) { return static_cast<std::int64_t>(n); };
  ThriftWriter group(&groups_);
  group.EncodedStructList(1, chunks_.size(), chunks);
  group.Int64(2, number(plain_bytes));
  group.Int64(3, number(group_rows_));
  group.Int64(5, number(begun));
  group.Int64(6, number(offset_ - begun));
  group.EndStruct();
  ++group_count_;
  rows_ += group_rows_;
  group_rows_ = 0;
}

void Writer::End(const std::vector<std::pair<std::string, std::string>>& metadata,
                 std::string* out) {
  if (group_rows_ > 0) EndGroup(out);
  std::string text;
  ThriftWriter footer(&text);
  footer.Int32(1, 2);
  AppendSchema(columns_, &footer);
  footer.Int64(3, static_cast<std::int64_t>(rows_));
  footer.EncodedStructList(4, group_count_, groups_);
  if (!metadata.empty()) footer.BeginStructList(5, metadata.size());
  for (const auto& [key, value] : metadata) {
    footer.BeginElement();
    footer.Binary(1, key);
    footer.Binary(2, value);
    footer.EndStruct();
  }
  footer.Binary(6, "fustor");
  // The smallest and largest values are in the order of each type.
  footer.BeginStructList(7, columns_.size());
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    footer.BeginElement();
    footer.BeginStruct(1);
    footer.EndStruct();
    footer.EndStruct();
  }
  footer.EndStruct();
  *out += text;
  for (unsigned i = 0; i < 4; ++i) *out += static_cast<char>(text.size() >> 8 * i);
  *out += format::kMagic;
}

}  // namespace fustor::parquet
