#include "lib/parquet/thrift.h"

#include "base/check.h"

namespace fustor::parquet {
namespace {

constexpr std::uint8_t kTrue = 1;
constexpr std::uint8_t kFalse = 2;
constexpr std::uint8_t kByte = 3;
constexpr std::uint8_t kInt32 = 5;
constexpr std::uint8_t kInt64 = 6;
constexpr std::uint8_t kBinary = 8;
constexpr std::uint8_t kList = 9;
constexpr std::uint8_t kStruct = 12;

// Small numbers of either sign are short.
std::uint64_t ZigZag(std::int64_t value) {
  return (static_cast<std::uint64_t>(value) << 1) ^ static_cast<std::uint64_t>(value >> 63);
}

}  // namespace

void AppendVarint(std::uint64_t value, std::string* out) {
  for (; value >= 0x80; value >>= 7) *out += static_cast<char>(value | 0x80);
  *out += static_cast<char>(value);
}

void ThriftWriter::Field(std::int16_t id, std::uint8_t type) {
  const int delta = id - last_.back();
  FUSTOR_CHECK(delta > 0 && delta <= 15, "fields come in order");
  *out_ += static_cast<char>(delta << 4 | type);
  last_.back() = id;
}

void ThriftWriter::List(std::int16_t id, std::size_t size, std::uint8_t type) {
  Field(id, kList);
  if (size < 15) {
    *out_ += static_cast<char>(size << 4 | type);
  } else {
    *out_ += static_cast<char>(0xF0 | type);
    AppendVarint(size, out_);
  }
}

void ThriftWriter::Int32(std::int16_t id, std::int32_t value) {
  Field(id, kInt32);
  AppendVarint(ZigZag(value), out_);
}

void ThriftWriter::Int64(std::int16_t id, std::int64_t value) {
  Field(id, kInt64);
  AppendVarint(ZigZag(value), out_);
}

void ThriftWriter::Byte(std::int16_t id, std::int8_t value) {
  Field(id, kByte);
  *out_ += static_cast<char>(value);
}

void ThriftWriter::Bool(std::int16_t id, bool value) { Field(id, value ? kTrue : kFalse); }

void ThriftWriter::Binary(std::int16_t id, std::string_view value) {
  Field(id, kBinary);
  AppendVarint(value.size(), out_);
  *out_ += value;
}

void ThriftWriter::BeginStruct(std::int16_t id) {
  Field(id, kStruct);
  last_.push_back(0);
}

void ThriftWriter::EndStruct() {
  *out_ += '\0';
  last_.pop_back();
}

void ThriftWriter::BeginStructList(std::int16_t id, std::size_t size) { List(id, size, kStruct); }

void ThriftWriter::EncodedStructList(std::int16_t id, std::size_t size, std::string_view elements) {
  List(id, size, kStruct);
  *out_ += elements;
}

void ThriftWriter::Int32List(std::int16_t id, const std::vector<std::int32_t>& values) {
  List(id, values.size(), kInt32);
  for (const std::int32_t value : values) AppendVarint(ZigZag(value), out_);
}

void ThriftWriter::BinaryList(std::int16_t id, const std::vector<std::string>& values) {
  List(id, values.size(), kBinary);
  for (const std::string& value : values) {
    AppendVarint(value.size(), out_);
    *out_ += value;
  }
}

}  // namespace fustor::parquet
