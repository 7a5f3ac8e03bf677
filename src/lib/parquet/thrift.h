// thrift.h: writes structs in the compact protocol of Apache Thrift, which Parquet's headers and
// footer are in (docs/formats/parquet.md).
//
// Pure. The caller knows the structs: fields come in ascending order of their ids.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace fustor::parquet {

// Seven bits a byte, the lowest first.
void AppendVarint(std::uint64_t value, std::string* out);

class ThriftWriter {
 public:
  // Begins a struct at the end of `*out`, which must outlive the writer.
  explicit ThriftWriter(std::string* out) : out_(out) { last_.push_back(0); }

  void Int32(std::int16_t id, std::int32_t value);
  void Int64(std::int16_t id, std::int64_t value);
  void Byte(std::int16_t id, std::int8_t value);
  void Bool(std::int16_t id, bool value);
  void Binary(std::int16_t id, std::string_view value);

  void BeginStruct(std::int16_t id);
  // Of a struct that is a field or an element; of the whole at the end.
  void EndStruct();

  void BeginStructList(std::int16_t id, std::size_t size);
  void BeginElement() { last_.push_back(0); }
  // `elements` are the bytes of so many structs.
  void EncodedStructList(std::int16_t id, std::size_t size, std::string_view elements);
  void Int32List(std::int16_t id, const std::vector<std::int32_t>& values);
  void BinaryList(std::int16_t id, const std::vector<std::string>& values);

 private:
  void Field(std::int16_t id, std::uint8_t type);
  void List(std::int16_t id, std::size_t size, std::uint8_t type);

  std::string* out_;
  std::vector<std::int16_t> last_;  // Of each struct that is open.
};

}  // namespace fustor::parquet
